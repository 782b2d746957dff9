//! The end of a run, the same for every world: artifacts, and what is printed.

use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use quorate_report::human::{Artifacts, Style};
use quorate_scenario::{Outcome, Recording, Story, Verdict};
use serde::{Deserialize, Serialize};

use crate::cli::Format;

/// What standard output says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Said {
    /// The report, for people.
    Report,
    /// The report, for programs.
    Json,
    /// All that was observed, for another part of this program.
    Recording,
}

impl From<Format> for Said {
    fn from(format: Format) -> Self {
        match format {
            Format::Human => Self::Report,
            Format::Json => Self::Json,
        }
    }
}

/// What a run was asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) scenario: &'a Path,
    pub(crate) report: Option<&'a Path>,
    pub(crate) said: Said,
    /// As the command line calls it.
    pub(crate) world: &'a str,
    pub(crate) seed: u64,
    /// Version and origin, for people.
    pub(crate) etcd: &'a str,
    /// How long it took to end it, in a world that has something to end.
    pub(crate) torn_down: Option<Duration>,
}

/// Writes the artifacts, with those of the world by `add`, and prints the report.
///
/// # Errors
/// When an artifact cannot be written.
pub(crate) fn conclude<T: From<u8>>(
    asked: Asked<'_>,
    (story, text): (&Story, &str),
    outcome: &Outcome,
    add: impl FnOnce(&Path) -> io::Result<()>,
) -> io::Result<T> {
    let artifacts = Artifacts {
        dir: artifacts_dir(asked, outcome),
        world: asked.world.to_owned(),
        seed: asked.seed,
        etcd: asked.etcd.to_owned(),
        torn_down: asked.torn_down,
    };
    if let Some(dir) = &artifacts.dir {
        quorate_report::artifacts::write(dir, story, outcome, &artifacts, text)?;
        add(dir)?;
    }
    match asked.said {
        Said::Report => print(false, story, outcome, &artifacts),
        Said::Json => print(true, story, outcome, &artifacts),
        Said::Recording => println!("{}", serde_json::to_string(&Recording::of(outcome))?),
    }
    Ok(T::from(outcome.verdict.exit_code()))
}

/// Prints the report.
pub(crate) fn print(json: bool, story: &Story, outcome: &Outcome, artifacts: &Artifacts) {
    if json {
        let report = quorate_report::json::report(story, outcome, artifacts);
        println!("{report:#}");
        return;
    }
    let terminal = io::stdout().is_terminal();
    let style = Style {
        colour: terminal && !no_colour(),
        unicode: terminal,
        width: width(),
    };
    let report = quorate_report::human::report(story, outcome, artifacts, style);
    print!("{report}");
}

/// Whoever sets `$NO_COLOR` to anything wants none (no-color.org).
pub(crate) fn no_colour() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}

/// Where the artifacts go: where they were asked for, or a new directory for a run that failed.
fn artifacts_dir(asked: Asked<'_>, outcome: &Outcome) -> Option<PathBuf> {
    let is_for_people = asked.said != Said::Recording;
    if asked.report.is_some() || outcome.verdict == Verdict::Pass || !is_for_people {
        return asked.report.map(Path::to_owned);
    }
    let name = asked.scenario.file_stem().unwrap_or_default();
    let prefix = format!("quorate-failed-{}-", name.to_string_lossy());
    let dir = tempfile::Builder::new().prefix(&prefix).tempdir();
    dir.ok().map(tempfile::TempDir::keep)
}

fn width() -> usize {
    let told = std::env::var("COLUMNS").ok();
    let told = told.and_then(|columns| columns.parse().ok());
    let known = || {
        let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
        (size.ws_col > 0).then_some(usize::from(size.ws_col))
    };
    told.or_else(known).unwrap_or(DEFAULT_WIDTH)
}

const DEFAULT_WIDTH: usize = 100;
