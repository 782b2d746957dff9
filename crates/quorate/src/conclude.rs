//! The end of a run, the same for every world: artifacts, and what is printed.

use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use quorate_report::human::{Artifacts, Style};
use quorate_scenario::{Outcome, Story, Verdict};

/// What a run was asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) scenario: &'a Path,
    pub(crate) report: Option<&'a Path>,
    pub(crate) json: bool,
    pub(crate) seed: u64,
    /// Version and origin, for people.
    pub(crate) etcd: &'a str,
}

/// Writes the artifacts, with those of the world by `add`, and prints the report.
///
/// # Errors
/// When an artifact cannot be written.
pub(crate) fn conclude(
    asked: Asked<'_>,
    (story, text): (&Story, &str),
    outcome: &Outcome,
    add: impl FnOnce(&Path) -> io::Result<()>,
) -> io::Result<ExitCode> {
    let artifacts = Artifacts {
        dir: artifacts_dir(asked, outcome),
        seed: asked.seed,
        etcd: asked.etcd.to_owned(),
    };
    if let Some(dir) = &artifacts.dir {
        quorate_report::artifacts::write(dir, story, outcome, &artifacts, text)?;
        add(dir)?;
    }
    if asked.json {
        let report = quorate_report::json::report(story, outcome, &artifacts);
        println!("{report:#}");
    } else {
        let terminal = io::stdout().is_terminal();
        let style = Style {
            colour: terminal,
            unicode: terminal,
            width: width(),
        };
        let report = quorate_report::human::report(story, outcome, &artifacts, style);
        print!("{report}");
    }
    Ok(ExitCode::from(outcome.verdict.exit_code()))
}

/// Where the artifacts go: where they were asked for, or a new directory for a run that failed.
fn artifacts_dir(asked: Asked<'_>, outcome: &Outcome) -> Option<PathBuf> {
    if asked.report.is_some() || outcome.verdict == Verdict::Pass {
        return asked.report.map(Path::to_owned);
    }
    let name = asked.scenario.file_stem().unwrap_or_default();
    let prefix = format!("quorate-failed-{}-", name.to_string_lossy());
    let dir = tempfile::Builder::new().prefix(&prefix).tempdir();
    dir.ok().map(tempfile::TempDir::keep)
}

fn width() -> usize {
    std::env::var("COLUMNS")
        .ok()
        .and_then(|columns| columns.parse().ok())
        .unwrap_or(DEFAULT_WIDTH)
}

const DEFAULT_WIDTH: usize = 100;
