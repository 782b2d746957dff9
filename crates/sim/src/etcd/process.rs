//! One etcd process: discovery over the wire, and what its disk keeps.
//!
//! ```text
//!   Loading ── data directory ─────────────────────────► Running
//!      │                                                    ▲
//!      │                                                    │ one answered, or none is left
//!      ├── none ──► Looking ── finds a cluster ──► Asking ──┤
//!      │               └────── discovery fails: exit status 1, with etcd's own words
//!      ├── none, and --initial-cluster ──────────► Asking ──┤
//!      └── none, and --discovery ──► Waiting ── all came ───┘
//! ```
//!
//! While it asks, a member's peer port is open and serves no question yet. Members that look at the
//! same moment therefore wait for each other, for a bounded time each; a peer whose etcd does not
//! run refuses at once, and the first that answers is enough. So do etcd 3.4 and 3.5
//! (`isMemberBootstrapped`).

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};

use quorate_core::{Instant, Random};
use quorate_etcd::{Bootstrap, ClusterId, MemberId, PeerUrl, given};

use super::clusters::Timeouts;
use super::error::StartError;
use super::flags::{DiscoveryMethod, Flags};
use super::lookup::{Lookup, Query};
use super::registry::Registration;

/// What a member's data directory keeps over restarts and power cycles.
#[derive(Clone, Debug)]
pub(crate) struct DataDir {
    pub(crate) cluster_id: ClusterId,
    pub(crate) member_id: MemberId,
    /// The members of the cluster, itself among them.
    pub(crate) members: usize,
    /// What was written and has reached this member.
    pub(crate) store: BTreeMap<String, String>,
}

/// One process. `pid` distinguishes it from those before it.
#[derive(Debug)]
pub(crate) struct Process {
    pid: u32,
    unit: String,
    flags: Flags,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    /// The program is read and its disk is opened.
    Loading,
    Looking(Box<Lookup>),
    /// Its peer port is open, and it asks the others for their members before it serves that
    /// question itself.
    Asking(Box<Asking>),
    /// Written down at the discovery service, waiting for the others.
    Waiting,
    Running,
}

/// A member that asks its peers, one after the other, whether it has bootstrapped before.
#[derive(Debug)]
pub(crate) struct Asking {
    data_dir: DataDir,
    /// `HOST:PORT` of all members, itself among them, sorted.
    records: Vec<String>,
    /// Hosts of the others, in the order of their URLs.
    peers: Vec<String>,
    /// Which of them is asked.
    next: usize,
    /// Counts the questions, to distinguish a late end of one from that of the next.
    question: u32,
}

/// What a connection to a member's peer port finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PeerPort {
    /// No process listens.
    Closed,
    /// It is open, and answers no question for members yet.
    Asks,
    /// The process waits for the discovery service.
    Waits,
    Serves,
}

impl Process {
    pub(crate) const fn new(pid: u32, unit: String, flags: Flags) -> Self {
        Self {
            pid,
            unit,
            flags,
            phase: Phase::Loading,
        }
    }

    pub(crate) const fn pid(&self) -> u32 {
        self.pid
    }

    pub(crate) fn into_unit(self) -> String {
        self.unit
    }

    pub(crate) const fn flags(&self) -> &Flags {
        &self.flags
    }

    pub(crate) const fn timeouts(&self) -> Timeouts {
        self.flags.timeouts
    }

    /// The first look at the DNS, by this server; its first query.
    pub(crate) fn look_up(
        &mut self,
        server: SocketAddr,
        hosts: &BTreeMap<String, Ipv4Addr>,
        random: Random,
        now: Instant,
    ) -> Option<Query> {
        let DiscoveryMethod::Records { discovery, domain } = &self.flags.method else {
            return None;
        };
        let mut lookup = Lookup::new(discovery, domain, server, hosts, random);
        let query = lookup.next(now);
        self.phase = Phase::Looking(Box::new(lookup));
        query
    }

    pub(crate) fn lookup(&mut self) -> Option<&mut Lookup> {
        match &mut self.phase {
            Phase::Looking(lookup) => Some(lookup),
            Phase::Loading | Phase::Asking(_) | Phase::Waiting | Phase::Running => None,
        }
    }

    /// What discovery makes of the answers; `None` while some are missing.
    pub(crate) fn discover(&self) -> Option<Result<Asking, StartError>> {
        let (Phase::Looking(lookup), DiscoveryMethod::Records { discovery, .. }) =
            (&self.phase, &self.flags.method)
        else {
            return None;
        };
        let found = discovery.run(lookup.finished()?);
        let asking = |found| Asking::new(&self.flags.name, found);
        Some(found.map(asking).map_err(StartError::from))
    }

