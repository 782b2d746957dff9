//! The story file as it is written: TOML shapes with their defaults, before validation.
//!
//! Every value whose meaning can be wrong keeps its span, so that an error can point at it.
//! `quorate schema` prints the JSON Schema of [`Story`].

pub mod fault;
pub mod swarm;

use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

use crate::action::Do;

/// A scenario: the machines, the network they share, the service they form, what happens to
/// them, and what is expected of it all.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Story {
    /// One line that says what the story is about.
    pub title: String,
    #[serde(default)]
    pub network: Network,
    #[serde(default)]
    pub dhcp: Dhcp,
    /// Racks behind relay agents. Default: one segment for all.
    #[schemars(with = "Option<Racks>")]
    pub racks: Option<Spanned<Racks>>,
    pub etcd: Etcd,
    /// Instead of `machines`: what every seed draws for itself. Default: nothing is drawn.
    #[schemars(with = "Option<swarm::Swarm>")]
    pub swarm: Option<Spanned<swarm::Swarm>>,
    /// Groups of machines; a group of `count` machines is numbered from 1. Needed without
    /// `[swarm]`.
    #[serde(default)]
    #[schemars(with = "Vec<Machines>")]
    pub machines: Vec<Spanned<Machines>>,
    /// What happens to machines while the story runs. Default: none.
    #[serde(default)]
    #[schemars(with = "Vec<Step>")]
    pub steps: Vec<Spanned<Step>>,
    /// What goes wrong beside the steps, in the world `sim`. Default: none.
    #[serde(default)]
    #[schemars(with = "Vec<fault::Fault>")]
    pub faults: Vec<Spanned<fault::Fault>>,
    #[serde(default)]
    pub expect: Expect,
}

/// The network of the story: one LAN segment, unless there are racks.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Network {
    /// The IPv4 prefix, from /16 (with racks: from /8) to /28. The servers are at its second
    /// address; machines lease from the tenth on, or, in racks, from the subnet of their rack.
    #[schemars(with = "String")]
    pub subnet: Spanned<String>,
    /// The DNS zone in which machines get names and the SRV records appear.
    #[schemars(with = "String")]
    pub domain: Spanned<String>,
}

impl Default for Network {
    fn default() -> Self {
        Self {
            subnet: unspanned("10.77.0.0/24"),
            domain: unspanned("lab.test"),
        }
    }
}

/// Racks, each a subnet of its own behind a router that is a DHCP relay agent too.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Racks {
    /// How many machines a rack holds.
    #[schemars(with = "usize")]
    pub machines: Spanned<usize>,
    /// How machines are put into racks. Default: in-order.
    #[serde(default)]
    pub fill: Fill,
}

/// Which machine is in which rack.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, serde::Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Fill {
    /// In the order of the file: a rack is full before the next one begins.
    #[default]
    InOrder,
    /// In the order of the file, one for each rack in turns, as members of one cluster should be.
    InTurn,
}

/// How addresses are leased.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Dhcp {
    /// How long a lease lasts: "1h", "90s". At least 10 s.
    #[schemars(with = "String")]
    pub lease: Spanned<String>,
}

impl Default for Dhcp {
    fn default() -> Self {
        Self {
            lease: unspanned("1h"),
        }
    }
}

