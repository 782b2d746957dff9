//! How far each machine has come along the boot chain, as its observations show.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Index;

use quorate_core::Instant;
use quorate_etcd::{ClusterId, MemberId};
use serde::Serialize;

use crate::action::Action;
use crate::link::Link;
use crate::observation::{Observation, What};
use crate::story::{Class, Cluster, Discovery, Story};

/// Where one machine stands, and when it reached each link the first time.
#[derive(Clone, Debug, Serialize)]
pub struct MachineProgress {
    #[serde(rename = "machine")]
    pub name: String,
    #[serde(skip)]
    pub class: Class,
    /// Which of the story's clusters it is a member of.
    #[serde(skip)]
    pub cluster: Option<usize>,
    #[serde(skip)]
    discovery: Discovery,
    /// When each link was first reached.
    pub reached: BTreeMap<Link, Instant>,
    /// Every power-on, in order of time.
    #[serde(skip)]
    pub boots: Vec<Boot>,
    /// What the machine looks like over time; it is off before the first one.
    #[serde(skip)]
    pub turns: Vec<Turn>,
    /// What holds now.
    #[serde(skip)]
    holds: BTreeSet<Link>,
    pub powered: bool,
    pub linked: bool,
    /// It hangs.
    pub frozen: bool,
    /// How often the service's process was started.
    pub starts: u32,
    /// What etcd made of the SRV records it saw; survives power cycles, as its disk does.
    pub identity: Option<(ClusterId, MemberId)>,
    /// The number of voters it counts, while it is healthy.
    pub voters: Option<usize>,
    /// How the service last ended.
    pub last_words: Option<String>,
    /// How often of late it has ended in this same way, without having been healthy in between.
    #[serde(skip)]
    pub same_exits: u32,
    /// The records that its cluster is made of.
    #[serde(skip)]
    pub records: Vec<String>,
}

/// One time that a machine was on.
#[derive(Clone, Debug)]
pub struct Boot {
    pub on: Instant,
    /// When each link was reached the first time since. Links that outlive a power cycle, as
    /// records and disks do, are reached once, in the boot that made them.
    pub reached: BTreeMap<Link, Instant>,
}

/// What a machine looks like from this time on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    pub at: Instant,
    /// The last link before the first broken one; `None` while the machine is off.
    pub link: Option<Link>,
    /// The network cable is plugged in.
    pub linked: bool,
    /// The machine hangs.
    pub frozen: bool,
}

impl Class {
    /// The links that such a machine goes through, in order. The quorum comes with the voter,
    /// and writes have no time.
    pub const fn chain(self) -> &'static [Link] {
        match self {
            Self::Etcd => &[
                Link::Power,
                Link::Discover,
                Link::Ack,
                Link::Name,
                Link::Seed,
                Link::Srv,
                Link::Etcd,
                Link::ClusterId,
                Link::Voter,
            ],
            Self::Plain => &[Link::Power, Link::Discover, Link::Ack, Link::Name],
        }
    }
}

impl MachineProgress {
    /// True while the machine can be expected to work.
    pub const fn expected(&self) -> bool {
        self.powered && self.linked && !self.frozen
    }

    /// The last link before the first broken one; `None` while the machine is off. What lies
    /// behind a broken link may still run, and does not help. Until its system asks for an
    /// address, a machine with firmware is as far as it has booted.
    pub fn link(&self) -> Option<Link> {
        let chain = self.class.chain().iter();
        let held = chain.take_while(|link| self.holds.contains(link));
        match held.last().copied() {
            Some(Link::Power) => self.booted().or(Some(Link::Power)),
            last => last,
        }
    }

    /// How far this boot came before its system asked for an address.
    fn booted(&self) -> Option<Link> {
        let reached = self.boots.last()?.reached.keys();
        reached.copied().rfind(|link| link.is_boot())
    }

    /// True when every link holds.
    pub fn is_complete(&self) -> bool {
        self.link() == self.class.chain().last().copied()
    }

    /// True while this link holds.
    pub(crate) fn holds(&self, link: Link) -> bool {
        self.holds.contains(&link)
    }

