//! What a process does that a run has started: its part of the run.
//!
//! The world `host` is made of processes that start the running program again: the sandbox, the
//! servers, each machine. Namespaces can only be made by a process with one thread, and a test
//! program of the standard harness has several by the time a test runs. So a program opts in by
//! [`before_main!`](crate::before_main) to play its parts when it is loaded; or it calls [`main`]
//! itself, first thing.

mod agent;
mod peers;
mod servers;

use std::ffi::{OsStr, OsString};
use std::process::ExitCode;
use std::sync::Arc;

use quorate_boot::etcd_unit::AWAIT_VERB;
use quorate_host::machine::{self, BEFORE_MAIN};
use quorate_world::servers::QUORATE_INSIDE;

use crate::exit::BAD_INPUT;
use crate::plays::Plays;
use crate::recorder::Recorder;
use crate::sandboxed;

pub use agent::agent;
pub use peers::await_peers;
pub use servers::serve;

/// Makes a program able to be a part of the runs that it starts: its parts run before its `main`.
///
/// Write it once, at the root of a test program or of a program that calls
/// [`Scenario::run`](crate::Scenario::run):
///
/// ```no_run
/// quorate::before_main!();
///
/// # fn main() {}
/// #[test]
/// fn three_machines_find_each_other() {
///     let scenario = quorate::Scenario::load("scenarios/three-members.toml").unwrap();
///     assert_eq!(scenario.run_blocking().unwrap().verdict.findings(), []);
/// }
/// ```
#[macro_export]
macro_rules! before_main {
    () => {
        // The loader calls what it finds in this section, before `main`. The C library of GNU
        // passes the arguments, which is how `std::env::args` works here; musl does not.
        #[used]
        #[unsafe(link_section = ".init_array")]
        static QUORATE_BEFORE_MAIN: extern "C" fn() = $crate::__before_main;
    };
}

/// One part of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Sandbox,
    Machine,
    Container,
    Servers,
    AwaitPeers,
}

impl Part {
    /// The part that these arguments name.
    fn named(verb: &OsStr) -> Option<Self> {
        let parts = [
            (sandboxed::HIDDEN_VERB, Self::Sandbox),
            (machine::HIDDEN_VERB, Self::Machine),
            (quorate_container::HIDDEN_VERB, Self::Container),
            (servers::VERB, Self::Servers),
            (AWAIT_VERB, Self::AwaitPeers),
        ];
        let mut parts = parts.into_iter();
        parts.find_map(|(name, part)| (verb == OsStr::new(name)).then_some(part))
    }

    fn play<T: From<u8>>(self) -> T {
        match self {
            Self::Sandbox => sandboxed::main::<Recorder, T>(),
            Self::Machine => machine::main(agent),
            Self::Container => quorate_container::main(agent),
            Self::Servers => servers::main(std::env::args_os().skip(2)),
            Self::AwaitPeers => peers::main(std::env::args_os().skip(2)),
        }
    }
}

/// True when this process was started as a part of a run: as its sandbox, its servers or one of its
/// machines. A program that asks calls [`main`] when it is so.
pub fn is_part_of_run() -> bool {
    Plays::InMain.set();
    Part::named(&verb()).is_some()
}

/// Plays the part of the run that this process was started for, when [`is_part_of_run`]. Must be
/// called before the first thread is started.
pub fn main() -> ExitCode {
    Plays::InMain.set();
    let part = Part::named(&verb());
    part.map_or(ExitCode::from(BAD_INPUT), Part::play)
}

/// Plays the part that this process was started for, if any, and ends with it.
pub extern "C" fn before_main() {
    Plays::BeforeMain.set();
    // A machine's units do not get the variable, and start this program by its path there.
    let is_in_machine = || {
        std::env::args_os()
            .next()
            .is_some_and(|name| name == QUORATE_INSIDE)
    };
    if std::env::var_os(BEFORE_MAIN).is_none() && !is_in_machine() {
        return;
    }
    let Some(part) = Part::named(&verb()) else {
        return;
    };
    // Rust's own start, which has not happened, ignores SIGPIPE; so does a handler.
    let _ = signal_hook::flag::register(signal_hook::consts::SIGPIPE, Arc::default());
    let code: u8 = part.play();
    std::process::exit(code.into());
}

fn verb() -> OsString {
    std::env::args_os().nth(1).unwrap_or_default()
}
