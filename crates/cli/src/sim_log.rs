//! Decision logs of runs in the world `sim`, as files.

use std::path::Path;

use quorate::World;
use quorate_scenario::{Story, WorldError};
use quorate_sim::{Log, Options, Recording};

use crate::error::CliError;

/// Runs the story and writes what was decided into `file`.
pub(crate) fn record(
    (scenario, text): (&Path, &str),
    story: &Story,
    options: Options,
    file: &Path,
) -> Result<Result<Recording, WorldError>, CliError> {
    let run = match quorate_sim::record(story, options.clone()) {
        Ok(run) => run,
        Err(error) => return Ok(Err(error)),
    };
    let name = scenario.display().to_string();
    let log = Log::new((&name, text), story, &options, &run);
    std::fs::write(file, log.to_string()).map_err(|source| CliError::Write {
        path: file.to_owned(),
        source,
    })?;
    Ok(Ok(run))
}

/// The log in a file.
pub(crate) fn load(path: &Path) -> Result<Log, CliError> {
    let text = std::fs::read_to_string(path).map_err(|source| CliError::Read {
        path: path.to_owned(),
        source,
    })?;
    Log::parse(&text).map_err(|source| CliError::DecisionLog {
        path: path.to_owned(),
        source,
    })
}

/// The world, not the story, failed.
pub(crate) const fn broken(source: WorldError) -> CliError {
    CliError::World {
        world: World::Sim,
        source,
    }
}