    fn reach(&mut self, link: Link, at: Instant) {
        self.reached.entry(link).or_insert(at);
        self.holds.insert(link);
        if let Some(boot) = self.boots.last_mut() {
            boot.reached.entry(link).or_insert(at);
        }
    }

    /// Draws what holds now.
    fn turn(&mut self, at: Instant) {
        let turn = Turn {
            at,
            link: self.link(),
            linked: self.linked,
            frozen: self.frozen,
        };
        let before = self.turns.last();
        let is_same = match before {
            Some(last) => Turn { at, ..*last } == turn,
            None => turn.link.is_none() && turn.linked && !turn.frozen,
        };
        if is_same {
            return;
        }
        match self.turns.last_mut() {
            Some(last) if last.at == at => *last = turn,
            Some(_) | None => self.turns.push(turn),
        }
    }

    /// What an action does to the machine.
    fn apply(&mut self, at: Instant, action: Action) {
        match action {
            Action::PowerOn => self.power_on(at),
            Action::PowerOff => self.power_off(),
            Action::Reset => {
                self.power_off();
                self.turn(at);
                self.power_on(at);
            }
            Action::LinkDown => self.linked = false,
            Action::LinkUp => self.linked = true,
            Action::Freeze => self.frozen = true,
            Action::Thaw => self.frozen = false,
            Action::DiskSlow { .. }
            | Action::DiskFast
            | Action::ServersStop
            | Action::ServersStart => {}
        }
        if action.interrupts() {
            self.voters = None;
        }
    }

    fn power_on(&mut self, at: Instant) {
        self.powered = true;
        self.boots.push(Boot {
            on: at,
            reached: BTreeMap::new(),
        });
        self.reach(Link::Power, at);
    }

    fn power_off(&mut self) {
        self.powered = false;
        self.frozen = false;
        // Memory is lost; records, leases on the server and the disk stay.
        for link in [
            Link::Power,
            Link::Discover,
            Link::Ack,
            Link::Seed,
            Link::Etcd,
        ] {
            self.holds.remove(&link);
        }
    }

    /// Its service exited, with these last words.
    fn exit(&mut self, words: &str) {
        self.voters = None;
        let last = self.last_words.as_deref();
        let is_same = last.is_some_and(|last| alike(last, words));
        self.same_exits = if is_same { self.same_exits + 1 } else { 1 };
        self.last_words = Some(words.to_owned());
        self.holds.remove(&Link::Etcd);
    }

    fn observe(&mut self, at: Instant, what: &What) {
        match what {
            What::Did(action) => self.apply(at, *action),
            What::Booting { link } => self.reach(*link, at),
            What::DhcpSent { .. } => self.reach(Link::Discover, at),
            What::Leased { .. } => self.reach(Link::Ack, at),
            What::ReversePublished { .. } => self.reach(Link::Name, at),
            What::Seeded => {
                self.reach(Link::Seed, at);
                // The unit names the peers.
                if self.discovery == Discovery::Static && self.class == Class::Etcd {
                    self.reach(Link::Srv, at);
                }
            }
            What::ServiceStarted { attempt } => {
                self.starts = self.starts.max(*attempt);
                self.reach(Link::Etcd, at);
            }
            What::ServiceExited { status, last_words } => {
                self.exit(last_words.as_ref().unwrap_or(status));
            }
            What::Identified {
                cluster_id,
                member_id,
            } => {
                self.identity = Some((*cluster_id, *member_id));
                // It waits at the discovery service until all its peers are there.
                if self.discovery == Discovery::Etcd {
                    self.reach(Link::Srv, at);
                }
                self.reach(Link::ClusterId, at);
            }
            What::Healthy {
                cluster_id,
                member_id,
                voters,
            } => {
                self.identity = Some((*cluster_id, *member_id));
                self.voters = Some(*voters);
                self.same_exits = 0;
                self.reach(Link::Voter, at);
                self.reach(Link::Quorum, at);
            }
            What::Unhealthy { .. } => self.voters = None,
            What::SrvRead { records } => self.records.clone_from(records),
            What::LeaseLost { .. } => {
                self.holds.remove(&Link::Ack);
            }
            What::NamePublished { .. }
            | What::ServersReady
            | What::FaultBegan { .. }
            | What::ZoneChanged { .. }
            | What::GateWaiting { .. }
            | What::GateOpened { .. }
            | What::SrvPublished { .. }
            | What::Refused { .. }
            | What::SlowWrite { .. }
            | What::ClockRead { .. }
            | What::ClockDrift { .. }
            | What::Note { .. } => {}
        }
        if self.voters.is_none() {
            self.holds.remove(&Link::Voter);
            self.holds.remove(&Link::Quorum);
        }
        self.turn(at);
    }
}

