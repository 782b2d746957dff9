//! The end of a run, the same for every world: artifacts, and what is printed.

use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use quorate::World;
use quorate::runner::ReportDir;
use quorate_report::human::{Artifacts, Style};
use quorate_scenario::{Outcome, Story, Verdict};

use crate::args::Format;
use crate::error::CliError;
use crate::output::{print, print_json};

/// What a run was asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) scenario: &'a Path,
    /// A directory that has been claimed for this run.
    pub(crate) report: Option<&'a Path>,
    pub(crate) format: Format,
    pub(crate) world: World,
    pub(crate) seed: u64,
    /// Version and origin, for people.
    pub(crate) etcd: &'a str,
    /// How long it took to end it, in a world that has something to end.
    pub(crate) torn_down: Option<Duration>,
}

/// Makes the report directory of a run that begins, and removes what an earlier run left there.
pub(crate) fn claim(dir: Option<&Path>) -> Result<Option<PathBuf>, CliError> {
    let Some(dir) = dir else { return Ok(None) };
    let dir = ReportDir::new(dir)?;
    dir.clear()?;
    Ok(Some(dir.path().to_owned()))
}

/// Writes the artifacts, with those of the world by `add`, and prints the report. Answers the exit
/// code.
pub(crate) fn write_and_print(
    asked: Asked<'_>,
    (story, text): (&Story, &str),
    outcome: &Outcome,
    add: impl FnOnce(&Path) -> io::Result<()>,
) -> Result<u8, CliError> {
    let artifacts = Artifacts {
        dir: artifacts_dir(asked, outcome),
        world: asked.world.to_string(),
        seed: asked.seed,
        etcd: asked.etcd.to_owned(),
        torn_down: asked.torn_down,
    };
    if let Some(dir) = &artifacts.dir {
        std::fs::create_dir_all(dir)
            .and_then(|()| add(dir))
            .and_then(|()| quorate_report::artifacts::write(dir, story, outcome, &artifacts, text))
            .map_err(CliError::Artifacts)?;
    }
    print_report(asked.format, story, outcome, &artifacts)?;
    Ok(outcome.verdict.exit_code())
}

/// Prints the report.
pub(crate) fn print_report(
    format: Format,
    story: &Story,
    outcome: &Outcome,
    artifacts: &Artifacts,
) -> Result<(), CliError> {
    if format == Format::Json {
        return print_json(&quorate_report::json::report(story, outcome, artifacts));
    }
    let terminal = io::stdout().is_terminal();
    let style = Style {
        colour: terminal && !no_colour(),
        unicode: terminal,
        width: width(),
    };
    print(quorate_report::human::report(
        story, outcome, artifacts, style,
    ))
}

/// True when `$NO_COLOR` is set to anything (no-color.org).
pub(crate) fn no_colour() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
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
    let named = std::env::var("COLUMNS").ok();
    let named = named.and_then(|columns| columns.parse().ok());
    let known = || {
        let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
        (size.ws_col > 0).then_some(usize::from(size.ws_col))
    };
    named.or_else(known).unwrap_or(WIDTH_DEFAULT)
}

const WIDTH_DEFAULT: usize = 100;
