//! A story that can run: validated, every machine named, every time known.

use std::net::Ipv4Addr;
use std::time::Duration;

use quorate_core::{MacAddr, Seed};

use crate::action::Action;
use crate::decision::Decision;
use crate::fault::Fault;
pub use crate::hardware::{Hardware, VM_PATIENCE, Virtual};
pub use crate::raw::{Boot, Class, Discovery, Fill, Scheme};
use crate::sizes::{Ranges, Sizes};
use crate::written::Written;

/// A validated scenario. Made by [`Story::parse`](crate::check).
#[derive(Clone, Debug)]
pub struct Story {
    pub title: String,
    pub network: Network,
    pub lease_secs: u32,
    pub etcd: Etcd,
    /// In the order of the file, numbered groups expanded.
    pub machines: Vec<Machine>,
    /// Every cluster that the machines of class `etcd` form, by number. At least one.
    pub clusters: Vec<Cluster>,
    /// In order of time within each [`Moment`] kind.
    pub steps: Vec<Step>,
    /// What goes wrong for a while.
    pub faults: Vec<Fault>,
    /// What goes wrong, or just so, one single time.
    pub decisions: Vec<Decision>,
    pub formed_within: Duration,
    pub expect: Expect,
    /// What every seed draws for itself: see [`Story::drawn`]. Until then the machines are those
    /// of the fullest draw.
    pub ranges: Option<Ranges>,
    /// What a seed drew.
    pub sizes: Option<Sizes>,
    /// What the story asks for and will hardly get.
    pub warnings: Vec<Warning>,
    pub(crate) written: Written,
}

/// Something that can run, but is hardly meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// One line.
    pub message: String,
    /// Why, and what to write instead.
    pub help: String,
}

/// The network, its addresses and its names.
#[derive(Clone, Debug)]
pub struct Network {
    pub prefix: Ipv4Addr,
    pub prefix_len: u8,
    /// Without a trailing dot.
    pub domain: String,
    /// In the order of [`Rack::number`]; without any, all machines are on the servers' segment.
    pub racks: Vec<Rack>,
    /// How machines came into them.
    pub racking: Option<Racking>,
}

/// How machines are put into racks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Racking {
    /// How many a rack holds.
    pub each: usize,
    pub fill: Fill,
}

/// Some machines behind a router, which is their DHCP relay agent too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rack {
    /// From 1.
    pub number: usize,
    pub prefix: Ipv4Addr,
    pub prefix_len: u8,
    /// The router's address on the servers' segment.
    pub uplink: Ipv4Addr,
}

impl Rack {
    /// The router's address in the rack: giaddr (RFC 1542 §4.1.1).
    pub fn gateway(&self) -> Ipv4Addr {
        Ipv4Addr::from(u32::from(self.prefix) + 1)
    }

    /// The first and the last address that is leased to machines.
    pub fn pool(&self) -> (Ipv4Addr, Ipv4Addr) {
        let first = u32::from(self.prefix);
        let size = 1u32 << (32 - self.prefix_len);
        (Ipv4Addr::from(first + 2), Ipv4Addr::from(first + size - 2))
    }
}

impl Network {
    /// The address `offset` addresses into the prefix.
    pub fn address(&self, offset: u32) -> Ipv4Addr {
        Ipv4Addr::from(u32::from(self.prefix) + offset)
    }

    /// Where the servers of the story are.
    pub fn server(&self) -> Ipv4Addr {
        self.address(SERVER_OFFSET)
    }

    /// Where etcd's discovery service is, in stories that have one.
    pub fn registry(&self) -> Ipv4Addr {
        self.address(REGISTRY_OFFSET)
    }

    /// The first and the last address that is leased to machines on the servers' segment.
    pub fn pool(&self) -> (Ipv4Addr, Ipv4Addr) {
        let size = 1u32 << (32 - self.prefix_len);
        (self.address(POOL_OFFSET), self.address(size - 2))
    }

    /// How many machines find an address there.
    pub fn pool_size(&self) -> usize {
        let (first, last) = self.pool();
        (u32::from(last) - u32::from(first) + 1) as usize
    }

    /// The length of the prefix of the servers' segment, which begins where the whole begins.
    pub fn servers_prefix_len(&self) -> u8 {
        match self.racks.len() {
            0 => self.prefix_len,
            racks => block_len(racks + POOL_OFFSET as usize),
        }
    }