/// The etcd clusters that machines of class `etcd` form.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Etcd {
    /// How many clusters there shall be. Machines of class `etcd` fill them in the order of the
    /// file: the first `members` of them are cluster c1, the next are c2. Default: 1.
    #[serde(default = "one")]
    #[schemars(with = "usize")]
    pub clusters: Spanned<usize>,
    /// How many members each cluster shall have, as one number, or as a list with a number for
    /// each cluster. Default: all machines of class `etcd`, divided among the clusters.
    #[schemars(with = "Option<Members>")]
    pub members: Option<Spanned<Members>>,
    /// The etcd version, "3.5" or "3.5.16". Default: the newest 3.5; `--etcd` overrides it.
    #[schemars(with = "Option<String>")]
    pub version: Option<Spanned<String>>,
    /// How members find each other. Default: dns.
    #[serde(default)]
    pub discovery: Discovery,
    /// Hold the SRV set back until every member has a lease and resolves. Default: true.
    #[serde(default = "yes")]
    pub gate: bool,
    /// Machines start etcd only when the whole SRV set is there, every peer resolves, and one
    /// of the members before them serves (`quorate await-peers`). Default: true.
    #[serde(default = "yes", rename = "await")]
    pub await_peers: bool,
    /// Scheme of the peer URLs, and with it the one SRV set that is published:
    /// http → `_etcd-server._tcp`, https → `_etcd-server-ssl._tcp` (with `--peer-auto-tls`).
    /// Default: http, or https on etcd 3.4, which cannot bootstrap from the plain set.
    pub peers: Option<Scheme>,
    /// `--discovery-srv-name`: publish under `_etcd-server-NAME._tcp`. Of several clusters each
    /// has one of its own, `c1`, `c2`, …, or `NAME-c1`, `NAME-c2`, … when this is given.
    /// Default: none.
    #[schemars(with = "Option<String>")]
    pub srv_name: Option<Spanned<String>>,
    /// `--initial-cluster-token`. Default: "quorate".
    pub token: Option<String>,
    /// `--heartbeat-interval`. Default: etcd's own 100 ms.
    #[schemars(with = "Option<String>")]
    pub heartbeat: Option<Spanned<String>>,
    /// `--election-timeout`. Default: etcd's own 1 s.
    #[schemars(with = "Option<String>")]
    pub election: Option<Spanned<String>>,
}

/// How many members clusters have.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Members {
    /// All of them equally many.
    Each(usize),
    /// The first so many, the second so many, …
    List(Vec<usize>),
}

/// How the members of a cluster find each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, serde::Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Discovery {
    /// `--initial-cluster` in the unit: the names of all members are known before any has power.
    Static,
    /// `--discovery`: etcd's own discovery service, a real etcd on the same LAN with a v2
    /// registry, in which members write themselves down. For etcd before 3.6.
    Etcd,
    /// `--discovery-srv`: SRV records of the machines' own zone.
    #[default]
    Dns,
}

/// How members talk to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, serde::Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    Http,
    Https,
}

/// A group of machines that differ only in number, MAC address and power-on time.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Machines {
    /// Host name: the name itself for one machine, the stem of `name1`, `name2`, … for more.
    #[schemars(with = "String")]
    pub name: Spanned<String>,
    /// How many. Default: 1.
    #[serde(default = "one")]
    #[schemars(with = "usize")]
    pub count: Spanned<usize>,
    /// What the machine is for: `etcd` (a cluster member) or `plain` (leases and registers).
    pub class: Class,
    /// The machine need not be more than what others see of it on the wire: simulated in the
    /// runner where the world can, an ordinary machine elsewhere. Class `plain` only.
    /// Default: false.
    #[serde(default)]
    #[schemars(with = "bool")]
    pub hollow: Option<Spanned<bool>>,
    /// What the machine is made of in the world `host`: `vm`, a virtual machine under QEMU beside
    /// the others. (In the world `vm` every machine is one; other worlds have none, and say so.)
    /// Default: what the others are made of.
    #[serde(default, rename = "world")]
    pub made_of: Option<MadeOf>,
    /// How a virtual machine comes to its system; other machines begin with it. Default: pxe.
    #[serde(default)]
    pub boot: Boot,
    /// The disk of a virtual machine is empty: what it boots over the network is an installer,
    /// which writes the system onto the disk and starts the machine again. Later it boots from
    /// there. Not with `boot = "direct"`. Default: false.
    #[serde(default)]
    #[schemars(with = "bool")]
    pub install: Option<Spanned<bool>>,
    /// Of a virtual machine: "192MiB", "1GiB"; at least "96MiB". Default: what its image wants,
    /// some 150 MiB.
    #[schemars(with = "Option<String>")]
    pub memory: Option<Spanned<String>>,
    /// What the real-time clock of a virtual machine says at power-on: "1970-01-01T00:00:00".
    /// Default: the time of day.
    #[schemars(with = "Option<String>")]
    pub clock: Option<Spanned<String>>,
    /// When the first one is switched on, from the start of the story. Default: "0s".
    #[schemars(with = "Option<String>")]
    pub power_on: Option<Spanned<String>>,
    /// Time between one power-on and the next. Default: "0s".
    #[schemars(with = "Option<String>")]
    pub every: Option<Spanned<String>>,
    /// Adds to each power-on a time drawn from zero to this, from the seed. Default: "0s".
    #[schemars(with = "Option<String>")]
    pub spread: Option<Spanned<String>>,
}

