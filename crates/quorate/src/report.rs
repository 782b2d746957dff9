//! `quorate report`

use std::process::ExitCode;

use quorate_report::{artifacts, recording};

use crate::cli::{Format, ReportArgs};
use crate::{conclude, exit};

pub(crate) fn run(args: &ReportArgs) -> ExitCode {
    let told = match recording::read(&args.dir) {
        Ok(told) => told,
        Err(error) => {
            eprintln!("{error}\n  `quorate run --report DIR` writes what this verb reads");
            return exit::bad_input();
        }
    };
    let written = artifacts::reports(&args.dir, &told.story, &told.outcome, &told.artifacts);
    if let Err(error) = written {
        eprintln!("{}: {error}", args.dir.display());
        return exit::cannot_run();
    }
    let json = args.format == Format::Json;
    conclude::print(json, &told.story, &told.outcome, &told.artifacts);
    // The verdict is that of the run; this verb only tells it again.
    ExitCode::SUCCESS
}
