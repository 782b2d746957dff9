//! One story and one seed, run twice: the same to the byte, or where they part.

use std::fmt;
use std::ops::Range;

use quorate_scenario::{Outcome, WorldError};

/// Two runs that should have been one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    pub seed: u64,
    /// How many events were the same.
    pub same: usize,
    /// The first that differs, as JSON; `None` where a run had ended.
    pub once: Option<String>,
    pub again: Option<String>,
}

/// Lets `run` run each seed twice and returns those that differ.
///
/// # Errors
/// When the world, not the story, fails.
pub fn check_determinism(
    seeds: Range<u64>,
    run: impl Fn(u64) -> Result<Outcome, WorldError>,
) -> Result<Vec<Difference>, WorldError> {
    let mut differences = Vec::new();
    for seed in seeds {
        let (once, again) = (transcript(&run(seed)?), transcript(&run(seed)?));
        let same = once.iter().zip(&again).take_while(|(a, b)| a == b).count();
        if same < once.len().max(again.len()) {
            differences.push(Difference {
                seed,
                same,
                once: once.get(same).cloned(),
                again: again.get(same).cloned(),
            });
        }
    }
    Ok(differences)
}

/// Every observation, and at last the evidence.
fn transcript(outcome: &Outcome) -> Vec<String> {
    let json = |value: serde_json::Result<String>| value.expect("observations have string keys");
    let observations = outcome.observations.iter();
    let mut lines: Vec<String> = observations
        .map(|observation| json(serde_json::to_string(observation)))
        .collect();
    lines.push(json(serde_json::to_string(&outcome.evidence)));
    lines
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ended = "the end";
        write!(
            f,
            "seed {}: two runs part after {} events\n  once:  {}\n  again: {}",
            self.seed,
            self.same,
            self.once.as_deref().unwrap_or(ended),
            self.again.as_deref().unwrap_or(ended),
        )
    }
}
