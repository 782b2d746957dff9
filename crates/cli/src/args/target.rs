//! What a knee is a knee of.

use std::str::FromStr;
use std::time::Duration;

use quorate_scenario::{Link, MachineProgress, Outcome};

/// What must be reached how soon, as in `formed<=5s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    what: Measure,
    pub(crate) within: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Measure {
    /// From the last power-on until everything has formed.
    Formed,
    /// The slowest machine, from its power-on to this link.
    Link(Link),
}

impl Target {
    /// Whether the time of this link is part of what is measured.
    pub(crate) fn counts(&self, link: Link) -> bool {
        match self.what {
            Measure::Formed => true,
            Measure::Link(last) => link <= last,
        }
    }

    pub(crate) fn measure(&self, outcome: &Outcome) -> Option<Duration> {
        let on = |machine: &MachineProgress| machine.reached.get(&Link::Power).copied();
        match self.what {
            Measure::Formed => {
                let last = outcome.progress.iter().filter_map(on).max()?;
                Some(outcome.formed_at?.since(last))
            }
            Measure::Link(link) => {
                let took = |machine: &MachineProgress| {
                    Some(machine.reached.get(&link)?.since(on(machine)?))
                };
                let chain = |machine: &&MachineProgress| machine.class.chain().contains(&link);
                let all: Option<Vec<Duration>> =
                    outcome.progress.iter().filter(chain).map(took).collect();
                all?.into_iter().max()
            }
        }
    }
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let help = || {
            format!(
                "{text:?} is no target: write formed, leased, named or srv, then <= and a time, as in \"formed<=5s\""
            )
        };
        let (what, within) = text.split_once("<=").ok_or_else(help)?;
        let what = match what.trim() {
            "formed" => Measure::Formed,
            "leased" => Measure::Link(Link::Ack),
            "named" => Measure::Link(Link::Name),
            "srv" => Measure::Link(Link::Srv),
            _ => return Err(help()),
        };
        let within = humantime::parse_duration(within.trim()).map_err(|_| help())?;
        Ok(Self { what, within })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_has_a_measure_and_a_time() {
        let target: Target = "formed<=5s".parse().unwrap();
        assert_eq!(
            (target.what, target.within),
            (Measure::Formed, Duration::from_secs(5))
        );
        assert_eq!(
            "leased <= 200ms".parse::<Target>().unwrap().what,
            Measure::Link(Link::Ack)
        );
        assert!(!"leased<=1s".parse::<Target>().unwrap().counts(Link::Srv));
        assert!(target.counts(Link::Voter));
        assert!("fast".parse::<Target>().unwrap_err().contains("formed<=5s"));
    }
}
