//! Whether all clusters have formed, kept up to date machine by machine.
//!
//! A story has tens of thousands of observations, and after each of them it may be over: what is
//! asked then must not look at every machine.

use crate::expected::Expected;
use crate::link::Link;
use crate::progress::{MachineProgress, StoryProgress};
use crate::story::Story;

/// Counts of machines that do what they should.
#[derive(Debug)]
pub(crate) struct Formation {
    machines: Vec<MachineStatus>,
    clusters: Vec<Tally>,
    /// Machines that should have a name and have none.
    nameless: usize,
    /// Clusters that have formed.
    formed: usize,
    /// Clusters that never will.
    split: usize,
}

/// One machine, as far as it counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct MachineStatus {
    /// It can be expected to work.
    expected: bool,
    named: bool,
    /// It counts all voters of the predicted cluster.
    voter: bool,
    mind: Mind,
}

/// Whether etcd knows the ID of its cluster, which it never forgets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Mind {
    #[default]
    Open,
    Right,
    Wrong,
}

/// The members of one cluster that can be expected to work.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    expected: usize,
    voters: usize,
    decided: usize,
    wrong: usize,
}

impl Tally {
    const fn formed(self) -> bool {
        self.expected > 0 && self.voters == self.expected
    }

    /// Every member has made up its mind for ever, and not all of them rightly.
    const fn split(self) -> bool {
        self.decided == self.expected && self.wrong > 0
    }
}

impl Formation {
    /// Nothing has happened yet.
    pub(crate) fn new(story: &Story) -> Self {
        Self {
            machines: vec![MachineStatus::default(); story.machines.len()],
            clusters: vec![Tally::default(); story.clusters.len()],
            nameless: 0,
            formed: 0,
            split: 0,
        }
    }

    /// The machine at `index` has moved.
    pub(crate) fn moved(&mut self, index: usize, progress: &StoryProgress, expected: &Expected) {
        let machine = &progress[index];
        let before = self.machines[index];
        let after = Self::status(machine, expected);
        if before == after {
            return;
        }
        self.machines[index] = after;
        let is_nameless = |status: MachineStatus| usize::from(status.expected && !status.named);
        self.nameless = self.nameless - is_nameless(before) + is_nameless(after);
        let Some(cluster) = machine.cluster else {
            return;
        };
        let tally = &mut self.clusters[cluster];
        self.formed -= usize::from(tally.formed());
        self.split -= usize::from(tally.split());
        tally.expected -= usize::from(before.expected);
        for (slot, count) in [
            (&mut tally.voters, |s: MachineStatus| s.expected && s.voter),
            (&mut tally.decided, |s: MachineStatus| {
                s.expected && s.mind != Mind::Open
            }),
            (&mut tally.wrong, |s: MachineStatus| {
                s.expected && s.mind == Mind::Wrong
            }),
        ] as [(&mut usize, fn(MachineStatus) -> bool); 3]
        {
            *slot = *slot - usize::from(count(before)) + usize::from(count(after));
        }
        tally.expected += usize::from(after.expected);
        self.formed += usize::from(tally.formed());
        self.split += usize::from(tally.split());
    }

    fn status(machine: &MachineProgress, expected: &Expected) -> MachineStatus {
        let cluster = machine.cluster.map(|cluster| &expected.clusters[cluster]);
        let (predicted, size) = (
            cluster.map(|cluster| cluster.cluster_id),
            cluster.map(|cluster| cluster.peers.len()),
        );
        let mind = match machine.identity {
            None => Mind::Open,
            Some((id, _)) if Some(id) == predicted => Mind::Right,
            Some(_) => Mind::Wrong,
        };
        MachineStatus {
            expected: machine.expected(),
            named: machine.reached.contains_key(&Link::Name) && machine.holds(Link::Ack),
            voter: mind == Mind::Right && machine.voters == size,
            mind,
        }
    }

    /// Every machine that is on does what it should: members count all voters of their predicted
    /// cluster, other machines have their names.
    pub(crate) const fn formed(&self) -> bool {
        self.nameless == 0 && self.formed == self.clusters.len()
    }

    /// At least one cluster has split, and there is none of which anything better can come.
    pub(crate) const fn split(&self) -> bool {
        self.split > 0 && self.formed + self.split == self.clusters.len()
    }
}
