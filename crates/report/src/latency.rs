//! How long links took, over all boots of all machines.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use quorate_core::Instant;
use quorate_scenario::progress::Boot;
use quorate_scenario::{Link, Outcome};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The times of one link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Latency {
    pub link: Link,
    /// From power-on. A link that outlives a power cycle counts once, in its first boot.
    pub since_power_on: Percentiles,
    /// From the link that the same machine reached just before.
    pub step: Percentiles,
}

/// Nanoseconds; the percentiles are true to three significant digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Percentiles {
    /// How many times were taken.
    pub count: u64,
    pub min: u64,
    pub p50: u64,
    pub p90: u64,
    pub p99: u64,
    pub p99_9: u64,
    pub max: u64,
}

/// All times of all links that some machine reached, in nanoseconds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Samples {
    pub(crate) since_power_on: BTreeMap<Link, Vec<u64>>,
    pub(crate) step: BTreeMap<Link, Vec<u64>>,
}

impl Samples {
    pub(crate) fn new(outcome: &Outcome) -> Self {
        let mut samples = Self::default();
        let boots = outcome.progress.iter().flat_map(|progress| &progress.boots);
        for boot in boots {
            samples.add_boot(boot);
        }
        samples
    }

    fn add_boot(&mut self, boot: &Boot) {
        let mut order: Vec<(Instant, Link)> = boot
            .reached
            .iter()
            .filter(|(link, _)| !UNTIMED.contains(link))
            .map(|(link, at)| (*at, *link))
            .collect();
        order.sort_unstable();
        let mut before = boot.on;
        for (at, link) in order {
            let nanos = |since: Instant| u64::try_from((at - since).as_nanos()).unwrap_or(u64::MAX);
            let total = self.since_power_on.entry(link).or_default();
            total.push(nanos(boot.on));
            self.step.entry(link).or_default().push(nanos(before));
            before = at;
        }
    }
}

/// In the order of the chain.
pub(crate) fn latencies(samples: &Samples) -> Vec<Latency> {
    let both = samples.since_power_on.iter().zip(samples.step.values());
    both.filter_map(|((link, total), step)| {
        Some(Latency {
            link: *link,
            since_power_on: Percentiles::of(total)?,
            step: Percentiles::of(step)?,
        })
    })
    .collect()
}

impl Percentiles {
    /// `None` when there is nothing to take percentiles of.
    pub fn of(nanos: &[u64]) -> Option<Self> {
        let (min, max) = (*nanos.iter().min()?, *nanos.iter().max()?);
        let mut histogram = Histogram::<u64>::new_with_bounds(1, HIGHEST_NANOS, SIGNIFICANT_DIGITS)
            .expect("the bounds are constants that fit");
        for &value in nanos {
            histogram.saturating_record(value);
        }
        // A bucket's upper end may lie beyond the greatest value in it.
        let at = |quantile| histogram.value_at_quantile(quantile).clamp(min, max);
        Some(Self {
            count: histogram.len(),
            min,
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p99_9: at(0.999),
            max,
        })
    }
}

/// Power-on is where times begin, the quorum comes with the voter.
const UNTIMED: [Link; 3] = [Link::Power, Link::Quorum, Link::Writes];
const SIGNIFICANT_DIGITS: u8 = 3;
/// Stories end long before.
const HIGHEST_NANOS: u64 = Duration::from_secs(24 * 3_600).as_nanos() as u64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Run, at};
    use quorate_scenario::Verdict;

    #[test]
    fn the_percentiles_of_known_values() {
        let millis: Vec<u64> = (1..=1_000).rev().map(|ms| ms * 1_000_000).collect();
        let known = Percentiles::of(&millis).unwrap();
        let near = |value: u64, ms: u64| {
            let error = value.abs_diff(ms * 1_000_000);
            assert!(error <= ms * 1_000, "{value} for {ms} ms");
        };
        near(known.p50, 500);
        near(known.p90, 900);
        near(known.p99, 990);
        near(known.p99_9, 999);
        assert_eq!(
            (known.count, known.min, known.max),
            (1_000, 1_000_000, 1_000_000_000)
        );
    }

    #[test]
    fn one_value_is_every_percentile_of_itself() {
        let one = Percentiles::of(&[123_456_789]).unwrap();
        let all = [one.min, one.p50, one.p90, one.p99, one.p99_9, one.max];
        assert_eq!(all, [123_456_789; 6]);
        assert_eq!(Percentiles::of(&[]), None);
    }

    #[test]
    fn a_step_is_counted_from_the_link_before_it_in_time() {
        let run = Run::well(2, 1_000);
        let all = latencies(&Samples::new(&run.outcome(Verdict::Pass)));
        let links: Vec<_> = all.iter().map(|latency| latency.link).collect();
        assert_eq!(links.first(), Some(&Link::Discover));
        assert!(!links.contains(&Link::Quorum));
        let ack = all
            .iter()
            .find(|latency| latency.link == Link::Ack)
            .unwrap();
        assert_eq!(ack.since_power_on.max, at(60).as_nanos());
        assert_eq!(ack.step.max, at(56).as_nanos());
        // etcd was started before its SRV set was there.
        let srv = all
            .iter()
            .find(|latency| latency.link == Link::Srv)
            .unwrap();
        assert_eq!(srv.step.max, at(60).as_nanos());
        assert_eq!(srv.since_power_on.count, 2);
    }
}
