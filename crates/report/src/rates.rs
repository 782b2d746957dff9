//! How much happened per second, over time.

use quorate_scenario::{Observation, Outcome, What};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Counts in bins of one width.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Rates {
    /// The width of a bin in nanoseconds.
    pub bin: u64,
    /// Only what happened at all.
    pub series: Vec<Series>,
}

/// One kind of thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Series {
    pub kind: Kind,
    pub total: u64,
    /// Of the fullest bin.
    pub peak_per_sec: f64,
    /// `[bin, count]` of the bins that are not empty, in order. Bin 0 begins with the story.
    pub bins: Vec<(u64, u64)>,
}

/// What is counted.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Messages that DHCP clients sent.
    DhcpMessages,
    /// Leases that are new to their machine.
    Leases,
    Renewals,
    /// Versions of zones: UPDATEs that changed something.
    ZoneChanges,
    /// Seeds that were applied.
    Seeds,
    /// Starts of the service's process.
    ServiceStarts,
    /// Members that became healthy.
    Healthy,
    /// What servers refused or dropped.
    Refusals,
}

impl Kind {
    const ALL: [Self; 8] = [
        Self::DhcpMessages,
        Self::Leases,
        Self::Renewals,
        Self::ZoneChanges,
        Self::Seeds,
        Self::ServiceStarts,
        Self::Healthy,
        Self::Refusals,
    ];

    /// In words, of many.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::DhcpMessages => "DHCP messages",
            Self::Leases => "leases",
            Self::Renewals => "renewals",
            Self::ZoneChanges => "DNS updates",
            Self::Seeds => "seeds applied",
            Self::ServiceStarts => "etcd starts",
            Self::Healthy => "members healthy",
            Self::Refusals => "refused",
        }
    }

    const fn of(what: &What) -> Option<Self> {
        match what {
            What::DhcpSent { .. } => Some(Self::DhcpMessages),
            What::Leased { renewed: false, .. } => Some(Self::Leases),
            What::Leased { renewed: true, .. } => Some(Self::Renewals),
            What::ZoneChanged { .. } => Some(Self::ZoneChanges),
            What::Seeded => Some(Self::Seeds),
            What::ServiceStarted { .. } => Some(Self::ServiceStarts),
            What::Healthy { .. } => Some(Self::Healthy),
            What::Refused { .. } => Some(Self::Refusals),
            What::ServersReady
            | What::FaultBegan { .. }
            | What::SrvRead { .. }
            | What::Booting { .. }
            | What::Did(_)
            | What::SlowWrite { .. }
            | What::ClockRead { .. }
            | What::ClockDrift { .. }
            | What::LeaseLost { .. }
            | What::NamePublished { .. }
            | What::ReversePublished { .. }
            | What::ServiceExited { .. }
            | What::Identified { .. }
            | What::Unhealthy { .. }
            | What::GateWaiting { .. }
            | What::GateOpened { .. }
            | What::SrvPublished { .. }
            | What::Note { .. } => None,
        }
    }
}

/// `busy` is the time, in nanoseconds, in which things happened: long silence must not make
/// bins wide.
pub(crate) fn rates(outcome: &Outcome, busy: u64) -> Rates {
    let bin = bin_width(busy);
    let series = Kind::ALL.into_iter();
    let series = series.filter_map(|kind| Series::new(kind, bin, &outcome.observations));
    Rates {
        bin,
        series: series.collect(),
    }
}

impl Series {
    fn new(kind: Kind, bin: u64, observations: &[Observation]) -> Option<Self> {
        let mut bins: Vec<(u64, u64)> = Vec::new();
        let ours = observations
            .iter()
            .filter(|observation| Kind::of(&observation.what) == Some(kind));
        for observation in ours {
            let index = observation.at.as_nanos() / bin;
            match bins.last_mut() {
                Some((last, count)) if *last == index => *count += 1,
                Some(_) | None => bins.push((index, 1)),
            }
        }
        let peak = bins.iter().map(|(_, count)| *count).max()?;
        Some(Self {
            kind,
            total: bins.iter().map(|(_, count)| count).sum(),
            peak_per_sec: peak as f64 * 1e9 / bin as f64,
            bins,
        })
    }
}

/// The shortest of 10, 20, 50, 100 ms, … that makes no more than [`BINS_MAX`] bins.
fn bin_width(busy: u64) -> u64 {
    let mut decade = BIN_NANOS_MIN;
    loop {
        for width in [decade, 2 * decade, 5 * decade] {
            if busy / width < BINS_MAX || width > u64::MAX / 20 {
                return width;
            }
        }
        decade *= 10;
    }
}

const BIN_NANOS_MIN: u64 = 10_000_000;
const BINS_MAX: u64 = 200;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::Run;
    use quorate_scenario::Verdict;

    #[test]
    fn bins_are_as_wide_as_the_story_is_long() {
        let secs = |secs: u64| bin_width(secs * 1_000_000_000) / 1_000_000;
        assert_eq!(
            [secs(0), secs(1), secs(3), secs(60), secs(3_600)],
            [10, 10, 20, 500, 20_000]
        );
        assert!(bin_width(u64::MAX) > 0);
    }

    #[test]
    fn a_rate_is_a_count_by_the_width_of_its_bin() {
        // Three leases at 360 ms, one at 860 ms.
        let mut run = Run::new(4);
        for index in 0..4 {
            let on = if index == 3 { 800 } else { 300 };
            run.saw(index, on, run.boot(index));
        }
        let got = rates(&run.outcome(Verdict::Pass), 1_000_000_000);
        assert_eq!(got.bin, 10_000_000);
        let leases = got
            .series
            .iter()
            .find(|series| series.kind == Kind::Leases)
            .unwrap();
        assert_eq!(leases.bins, [(36, 3), (86, 1)]);
        assert_eq!((leases.total, leases.peak_per_sec), (4, 300.0));
        assert!(
            got.series
                .iter()
                .all(|series| series.kind != Kind::Renewals)
        );
    }
}
