//! From a run that fails to the smallest story that fails the same way.
//!
//! Delta debugging (Zeller and Hildebrandt, 2002) over what a [`Draft`] has: machines, clusters,
//! faults, single decisions, times. Every attempt is written as a file, read again and run under
//! several seeds, so that what is left is what the file says and not what a seed adds to it.

mod cargo_test;
mod kind;
mod progress;
mod search;

use quorate_scenario::draft::Draft;
use quorate_scenario::{Decision, Fate, Finding, Story, WorldError};
use thiserror::Error;

use crate::options::Options;
use crate::run::{record, replay};
use search::{POWER_ON, SEEDS, Search, fails};

pub use cargo_test::cargo_test;
pub use kind::Kind;
pub use progress::Progress;

/// What is left.
#[derive(Clone, Debug)]
pub struct Shrunk {
    pub draft: Draft,
    /// What is found first in it.
    pub finding: Finding,
    /// How many stories were run on the way.
    pub runs: u64,
    /// The time was up before nothing more could be left out.
    pub is_cut_short: bool,
}

/// There is nothing to shrink.
#[derive(Debug, Error)]
pub enum ShrinkError {
    #[error("nothing fails: there is nothing to shrink")]
    AllIsWell,
    #[error("written as a scenario of its own, the story does not fail the same way")]
    NotRepeated,
    #[error(transparent)]
    World(#[from] WorldError),
}

/// Makes the failing run of `story` under `options` as small as it gets while `go_on` says so.
/// `decisions` are those of its log, when it comes from one.
///
/// # Errors
/// When the run does not fail, or only ever as itself.
pub fn shrink(
    story: &Story,
    options: &Options,
    decisions: Option<&[Decision]>,
    go_on: &mut dyn FnMut(Progress) -> bool,
) -> Result<Shrunk, ShrinkError> {
    let story = &*story.drawn(options.seed);
    let first_run = match decisions {
        Some(decisions) => replay(story, options.clone(), decisions)?,
        None => record(story, options.clone())?,
    };
    let findings = first_run.outcome.verdict.findings();
    let finding = findings.first().ok_or(ShrinkError::AllIsWell)?.clone();
    let mut draft = Draft::of(story, options.seed);
    draft.etcd.version.get_or_insert_with(|| {
        let (major, minor) = options.etcd_version;
        format!("{major}.{minor}")
    });
    let swarm = options.swarm.clone().unwrap_or_default();
    draft.faults.extend(swarm.faults);
    give_times(&mut draft, &first_run.decisions);
    let mut search = Search {
        goal: Kind::of(&finding, story),
        options: options.clone(),
        seeds: &SEEDS,
        best: draft,
        finding,
        runs: 0,
        time_is_up: false,
        go_on,
    };
    if !search.begin(&first_run.decisions) {
        return Err(ShrinkError::NotRepeated);
    }
    while search.pass() {}
    Ok(Shrunk {
        draft: search.best,
        finding: search.finding,
        runs: search.runs,
        is_cut_short: search.time_is_up,
    })
}

/// Under how many of these seeds the result fails in the same way.
pub fn repeats(shrunk: &Shrunk, options: &Options, seeds: impl Iterator<Item = u64>) -> usize {
    let Ok(story) = Story::parse("shrunk", &shrunk.draft.to_string()) else {
        return 0;
    };
    let goal = Kind::of(&shrunk.finding, &story);
    let again = seeds.filter_map(|seed| fails(&story, options, seed, &goal));
    again.count()
}

/// Power-ons are times of the story.
fn give_times(draft: &mut Draft, decisions: &[Decision]) {
    for device in draft.machines_mut() {
        let decided = decisions.iter().find_map(|decision| match decision.is {
            Fate::Takes(at)
                if decision.occasion.what == POWER_ON && decision.occasion.of == device.name =>
            {
                Some(at)
            }
            Fate::Takes(_) | Fate::Lost | Fate::Arrives(_) | Fate::Chosen(_) | Fate::Lie => None,
        });
        device.power_on = decided.unwrap_or(device.power_on);
    }
}
