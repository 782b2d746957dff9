//! What every engine must obey, as checks that its tests run.
//!
//! [`obey`] drives an engine through a list of [`Input`]s and panics with the broken law:
//!
//! 1. outputs are bounded after each call (the drain ends);
//! 2. a spurious timeout before the deadline produces nothing and moves nothing;
//! 3. after the timeout at its deadline and a drain, the next deadline is strictly later, or
//!    absent;
//! 4. no input panics;
//! 5. the same inputs give the same transcript, byte for byte.
//!
//! Durability (an engine re-created from its writes breaks no promise it made on the wire) is
//! particular to each engine: [`Transcript::writes`] gives what a test needs to re-create one.

use std::fmt::Debug;
use std::time::Duration;

use crate::engine::{Engine, Output, Ticket};
use crate::net::{Channel, Datagram, Transmit};
use crate::time::{Instant, Now, Wall};

/// The most outputs that one call may produce.
const OUTPUTS_PER_CALL_MAX: usize = 10_000;

/// When the laws' world begins, on the wall: 2026-01-01T00:00:00Z.
pub const WALL_EPOCH: Wall = Wall::from_unix_secs(1_767_225_600);

/// One thing that happens to an engine under test.
#[derive(Clone, Debug)]
pub enum Input<C> {
    Command(C),
    Datagram {
        source: std::net::SocketAddr,
        destination: std::net::SocketAddr,
        channel: Channel,
        payload: Vec<u8>,
    },
    /// All writes so far reach the disk.
    Sync,
    /// Time passes; every deadline on the way is met on time.
    Pass(Duration),
    /// Time passes and the driver is late: deadlines are met only at the end.
    Sleep(Duration),
    /// The wall clock is set; the monotonic one goes on.
    SetWall(Wall),
}

/// Everything that an engine put out, in order, with the instant of the call.
#[derive(Clone, Debug)]
pub struct Transcript<F, E, W> {
    pub outputs: Vec<(Instant, Output<F, E, W>)>,
}

/// What the engine `E` puts out in a run.
pub type TranscriptOf<E> =
    Transcript<<E as Engine>::Effect, <E as Engine>::Event, <E as Engine>::Write>;

impl<F, E, W> Transcript<F, E, W> {
    /// The writes, in order.
    pub fn writes(&self) -> impl Iterator<Item = &W> {
        self.outputs.iter().filter_map(|(_, output)| match output {
            Output::Write { write, .. } => Some(write),
            Output::Transmit(_) | Output::Effect(_) | Output::Event(_) => None,
        })
    }

    /// The transmits, in order.
    pub fn transmits(&self) -> impl Iterator<Item = &Transmit> {
        self.outputs.iter().filter_map(|(_, output)| match output {
            Output::Transmit(transmit) => Some(transmit),
            Output::Write { .. } | Output::Effect(_) | Output::Event(_) => None,
        })
    }
}

/// Runs `inputs` against two engines from `make` and checks every law on the way.
///
/// # Panics
/// With the law that was broken.
pub fn obey<E: Engine>(make: impl Fn() -> E, inputs: &[Input<E::Command>]) -> TranscriptOf<E>
where
    E::Command: Clone,
{
    let first = run(make(), inputs);
    let second = run(make(), inputs);
    for (one, two) in first.outputs.iter().zip(&second.outputs) {
        assert_eq!(
            format!("{one:?}"),
            format!("{two:?}"),
            "law 5: two equal runs differ"
        );
    }
    assert_eq!(
        first.outputs.len(),
        second.outputs.len(),
        "law 5: two equal runs differ in length"
    );
    first
}

fn run<E: Engine>(engine: E, inputs: &[Input<E::Command>]) -> TranscriptOf<E>
where
    E::Command: Clone,
{
    let mut bench = Bench {
        engine,
        now: Now::new(Instant::ZERO, WALL_EPOCH),
        unsynced: None,
        transcript: Transcript {
            outputs: Vec::new(),
        },
    };
    for input in inputs {
        bench.feed(input);
    }
    bench.transcript
}

/// One engine, its clock, and what it has said so far.
struct Bench<E: Engine> {
    engine: E,
    now: Now,
    unsynced: Option<Ticket>,
    transcript: TranscriptOf<E>,
}

impl<E: Engine> Bench<E>
where
    E::Command: Clone,
{
    fn feed(&mut self, input: &Input<E::Command>) {
        match input {
            Input::Command(command) => self.engine.command(command.clone(), self.now),
            Input::Datagram {
                source,
                destination,
                channel,
                payload,
            } => {
                let datagram = Datagram {
                    source: *source,
                    destination: *destination,
                    channel: *channel,
                    payload,
                };
                self.engine.handle_datagram(datagram, self.now);
            }
            Input::Sync => {
                if let Some(ticket) = self.unsynced.take() {
                    self.engine.handle_written(ticket, self.now);
                }
            }
            Input::Pass(duration) => self.pass(*duration),
            Input::SetWall(wall) => {
                self.now.wall = *wall;
                self.engine.handle_timeout(self.now);
            }
            Input::Sleep(duration) => {
                self.advance(self.now.instant + *duration);
                self.fire();
            }
        }
        self.drain();
        self.spurious_timeout();
    }

    fn pass(&mut self, duration: Duration) {
        let end = self.now.instant + duration;
        while let Some(deadline) = self.engine.poll_timeout().filter(|d| d.at <= end) {
            self.advance(deadline.at);
            self.fire();
        }
        self.advance(end);
    }

    fn advance(&mut self, to: Instant) {
        let to = to.max(self.now.instant);
        let secs_before = self.now.instant.as_nanos() / 1_000_000_000;
        let secs_after = to.as_nanos() / 1_000_000_000;
        self.now = Now::new(to, self.now.wall.plus_secs(secs_after - secs_before));
    }

    /// Meets the deadline, and law 3.
    fn fire(&mut self) {
        let before = self.engine.poll_timeout();
        self.engine.handle_timeout(self.now);
        self.drain();
        let Some(before) = before.filter(|d| d.at <= self.now.instant) else {
            return;
        };
        if let Some(after) = self.engine.poll_timeout() {
            assert!(
                after.at > before.at && after.at > self.now.instant,
                "law 3: after the timeout for {before:?} at {:?} the next deadline is {after:?}",
                self.now.instant
            );
        }
    }

    /// Law 2.
    fn spurious_timeout(&mut self) {
        let before = self.engine.poll_timeout();
        if before.is_some_and(|deadline| deadline.at <= self.now.instant) {
            return;
        }
        let outputs = self.transcript.outputs.len();
        self.engine.handle_timeout(self.now);
        self.drain();
        let said = &self.transcript.outputs[outputs..];
        assert!(
            said.is_empty(),
            "law 2: a spurious timeout made the engine say {said:?}"
        );
        assert_eq!(
            before,
            self.engine.poll_timeout(),
            "law 2: a spurious timeout moved the deadline"
        );
    }

    /// Law 1.
    fn drain(&mut self) {
        for _ in 0..OUTPUTS_PER_CALL_MAX {
            let Some(output) = self.engine.poll() else {
                return;
            };
            if let Output::Write { ticket, .. } = &output {
                assert!(
                    self.unsynced.is_none_or(|last| last < *ticket),
                    "tickets must grow"
                );
                self.unsynced = Some(*ticket);
            }
            self.transcript.outputs.push((self.now.instant, output));
        }
        panic!("law 1: one call put out more than {OUTPUTS_PER_CALL_MAX} outputs");
    }
}
