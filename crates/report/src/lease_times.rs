//! How long a machine takes to get an address: from power-on, and from the first DISCOVER.
//!
//! The second is what DHCP takes: from the first DISCOVER of a machine that has no lease to the
//! ACK that gives it one. What is lost and sent again, and offers that come to nothing, are part
//! of it. A renewal is none.

use std::collections::BTreeMap;
use std::time::Duration;

use quorate_core::Instant;
use quorate_scenario::{Action, Outcome, Story, What};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::latency::Percentiles;
use crate::{table, text};

/// How long some machines took to get an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LeaseTimes {
    pub machines: MachineKind,
    /// From power-on to the lease, once for each boot that got one.
    pub since_power_on: Percentiles,
    /// From the first DISCOVER to its ACK, once for each lease that was asked for so;
    /// retransmissions are included.
    pub discover_to_ack: Option<Percentiles>,
}

/// Which machines.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum MachineKind {
    All,
    /// Those that are not hollow.
    Real,
    Hollow,
}

impl MachineKind {
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::All => "all machines",
            Self::Real => "real machines",
            Self::Hollow => "hollow machines",
        }
    }
}

/// In nanoseconds.
#[derive(Debug, Default)]
struct Samples {
    since_power_on: Vec<u64>,
    discover_to_ack: Vec<u64>,
}

/// Since when one machine is on, and since when it asks.
#[derive(Clone, Copy, Debug, Default)]
struct Begun {
    on: Option<Instant>,
    asked: Option<Instant>,
}

