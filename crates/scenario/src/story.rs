//! A story that can be told: validated, every machine named, every time known.

use std::net::Ipv4Addr;
use std::time::Duration;

use quorate_core::{MacAddr, Seed};

pub use crate::raw::{Action, Class, Scheme};

/// A validated scenario. Made by [`Story::parse`](crate::check).
#[derive(Clone, Debug)]
pub struct Story {
    pub title: String,
    pub network: Network,
    pub lease_secs: u32,
    pub etcd: Etcd,
    /// In the order of the file, numbered groups expanded.
    pub machines: Vec<Machine>,
    /// In order of time within each [`Moment`] kind.
    pub steps: Vec<Step>,
    pub formed_within: Duration,
}

/// The LAN segment, its addresses and its names.
#[derive(Clone, Debug)]
pub struct Network {
    pub prefix: Ipv4Addr,
    pub prefix_len: u8,
    /// Without a trailing dot.
    pub domain: String,
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

    /// The first and the last address that is leased to machines.
    pub fn pool(&self) -> (Ipv4Addr, Ipv4Addr) {
        let size = 1u32 << (32 - self.prefix_len);
        (self.address(POOL_OFFSET), self.address(size - 2))
    }

    /// How many machines find an address.
    pub fn pool_size(&self) -> usize {
        let (first, last) = self.pool();
        (u32::from(last) - u32::from(first) + 1) as usize
    }
}

/// The cluster of the story.
#[derive(Clone, Debug)]
pub struct Etcd {
    pub members: usize,
    /// As written; `None` leaves the choice to the runner.
    pub version: Option<String>,
    pub gate: bool,
    /// `None` follows the version: see [`Etcd::scheme`].
    pub peers: Option<Scheme>,
    pub srv_name: Option<String>,
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

/// One machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    pub name: String,
    pub mac: MacAddr,
    pub class: Class,
    /// From the start of the story, before the draw of `spread`.
    power_on: Duration,
    spread: Duration,
}

impl Machine {
    pub(crate) fn new(
        name: String,
        number: usize,
        class: Class,
        power_on: Duration,
        spread: Duration,
    ) -> Self {
        Self {
            name,
            mac: mac_of(number),
            class,
            power_on,
            spread,
        }
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
    /// Index into [`Story::machines`].
    pub machine: usize,
}

/// When a step happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Moment {
    /// This long after the story began.
    Start(Duration),
    /// This long after the cluster had formed.
    Formed(Duration),
}

impl Story {
    /// The machines that become members, in order.
    pub fn members(&self) -> impl Iterator<Item = &Machine> {
        self.machines
            .iter()
            .filter(|machine| machine.class == Class::Etcd)
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

    /// The owner name of the server SRV set, without a trailing dot.
    pub fn srv_owner(&self, scheme: Scheme) -> String {
        let ssl = match scheme {
            Scheme::Http => "",
            Scheme::Https => "-ssl",
        };
        let name = self
            .etcd
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
/// The first leased address within the prefix.
const POOL_OFFSET: u32 = 10;

/// Locally administered, unicast: `02:71:…` ("q"), then the machine's number.
fn mac_of(number: usize) -> MacAddr {
    let [_, _, _, _, a, b, c, d] = (number as u64).to_be_bytes();
    MacAddr([0x02, 0x71, a, b, c, d])
}
