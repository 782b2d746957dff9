//! What must be true at the end of a story.
//!
//! Each oracle looks at one or two links of the boot chain and answers what it finds broken.
//! An oracle whose link cannot hold because an earlier one is broken keeps silent: the first
//! broken link is the one to mend.

mod clocks;
mod cluster;
mod group;
mod installs;
mod lasting;
mod leases;
mod names;
mod registry;
mod srv;

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
                "a step stopped the servers, and they were down when the story ended".to_owned(),
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
    findings.extend(installs::once(&case));
    findings.extend(clocks::as_set(&case));
    findings.extend(leases::unique(&case));
    findings.extend(leases::every_machine_has_one(&case));
    findings.extend(names::equal_leases(&case));
    findings.extend(lasting::leases_are_kept(&case));
    findings.extend(lasting::quorum_is_kept(&case));
    findings.extend(srv::never_before_its_address(&case));
    for group in group::all(&case) {
        findings.extend(srv::complete(&case, &group));
        findings.extend(registry::complete(&group));
        let split = cluster::split(&case, &group);
        if split.is_empty() {
            findings.extend(cluster::members_keep_their_ids(&group));
            findings.extend(cluster::every_member_is_healthy(&group));
            findings.extend(cluster::member_lists_agree(&group));
            findings.extend(cluster::writes_arrive(&case, &group));
            findings.extend(cluster::data_is_kept(&case, &group));
        }
        findings.extend(split);
    }
    findings
}

#[cfg(test)]
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "tests change one kind of observation"
)]
mod tests;
