//! The words of the command line. Help texts are the doc comments.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use serde::Serialize;

use crate::bench::Target;

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
    Node(NodeArgs),
    AwaitPeers(AwaitPeersArgs),
    Image(ImageArgs),
    Install(InstallArgs),
    Etcd(EtcdArgs),
    Completions(CompletionsArgs),
    Man(ManArgs),
}

/// Run a scenario: power its machines on and judge what comes of it
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
    #[arg(long, value_enum, default_value_t = World::Host)]
    pub(crate) world: World,
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
    /// Run each seed twice and compare the runs byte by byte, whatever comes of them
    #[arg(long)]
    pub(crate) twice: bool,
    /// The version of etcd that is modelled
    #[arg(long, value_name = "VERSION")]
    pub(crate) etcd: Option<String>,
    /// How the result is printed
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
}

/// Tell a run again from its decision log, and say whether it ends as it did
///
/// The log holds the scenario, the faults and every decision of chance by name, so that it
/// repeats a run for later versions too, for which a seed is another world.
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
    /// Tell so many of the orders that split the largest cluster
    #[arg(long, default_value_t = 4, value_name = "N")]
    pub(crate) show: usize,
    /// How the result is printed
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
}

/// Run a scenario with each way to find peers in turns, and compare times and behaviour
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    quorate compare scenarios/three-members.toml --discovery static,etcd,dns --runs 30\n  \
    quorate compare scenarios/three-members.toml --world sim --format json | jq .ways")]
pub(crate) struct CompareArgs {
    /// The scenario file; its own `discovery` is not looked at
    pub(crate) scenario: PathBuf,
    /// The ways to compare; differences are to the first one
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "static,etcd,dns"
    )]
    pub(crate) discovery: Vec<Discovery>,
    /// How many rounds; each tells every way once
    #[arg(long, default_value_t = 10)]
    pub(crate) runs: usize,
    /// How late the last member comes in one more run of each way
    #[arg(long, value_name = "TIME", default_value = "3s", value_parser = humantime::parse_duration)]
    pub(crate) late: Duration,
    /// Where the machines are real
    #[arg(long, value_enum, default_value_t = World::Host)]
    pub(crate) world: World,
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

/// Measure how much a scenario bears
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
    #[arg(long, value_enum, default_value_t = World::Sim)]
    pub(crate) world: World,
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

/// Which world a scenario runs in
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum World {
    /// Real kernels' network stacks in namespaces, real servers, real etcd processes; no root
    Host,
    /// The same, each machine a container of a Docker engine
    Container,
    /// The same, each machine a virtual one under QEMU that boots over the network
    Vm,
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

/// Serve DHCP, DNS with UPDATE, and seeds on real interfaces
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  quorate serve --config /etc/quorate/quorate.toml\n  \
    quorate serve --check --config quorate.toml\n\n\
    Needs CAP_NET_BIND_SERVICE, and CAP_NET_RAW for DHCP. Stops cleanly on SIGINT and SIGTERM."
)]
pub(crate) struct ServeArgs {
    /// What to serve, and where; TOML, or JSON when its name ends in .json
    #[arg(long, default_value = "/etc/quorate/quorate.toml")]
    pub(crate) config: PathBuf,
    /// Only check the configuration; key files that cannot be read here are named and skipped
    #[arg(long)]
    pub(crate) check: bool,
    /// How events are printed: lines for people, or JSON Lines
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
}

/// Wait until an etcd member may start: its SRV set is whole, all peers resolve, it is its turn
///
/// Runs as ExecStartPre= of the unit that seeds install (`await` in the seed's unit settings),
/// and takes etcd's own flags. Until etcd has bootstrapped, the peers' addresses stand in
/// /etc/hosts, so that no lost DNS answer makes it leave one out. A member with a data directory
/// waits for nothing, and its peers' addresses are taken out again.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  quorate await-peers --discovery-srv lab.test \\\n    \
    --initial-advertise-peer-urls http://n1.lab.test:2380 --data-dir /var/lib/etcd\n\n\
    Exit codes: 0 start etcd, 1 the set is whole and does not list this member, 2 bad input."
)]
pub(crate) struct AwaitPeersArgs {
    /// The domain that holds the SRV records
    #[arg(long, value_name = "DOMAIN")]
    pub(crate) discovery_srv: String,
    /// Look for _etcd-server-NAME._tcp
    #[arg(long, value_name = "NAME")]
    pub(crate) discovery_srv_name: Option<String>,
    /// The URL that this member is listed under; https looks for the -ssl set
    #[arg(long, value_name = "URL")]
    pub(crate) initial_advertise_peer_urls: String,
    /// etcd's data directory
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: PathBuf,
    /// Leave variables for etcd's environment in this file, which its unit reads
    #[arg(long, value_name = "FILE")]
    pub(crate) environment_file: Option<PathBuf>,
}

