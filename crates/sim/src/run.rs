//! One story, told to its end.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use quorate_core::Seed;
use quorate_scenario::drive::{Expected, drive};
use quorate_scenario::{Outcome, Story, WorldError};

use crate::world::{Options, SimWorld};

/// Tells `story` in a world of its own.
///
/// # Errors
/// When the world, not the story, fails.
pub fn run(story: &Story, options: Options) -> Result<Outcome, WorldError> {
    let (major, minor) = options.etcd_version;
    let expected = Expected::new(story, major, minor);
    let seed = Seed::new(options.seed);
    let mut world = SimWorld::new(story, &expected, options)?;
    at_once(drive(&mut world, story, &expected, seed, |_, _| {}))
}

/// The output of a future that never waits, as none in this world does.
fn at_once<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => unreachable!("virtual time passes within a call"),
    }
}
