//! What must be true at the end of a story.
//!
//! Each oracle looks at one or two links of the boot chain and answers what it finds broken.
//! An oracle whose link cannot hold because an earlier one is broken keeps silent: the first
//! broken link is the one to mend.

mod absent;
mod clocks;
mod cluster;
mod fold;
mod group;
mod installs;
mod lasting;
mod leases;
mod member;
mod names;
mod registry;
mod srv;
mod writes;

use crate::action::Action;
use crate::drive::Expected;
use crate::evidence::Evidence;
use crate::observation::{Observation, What};
use crate::progress::StoryProgress;
use crate::story::Story;
use crate::verdict::Finding;

/// Everything an oracle may look at.
struct Case<'a> {
    story: &'a Story,
    expected: &'a Expected,
    progress: &'a StoryProgress,
    observations: &'a [Observation],
    evidence: &'a Evidence,
}

impl Case<'_> {
    /// What was noted last of this machine that contains `part`.
    fn last_note(&self, machine: &str, part: &str) -> Option<&str> {
        let mut notes = self.observations.iter().rev().filter_map(|observation| {
            let What::Note { text } = &observation.what else {
                return None;
            };
            let is_its = observation.machine.as_deref() == Some(machine);
            is_its.then_some(text.as_str())
        });
        notes.find(|text| text.contains(part))
    }

    /// What the service of this machine wrote last.
    fn last_line(&self, machine: &str) -> Option<&str> {
        let mut lines = self.evidence.last_lines.iter();
        let last = lines.find(|last| last.machine == machine)?;
        Some(&last.line)
    }

    /// Cause and fix of what the servers do not say, when a step stopped them and none started them
    /// again.
    fn servers_are_stopped(&self) -> Option<(String, String)> {
        let mut actions = self.observations.iter().rev().filter_map(|observation| {
            if let What::Did(action) = observation.what {
                Some(action)
            } else {
                None
            }
        });
        let last = actions.find(|action| action.is_of_servers())?;
        (last == Action::ServersStop).then(|| {
            (
                "a step stopped them, and they were down when the story ended".to_owned(),
                "start them in a later step: do = \"servers-start\"".to_owned(),
            )
        })
    }
}

/// Runs every oracle.
pub fn judge(
    story: &Story,
    expected: &Expected,
    progress: &StoryProgress,
    observations: &[Observation],
    evidence: &Evidence,
) -> Vec<Finding> {
    let case = Case {
        story,
        expected,
        progress,
        observations,
        evidence,
    };
    let mut findings = Vec::new();
    findings.extend(absent::servers_answer(&case));
    findings.extend(installs::once(&case));
    findings.extend(clocks::as_set(&case));
    findings.extend(leases::unique(&case));
    findings.extend(leases::every_machine_has_one(&case));
    findings.extend(names::equal_leases(&case));
    findings.extend(lasting::leases_are_kept(&case));
    findings.extend(lasting::quorum_is_kept(&case));
    findings.extend(srv::never_before_its_address(&case));
    for group in group::all(&case) {
        findings.extend(absent::nobody_is_waited_for(&case, &group));
        findings.extend(srv::one_set(&case, &group));
        findings.extend(srv::complete(&case, &group));
        findings.extend(registry::complete(&group));
        findings.extend(member::every_member_has_its_seed(&case, &group));
        let split = cluster::split(&case, &group);
        if split.is_none() {
            findings.extend(absent::enough_are_up(&group));
            findings.extend(cluster::members_keep_their_ids(&group));
            findings.extend(member::every_member_is_healthy(&case, &group));
            findings.extend(cluster::member_lists_agree(&group));
            findings.extend(writes::writes_arrive(&case, &group));
            findings.extend(writes::data_is_kept(&case, &group));
        }
        findings.extend(split);
    }
    fold::consequences(&case, findings)
}

#[cfg(test)]
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "tests change one kind of observation"
)]
mod tests;
