//! A model of etcd's clusters: who leads, who is counted, what is replicated.
//!
//! Members of one cluster are those whose discovery gave one ID. A leader is elected when a
//! quorum of them runs and is connected, at a time drawn within etcd's timeouts, and leads until
//! it is cut off or loses its quorum. A member that is connected to a leader has what it has.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use quorate_core::Random;
use quorate_etcd::ClusterId;
use quorate_scenario::decision::CLUSTERS;
use thiserror::Error;

use crate::agenda::Token;
use crate::chance::choice_log::ChoiceLog;

/// Every cluster that any member has bootstrapped, by ID.
#[derive(Debug)]
pub(crate) struct Clusters {
    by_id: BTreeMap<ClusterId, Cluster>,
    /// Elections.
    random: Random,
    choices: Option<ChoiceLog>,
}

/// One cluster.
#[derive(Debug, Default)]
struct Cluster {
    /// How many members its bootstrap counted.
    members: usize,
    /// The machines whose process runs and that are plugged in, by index.
    connected: BTreeSet<usize>,
    leader: Option<usize>,
    election: Option<Token>,
    /// How many leaders there have been.
    terms: u32,
    /// The machines whose names went through raft.
    published: BTreeSet<usize>,
}

/// The times of a member's flags.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timeouts {
    pub(crate) heartbeat: Duration,
    pub(crate) election: Duration,
}

/// What a cluster wants done.
#[derive(Debug)]
pub(crate) enum ClusterEffect {
    CancelElection(Token),
    /// A leader is elected after this time; its token is for
    /// [`set_election`](Clusters::set_election).
    Elect(ClusterId, Duration),
    /// This member is asked soon how it is.
    Watch(usize),
    /// This member has not heard of a leader for so long.
    MissLeader(usize, Duration),
}

/// What a member says when it is asked how it is.
#[derive(Debug)]
pub(crate) struct Status {
    /// `None` when it knows no leader.
    pub(crate) leader: Option<usize>,
    pub(crate) voters: usize,
    /// The other connected members, when all of them list one voter more now.
    pub(crate) news_for: Vec<usize>,
}

/// A request that needs a leader has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("etcdserver: no leader")]
pub(crate) struct NoLeader;

/// What a change of who is connected means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    /// There is a leader: it stays, and who came is caught up with.
    Led,
    /// There is a quorum and no leader: an election.
    Election,
    /// There is no quorum.
    Leaderless,
}

impl Clusters {
    /// No cluster; times and winners of elections are drawn from `random`.
    pub(crate) const fn new(random: Random) -> Self {
        Self {
            by_id: BTreeMap::new(),
            random,
            choices: None,
        }
    }

    pub(crate) fn set_choices(&mut self, choices: ChoiceLog) {
        self.choices = Some(choices);
    }

    /// A member belongs to the cluster of this ID; its bootstrap counted so many members.
    pub(crate) fn join(&mut self, id: ClusterId, members: usize) {
        self.by_id.entry(id).or_insert_with(|| Cluster {
            members,
            ..Cluster::default()
        });
    }

    /// This machine's member has come within reach of its peers, or out of it.
    pub(crate) fn set_connected(
        &mut self,
        id: ClusterId,
        machine: usize,
        connected: bool,
        timeouts: Timeouts,
    ) -> Vec<ClusterEffect> {
        let Some(cluster) = self.by_id.get_mut(&id) else {
            return Vec::new();
        };
        let mut effects = Vec::new();
        let change = cluster.set_connected(machine, connected);
        if change != Change::Election {
            let cancelled = cluster.election.take();
            effects.extend(cancelled.map(ClusterEffect::CancelElection));
        }
        if change == Change::Election && cluster.election.is_none() {
            // A cluster that has never had a leader does not wait for one: etcd advances the
            // clocks of its first election. Later ones take one to two timeouts.
            let Timeouts {
                heartbeat,
                election,
            } = timeouts;
            let (least, most) = if cluster.terms == 0 {
                (heartbeat, election + heartbeat)
            } else {
                (election, election * 2)
            };
            let nanos = u64::try_from((most - least).as_nanos()).unwrap_or(u64::MAX);
            let drawn = least + Duration::from_nanos(self.random.below(nanos));
            let after = match &self.choices {
                Some(choices) => choices.time(CLUSTERS, format!("election in {id}"), drawn),
                None => drawn,
            };
            effects.push(ClusterEffect::Elect(id, after));
        }
        match change {
            Change::Led => effects.push(ClusterEffect::Watch(machine)),
            // A member that loses its leader says so when it has not heard of it for so long.
            Change::Election | Change::Leaderless => {
                let misses = |member| ClusterEffect::MissLeader(member, timeouts.election);
                effects.extend(cluster.connected().map(misses));
            }
        }
        effects
    }

