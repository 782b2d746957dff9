//! Stories whose sizes are drawn: what may be drawn, and what was.
//!
//! A story with `[swarm]` runs as [`Story::drawn`](crate::Story::drawn) makes it, a story of fixed sizes like any
//! other. Each number has a stream of its own, so that a new one never moves another.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use quorate_core::Seed;
use serde::{Deserialize, Serialize};

use crate::raw::Fill;

/// What `[swarm]` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ranges {
    pub machines: RangeInclusive<usize>,
    /// Not empty, nothing in it is 0, and the least of them is not above the least of `machines`.
    pub members: Vec<usize>,
    pub plain: RangeInclusive<usize>,
    pub hollow: bool,
    pub racks: RangeInclusive<usize>,
    pub power_on: Duration,
    /// Not empty.
    pub lease_secs: Vec<u32>,
    /// `srv_name`
    pub(crate) stem: Option<String>,
}

/// What a seed drew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sizes {
    pub machines: usize,
    /// How many members each cluster has.
    pub clusters: Vec<usize>,
    /// Members of nothing.
    pub plain: usize,
    /// So many of those.
    pub hollow: usize,
    /// How many a rack holds at most; `None` is one segment for all.
    pub rack: Option<usize>,
    pub fill: Fill,
    pub lease_secs: u32,
    pub power_on: Pattern,
    pub power_on_nanos: u64,
}

/// In what order machines are switched on within the time for that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pattern {
    Together,
    /// Each at a time of its own.
    Spread,
    /// At equal distances, in the order of the story.
    InTurn,
    /// The members of each at once, and each at equal distance from the one before.
    ClusterByCluster,
}

impl Ranges {
    /// What this seed draws.
    pub fn draw(&self, seed: Seed) -> Sizes {
        let seed = seed.child("sizes");
        let below = |what: &str, bound: usize| {
            let drawn = seed.child(what).random().below(bound as u64);
            usize::try_from(drawn).expect("below a usize")
        };
        let within = |what: &str, range: RangeInclusive<usize>| {
            let (least, most) = range.into_inner();
            least + below(what, most.saturating_sub(least) + 1)
        };
        let machines = within("machines", self.machines.clone());
        // One cluster must find room beside them.
        let plain_max = machines - self.smallest();
        let (least, most) = self.plain.clone().into_inner();
        let plain = within("plain", least.min(plain_max)..=most.min(plain_max));
        let clusters = self.clusters(machines - plain, |number, fits| {
            fits[below(&format!("members of c{number}"), fits.len())]
        });
        // Those who are left over when no cluster fits any more are members of nothing, too.
        let plain = machines - clusters.iter().sum::<usize>();
        let racks = within("racks", self.racks.clone());
        let fill = [Fill::InOrder, Fill::InTurn][below("fill", 2)];
        let window = u64::try_from(self.power_on.as_nanos()).unwrap_or(u64::MAX);
        Sizes {
            machines,
            clusters,
            plain,
            hollow: if self.hollow {
                below("hollow", plain + 1)
            } else {
                0
            },
            rack: machines
                .checked_div(racks)
                .map(|_| machines.div_ceil(racks)),
            fill,
            lease_secs: self.lease_secs[below("lease", self.lease_secs.len())],
            power_on: PATTERNS[below("power-on pattern", PATTERNS.len())],
            power_on_nanos: seed.child("power-on").random().below(window),
        }
    }

    /// The draw that needs the most room in a network with this many racks.
    pub(crate) fn fullest(&self, racks: usize) -> Sizes {
        let machines = *self.machines.end();
        let plain = *self.plain.start();
        let most = |_, fits: &[usize]| fits.iter().copied().max().unwrap_or(1);
        let clusters = self.clusters(machines.saturating_sub(plain), most);
        Sizes {
            plain: machines - clusters.iter().sum::<usize>(),
            clusters,
            machines,
            hollow: 0,
            rack: machines
                .checked_div(racks)
                .map(|_| machines.div_ceil(racks)),
            fill: Fill::InOrder,
            lease_secs: self.lease_secs[0],
            power_on: Pattern::Together,
            power_on_nanos: 0,
        }
    }

    /// Divides `machines` among clusters, as far as they go.
    fn clusters(&self, machines: usize, choose: impl Fn(usize, &[usize]) -> usize) -> Vec<usize> {
        let (mut sizes, mut left) = (Vec::new(), machines);
        loop {
            let fits = self.members.iter().filter(|size| **size <= left);
            let fits: Vec<usize> = fits.copied().collect();
            if fits.is_empty() {
                return sizes;
            }
            let size = choose(sizes.len() + 1, &fits);
            sizes.push(size);
            left -= size;
        }
    }

    fn smallest(&self) -> usize {
        self.members.iter().copied().min().unwrap_or(1)
    }
}

impl Sizes {
    /// When a machine is switched on, and how much is added by its own draw.
    pub(crate) fn power_on(&self, index: usize, cluster: Option<usize>) -> (Duration, Duration) {
        let window = Duration::from_nanos(self.power_on_nanos);
        let share = |part: usize, of: usize| {
            let part = u32::try_from(part).unwrap_or(u32::MAX);
            window * part / u32::try_from(of.max(1)).unwrap_or(u32::MAX)
        };
        match self.power_on {
            Pattern::Together => (Duration::ZERO, Duration::ZERO),
            Pattern::Spread => (Duration::ZERO, window),
            Pattern::InTurn => (share(index, self.machines), Duration::ZERO),
            Pattern::ClusterByCluster => {
                let all = self.clusters.len();
                (share(cluster.unwrap_or(all), all), Duration::ZERO)
            }
        }
    }
}

impl fmt::Display for Sizes {
    /// `9 machines: clusters of 3 and 5, 1 other; racks of 4, filled in turn; …`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sizes: Vec<String> = self.clusters.iter().map(usize::to_string).collect();
        write!(f, "{} machines: clusters of ", self.machines)?;
        write!(f, "{}, {} others", sizes.join(" "), self.plain)?;
        if self.hollow > 0 {
            write!(f, " ({} hollow)", self.hollow)?;
        }
        match (self.rack, self.fill) {
            (None, _) => f.write_str("; one segment")?,
            (Some(each), Fill::InOrder) => write!(f, "; racks of {each}, filled in order")?,
            (Some(each), Fill::InTurn) => write!(f, "; racks of {each}, filled in turn")?,
        }
        write!(f, "; leases of {} s; switched on ", self.lease_secs)?;
        let secs = self.power_on_nanos as f64 / 1e9;
        match self.power_on {
            Pattern::Together => f.write_str("together"),
            Pattern::Spread => write!(f, "within {secs:.3} s"),
            Pattern::InTurn => write!(f, "in turn within {secs:.3} s"),
            Pattern::ClusterByCluster => write!(f, "cluster by cluster within {secs:.3} s"),
        }
    }
}

const PATTERNS: [Pattern; 4] = [
    Pattern::Together,
    Pattern::Spread,
    Pattern::InTurn,
    Pattern::ClusterByCluster,
];

#[cfg(test)]
mod tests;
