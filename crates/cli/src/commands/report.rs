//! `quorate report`

use quorate_report::{artifacts, recording};

use crate::args::ReportArgs;
use crate::error::CliError;
use crate::results;

/// The verdict is that of the run; this verb only reports it again.
pub(crate) fn run(args: &ReportArgs) -> Result<u8, CliError> {
    let recorded = recording::read(&args.dir)?;
    let (story, outcome) = (&recorded.story, &recorded.outcome);
    artifacts::reports(&args.dir, story, outcome, &recorded.artifacts).map_err(|source| {
        CliError::Write {
            path: args.dir.clone(),
            source,
        }
    })?;
    results::print_report(args.format, story, outcome, &recorded.artifacts)?;
    Ok(0)
}
