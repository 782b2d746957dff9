//! One story under many seeds.

use std::collections::BTreeMap;
use std::ops::Range;

use quorate_scenario::{Finding, Link, Story, WorldError};

use crate::options::Options;
use crate::run::run;
use crate::search::swarm::Swarm;

/// All seeds that broke at one link of the boot chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub link: Link,
    /// In order; the first one is the one to look at.
    pub seeds: Vec<u64>,
    /// What the first one found.
    pub finding: Finding,
}

/// Runs `story` once for each seed, with the faults of that seed when `faults` says so, and
/// returns what failed, the first broken links first. To use several processors, sweep parts
/// of the range and [`merge`].
///
/// # Errors
/// When the world, not the story, fails; the seed is in the text.
pub fn sweep(
    story: &Story,
    options: &Options,
    seeds: Range<u64>,
    faults: bool,
) -> Result<Vec<Failure>, WorldError> {
    let mut failures = Vec::new();
    for seed in seeds {
        let story = story.drawn(seed);
        let swarm = faults.then(|| Swarm::draw(seed, &story));
        let options = Options {
            seed,
            swarm,
            ..options.clone()
        };
        let outcome = run(&story, options)
            .map_err(|error| WorldError::Broken(format!("seed {seed}: {error}")))?;
        failures.extend(outcome.verdict.findings().first().map(|finding| Failure {
            link: finding.link,
            seeds: vec![seed],
            finding: finding.clone(),
        }));
    }
    Ok(merge(failures))
}

/// Groups failures by their links.
pub fn merge(failures: impl IntoIterator<Item = Failure>) -> Vec<Failure> {
    let mut by_link: BTreeMap<Link, Failure> = BTreeMap::new();
    for failure in failures {
        match by_link.get_mut(&failure.link) {
            None => {
                by_link.insert(failure.link, failure);
            }
            Some(known) => {
                if failure.seeds.first() < known.seeds.first() {
                    known.finding = failure.finding;
                }
                known.seeds.extend(failure.seeds);
                known.seeds.sort_unstable();
            }
        }
    }
    by_link.into_values().collect()
}
