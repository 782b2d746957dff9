//! What came of a story.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::link::Link;

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
        findings.sort_by_key(|finding| (is_excused(finding), finding.link));
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

/// One broken expectation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// The link that is broken.
    pub link: Link,
    /// The machine at which it broke; `None` when it concerns all.
    pub machine: Option<String>,
    /// What was seen, in one sentence that starts in lower case.
    pub what: String,
    /// Why it happened, as far as the evidence shows.
    pub cause: String,
    /// What to do about it.
    pub fix: String,
    /// A host that is too slow for its own clocks can be the cause: something did not come, or not
    /// in time. False for what is wrong on any host, such as an address that is leased twice.
    #[serde(default)]
    pub may_be_late: bool,
}