/// Of all machines; in a story that has real and hollow ones, of each kind too. Empty when no
/// machine has a lease.
pub(crate) fn lease_times(story: &Story, outcome: &Outcome) -> Vec<LeaseTimes> {
    let kinds: BTreeMap<&str, MachineKind> = story
        .machines
        .iter()
        .map(|machine| {
            let kind = if machine.hollow {
                MachineKind::Hollow
            } else {
                MachineKind::Real
            };
            (machine.name.as_str(), kind)
        })
        .collect();
    let mut begun: BTreeMap<&str, Begun> = BTreeMap::new();
    let mut samples: BTreeMap<MachineKind, Samples> = BTreeMap::new();
    for observation in &outcome.observations {
        let Some(machine) = observation.machine.as_deref() else {
            continue;
        };
        let Some(own) = kinds.get(machine) else {
            continue;
        };
        let since_when = begun.entry(machine).or_default();
        if let What::Did(Action::PowerOn) = observation.what {
            *since_when = Begun {
                on: Some(observation.at),
                asked: None,
            };
        } else if let What::DhcpSent { message, .. } = &observation.what
            && message == DISCOVER
        {
            since_when.asked.get_or_insert(observation.at);
        } else if let What::Leased { renewed: false, .. } = observation.what {
            for kind in [MachineKind::All, *own] {
                let samples = samples.entry(kind).or_default();
                let since = |from: Instant| nanos(observation.at.since(from));
                samples.since_power_on.extend(since_when.on.map(since));
                samples.discover_to_ack.extend(since_when.asked.map(since));
            }
            *since_when = Begun::default();
        }
    }
    let is_mixed = samples.len() > 2;
    samples
        .into_iter()
        .filter(|(kind, _)| is_mixed || *kind == MachineKind::All)
        .filter_map(|(machines, samples)| {
            Some(LeaseTimes {
                machines,
                since_power_on: Percentiles::of(&samples.since_power_on)?,
                discover_to_ack: Percentiles::of(&samples.discover_to_ack),
            })
        })
        .collect()
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// A table for a terminal; empty when no machine has a lease.
pub(crate) fn draw(all: &[LeaseTimes], width: usize) -> String {
    if all.is_empty() {
        return String::new();
    }
    let head = ["leases", "count", "p50", "p90", "p99", "max"];
    let mut lines = vec![head.map(str::to_owned).to_vec()];
    for (title, of) in MEASURES {
        for (one, times) in all.iter().filter_map(|one| Some((one, of(one)?))) {
            let name = match one.machines {
                MachineKind::All => title.to_owned(),
                MachineKind::Real => format!("{title}, real"),
                MachineKind::Hollow => format!("{title}, hollow"),
            };
            let mut line = vec![name, times.count.to_string()];
            let times = [times.p50, times.p90, times.p99, times.max];
            line.extend(times.map(|nanos| text::duration(Duration::from_nanos(nanos))));
            lines.push(line);
        }
    }
    table::columns(&lines, width)
}

/// What is measured, and where it is.
pub(crate) type Measure = (&'static str, fn(&LeaseTimes) -> Option<Percentiles>);

pub(crate) const MEASURES: [Measure; 2] = [
    ("power-on to lease", |one| Some(one.since_power_on)),
    ("DISCOVER to ACK", |one| one.discover_to_ack),
];

/// As observations call it.
const DISCOVER: &str = "DISCOVER";

#[cfg(test)]
mod tests {
    use quorate_scenario::Verdict;

    use super::*;
    use crate::fixture::{Run, at};

    fn sent(message: &str, attempt: u32) -> What {
        What::DhcpSent {
            message: message.to_owned(),
            attempt,
        }
    }

    fn leased(renewed: bool) -> What {
        What::Leased {
            addr: [10, 77, 0, 10].into(),
            hostname: None,
            lease_secs: 60,
            renewed,
        }
    }

    #[test]
    fn an_exchange_is_from_its_first_discover_to_the_ack() {
        let mut run = Run::new(2);
        run.saw(
            0,
            100,
            vec![
                (0, What::Did(Action::PowerOn)),
                (10, sent("DISCOVER", 1)),
                (1_010, sent("DISCOVER", 2)),
                (1_020, sent("REQUEST", 1)),
                // Refused, and begun again.
                (1_030, sent("DISCOVER", 1)),
                (1_040, sent("REQUEST", 1)),
                (1_060, leased(false)),
                (1_200, leased(true)),
            ],
        );
        let all = lease_times(&run.story, &run.outcome(Verdict::Pass));
        assert_eq!(all.len(), 1, "they are all of one kind");
        assert_eq!(all[0].since_power_on.max, at(1_060).as_nanos());
        assert_eq!(all[0].discover_to_ack.unwrap().max, at(1_050).as_nanos());
        assert_eq!(all[0].since_power_on.count, 1);
    }

    #[test]
    fn a_lost_lease_is_asked_for_again_and_power_begins_anew() {
        let mut run = Run::new(1);
        let lost = What::LeaseLost {
            reason: "expired".to_owned(),
        };
        run.saw(
            0,
            0,
            vec![
                (0, What::Did(Action::PowerOn)),
                (1, sent("DISCOVER", 1)),
                (5, What::Did(Action::PowerOff)),
                (1_000, What::Did(Action::PowerOn)),
                (1_001, sent("DISCOVER", 1)),
                (1_005, leased(false)),
                (5_000, lost),
                (5_001, sent("DISCOVER", 1)),
                (5_010, leased(false)),
                // With the address that it had: RFC 2131 §3.2.
                (6_000, What::Did(Action::PowerOn)),
                (6_001, sent("REQUEST", 1)),
                (6_003, leased(false)),
            ],
        );
        let all = lease_times(&run.story, &run.outcome(Verdict::Pass));
        let (on, asked) = (all[0].since_power_on, all[0].discover_to_ack.unwrap());
        assert_eq!((on.count, on.max), (2, at(5).as_nanos()));
        assert_eq!((asked.count, asked.max), (2, at(9).as_nanos()));
    }

    #[test]
    fn real_and_hollow_machines_are_counted_apart() {
        let mut run = Run::new(2);
        run.story.machines[1].hollow = true;
        for (index, takes) in [(0, 50), (1, 70)] {
            let steps = vec![
                (0, What::Did(Action::PowerOn)),
                (10, sent("DISCOVER", 1)),
                (takes, leased(false)),
            ];
            run.saw(index, 0, steps);
        }
        let all = lease_times(&run.story, &run.outcome(Verdict::Pass));
        let got: Vec<_> = all
            .iter()
            .map(|one| (one.machines, one.discover_to_ack.unwrap().max / 1_000_000))
            .collect();
        assert_eq!(
            got,
            [
                (MachineKind::All, 60),
                (MachineKind::Real, 40),
                (MachineKind::Hollow, 60)
            ]
        );
        insta::assert_snapshot!(draw(&all, 60), @r"
        leases                     count    p50    p90    p99    max
        power-on to lease              2  50 ms  70 ms  70 ms  70 ms
        power-on to lease, real        1  50 ms  50 ms  50 ms  50 ms
        power-on to lease, hollow      1  70 ms  70 ms  70 ms  70 ms
        DISCOVER to ACK                2  40 ms  60 ms  60 ms  60 ms
        DISCOVER to ACK, real          1  40 ms  40 ms  40 ms  40 ms
        DISCOVER to ACK, hollow        1  60 ms  60 ms  60 ms  60 ms
        ");
        assert_eq!(draw(&[], 60), "");
    }
}