    /// The election of this cluster is on the agenda.
    pub(crate) fn set_election(&mut self, id: ClusterId, token: Token) {
        if let Some(cluster) = self.by_id.get_mut(&id) {
            cluster.election = Some(token);
        }
    }

    /// The election ends. The connected members are to be asked how they are; `name` names the
    /// machines in the choice log.
    pub(crate) fn elect(&mut self, id: ClusterId, name: impl Fn(usize) -> String) -> Vec<usize> {
        let Some(cluster) = self.by_id.get_mut(&id) else {
            return Vec::new();
        };
        cluster.election = None;
        let candidates: Vec<usize> = cluster.connected().collect();
        let drawn = usize::try_from(self.random.below(candidates.len() as u64)).unwrap_or(0);
        let drawn = candidates.get(drawn).copied();
        cluster.leader = match (&self.choices, drawn) {
            (Some(choices), Some(drawn)) => {
                let chosen = choices.choice(CLUSTERS, &format!("leader of {id}"), name(drawn));
                let chosen = candidates.iter().find(|index| name(**index) == chosen);
                Some(chosen.copied().unwrap_or(drawn))
            }
            (Some(_) | None, drawn) => drawn,
        };
        cluster.terms += 1;
        candidates
    }

    /// Asks this machine's member how it is.
    pub(crate) fn status(&mut self, id: ClusterId, machine: usize) -> Option<Status> {
        let cluster = self.by_id.get_mut(&id)?;
        let leader = cluster.leader_of(machine);
        let news = leader.is_some() && cluster.publish(machine);
        let others = cluster.connected().filter(|member| *member != machine);
        Some(Status {
            leader,
            voters: cluster.published.len(),
            news_for: if news { others.collect() } else { Vec::new() },
        })
    }

    /// The leader that this machine's member is connected to.
    pub(crate) fn leader_of(&self, id: ClusterId, machine: usize) -> Result<usize, NoLeader> {
        let cluster = self.by_id.get(&id).ok_or(NoLeader)?;
        cluster.leader_of(machine).ok_or(NoLeader)
    }

    /// Every member that is connected, in the order of the story.
    pub(crate) fn connected(&self, id: ClusterId) -> impl Iterator<Item = usize> {
        let cluster = self.by_id.get(&id);
        cluster.into_iter().flat_map(Cluster::connected)
    }

    /// The members whose names are known, which all members list alike.
    pub(crate) fn voters(&self, id: ClusterId) -> Option<impl Iterator<Item = usize>> {
        let cluster = self.by_id.get(&id)?;
        Some(cluster.published.iter().copied())
    }
}

impl Default for Timeouts {
    /// etcd's defaults.
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_millis(100),
            election: Duration::from_millis(1000),
        }
    }
}

impl Cluster {
    fn set_connected(&mut self, machine: usize, connected: bool) -> Change {
        if connected {
            self.connected.insert(machine);
        } else {
            self.connected.remove(&machine);
        }
        if !self.has_quorum()
            || self
                .leader
                .is_some_and(|leader| !self.connected.contains(&leader))
        {
            self.leader = None;
        }
        match (self.leader, self.has_quorum()) {
            (Some(_), _) => Change::Led,
            (None, true) => Change::Election,
            (None, false) => Change::Leaderless,
        }
    }

    fn connected(&self) -> impl Iterator<Item = usize> {
        self.connected.iter().copied()
    }

    /// The leader, for a member that is connected to it.
    fn leader_of(&self, machine: usize) -> Option<usize> {
        self.leader.filter(|_| self.connected.contains(&machine))
    }

    /// The machine's name went through raft; true when that is news.
    fn publish(&mut self, machine: usize) -> bool {
        self.published.insert(machine)
    }

    fn has_quorum(&self) -> bool {
        self.connected.len() > self.members / 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leader_needs_a_quorum_and_its_own_cable() {
        let mut cluster = Cluster {
            members: 3,
            ..Cluster::default()
        };
        assert_eq!(cluster.set_connected(0, true), Change::Leaderless);
        assert_eq!(cluster.set_connected(1, true), Change::Election);
        cluster.leader = Some(1);
        assert_eq!(cluster.set_connected(2, true), Change::Led);
        assert_eq!(cluster.set_connected(1, false), Change::Election);
        assert_eq!(cluster.leader_of(0), None);
        cluster.leader = Some(0);
        assert_eq!(cluster.leader_of(2), Some(0));
        assert_eq!(cluster.leader_of(1), None);
        assert_eq!(cluster.set_connected(2, false), Change::Leaderless);
        assert_eq!(cluster.leader, None);
    }
}
