//! `quorate replay`: one run again, from its decision log.

use std::fmt::Write as _;
use std::path::Path;

use quorate::World;
use quorate_scenario::Finding;
use quorate_sim::{Log, Recording};

use crate::args::ReplayArgs;
use crate::draw::Draw;
use crate::error::CliError;
use crate::notes::note;
use crate::results::{Asked, claim, write_and_print};
use crate::sim_log;

pub(crate) fn run(args: &ReplayArgs) -> Result<u8, CliError> {
    let log = sim_log::load(&args.log)?;
    let story = log.story()?;
    let report = claim(args.report.as_deref())?;
    let options = log.options();
    let draw = Draw::of(&story, &options);
    draw.note();
    let replayed = quorate_sim::replay(&story, options, &log.decisions);
    let mut replayed = replayed.map_err(sim_log::broken)?;
    draw.add_to(&mut replayed.outcome);
    let (major, minor) = log.header.etcd;
    let asked = Asked {
        world: World::Sim,
        scenario: Path::new(&log.header.scenario),
        report: report.as_deref(),
        format: args.format,
        seed: log.header.seed,
        etcd: &format!("{major}.{minor} (model)"),
        torn_down: None,
    };
    let text = log.text();
    let code = write_and_print(asked, (&story, &text), &replayed.outcome, |_| Ok(()));
    note(differences(&log, &replayed).trim_end());
    code
}

/// What differs from the recorded run, one line each.
fn differences(log: &Log, replayed: &Recording) -> String {
    let mut out = String::new();
    let ours = env!("CARGO_PKG_VERSION");
    let theirs = &log.header.quorate;
    if ours != theirs {
        let _ = writeln!(out, "recorded by quorate {theirs}, replayed by {ours}");
    }
    if let Some(first) = replayed.unmet.first() {
        let (unmet, all) = (replayed.unmet.len(), log.decisions.len());
        let _ = writeln!(
            out,
            "{unmet} of {all} recorded decisions had no occasion; the first one was\n  {first}"
        );
    }
    let shown = |finding: Option<&Finding>| match finding {
        Some(finding) => {
            let machine = finding.machine.as_deref().unwrap_or("all");
            format!("{} on {machine}: {}", finding.link, finding.what)
        }
        None => "all was well".to_owned(),
    };
    let found = replayed.outcome.verdict.findings().first();
    let _ = if found == log.first.as_ref() {
        writeln!(out, "the verdict is the recorded one")
    } else {
        let (recorded, now) = (shown(log.first.as_ref()), shown(found));
        writeln!(
            out,
            "the verdict is not the recorded one\n  recorded: {recorded}\n  now:      {now}"
        )
    };
    out
}
