//! The view of a run whose caller is another part of this program.

use std::io::{self, Write as _};
use std::path::PathBuf;

use quorate_scenario::Recording;
use serde::{Deserialize, Serialize};

use crate::exit::CANNOT_RUN;
use crate::view::{Ended, View};

/// Writes all that was observed to standard output, where [`run`](crate::run::run) reads it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Recorder {
    /// Where artifacts are written, if anywhere.
    pub(crate) report: Option<PathBuf>,
}

impl View for Recorder {
    fn end(self, ended: &Ended<'_>) -> u8 {
        match self.write(ended) {
            Ok(()) => ended.outcome.verdict.exit_code(),
            Err(error) => {
                let _ = writeln!(io::stderr(), "the artifacts: {error}");
                CANNOT_RUN
            }
        }
    }

    fn interrupted(self, ended: &Ended<'_>) {
        // The caller knows that the run was interrupted, and has nothing more to hear.
        let _ = self.write_report(ended);
    }
}

impl Recorder {
    fn write_report(&self, ended: &Ended<'_>) -> io::Result<()> {
        match &self.report {
            Some(dir) => ended.write(dir),
            None => Ok(()),
        }
    }

    fn write(&self, ended: &Ended<'_>) -> io::Result<()> {
        self.write_report(ended)?;
        let mut out = io::stdout().lock();
        serde_json::to_writer(&mut out, &Recording::of(ended.outcome))?;
        out.flush()
    }
}
