//! Verbs that run scenarios: once, many times, again, smaller.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::choices::{Format, WorldArg};
use super::target::Target;

/// Run a scenario: power its machines on and judge how it ends
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    quorate run scenarios/three-members.toml\n  \
    quorate run scenarios/three-members.toml --etcd 3.5.16 --report out/\n  \
    quorate run scenarios/staggered-power-on.toml --seed 7 --format json | jq .verdict\n  \
    quorate run scenarios/three-members.toml --world sim\n  \
    quorate run scenarios/three-members.toml --world container\n  \
    quorate run scenarios/swarm-50.toml --world sim --faults --seed 9 --record run.jsonl")]
pub(crate) struct RunArgs {
    /// The scenario file
    pub(crate) scenario: PathBuf,
    /// Where the machines are real
    #[arg(long, value_enum, default_value_t = WorldArg::Host)]
    pub(crate) world: WorldArg,
    /// The etcd to run: a version ("3.5", "3.5.16") or the path of a program
    #[arg(long, value_name = "VERSION|PATH")]
    pub(crate) etcd: Option<String>,
    /// The image with the etcd to run, of any version (world container only)
    #[arg(long, value_name = "NAME:TAG", conflicts_with = "etcd")]
    pub(crate) image: Option<String>,
    /// The number that all random draws of this run come from
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Write report.html, report.json, junit.xml, events, frames, leases, zones and logs into this
    /// directory
    #[arg(long, value_name = "DIR")]
    pub(crate) report: Option<PathBuf>,
    /// Add the faults that `quorate sweep` draws from this seed (world sim only)
    #[arg(long)]
    pub(crate) faults: bool,
    /// Publish SRV records one by one, whatever the scenario says (world sim only)
    #[arg(long)]
    pub(crate) no_gate: bool,
    /// Write what chance decides into this file, for `quorate replay` (world sim only)
    #[arg(long, value_name = "FILE")]
    pub(crate) record: Option<PathBuf>,
    /// What standard output says
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
    /// Keep the run directory with the machines' disks
    #[arg(long)]
    pub(crate) keep: bool,
}

/// Run a scenario under many seeds on virtual time, with faults drawn from each
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    quorate sweep scenarios/swarm-50.toml --seeds 1000\n  \
    quorate sweep scenarios/swarm-50.toml --seeds 100 --no-gate\n  \
    quorate sweep scenarios/swarm-50.toml --no-gate --keep failed/\n  \
    quorate sweep scenarios/three-members.toml --seeds 1000 --twice\n  \
    quorate sweep scenarios/staggered-power-on.toml --calm --format json")]
pub(crate) struct SweepArgs {
    /// The scenario file
    pub(crate) scenario: PathBuf,
    /// How many seeds
    #[arg(long, default_value_t = 100)]
    pub(crate) seeds: u64,
    /// The first seed
    #[arg(long, default_value_t = 1)]
    pub(crate) from: u64,
    /// Draw no faults: only power-on times and delays differ
    #[arg(long)]
    pub(crate) calm: bool,
    /// Publish SRV records one by one, whatever the scenario says
    #[arg(long)]
    pub(crate) no_gate: bool,
    /// Write a decision log of the first seed of each kind of failure into this directory
    #[arg(long, value_name = "DIR")]
    pub(crate) keep: Option<PathBuf>,
    /// Run each seed twice and compare the runs byte by byte
    #[arg(long)]
    pub(crate) twice: bool,
    /// The version of etcd that is modelled
    #[arg(long, value_name = "VERSION")]
    pub(crate) etcd: Option<String>,
    /// How the result is printed
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
}

/// Repeat a run from its decision log, and say whether it ends as it did
///
/// The log holds the scenario, the faults and every decision of chance by name, so that it
/// repeats a run for later versions too, which draw other things from the same seed.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    quorate run scenarios/gradual-records.toml --world sim --record split.jsonl\n  \
    quorate replay split.jsonl\n  \
    grep lost split.jsonl")]
pub(crate) struct ReplayArgs {
    /// The log, as `run --record` or `sweep --keep` wrote it
    pub(crate) log: PathBuf,
    /// Write events, leases, zones and logs into this directory
    #[arg(long, value_name = "DIR")]
    pub(crate) report: Option<PathBuf>,
    /// What standard output says
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
}

/// Try every order in which records can appear and members can start, with the gate and without
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    quorate orders\n  \
    quorate orders --members 3 --show 20")]
pub(crate) struct OrdersArgs {
    /// Clusters of one member to so many
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=4))]
    pub(crate) members: u8,
    /// Show this many of the orders that split the largest cluster
    #[arg(long, default_value_t = 4, value_name = "N")]
    pub(crate) show: usize,
    /// How the result is printed
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
}

