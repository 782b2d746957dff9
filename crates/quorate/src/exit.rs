//! Exit codes, and how errors are shown.
//!
//! 0 all expectations held · 1 one failed · 2 bad input · 3 the world cannot run here · 4
//! inconclusive: something failed, or was not answered in time, and the host was starved. A verb
//! that is not about expectations answers 0, 2 or 3.

use std::process::ExitCode;

use miette::Diagnostic;
use quorate_scenario::Story;

/// The input is not what the verb takes.
pub(crate) fn bad_input() -> ExitCode {
    ExitCode::from(BAD_INPUT)
}

/// What the verb needs is not here.
pub(crate) fn cannot_run() -> ExitCode {
    ExitCode::from(CANNOT_RUN)
}

/// Shows a diagnostic with its source on standard error.
pub(crate) fn show(diagnostic: impl Diagnostic + Send + Sync + 'static) {
    eprintln!("{:?}", miette::Report::new(diagnostic));
}

/// Shows what the story asks for and will hardly get, on standard error.
pub(crate) fn warn(story: &Story) {
    for warning in &story.warnings {
        eprintln!("warning: {}\n  help: {}", warning.message, warning.help);
    }
}

pub(crate) const BAD_INPUT: u8 = 2;
pub(crate) const CANNOT_RUN: u8 = 3;
pub(crate) const INCONCLUSIVE: u8 = 4;