/// What a machine can be made of, whatever the others are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MadeOf {
    /// A virtual machine under QEMU.
    Vm,
}

/// How a virtual machine comes to its system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, serde::Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Boot {
    /// BIOS, the network card's ROM (iPXE), DHCP, a script over HTTP, kernel and initrd.
    #[default]
    Pxe,
    /// UEFI, DHCP, iPXE by TFTP, and then likewise.
    Uefi,
    /// UEFI, DHCP, iPXE by HTTP, and then likewise: UEFI's HTTP boot.
    #[serde(rename = "uefi-http")]
    UefiHttp,
    /// The hypervisor puts kernel and initrd into memory.
    Direct,
}

impl Boot {
    /// Its firmware is UEFI.
    pub const fn is_uefi(self) -> bool {
        match self {
            Self::Uefi | Self::UefiHttp => true,
            Self::Pxe | Self::Direct => false,
        }
    }
}

/// What a machine is for.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, serde::Serialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// Becomes a member of an etcd cluster.
    Etcd,
    /// Leases an address and gets a name.
    Plain,
}

/// One thing that happens at one time. Give `at` or `after_formed`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Time from the start of the story. Default: none.
    #[schemars(with = "Option<String>")]
    pub at: Option<Spanned<String>>,
    /// Time from the moment at which every cluster had formed. Default: none.
    #[schemars(with = "Option<String>")]
    pub after_formed: Option<Spanned<String>>,
    /// Which moment of that kind: 1 is the first; 2 is when, after the steps that count from the
    /// first, every cluster has formed again; and so on. Default: 1.
    #[schemars(with = "Option<usize>")]
    pub formation: Option<Spanned<usize>>,
    /// What is done.
    #[serde(rename = "do")]
    #[schemars(with = "Do")]
    pub action: Spanned<String>,
    /// To which machine. A step that concerns machines has this, `machines` or `leader_of`.
    /// Default: none.
    #[schemars(with = "Option<String>")]
    pub machine: Option<Spanned<String>>,
    /// To all machines of the group of this name, in order. Default: none.
    #[schemars(with = "Option<String>")]
    pub machines: Option<Spanned<String>>,
    /// To the machine that leads this cluster, `c1`, `c2`, …, when the step is due; while none
    /// leads, the step waits. Default: none.
    #[schemars(with = "Option<String>")]
    pub leader_of: Option<Spanned<String>>,
    /// Time from one machine of the group to the next. Default: "0s".
    #[schemars(with = "Option<String>")]
    pub every: Option<Spanned<String>>,
    /// How long each machine is off in a rolling restart. Default: "1s".
    #[schemars(with = "Option<String>")]
    pub down: Option<Spanned<String>>,
    /// How many reads and writes a slow disk does in a second. Default: 4.
    #[schemars(with = "Option<u32>")]
    pub iops: Option<Spanned<u32>>,
}

/// What must be true for the story to pass.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Expect {
    /// Every cluster has formed this long after the last power-on, and again after the last step.
    /// Default: "30s".
    #[schemars(with = "String")]
    pub formed_within: Spanned<String>,
    /// Every machine that is on renews its lease so often before the story ends, and loses none.
    /// Default: 0, which expects nothing.
    pub renewals: usize,
    /// After it has formed, no cluster is without a majority of healthy members for longer.
    /// Default: not looked at.
    #[schemars(with = "Option<String>")]
    pub quorum_gap: Option<Spanned<String>>,
    /// What is written through each member when every cluster has formed the first time is read
    /// through every other at the end, whatever the steps did. Default: false.
    pub data_kept: bool,
}

impl Default for Expect {
    fn default() -> Self {
        Self {
            formed_within: unspanned("30s"),
            renewals: 0,
            quorum_gap: None,
            data_kept: false,
        }
    }
}

fn unspanned(text: &str) -> Spanned<String> {
    Spanned::new(0..0, text.to_owned())
}

fn one() -> Spanned<usize> {
    Spanned::new(0..0, 1)
}

const fn yes() -> bool {
    true
}
