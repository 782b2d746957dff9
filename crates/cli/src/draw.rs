//! What a seed drew beside decisions: shown before the run, and kept with it.

use quorate_core::Instant;
use quorate_scenario::{Fault, Observation, Outcome, Sizes, Story, What};
use quorate_sim::Options;
use serde::Serialize;

use crate::notes::note;

/// Sizes of the story, and what goes wrong beside it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Draw {
    pub(crate) seed: u64,
    /// `None` for a story whose sizes are written.
    pub(crate) sizes: Option<Sizes>,
    /// `None` for a run without faults.
    pub(crate) faults: Option<Vec<Fault>>,
}

impl Draw {
    /// The draw of this run; its story is the one of the seed.
    pub(crate) fn of(story: &Story, options: &Options) -> Self {
        Self {
            seed: options.seed,
            sizes: story.sizes.clone(),
            faults: options.swarm.clone().map(|swarm| swarm.faults),
        }
    }

    /// Shows it on standard error, line by line.
    pub(crate) fn note(&self) {
        for line in self.lines() {
            note(line);
        }
    }

    /// Puts it before all other observations, so that it is in every report.
    pub(crate) fn add_to(&self, outcome: &mut Outcome) {
        let notes = self.lines().into_iter().map(|text| Observation {
            at: Instant::ZERO,
            machine: None,
            what: What::Note { text },
        });
        outcome.observations.splice(0..0, notes);
    }

    fn lines(&self) -> Vec<String> {
        let seed = self.seed;
        let sizes = self.sizes.iter();
        let mut lines: Vec<String> = sizes
            .map(|sizes| format!("seed {seed} draws {sizes}"))
            .collect();
        if let Some(faults) = &self.faults {
            lines.push(format!("seed {seed} draws {} faults:", faults.len()));
            lines.extend(faults.iter().map(|fault| format!("  {fault}")));
        }
        lines
    }
}