    /// Cuts racks for `machines` out of the prefix, and gives each machine its own; `None` when
    /// the prefix is too small.
    pub(crate) fn cut_racks(&mut self, machines: &mut [Machine], racking: Racking) -> Option<()> {
        let each = racking.each;
        let count = machines.len().div_ceil(each);
        // The servers' segment has an uplink of every rack, a rack its router and its machines.
        let servers_len = block_len(count + POOL_OFFSET as usize);
        let prefix_len = block_len(each + 1);
        let size = 1u64 << (32 - prefix_len);
        let first = (1u64 << (32 - servers_len)).max(size);
        if first + size * count as u64 > 1 << (32 - self.prefix_len) {
            return None;
        }
        let rack = |index: usize| {
            let offset = u32::try_from(first + size * index as u64).ok()?;
            Some(Rack {
                number: index + 1,
                prefix: self.address(offset),
                prefix_len,
                uplink: self.address(POOL_OFFSET + u32::try_from(index).ok()?),
            })
        };
        self.racks = (0..count).map(rack).collect::<Option<_>>()?;
        self.racking = Some(racking);
        for (index, machine) in machines.iter_mut().enumerate() {
            machine.rack = Some(match racking.fill {
                Fill::InOrder => index / each,
                Fill::InTurn => index % count,
            });
        }
        Some(())
    }
}

/// The longest prefix that has `hosts` addresses beside the first and the last.
fn block_len(hosts: usize) -> u8 {
    let bits = (hosts + 2).next_power_of_two().trailing_zeros();
    32 - u8::try_from(bits.min(32)).expect("at most 32")
}

/// What all clusters of the story have in common.
#[derive(Clone, Debug)]
pub struct Etcd {
    /// As written; `None` leaves the choice to the runner.
    pub version: Option<String>,
    pub discovery: Discovery,
    pub gate: bool,
    /// Machines wait for their peers before they start etcd.
    pub await_peers: bool,
    /// `None` follows the version: see [`Etcd::scheme`].
    pub peers: Option<Scheme>,
    pub token: String,
    pub heartbeat: Option<Duration>,
    pub election: Option<Duration>,
}

impl Etcd {
    /// The scheme of the peer URLs on an etcd of this version. Only the `-ssl` SRV set works
    /// on 3.4, whatever its documentation says (etcd #11321).
    pub fn scheme(&self, major: u32, minor: u32) -> Scheme {
        self.peers.unwrap_or(if (major, minor) < (3, 5) {
            Scheme::Https
        } else {
            Scheme::Http
        })
    }
}

/// One cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// `c1`, `c2`, …
    pub name: String,
    /// `--discovery-srv-name` of its members.
    pub srv_name: Option<String>,
    /// Indices into [`Story::machines`], in order.
    pub members: Vec<usize>,
}

/// One machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    pub name: String,
    pub mac: MacAddr,
    pub class: Class,
    /// Which of [`Story::clusters`] it is a member of; every machine of class `etcd` is of one.
    pub cluster: Option<usize>,
    /// Which of [`Network::racks`] it is in.
    pub rack: Option<usize>,
    /// Need not be more than what others see of it on the wire, in a world that can do with
    /// that; elsewhere it is a machine as any other.
    pub hollow: bool,
    /// What it is if it is a virtual machine.
    pub hardware: Hardware,
    /// From the start of the story, before the draw of `spread`.
    power_on: Duration,
    spread: Duration,
}

impl Machine {
    pub(crate) fn new(
        name: String,
        number: usize,
        (class, hollow): (Class, bool),
        power_on: Duration,
        spread: Duration,
    ) -> Self {
        Self {
            name,
            mac: mac_of(number),
            class,
            cluster: None,
            rack: None,
            hollow,
            hardware: Hardware::default(),
            power_on,
            spread,
        }
    }

    /// Switches this machine on at this time, in the world of every seed.
    pub fn switch_on_at(&mut self, after_start: Duration) {
        (self.power_on, self.spread) = (after_start, Duration::ZERO);
    }

    /// When this machine is switched on in the world of this seed.
    pub fn power_on(&self, seed: Seed) -> Duration {
        let nanos = u64::try_from(self.spread.as_nanos()).unwrap_or(u64::MAX);
        let drawn = seed
            .child("power-on")
            .child(&self.name)
            .random()
            .below(nanos);
        self.power_on + Duration::from_nanos(drawn)
    }
}

/// One thing that happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub moment: Moment,
    pub action: Action,
    pub target: Target,
}

/// Whom a step concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// DHCP, DNS and seeds.
    Servers,
    /// Index into [`Story::machines`].
    Machine(usize),
    /// The machine that leads this of [`Story::clusters`] when the time has come.
    LeaderOf(usize),
}

/// What must hold over time, beside formation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expect {
    /// How often each machine renews its lease at least.
    pub renewals: usize,
    /// How long a cluster may be without a quorum.
    pub quorum_gap: Option<Duration>,
    /// Whether what was written once is looked for at the end.
    pub data_kept: bool,
}