/// True for words that differ in numbers only: ports, times, IDs of processes.
fn alike(one: &str, other: &str) -> bool {
    let bare = |text: &str| -> String { text.chars().filter(|c| !c.is_ascii_digit()).collect() };
    bare(one) == bare(other)
}

/// The progress of every machine of a story, kept up to date from its observations.
#[derive(Clone, Debug)]
pub struct StoryProgress {
    machines: Vec<MachineProgress>,
    by_name: BTreeMap<String, usize>,
}

impl StoryProgress {
    /// Every machine of `story`, switched off.
    pub fn new(story: &Story) -> Self {
        let machines: Vec<MachineProgress> = story
            .machines
            .iter()
            .map(|machine| MachineProgress {
                name: machine.name.clone(),
                class: machine.class,
                cluster: machine.cluster,
                discovery: story.etcd.discovery,
                reached: BTreeMap::new(),
                boots: Vec::new(),
                turns: Vec::new(),
                holds: BTreeSet::new(),
                powered: false,
                linked: true,
                frozen: false,
                starts: 0,
                identity: None,
                voters: None,
                last_words: None,
                same_exits: 0,
                records: Vec::new(),
            })
            .collect();
        let by_name = machines
            .iter()
            .enumerate()
            .map(|(index, machine)| (machine.name.clone(), index))
            .collect();
        Self { machines, by_name }
    }

    /// Every machine of `story` after `observations`.
    pub fn after<'a>(
        story: &Story,
        observations: impl IntoIterator<Item = &'a Observation>,
    ) -> Self {
        let mut progress = Self::new(story);
        for observation in observations {
            progress.observe(observation);
        }
        progress
    }

    /// Moves the machines that `observation` concerns; answers the position of the machine's that it
    /// is about.
    pub fn observe(&mut self, observation: &Observation) -> Option<usize> {
        if let What::SrvPublished { members } = &observation.what {
            for member in members {
                if let Some(machine) = self.machine_mut(member) {
                    machine.reach(Link::Srv, observation.at);
                    machine.turn(observation.at);
                }
            }
        }
        let index = *self.by_name.get(observation.machine.as_deref()?)?;
        self.machines[index].observe(observation.at, &observation.what);
        Some(index)
    }

    /// In the order of the story.
    pub fn iter(&self) -> impl Iterator<Item = &MachineProgress> {
        self.machines.iter()
    }

    /// The progress of the members of all clusters, in the order of the story.
    pub fn members(&self) -> impl Iterator<Item = &MachineProgress> {
        self.machines
            .iter()
            .filter(|machine| machine.class == Class::Etcd)
    }

    /// The progress of the members of one cluster, in the order of the story.
    pub fn of<'a>(&'a self, cluster: &'a Cluster) -> impl Iterator<Item = &'a MachineProgress> {
        cluster.members.iter().map(|index| &self.machines[*index])
    }

    fn machine_mut(&mut self, name: &str) -> Option<&mut MachineProgress> {
        self.by_name
            .get(name)
            .map(|&index| &mut self.machines[index])
    }
}

impl Index<usize> for StoryProgress {
    type Output = MachineProgress;

    /// The machine of the machine at this position of the story.
    fn index(&self, index: usize) -> &MachineProgress {
        &self.machines[index]
    }
}

#[cfg(test)]
mod tests;
