//! The words of the command line. Help texts are the doc comments.

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

mod choices;
mod machines;
mod scenarios;
mod target;

pub(crate) use choices::{Format, WorldArg};
pub(crate) use machines::{
    AwaitPeersArgs, ImageArgs, ImageBuildArgs, ImageKernel, ImageVerb, InstallArgs, NodeArgs,
    SalvageArgs, ServeArgs,
};
pub(crate) use scenarios::{
    BenchArgs, CompareArgs, OrdersArgs, Over, ReplayArgs, RunArgs, ShrinkArgs, SweepArgs,
};

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
    Compare(CompareArgs),
    Bench(BenchArgs),
    Sweep(SweepArgs),
    Replay(ReplayArgs),
    Orders(OrdersArgs),
    Shrink(ShrinkArgs),
    Check(CheckArgs),
    List(ListArgs),
    Report(ReportArgs),
    Schema(SchemaArgs),
    Serve(ServeArgs),
    Salvage(SalvageArgs),
    Node(NodeArgs),
    AwaitPeers(AwaitPeersArgs),
    Image(ImageArgs),
    Install(InstallArgs),
    Etcd(EtcdArgs),
    Completions(CompletionsArgs),
    Man(ManArgs),
}

/// Check scenario files without running them
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  quorate check scenarios/*.toml\n  \
    quorate check --world container scenarios/three-members.toml")]
pub(crate) struct CheckArgs {
    /// The scenario files
    #[arg(required = true)]
    pub(crate) scenarios: Vec<PathBuf>,
    /// Report what `run --world` would refuse, too
    #[arg(long, value_enum)]
    pub(crate) world: Option<WorldArg>,
    /// The etcd that `run --etcd` would get
    #[arg(long, value_name = "VERSION|PATH", requires = "world")]
    pub(crate) etcd: Option<String>,
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

/// Make the reports of a run again from the recording in its directory
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  \
    quorate run scenarios/three-members.toml --report out/\n  \
    quorate report out/\n\n\
    Reads scenario.toml, events.jsonl, evidence.json and recording.json; writes report.html,\n\
    report.txt, report.json and junit.xml. The same recording makes the same bytes.")]
pub(crate) struct ReportArgs {
    /// The directory that `quorate run --report` wrote
    pub(crate) dir: PathBuf,
    /// What standard output says
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
}

/// Print the JSON Schema of scenario files, or of reports
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    quorate schema > scenario.schema.json\n  \
    quorate schema report > report.schema.json\n  \
    quorate schema --format markdown")]
pub(crate) struct SchemaArgs {
    /// Of what
    #[arg(value_enum, default_value_t = SchemaOf::Scenario)]
    pub(crate) of: SchemaOf,
    /// JSON Schema, or a page for people with every key and its default
    #[arg(long, value_enum, default_value_t = SchemaFormat::Json)]
    pub(crate) format: SchemaFormat,
}

/// What has a schema
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemaOf {
    /// Scenario files
    Scenario,
    /// report.json, and what `--format json` prints
    Report,
}

/// How a schema is printed
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemaFormat {
    /// JSON Schema
    Json,
    /// A page of tables
    Markdown,
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

/// Write the manual pages of all verbs into a directory
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  quorate man ~/.local/share/man/man1")]
pub(crate) struct ManArgs {
    /// Where they go; made when it is absent
    pub(crate) dir: PathBuf,
}