/// Be the node agent of this machine: lease, name, seed, units
///
/// What `quorate run` does on its machines, on a real one: takes a lease for the interface,
/// configures it, names the machine, fetches the NoCloud seed that the lease's option 67 names,
/// and starts and supervises the units that it installs, etcd among them. On SIGTERM or SIGINT it
/// stops them and gives the lease back. As PID 1, where the images of `quorate image build` end,
/// it reaps orphans, and powers the machine off when it ends.
///
/// It takes the interface over, with its addresses and routes, and writes /etc/resolv.conf,
/// /etc/hostname and /etc/hosts: run it on machines that have no other network configuration.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    quorate node --interface eth0\n  \
    quorate node --seed http://10.20.0.2/seed/52:54:00:00:00:01/ --tell /dev/ttyS1\n\n\
    Needs root, or CAP_NET_ADMIN, CAP_NET_RAW, CAP_NET_BIND_SERVICE and a writable /etc.")]
pub(crate) struct NodeArgs {
    /// The network card to boot from
    #[arg(long, value_name = "NAME", default_value = "eth0")]
    pub(crate) interface: String,
    /// Where the seed is, instead of where the lease says: the URL that file names are added to
    #[arg(long, value_name = "URL")]
    pub(crate) seed: Option<String>,
    /// Take a lease and then do nothing but install this disk image on the first disk, and restart
    #[arg(long, value_name = "URL", conflicts_with = "seed")]
    pub(crate) install: Option<String>,
    /// Write events, one line of JSON each, to this file or device instead of standard output
    #[arg(long, value_name = "PATH")]
    pub(crate) tell: Option<PathBuf>,
    /// Write the output of all units to this file or device instead of /var/log/UNIT.log
    #[arg(long, value_name = "PATH")]
    pub(crate) unit_log: Option<PathBuf>,
    /// The number that transaction identifiers and jitter are drawn from, by MAC address
    #[arg(long, value_name = "N")]
    pub(crate) random: Option<u64>,
    /// How soon an unanswered DISCOVER is repeated for the first time (RFC 2131: 4 s)
    #[arg(long, value_name = "MILLISECONDS")]
    pub(crate) first_retry_ms: Option<u64>,
}

/// Make what a machine of metal, or a virtual one, boots
#[derive(Debug, Args)]
pub(crate) struct ImageArgs {
    #[command(subcommand)]
    pub(crate) verb: ImageVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ImageVerb {
    /// Make a kernel, an initial RAM file system, and a disk that boots them, in the cache
    ///
    /// Kernel, busybox and boot loaders are Debian's packages; etcd and quorate are this host's. A
    /// machine that boots any of it becomes `quorate node`. The disk boots by BIOS and by UEFI, and
    /// has a second partition for data; beside it lies a compressed copy for `quorate install`.
    /// Nothing of it is particular to one machine. Needs no root; made again only when what it is
    /// made of has changed.
    #[command(after_help = "Examples:\n  \
        quorate image build\n  \
        quorate image build --etcd 3.5.16 --program target/release/quorate\n  \
        quorate image build --no-disk --format json | jq -r .kernel,.initrd")]
    Build(ImageBuildArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ImageBuildArgs {
    /// Which of Debian's kernels
    #[arg(long, value_enum, default_value_t = ImageKernel::Cloud)]
    pub(crate) kernel: ImageKernel,
    /// The etcd that machines run: a version ("3.5", "3.5.16") or the path of a program
    #[arg(long, value_name = "VERSION|PATH")]
    pub(crate) etcd: Option<String>,
    /// The quorate that machines run; this program otherwise
    #[arg(long, value_name = "PATH")]
    pub(crate) program: Option<PathBuf>,
    /// Make no disk, only what a machine boots by network
    #[arg(long)]
    pub(crate) no_disk: bool,
    /// How much room for data the disk has
    #[arg(long, value_name = "MIB", default_value_t = quorate_image::disk::DATA_MIB,
        conflicts_with = "no_disk")]
    pub(crate) data_mib: u32,
    /// How the result is printed
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
}

/// Which kernel an image has
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ImageKernel {
    /// For virtual machines: small, and soon there
    Cloud,
    /// With drivers for usual network cards and disk controllers
    Generic,
}

/// Write a disk image from the network onto a disk of this machine, over all that it holds
///
/// What `quorate node --install` does once it has a lease. The image is a raw disk, compressed by
/// zstd, as `quorate image build` leaves it.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  \
    quorate install http://10.20.0.2/boot/disk.img.zst --disk /dev/vda")]
pub(crate) struct InstallArgs {
    /// The image
    pub(crate) url: String,
    /// The disk: the path of a device or file, or "first"
    #[arg(long, value_name = "PATH|first")]
    pub(crate) disk: PathBuf,
    /// Mark stages on the console, and start the machine again when it is done
    #[arg(long)]
    pub(crate) restart: bool,
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
