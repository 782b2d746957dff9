//! From power-on to quorum: the command line.
//!
//! Parse, choose, print; everything else is in the libraries. One file a verb. This is a
//! library so that a test program can be `quorate` too: worlds start the running program again
//! as their servers and machines, whichever program that is.
//!
//! Started by a kernel as `/init`, this program is the init of a machine ([`quorate_init`]).
//!
//! Three hidden verbs come before everything else. Two make namespaces and so need a process with
//! one thread: [`quorate_host::machine::HIDDEN_VERB`] is a machine of the world `host`,
//! [`inside::HIDDEN_VERB`] is a run within its sandbox. [`quorate_container::HIDDEN_VERB`] is PID 1 of
//! a container.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this is the command line"
)]

mod api;
mod await_peers;
mod before_main;
mod bench;
mod check;
mod cli;
mod compare;
mod completions;
mod conclude;
mod contain;
mod draw;
mod edit;
mod etcd;
mod exit;
mod image;
mod inside;
mod install;
mod list;
mod live;
mod man;
mod metal;
mod names;
mod node;
mod notify;
mod orders;
mod replay;
mod report;
mod run;
mod run_dir;
mod schema;
mod serve;
mod shrink;
mod simulate;
mod stop;
mod sweep;
mod tell;

use std::process::ExitCode;

pub use api::{Builder, Group, Scenario, Step};
pub use cli::World;
pub use quorate_scenario::{Finding, Outcome, Verdict};
pub use tell::RunError;

use clap::Parser as _;

use crate::cli::{Cli, Verb};

/// The program. Must be called before the first thread is started.
pub fn main() -> ExitCode {
    before_main::main_was_called();
    names::without_modules();
    if quorate_init::is_init() {
        quorate_init::run();
    }
    let verb = std::env::args().nth(1).unwrap_or_default();
    if verb == quorate_host::machine::HIDDEN_VERB {
        return quorate_host::machine::main(agent);
    }
    if verb == quorate_container::HIDDEN_VERB {
        return quorate_container::main(agent);
    }
    if verb == inside::HIDDEN_VERB {
        return inside::main();
    }
    let cli = Cli::parse();
    logs(cli.verbose);
    match cli.verb {
        Verb::Run(args) => run::run(&args, cli.verbose > 0),
        Verb::Compare(args) => compare::run(&args),
        Verb::Bench(args) => bench::run(&args),
        Verb::Sweep(args) => sweep::run(&args, cli.verbose > 0),
        Verb::Replay(args) => replay::run(&args),
        Verb::Orders(args) => orders::run(&args),
        Verb::Shrink(args) => shrink::run(&args),
        Verb::Check(args) => check::run(&args),
        Verb::List(args) => list::run(&args),
        Verb::Report(args) => report::run(&args),
        Verb::Schema(args) => schema::run(&args),
        Verb::Serve(args) => serve::run(&args),
        Verb::Node(args) => node::run(&args),
        Verb::AwaitPeers(args) => await_peers::run(&args),
        Verb::Image(args) => image::run(&args),
        Verb::Install(args) => install::run(&args),
        Verb::Etcd(args) => etcd::run(&args),
        Verb::Completions(args) => completions::run(&args),
        Verb::Man(args) => man::run(&args),
    }
}

/// True when the program was started as a part of a run: as its sandbox, one of its machines,
/// its servers, or on a machine that boots an image with this program in it. A test program that is [`main`] then, and itself otherwise, needs no other
/// `quorate` beside it.
pub fn is_part_of_run() -> bool {
    let verb = std::env::args().nth(1).unwrap_or_default();
    let is_verb = [
        quorate_host::machine::HIDDEN_VERB,
        quorate_container::HIDDEN_VERB,
        inside::HIDDEN_VERB,
        "serve",
        "node",
        "install",
        quorate_boot::etcd_unit::AWAIT_VERB,
    ]
    .contains(&verb.as_str());
    is_verb || quorate_init::is_init()
}

/// PID 1 of a machine: tells its events on standard output.
fn agent<T: From<u8>>(config: serde_json::Value) -> T {
    let config = match serde_json::from_value(config) {
        Ok(config) => config,
        Err(error) => {
            eprintln!("the agent's configuration: {error}");
            return T::from(exit::BAD_INPUT);
        }
    };
    match quorate_agent::run(config, std::io::stdout()) {
        Ok(()) => T::from(0),
        Err(error) => {
            eprintln!("{error}");
            T::from(1)
        }
    }
}

/// Warnings by default, more with each `-v`; `$QUORATE_LOG` overrides both.
fn logs(verbose: u8) {
    let level = match verbose {
        0 => "warn",
        1 => "info",
        _ => "debug",
    };
    let filter =
        std::env::var("QUORATE_LOG").unwrap_or_else(|_| format!("quorate={level},{level}"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false)
        .init();
}
