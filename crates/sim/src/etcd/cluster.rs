//! A model of etcd's clusters: who leads, who is counted, what is replicated.
//!
//! Members of one cluster are those whose discovery gave one ID. A leader is elected when a
//! quorum of them runs and is connected, at a time drawn within etcd's timeouts, and leads until
//! it is cut off or loses its quorum. Whoever is connected to a leader has what it has.

use std::collections::{BTreeMap, BTreeSet};

use quorate_etcd::ClusterId;

use crate::agenda::Token;

/// Every cluster that any member has bootstrapped, by ID.
#[derive(Debug, Default)]
pub(crate) struct Clusters(BTreeMap<ClusterId, Cluster>);

/// One cluster.
#[derive(Debug)]
pub(crate) struct Cluster {
    /// How many members its bootstrap counted.
    pub(crate) members: usize,
    /// The machines whose process runs and that are plugged in, by index.
    connected: BTreeSet<usize>,
    pub(crate) leader: Option<usize>,
    pub(crate) election: Option<Token>,
    /// How many leaders there have been.
    pub(crate) terms: u32,
    /// The machines whose names went through raft.
    published: BTreeSet<usize>,
}

/// What a change of who is connected means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// There is a leader: it stays, and who came is caught up with.
    Led,
    /// There is a quorum and no leader: an election.
    Election,
    /// There is no quorum.
    Leaderless,
}

impl Clusters {
    pub(crate) fn get(&self, id: ClusterId) -> Option<&Cluster> {
        self.0.get(&id)
    }

    pub(crate) fn get_mut(&mut self, id: ClusterId) -> Option<&mut Cluster> {
        self.0.get_mut(&id)
    }

    /// The cluster of this ID; its bootstrap counted so many members.
    pub(crate) fn join(&mut self, id: ClusterId, members: usize) -> &mut Cluster {
        self.0.entry(id).or_insert_with(|| Cluster {
            members,
            connected: BTreeSet::new(),
            leader: None,
            election: None,
            terms: 0,
            published: BTreeSet::new(),
        })
    }
}

impl Cluster {
    pub(crate) fn set_connected(&mut self, machine: usize, connected: bool) -> Change {
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

    /// Every member that is connected, in the order of the story.
    pub(crate) fn connected(&self) -> impl Iterator<Item = usize> {
        self.connected.iter().copied()
    }

    /// True for a member that is connected to a leader.
    pub(crate) fn is_led(&self, machine: usize) -> bool {
        self.leader.is_some() && self.connected.contains(&machine)
    }

    /// The machine's name went through raft; true when that is news.
    pub(crate) fn publish(&mut self, machine: usize) -> bool {
        self.published.insert(machine)
    }

    /// The members whose names are known, which all members list alike.
    pub(crate) fn published(&self) -> impl Iterator<Item = usize> {
        self.published.iter().copied()
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
        let mut clusters = Clusters::default();
        let cluster = clusters.join(ClusterId(1), 3);
        assert_eq!(cluster.set_connected(0, true), Change::Leaderless);
        assert_eq!(cluster.set_connected(1, true), Change::Election);
        cluster.leader = Some(1);
        assert_eq!(cluster.set_connected(2, true), Change::Led);
        assert_eq!(cluster.set_connected(1, false), Change::Election);
        assert!(!cluster.is_led(0));
        cluster.leader = Some(0);
        assert!(cluster.is_led(2) && !cluster.is_led(1));
        assert_eq!(cluster.set_connected(2, false), Change::Leaderless);
        assert_eq!(cluster.leader, None);
    }
}
