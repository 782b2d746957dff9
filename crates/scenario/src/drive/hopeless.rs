//! When nothing better can come: a run need not wait for its limit then.

use std::time::Duration;

use quorate_core::Instant;

use crate::action::Action;
use crate::expected::ExpectedCluster;
use crate::link::Link;
use crate::observation::{Observation, What};
use crate::progress::{MachineProgress, StoryProgress};
use crate::story::{self, Discovery, Story};

/// When something happened last that brings a cluster further.
#[derive(Debug, Default)]
pub(super) struct News {
    last: Instant,
    /// A step has stopped the servers.
    pub(super) servers_are_down: bool,
}

impl News {
    pub(super) fn observe(&mut self, observation: &Observation) {
        if let What::Did(action) = observation.what
            && action.is_of_servers()
        {
            self.servers_are_down = action == Action::ServersStop;
        }
        // A process that starts and ends again and again is none.
        let is_old = matches!(
            observation.what,
            What::ServiceStarted { .. }
                | What::ServiceExited { .. }
                | What::Identified { .. }
                | What::SrvRead { .. }
                | What::DhcpSent { .. }
                | What::Leased { renewed: true, .. }
                | What::Refused { .. }
                | What::SlowWrite { .. }
                | What::ClockDrift { .. }
                | What::Note { .. }
        );
        if !is_old {
            self.last = self.last.max(observation.at);
        }
    }

    /// From when on nothing more is on its way.
    pub(super) fn quiet_at(&self) -> Instant {
        self.last + QUIET
    }
}

/// One cluster, with no step to come.
pub(super) struct Cluster<'a> {
    pub(super) story: &'a Story,
    pub(super) cluster: &'a story::Cluster,
    pub(super) expected: &'a ExpectedCluster,
    pub(super) progress: &'a StoryProgress,
    pub(super) servers_are_down: bool,
}

impl Cluster<'_> {
    /// It will never form, when nothing more is on its way.
    pub(super) fn is_lost(&self) -> bool {
        let has_quorum = self.up().count() > self.cluster.size() / 2;
        !has_quorum
            || self.needs_servers()
            || self.waits_for_ever()
            || self.has_split()
            || self.ends()
    }

    /// Somebody needs servers that are down.
    fn needs_servers(&self) -> bool {
        let needs = |machine: &MachineProgress| !machine.reached.contains_key(&Link::Srv);
        self.servers_are_down && self.up().any(needs)
    }

    fn members(&self) -> impl Iterator<Item = &MachineProgress> {
        self.progress.of(self.cluster)
    }

    fn up(&self) -> impl Iterator<Item = &MachineProgress> {
        self.members().filter(|machine| machine.expected())
    }

    /// All are waited for, and one that is not known cannot come.
    fn waits_for_ever(&self) -> bool {
        let is_open = |machine: &MachineProgress| machine.reached.contains_key(&Link::Srv);
        let is_known = |machine: &MachineProgress| match self.story.etcd.discovery {
            Discovery::Dns => !self.story.etcd.gate || machine.reached.contains_key(&Link::Name),
            Discovery::Etcd => machine.starts > 0,
            Discovery::Static => true,
        };
        let mut members = self.members();
        !self.members().any(is_open)
            && members.any(|machine| !machine.expected() && !is_known(machine))
    }

    /// A member has made up its mind for another cluster.
    fn has_split(&self) -> bool {
        let right = self.expected.cluster_id;
        let mut members = self.up();
        members.any(|machine| machine.identity.is_some_and(|(id, _)| id != right))
    }

    /// A member ends in the same way at every start, and not because somebody does not answer yet.
    fn ends(&self) -> bool {
        let is_published = self
            .up()
            .all(|machine| machine.reached.contains_key(&Link::Srv));
        let is_over = |machine: &MachineProgress| {
            let words = machine.last_words.as_deref().unwrap_or_default();
            let has = |texts: &[&str]| texts.iter().any(|text| words.contains(text));
            let is_passing = has(&PASSING) || (!is_published && has(&OF_RECORDS));
            machine.same_exits >= SAME_EXITS && !is_passing
        };
        self.up().any(is_over)
    }
}

/// Longer than what follows from something takes to come.
const QUIET: Duration = Duration::from_secs(1);
const SAME_EXITS: u32 = 3;
/// What etcd says while records are missing.
const OF_RECORDS: [&str; 2] = ["no such host", "cannot find local"];
/// What a network or a server that is away for a while makes etcd say.
const PASSING: [&str; 6] = [
    "i/o timeout",
    "server misbehaving",
    "connection refused",
    "unreachable",
    "no route to host",
    "timeout",
];
