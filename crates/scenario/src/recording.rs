//! A run, as data that can leave its process.

use quorate_core::Instant;
use quorate_etcd::ClusterId;
use serde::{Deserialize, Serialize};

use crate::drive::Outcome;
use crate::evidence::Evidence;
use crate::observation::Observation;
use crate::progress::StoryProgress;
use crate::story::Story;
use crate::verdict::Verdict;

/// All of an [`Outcome`] that cannot be worked out from the rest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recording {
    pub verdict: Verdict,
    pub observations: Vec<Observation>,
    pub evidence: Evidence,
    pub predicted: Vec<ClusterId>,
    pub formed_at: Option<Instant>,
    pub ended_at: Instant,
}

impl Recording {
    pub fn of(outcome: &Outcome) -> Self {
        Self {
            verdict: outcome.verdict.clone(),
            observations: outcome.observations.clone(),
            evidence: outcome.evidence.clone(),
            predicted: outcome.predicted.clone(),
            formed_at: outcome.formed_at,
            ended_at: outcome.ended_at,
        }
    }

    /// The outcome of `story` again.
    pub fn outcome(self, story: &Story) -> Outcome {
        let mut progress = StoryProgress::new(story);
        for observation in &self.observations {
            progress.observe(observation);
        }
        Outcome {
            verdict: self.verdict,
            observations: self.observations,
            evidence: self.evidence,
            progress,
            predicted: self.predicted,
            formed_at: self.formed_at,
            ended_at: self.ended_at,
        }
    }
}
