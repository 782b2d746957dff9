//! The story that drawn sizes make.

use std::borrow::Cow;

use quorate_core::Seed;

use crate::sizes::Sizes;
use crate::story::{Class, Cluster, Machine, Racking, Story};

impl Story {
    /// The story of this seed: with the sizes that are drawn from it, when any are.
    pub fn drawn(&self, seed: u64) -> Cow<'_, Self> {
        let Some(ranges) = &self.ranges else {
            return Cow::Borrowed(self);
        };
        let sizes = ranges.draw(Seed::new(seed));
        let mut story = self.clone();
        story.ranges = None;
        story
            .resize(&sizes, ranges.stem.as_deref())
            .expect("there is room for the fullest draw");
        story.sizes = Some(sizes);
        Cow::Owned(story)
    }

    /// Gives the story these machines and no others; `None` when its network is too small.
    pub(crate) fn resize(&mut self, sizes: &Sizes, stem: Option<&str>) -> Option<()> {
        let members: usize = sizes.clusters.iter().sum();
        let there: Vec<usize> = (0..members).collect();
        self.clusters = Cluster::of(&sizes.clusters, &there, stem);
        self.lease_secs = sizes.lease_secs;
        self.machines = machines(sizes);
        for (number, cluster) in self.clusters.iter().enumerate() {
            for &member in &cluster.members {
                self.machines[member].cluster = Some(number);
            }
        }
        self.network.racks.clear();
        self.network.racking = None;
        match sizes.rack {
            None if self.machines.len() > self.network.pool_size() => None,
            None => Some(()),
            Some(each) => {
                let fill = sizes.fill;
                let racking = Racking { each, fill };
                self.network.cut_racks(&mut self.machines, racking)
            }
        }
    }
}

/// Members in the order of their clusters, then the others, the hollow ones last.
fn machines(sizes: &Sizes) -> Vec<Machine> {
    let lengths = sizes.clusters.iter().enumerate();
    let clusters = lengths.flat_map(|(number, size)| std::iter::repeat_n(Some(number), *size));
    let clusters = clusters.chain(std::iter::repeat_n(None, sizes.plain));
    let members = sizes.machines - sizes.plain;
    let machine = |(index, cluster): (usize, Option<usize>)| {
        let (name, class) = match cluster {
            Some(_) => (format!("n{}", index + 1), Class::Etcd),
            None => (format!("p{}", index - members + 1), Class::Plain),
        };
        let hollow = index >= sizes.machines - sizes.hollow;
        let (at, spread) = sizes.power_on(index, cluster);
        Machine::new(name, index + 1, (class, hollow), at, spread)
    };
    clusters.enumerate().map(machine).collect()
}
