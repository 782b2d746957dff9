//! Faults drawn from one seed. After the last of them the world heals, and must converge.
//!
//! Not every seed has every kind of fault: what only goes wrong when nothing else does shows
//! where the others are left out ("swarm testing", Groce et al., 2012).

use std::time::Duration;

use quorate_core::{Instant, Random, Seed};
use quorate_scenario::Story;
use quorate_scenario::fault::{Fault, FaultKind, Whom};
use serde::{Deserialize, Serialize};

/// Everything that goes wrong in one run beside its story, one by one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Swarm {
    pub faults: Vec<Fault>,
}

impl Swarm {
    /// The faults of this seed for the machines of `story`, as the seed draws them.
    pub fn draw(seed: u64, story: &Story) -> Self {
        let story = story.drawn(seed);
        let power = Seed::new(seed);
        let machines = story.machines.iter();
        let last_on = machines.map(|machine| machine.power_on(power)).max();
        let mut draw = Draw {
            random: power.child("swarm").random(),
            names: story.machines.iter().map(|m| m.name.clone()).collect(),
            lease_secs: story.lease_secs,
            begin_within: BEGIN_WITHIN_MIN.max(last_on.unwrap_or_default() + AFTER_POWER_ON),
        };
        let mut faults = Vec::new();
        for what in FaultKind::ALL {
            if what != FaultKind::DiskLies && draw.random.below(2) == 1 {
                for _ in 0..=draw.random.below(AT_MOST_EACH) {
                    faults.push(draw.fault(what));
                }
            }
        }
        Self { faults }
    }

    /// From here on nothing goes wrong any more.
    pub fn healed_at(&self) -> Instant {
        let ends = self.faults.iter().map(Fault::until);
        ends.max().unwrap_or(Instant::ZERO)
    }
}

struct Draw {
    random: Random,
    names: Vec<String>,
    lease_secs: u32,
    /// Things begin to go wrong within this time.
    begin_within: Duration,
}

impl Draw {
    fn fault(&mut self, what: FaultKind) -> Fault {
        let whom = self.whom(what);
        let (from, lasts) = if is_absence(what) {
            (self.below(self.begin_within), self.below(AWAY_MAX))
        } else if self.random.below(2) == 1 {
            (Duration::ZERO, self.begin_within + AWAY_MAX)
        } else {
            (self.below(self.begin_within), self.below(AWAY_MAX * 2))
        };
        Fault {
            what,
            whom,
            from,
            lasts,
            amount: self.amount(what),
        }
    }

    fn whom(&mut self, what: FaultKind) -> Whom {
        let servers_too = !what.is_of_machines();
        if what.is_of_servers() || (servers_too && self.random.below(4) == 0) {
            return Whom::SERVERS;
        }
        // To pull every plug at once is a story, not a fault.
        let everybody = what != FaultKind::PowerCut && self.random.below(3) == 0;
        if everybody {
            return Whom::ALL_MACHINES;
        }
        let count = match self.random.below(2) {
            0 => 1,
            _ => 1 + self.random.below(self.names.len() as u64 / 2),
        };
        let mut names = self.names.clone();
        self.random.shuffle(&mut names);
        names.truncate(usize::try_from(count).unwrap_or(1));
        names.sort();
        Whom::Machines(names)
    }

    fn amount(&mut self, what: FaultKind) -> i64 {
        match what {
            FaultKind::Loss | FaultKind::UpdateLoss => self.up_to(300_000),
            FaultKind::Duplicate | FaultKind::Reorder => self.up_to(200_000),
            FaultKind::Corrupt => self.up_to(50_000),
            FaultKind::Delay => self.up_to(20_000),
            FaultKind::Jitter => self.up_to(50_000),
            FaultKind::ClockSkew => self.skew_secs(),
            // From a clock that stands still to one that runs three times as fast.
            FaultKind::ClockDrift => self.drift_ppm(),
            FaultKind::DiskLies
            | FaultKind::Mute
            | FaultKind::Deaf
            | FaultKind::CutToServers
            | FaultKind::CutFromServers
            | FaultKind::Crash
            | FaultKind::PowerCut
            | FaultKind::DeadRtc => 0,
        }
    }

    /// Drawn evenly among magnitudes: small errors are as likely as large ones. Servers that
    /// start at a time when a lease had ended have to believe it, whether their clock has just
    /// jumped ahead or back to the truth. Clients renew when half of a lease is over, so that all
    /// errors together stay below the other half.
    fn skew_secs(&mut self) -> i64 {
        let bound = 1 << self.random.below(u64::from(SKEW_SECS_MAX.ilog2()) + 1);
        let most = i64::from(self.lease_secs) / 2 / (AT_MOST_EACH.cast_signed() + 1);
        let secs = (bound + self.up_to(bound)).min(SKEW_SECS_MAX).min(most);
        if self.random.below(2) == 1 {
            return -secs;
        }
        secs
    }

    /// All that clocks gain together stays within what skews leave of half a lease.
    fn drift_ppm(&mut self) -> i64 {
        let drawn = self.up_to(3_000_000) - 1_000_000;
        let gain_secs = f64::from(self.lease_secs) / 8.0 / AT_MOST_EACH as f64;
        let ppm = gain_secs / (self.begin_within + AWAY_MAX).as_secs_f64() * 1e6;
        drawn.min(ppm as i64)
    }

    fn up_to(&mut self, most: i64) -> i64 {
        let drawn = self.random.below(most.unsigned_abs());
        1 + i64::try_from(drawn).unwrap_or(0)
    }

    fn below(&mut self, most: Duration) -> Duration {
        let nanos = u64::try_from(most.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(self.random.below(nanos))
    }
}

/// What makes a host unreachable, which is not for long.
const fn is_absence(what: FaultKind) -> bool {
    matches!(
        what,
        FaultKind::Crash
            | FaultKind::PowerCut
            | FaultKind::Mute
            | FaultKind::Deaf
            | FaultKind::CutToServers
            | FaultKind::CutFromServers
    )
}

/// Things begin to go wrong within this time at least, …
const BEGIN_WITHIN_MIN: Duration = Duration::from_secs(8);
/// … and so long after the last power-on.
const AFTER_POWER_ON: Duration = Duration::from_secs(3);
/// The longest that servers or a machine are away.
const AWAY_MAX: Duration = Duration::from_secs(2);
const AT_MOST_EACH: u64 = 3;
/// More than TSIG allows (RFC 8945 §10: 300 s), less than half of an hour's lease.
const SKEW_SECS_MAX: i64 = 1_500;
