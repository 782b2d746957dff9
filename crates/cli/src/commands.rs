//! The verbs, one file each.

mod await_peers;
mod bench;
mod check;
mod compare;
mod completions;
mod etcd;
mod image;
mod install;
mod list;
mod man;
mod node;
mod orders;
mod replay;
mod report;
mod run;
mod salvage;
mod schema;
mod serve;
mod shrink;
mod sweep;

use crate::args::{Cli, Verb};
use crate::error::CliError;

/// Does what the command line says; answers the exit code.
pub(crate) fn run(cli: Cli) -> Result<u8, CliError> {
    let verbose = cli.verbose > 0;
    match cli.verb {
        Verb::Run(args) => run::run(&args, verbose),
        Verb::Compare(args) => compare::run(&args),
        Verb::Bench(args) => bench::run(&args),
        Verb::Sweep(args) => sweep::run(&args, verbose),
        Verb::Replay(args) => replay::run(&args),
        Verb::Orders(args) => orders::run(&args),
        Verb::Shrink(args) => shrink::run(&args),
        Verb::Check(args) => check::run(&args),
        Verb::List(args) => list::run(&args),
        Verb::Report(args) => report::run(&args),
        Verb::Schema(args) => schema::run(&args),
        Verb::Serve(args) => serve::run(&args),
        Verb::Salvage(args) => salvage::run(&args),
        Verb::Node(args) => node::run(&args),
        Verb::AwaitPeers(args) => await_peers::run(&args),
        Verb::Image(args) => image::run(&args),
        Verb::Install(args) => install::run(&args),
        Verb::Etcd(args) => etcd::run(&args),
        Verb::Completions(args) => completions::run(&args),
        Verb::Man(args) => man::run(&args),
    }
}
