//! Machines that the story gives a clock of their own.

use std::time::Duration;

use quorate_core::Instant;

use super::Case;
use crate::action::Action;
use crate::hardware::clock_text;
use crate::link::Link;
use crate::observation::What;
use crate::story::Machine;
use crate::verdict::{Finding, FindingId};

/// Each time that such a machine began, it took for the time what its clock said at power-on, and
/// what has passed since.
pub(super) fn as_set(case: &Case<'_>) -> Vec<Finding> {
    let machines = case.story.machines.iter().zip(case.progress.iter());
    let own = machines.filter(|(machine, progress)| machine.hardware.is_vm && progress.expected());
    own.filter_map(|(machine, _)| {
        let set = machine.hardware.clock_secs()?;
        let (what, may_be_late) = other(case, machine, set)?;
        Some(Finding {
            id: FindingId::WrongClock,
            link: Link::Userspace,
            machine: Some(machine.name.clone()),
            what,
            cause: "its firmware or its kernel set the clock, or it was never asked".to_owned(),
            fix: "read the times in its etcd.service.log, and what set them in its console.log"
                .to_owned(),
            may_be_late,
            unsure: false,
            consequences: Vec::new(),
        })
    })
    .collect()
}

/// What the machine's clock said instead, and whether lateness explains it.
fn other(case: &Case<'_>, machine: &Machine, set: u64) -> Option<(String, bool)> {
    let mut powered_on = Instant::ZERO;
    let mut is_read = false;
    for observation in case.observations {
        if observation.machine.as_ref() != Some(&machine.name) {
            continue;
        }
        if let What::Did(Action::PowerOn) = observation.what {
            powered_on = observation.at;
        } else if let What::ClockRead { unix_secs, .. } = observation.what {
            is_read = true;
            let passed = observation.at.since(powered_on) + SLACK;
            let latest = set.saturating_add(passed.as_secs());
            let earliest = set.saturating_sub(SLACK.as_secs());
            if !(earliest..=latest).contains(&unix_secs) {
                let (says, set) = (clock_text(unix_secs), clock_text(set));
                let what = format!("began at {says} by its clock, not after {set}");
                return Some((what, false));
            }
        }
    }
    (!is_read).then(|| ("never reported what its clock says".to_owned(), true))
}

/// Clocks show whole seconds, and are read at other times than they are set.
const SLACK: Duration = Duration::from_secs(2);
