//! The words of the command line. Help texts are the doc comments.

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

/// From power-on to quorum: prove that machines which boot knowing only their MAC address
/// find each other and form one etcd cluster
#[derive(Debug, Parser)]
#[command(
    name = "quorate",
    version,
    arg_required_else_help = true,
    max_term_width = 100
)]
#[command(
    after_help = "Exit codes: 0 all expectations held, 1 one failed, 2 bad input,\n\
    3 cannot run here, 4 inconclusive because the host was starved."
)]
pub(crate) struct Cli {
    /// Say more; twice for debugging
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    Run(RunArgs),
    Sweep(SweepArgs),
    Check(CheckArgs),
    List(ListArgs),
    /// Print the JSON Schema of scenario files
    Schema,
    Serve(ServeArgs),
    Etcd(EtcdArgs),
    Completions(CompletionsArgs),
}

/// Run a scenario: power its machines on and judge what comes of it
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    quorate run scenarios/three-members.toml\n  \
    quorate run scenarios/three-members.toml --etcd 3.5.16 --report out/\n  \
    quorate run scenarios/staggered-power-on.toml --seed 7 --format json | jq .verdict\n  \
    quorate run scenarios/three-members.toml --world sim")]
pub(crate) struct RunArgs {
    /// The scenario file
    pub(crate) scenario: PathBuf,
    /// Where the machines are real
    #[arg(long, value_enum, default_value_t = World::Host)]
    pub(crate) world: World,
    /// The etcd to run: a version ("3.5", "3.5.16") or the path of a program
    #[arg(long, value_name = "VERSION|PATH")]
    pub(crate) etcd: Option<String>,
    /// The number that all random draws of this run come from
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Write events, frames, leases, zones and logs into this directory
    #[arg(long, value_name = "DIR")]
    pub(crate) report: Option<PathBuf>,
    /// Add the faults that `quorate sweep` draws from this seed (world sim only)
    #[arg(long)]
    pub(crate) faults: bool,
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
    quorate sweep scenarios/three-members.toml --seeds 1000\n  \
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
    /// The version of etcd that is modelled
    #[arg(long, value_name = "VERSION")]
    pub(crate) etcd: Option<String>,
    /// How the result is printed
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
}

/// Which world a scenario runs in
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum World {
    /// Real kernels' network stacks in namespaces, real servers, real etcd processes; no root
    Host,
    /// The same engines and bytes on virtual time, with a model of etcd; no namespaces, no etcd
    Sim,
}

/// How results are printed
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Human,
    /// For programs
    Json,
}

/// Check scenario files without running them
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  quorate check scenarios/*.toml")]
pub(crate) struct CheckArgs {
    /// The scenario files
    #[arg(required = true)]
    pub(crate) scenarios: Vec<PathBuf>,
    /// How the result is printed
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
}

/// List the scenarios of a directory
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Where the scenario files are
    #[arg(default_value = "scenarios")]
    pub(crate) dir: PathBuf,
    /// How the list is printed
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
}

/// Serve DHCP, DNS with UPDATE, and seeds on real interfaces
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  quorate serve --config /etc/quorate/quorate.toml\n\n\
    Needs CAP_NET_BIND_SERVICE, and CAP_NET_RAW for DHCP. Stops cleanly on SIGINT and SIGTERM."
)]
pub(crate) struct ServeArgs {
    /// What to serve, and where; TOML, or JSON when its name ends in .json
    #[arg(long, default_value = "/etc/quorate/quorate.toml")]
    pub(crate) config: PathBuf,
    /// How events are printed: lines for people, or JSON Lines
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
}

/// Get etcd, or see what is there
#[derive(Debug, Args)]
pub(crate) struct EtcdArgs {
    #[command(subcommand)]
    pub(crate) verb: EtcdVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum EtcdVerb {
    /// Fetch etcd into the cache, from the first provider that has it
    #[command(after_help = "Example:\n  quorate etcd fetch 3.4")]
    Fetch {
        /// "3.5" or "3.5.16"; default: the newest 3.5
        version: Option<String>,
        /// How the result is printed
        #[arg(long, value_enum, default_value_t = Format::Human)]
        format: Format,
    },
    /// List what is in the cache, and what providers offer
    List {
        /// How the list is printed
        #[arg(long, value_enum, default_value_t = Format::Human)]
        format: Format,
    },
}

/// Print the completions of a shell
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  quorate completions bash > ~/.local/share/bash-completion/completions/quorate"
)]
pub(crate) struct CompletionsArgs {
    /// The shell
    pub(crate) shell: Shell,
}
