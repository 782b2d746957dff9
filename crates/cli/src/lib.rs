//! From power-on to quorum: the command line.
//!
//! Parse, choose, print; everything else is in the libraries. `commands` has one file for each
//! verb, `args` the words of each, `live` what is shown while a run goes on. Every verb ends with
//! an exit code or a `CliError`, which becomes text and exit code in one place:
//! [`main`]. Data goes to standard output by `output`, everything else to standard error.
//!
//! This is a library so that a test program can be `quorate` too: worlds start the running program
//! again as their servers and machines, and a package's binary is built for the tests of that
//! package only.
//!
//! Started by a kernel as `/init`, this program is the init of a machine ([`quorate_init`]).

mod args;
mod commands;
mod draw;
mod edit;
mod error;
mod live;
mod notes;
mod output;
mod resolver;
mod results;
mod run_view;
mod scenario_file;
mod service_manager;
mod signals;
mod sim_log;

use std::io::{self, IsTerminal as _};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser as _;
use quorate_daemon::LineQueue;

use crate::args::Cli;
use crate::error::CliError;
use crate::run_view::RunView;

/// The program. Must be called before the first thread is started.
pub fn main() -> ExitCode {
    resolver::without_modules();
    if quorate_init::is_init() {
        quorate_init::run();
    }
    let verb = std::env::args().nth(1).unwrap_or_default();
    if verb == quorate_host::machine::HIDDEN_VERB || verb == quorate_container::HIDDEN_VERB {
        return quorate::main();
    }
    if verb == run_view::HIDDEN_VERB {
        return quorate::runner::main::<RunView, _>();
    }
    if verb == quorate::runner::HIDDEN_VERB {
        return quorate::main();
    }
    // What this program starts again calls `main`, too.
    let _ = quorate::is_part_of_run();
    let cli = Cli::parse();
    // A server does not wait for readers of its output; every other verb starts with one thread.
    let queue =
        matches!(cli.verb, args::Verb::Serve(_)).then(|| Arc::new(LineQueue::new(io::stderr())));
    match queue.clone() {
        Some(queue) => logs(cli.verbose, move || QueueWriter(Arc::clone(&queue))),
        None => logs(cli.verbose, io::stderr),
    }
    let code = commands::run(cli);
    queue.iter().for_each(|queue| queue.drain());
    ExitCode::from(code.unwrap_or_else(CliError::report))
}

/// True when the program was started as a part of a run: as its sandbox, one of its machines, its
/// servers, or on a machine that boots an image with this program in it. A test program that is
/// [`main`] then, and itself otherwise, needs no other `quorate` beside it.
pub fn is_part_of_run() -> bool {
    let verb = std::env::args().nth(1).unwrap_or_default();
    let is_verb = [run_view::HIDDEN_VERB, "node", "install"].contains(&verb.as_str());
    quorate::is_part_of_run() || is_verb || quorate_init::is_init()
}

/// Warnings by default, more with each `-v`; `$QUORATE_LOG` overrides both.
fn logs<W: io::Write>(verbose: u8, writer: impl Fn() -> W + Send + Sync + 'static) {
    let level = match verbose {
        0 => "warn",
        1 => "info",
        _ => "debug",
    };
    let filter =
        std::env::var("QUORATE_LOG").unwrap_or_else(|_| format!("quorate={level},{level}"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer)
        .with_ansi(io::stderr().is_terminal())
        .with_target(false)
        .init();
}

/// A line of the log that a thread writes.
struct QueueWriter(Arc<LineQueue>);

impl io::Write for QueueWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        // What there is no room for is dropped, as events are.
        self.0.push(line.to_vec());
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