/// Run a scenario with each method of discovery in turns, and compare times and behaviour
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    quorate compare scenarios/three-members.toml --discovery static,etcd,dns --runs 30\n  \
    quorate compare scenarios/three-members.toml --world sim --format json | jq .methods")]
pub(crate) struct CompareArgs {
    /// The scenario file; its own `discovery` is not looked at
    pub(crate) scenario: PathBuf,
    /// The methods to compare; differences are to the first one
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "static,etcd,dns"
    )]
    pub(crate) discovery: Vec<Discovery>,
    /// How many rounds; each runs every method once
    #[arg(long, default_value_t = 10)]
    pub(crate) runs: usize,
    /// How late the last member comes in one more run of each method
    #[arg(long, value_name = "TIME", default_value = "3s", value_parser = humantime::parse_duration)]
    pub(crate) late: Duration,
    /// Where the machines are real
    #[arg(long, value_enum, default_value_t = WorldArg::Host)]
    pub(crate) world: WorldArg,
    /// The etcd to run: a version ("3.5", "3.5.16") or the path of a program
    #[arg(long, value_name = "VERSION|PATH")]
    pub(crate) etcd: Option<String>,
    /// The seed of the first round
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// How the result is printed
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
}

/// How the members of a cluster find each other
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Discovery {
    /// Every unit names all peers
    Static,
    /// etcd's own discovery service
    Etcd,
    /// SRV records
    Dns,
}

impl Discovery {
    /// As scenarios write it.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Static => "static",
            Self::Etcd => "etcd",
            Self::Dns => "dns",
        }
    }
}

/// Measure how much load a scenario bears
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    quorate bench scenarios/ramp.toml --find-knee --world sim --target 'leased<=200ms'\n  \
    quorate bench scenarios/ramp.toml --find-knee --over rate --target 'named<=200ms'\n  \
    quorate bench scenarios/ramp.toml --find-knee --group worker --target 'formed<=5s' --max 64")]
pub(crate) struct BenchArgs {
    /// The scenario file
    pub(crate) scenario: PathBuf,
    /// Search the load at which the target breaks: doubling, then halving
    #[arg(long, required = true)]
    pub(crate) find_knee: bool,
    /// What the load is made of
    #[arg(long, value_enum, default_value_t = Over::Machines)]
    pub(crate) over: Over,
    /// How long machines go on getting power when their rate is searched: "2s"
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = humantime::parse_duration)]
    pub(crate) ramp: Duration,
    /// What must be reached how soon: formed, leased, named or srv, <= and a time
    #[arg(long, value_name = "WHAT<=TIME", default_value = "formed<=5s", value_parser = target)]
    pub(crate) target: (String, Target),
    /// The group of machines that grows; by default the last one of class plain
    #[arg(long, value_name = "NAME")]
    pub(crate) group: Option<String>,
    /// Search no further than this number of machines, or of machines a second
    #[arg(long, default_value_t = 4096)]
    pub(crate) max: i64,
    /// Where the machines are real
    #[arg(long, value_enum, default_value_t = WorldArg::Sim)]
    pub(crate) world: WorldArg,
    /// The etcd to run: a version ("3.5", "3.5.16") or the path of a program
    #[arg(long, value_name = "VERSION|PATH")]
    pub(crate) etcd: Option<String>,
    /// The number that all random draws come from
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// How the result is printed
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
}

/// What grows until the target breaks
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Over {
    /// The number of machines
    Machines,
    /// How many machines get power in a second, one after the other
    Rate,
}

fn target(text: &str) -> Result<(String, Target), String> {
    Ok((text.to_owned(), text.parse()?))
}

/// Make a failing run small: a scenario with few machines and faults that fails the same way
///
/// Writes that scenario, and a Rust test of it beside it. The same way means: the same first
/// broken link, and the same kind of finding.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    quorate shrink scenarios/swarm-50.toml --no-gate --faults --seed 7\n  \
    quorate shrink failed/cluster-id-seed-7.jsonl --within 10s --out split.toml")]
pub(crate) struct ShrinkArgs {
    /// A scenario file, or a decision log (*.jsonl)
    pub(crate) source: PathBuf,
    /// The seed under which the scenario fails
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// With the faults that `quorate sweep` draws from this seed
    #[arg(long)]
    pub(crate) faults: bool,
    /// Publish SRV records one by one, whatever the scenario says
    #[arg(long)]
    pub(crate) no_gate: bool,
    /// The version of etcd that is modelled
    #[arg(long, value_name = "VERSION")]
    pub(crate) etcd: Option<String>,
    /// Stop after this time with what there is by then
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = humantime::parse_duration)]
    pub(crate) within: Duration,
    /// Where the scenario is written; the test lies beside it, *.rs
    #[arg(long, value_name = "FILE", default_value = "shrunk.toml")]
    pub(crate) out: PathBuf,
    /// How the result is printed
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
}
