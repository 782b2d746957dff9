//! What came of a story.

use serde::{Deserialize, Serialize};

pub use crate::finding::{Finding, FindingId};

/// The end of a story.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "kebab-case")]
pub enum Verdict {
    /// Every expectation held.
    Pass,
    /// At least one did not. The first finding is the first broken link.
    Fail { findings: Vec<Finding> },
    /// Something failed that a host which is too slow can break, and this one was.
    Inconclusive { why: String, findings: Vec<Finding> },
}

impl Verdict {
    /// Judges by what the oracles found and by whether the run was fair. What no lateness explains
    /// is a failure on any host, and comes first on one that was too slow.
    pub fn new(mut findings: Vec<Finding>, starved: Option<String>) -> Self {
        let is_excused = |finding: &Finding| starved.is_some() && finding.may_be_late;
        findings.sort_by_key(|finding| (is_excused(finding), finding.link, finding.unsure));
        let is_excused = findings.iter().all(is_excused);
        match starved {
            _ if findings.is_empty() => Self::Pass,
            Some(why) if is_excused => Self::Inconclusive { why, findings },
            Some(_) | None => Self::Fail { findings },
        }
    }

    /// The process exit code: 0 all held, 1 one failed, 4 inconclusive.
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Pass => 0,
            Self::Fail { .. } => 1,
            Self::Inconclusive { .. } => 4,
        }
    }

    /// What was found, the first broken link first.
    pub fn findings(&self) -> &[Finding] {
        match self {
            Self::Pass => &[],
            Self::Fail { findings } | Self::Inconclusive { findings, .. } => findings,
        }
    }
}