/// When a step happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Moment {
    /// This long after the story began.
    Start(Duration),
    /// This long after every cluster had formed, for the first time or again.
    Formed {
        /// Which of these times it is, from 1.
        nth: usize,
        after: Duration,
    },
}

impl Moment {
    /// So much later.
    pub(crate) fn plus(self, more: Duration) -> Self {
        match self {
            Self::Start(at) => Self::Start(at + more),
            Self::Formed { nth, after } => Self::Formed {
                nth,
                after: after + more,
            },
        }
    }
}

impl Cluster {
    /// How many voters it shall have.
    pub const fn size(&self) -> usize {
        self.members.len()
    }

    /// The clusters of these sizes, made of the machines `there` in order; `stem` is what the
    /// names of their SRV sets have in common.
    pub(crate) fn of(sizes: &[usize], there: &[usize], stem: Option<&str>) -> Vec<Self> {
        let mut rest = there;
        let count = sizes.len();
        let mut cluster = |(number, size): (usize, &usize)| {
            let (members, others) = rest.split_at((*size).min(rest.len()));
            rest = others;
            let name = format!("c{}", number + 1);
            let srv_name = match stem {
                Some(stem) if count > 1 => Some(format!("{stem}-{name}")),
                Some(stem) => Some(stem.to_owned()),
                // The names of one domain's clusters must differ; the one of one cluster is empty.
                None => (count > 1).then(|| name.clone()),
            };
            Self {
                name,
                srv_name,
                members: members.to_vec(),
            }
        };
        sizes.iter().enumerate().map(&mut cluster).collect()
    }
}

impl Story {
    /// How many members the smallest and the largest cluster have; none is 0.
    pub fn cluster_sizes(&self) -> (usize, usize) {
        let sizes = || self.clusters.iter().map(Cluster::size);
        (sizes().min().unwrap_or(0), sizes().max().unwrap_or(0))
    }

    /// The machines that become members of this cluster, in order.
    pub fn members_of(&self, cluster: &Cluster) -> impl Iterator<Item = &Machine> {
        cluster.members.iter().map(|index| &self.machines[*index])
    }

    /// The peer URL that a member advertises and that its SRV record leads to.
    pub fn peer_url(&self, machine: &Machine, scheme: Scheme) -> String {
        let scheme = match scheme {
            Scheme::Http => "http",
            Scheme::Https => "https",
        };
        format!(
            "{scheme}://{}.{}:{PEER_PORT}",
            machine.name, self.network.domain
        )
    }

    /// The directory of the cluster at etcd's discovery service, in a story that has one.
    pub fn registry_url(&self, cluster: &Cluster) -> Option<String> {
        let token = &self.etcd.token;
        let directory = if self.clusters.len() == 1 {
            token.clone()
        } else {
            format!("{token}-{}", cluster.name)
        };
        let registry = self.network.registry();
        (self.etcd.discovery == Discovery::Etcd)
            .then(|| format!("http://{registry}:{CLIENT_PORT}/v2/keys/discovery/{directory}"))
    }

    /// What the IDs of the cluster are made with beside peer URLs: the token, or the URL at the
    /// discovery service, which etcd takes in its place.
    pub fn token(&self, cluster: &Cluster) -> String {
        let url = self.registry_url(cluster);
        url.unwrap_or_else(|| self.etcd.token.clone())
    }

    /// The owner name of the cluster's server SRV set, without a trailing dot.
    pub fn srv_owner(&self, cluster: &Cluster, scheme: Scheme) -> String {
        let ssl = match scheme {
            Scheme::Http => "",
            Scheme::Https => "-ssl",
        };
        let name = cluster
            .srv_name
            .as_ref()
            .map_or_else(String::new, |name| format!("-{name}"));
        format!("_etcd-server{ssl}{name}._tcp.{}", self.network.domain)
    }
}

/// etcd's registered peer port.
pub const PEER_PORT: u16 = 2380;
/// etcd's registered client port.
pub const CLIENT_PORT: u16 = 2379;

/// The servers' address within the prefix.
const SERVER_OFFSET: u32 = 2;
/// The discovery service's address within the prefix.
const REGISTRY_OFFSET: u32 = 3;
/// The first leased address within the prefix.
const POOL_OFFSET: u32 = 10;

/// Locally administered, unicast: `02:71:…` ("q"), then the machine's number.
fn mac_of(number: usize) -> MacAddr {
    let [_, _, _, _, a, b, c, d] = (number as u64).to_be_bytes();
    MacAddr([0x02, 0x71, a, b, c, d])
}