    /// What it makes of a set that it was given, under this token.
    pub(crate) fn accept(
        &self,
        set: &[(String, PeerUrl)],
        token: &str,
    ) -> Result<Asking, StartError> {
        let found = given::bootstrap(&self.flags.name, &self.flags.advertised, token, set)?;
        Ok(Asking::new(&self.flags.name, found))
    }

    pub(crate) fn ask_peers(&mut self, asking: Asking) {
        self.phase = Phase::Asking(Box::new(asking));
    }

    pub(crate) fn asking(&self) -> Option<&Asking> {
        match &self.phase {
            Phase::Asking(asking) => Some(asking),
            Phase::Loading | Phase::Looking(_) | Phase::Waiting | Phase::Running => None,
        }
    }

    pub(crate) fn asking_mut(&mut self) -> Option<&mut Asking> {
        match &mut self.phase {
            Phase::Asking(asking) => Some(asking),
            Phase::Loading | Phase::Looking(_) | Phase::Waiting | Phase::Running => None,
        }
    }

    /// What it writes down at the discovery service, if its flags name one.
    pub(crate) fn registration(&self) -> Option<Registration> {
        let DiscoveryMethod::Registry(url) = &self.flags.method else {
            return None;
        };
        let texts: Vec<String> = self
            .flags
            .advertised
            .iter()
            .map(ToString::to_string)
            .collect();
        Some(Registration {
            url: url.clone(),
            id: quorate_etcd::member_id(&texts, url),
            name: self.flags.name.clone(),
            peer: self.flags.advertised.first().cloned(),
            is_made: matches!(self.phase, Phase::Waiting),
        })
    }

    pub(crate) fn wait_for_registry(&mut self) {
        self.phase = Phase::Waiting;
    }

    pub(crate) fn waits_at(&self, url: &str) -> bool {
        matches!(self.phase, Phase::Waiting)
            && matches!(&self.flags.method, DiscoveryMethod::Registry(theirs) if theirs == url)
    }

    pub(crate) fn serve(&mut self) {
        self.phase = Phase::Running;
    }

    pub(crate) const fn is_running(&self) -> bool {
        matches!(self.phase, Phase::Running)
    }

    pub(crate) const fn peer_port(&self) -> PeerPort {
        match self.phase {
            Phase::Loading | Phase::Looking(_) => PeerPort::Closed,
            Phase::Asking(_) => PeerPort::Asks,
            Phase::Waiting => PeerPort::Waits,
            Phase::Running => PeerPort::Serves,
        }
    }
}

impl Asking {
    /// What the member `own` asks the others of its cluster.
    fn new(own: &str, bootstrap: Bootstrap) -> Self {
        let others = bootstrap.members.iter().filter(|(name, _)| *name != own);
        let mut urls: Vec<&PeerUrl> = others.flat_map(|(_, urls)| urls).collect();
        urls.sort_by_cached_key(ToString::to_string);
        let all = bootstrap.members.values().flatten();
        let mut records: Vec<_> = all
            .map(|url| format!("{}:{}", url.host, url.port))
            .collect();
        records.sort_unstable();
        Self {
            records,
            peers: urls.into_iter().map(|url| url.host.clone()).collect(),
            next: 0,
            question: 0,
            data_dir: DataDir {
                cluster_id: bootstrap.cluster_id,
                member_id: bootstrap.member_id,
                members: bootstrap.members.len(),
                store: BTreeMap::new(),
            },
        }
    }

    /// Begins the next question, and names the peer to ask; `None` when none is left.
    pub(crate) fn next_question(&mut self) -> Option<String> {
        self.question += 1;
        self.peer().map(str::to_owned)
    }

    /// The peer that is asked refuses or is silent.
    pub(crate) const fn skip_peer(&mut self) {
        self.next += 1;
    }

    pub(crate) const fn question(&self) -> u32 {
        self.question
    }

    /// The host that is asked.
    pub(crate) fn peer(&self) -> Option<&str> {
        self.peers.get(self.next).map(String::as_str)
    }

    pub(crate) fn records(&self) -> &[String] {
        &self.records
    }

    pub(crate) fn peers(&self) -> &[String] {
        &self.peers
    }

    pub(crate) fn into_data_dir(self) -> DataDir {
        self.data_dir
    }

    pub(crate) const fn data_dir(&self) -> &DataDir {
        &self.data_dir
    }
}
