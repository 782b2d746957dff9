//! Verbs of servers and machines: what runs in a rack, without a story.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::choices::Format;

/// Serve DHCP, DNS with UPDATE, and seeds on real interfaces
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  quorate serve --config /etc/quorate/quorate.toml\n  \
    quorate serve --check --config quorate.toml\n  \
    quorate serve --check --strict --format json --config quorate.toml\n\n\
    Exit codes of --check: 0 it would serve, also with warnings, 2 it would not.\n\
    Needs CAP_NET_BIND_SERVICE, and CAP_NET_RAW for DHCP. Stops cleanly on SIGINT and SIGTERM."
)]
pub(crate) struct ServeArgs {
    /// What to serve, and where; TOML, or JSON when its name ends in .json
    #[arg(long, default_value = "/etc/quorate/quorate.toml")]
    pub(crate) config: PathBuf,
    /// Only check the configuration, and print what it would serve; key files that cannot be read
    /// here are named and skipped
    #[arg(long)]
    pub(crate) check: bool,
    /// With --check: warnings are errors
    #[arg(long, requires = "check")]
    pub(crate) strict: bool,
    /// With --check: look at no key file and no boot file, which are on another machine
    #[arg(long, requires = "check")]
    pub(crate) elsewhere: bool,
    /// How events, or findings, are printed: lines for people, or JSON
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
}

/// Keep what can be read of the log of `serve` when it is damaged, and say what is lost
///
/// `serve` refuses to start on a log with damage that acknowledged records follow. This replaces
/// the log by all records that are whole, and leaves the damaged file beside it as log.damaged.
/// Leases, names and changes of zones that were in the damaged part are lost; at the next start
/// every zone skips serials, so that no secondary waits for a version that is gone.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  quorate salvage --config /etc/quorate/quorate.toml\n\n\
    Exit codes: 0 the log can be opened now, 2 bad input, 3 it cannot be read or is in use."
)]
pub(crate) struct SalvageArgs {
    /// The configuration of `serve`, which names the state directory
    #[arg(long, default_value = "/etc/quorate/quorate.toml")]
    pub(crate) config: PathBuf,
    /// How the loss is printed: lines for people, or JSON
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
    quorate node --seed http://10.20.0.2/seed/52:54:00:00:00:01/ --events /dev/ttyS1\n\n\
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
    pub(crate) events: Option<PathBuf>,
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
