//! `quorate replay`: one run again, from its decision log.

use std::path::Path;
use std::process::ExitCode;

use quorate_scenario::Finding;
use quorate_sim::{Log, Recording};

use crate::cli::ReplayArgs;
use crate::conclude::{Asked, conclude};
use crate::draw::Draw;
use crate::{exit, simulate};

pub(crate) fn run(args: &ReplayArgs) -> ExitCode {
    let log = match load(&args.log) {
        Ok(log) => log,
        Err(code) => return code,
    };
    let story = match log.story() {
        Ok(story) => story,
        Err(error) => {
            exit::show(error);
            return exit::bad_input();
        }
    };
    let options = log.options();
    let draw = Draw::of(&story, &options);
    eprint!("{draw}");
    let mut told = match quorate_sim::replay(&story, options, &log.decisions) {
        Ok(told) => told,
        Err(error) => return simulate::broken(&error),
    };
    draw.note(&mut told.outcome);
    let (major, minor) = log.header.etcd;
    let asked = Asked {
        world: "sim",
        scenario: Path::new(&log.header.scenario),
        report: args.report.as_deref(),
        said: args.format.into(),
        seed: log.header.seed,
        etcd: &format!("{major}.{minor} (model)"),
        torn_down: None,
    };
    let concluded = conclude(asked, (&story, &log.text()), &told.outcome, |_| Ok(()));
    compare(&log, &told);
    concluded.unwrap_or_else(|error| {
        eprintln!("the artifacts cannot be written: {error}");
        exit::cannot_run()
    })
}

/// The log in a file.
pub(crate) fn load(path: &Path) -> Result<Log, ExitCode> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| {
        eprintln!("{shown}: {error}");
        exit::bad_input()
    })?;
    Log::parse(&text).map_err(|error| {
        eprintln!("{shown}: {error}");
        exit::bad_input()
    })
}

/// Says what is other than it was.
fn compare(log: &Log, told: &Recording) {
    let ours = env!("CARGO_PKG_VERSION");
    let theirs = &log.header.quorate;
    if ours != theirs {
        eprintln!("recorded by quorate {theirs}, told again by {ours}");
    }
    if let Some(first) = told.unmet.first() {
        let (unmet, all) = (told.unmet.len(), log.decisions.len());
        eprintln!("{unmet} of {all} recorded decisions had no occasion; the first one was");
        eprintln!("  {first}");
    }
    let shown = |finding: Option<&Finding>| match finding {
        Some(finding) => {
            let machine = finding.machine.as_deref().unwrap_or("all");
            format!("{} on {machine}: {}", finding.link, finding.what)
        }
        None => "all was well".to_owned(),
    };
    let found = told.outcome.verdict.findings().first();
    if found == log.first.as_ref() {
        eprintln!("the verdict is the recorded one");
    } else {
        eprintln!("the verdict is not the recorded one");
        eprintln!("  recorded: {}", shown(log.first.as_ref()));
        eprintln!("  now:      {}", shown(found));
    }
}
