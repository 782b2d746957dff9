//! The files for a look into a run later.
//!
//! | file | content |
//! | --- | --- |
//! | `report.html` | the report for people with a browser: see [`html`] |
//! | `report.txt` | the same for a terminal |
//! | `report.json` | the report for programs: see [`json`](mod@json) |
//! | `junit.xml` | the verdict for continuous integration: see [`junit`] |
//! | `scenario.toml` | the story as it was written |
//! | `recording.json` | verdict, seed, versions: with the story, events and evidence, the run itself |
//! | `events.jsonl` | every observation, one a line, in order of time |
//! | `zone-history.jsonl` | those of them that changed a zone |
//! | `leases.json` | the active leases at the end |
//! | `names.json` | what the DNS answered for them |
//! | `evidence.json` | all evidence: leases, names, SRV records, members, writes |
//!
//! A world adds its processes' logs (`logs/`) and the capture (`capture.pcapng`), before the reports
//! are written: the page links what is there.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::Path;

use quorate_scenario::{Observation, Outcome, Story, What};
use serde_json::json;

use crate::human::{Artifacts, Style};
use crate::recording::Recording;
use crate::{html, human, json, junit};

/// Writes the files to `dir`, which is made when it is not there. `story_text` is the file that
/// `story` was read from.
///
/// # Errors
/// When a file cannot be written.
pub fn write(
    dir: &Path,
    story: &Story,
    outcome: &Outcome,
    artifacts: &Artifacts,
    story_text: &str,
) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    fs::write(dir.join("scenario.toml"), story_text)?;
    let recording = Recording::new(outcome, artifacts);
    pretty(&dir.join("recording.json"), &json!(recording))?;
    let evidence = &outcome.evidence;
    pretty(&dir.join("leases.json"), &json!(evidence.leases))?;
    pretty(&dir.join("names.json"), &json!(evidence.names))?;
    pretty(&dir.join("evidence.json"), &json!(evidence))?;
    let all = outcome.observations.iter();
    lines(&dir.join("events.jsonl"), all.clone())?;
    let zones = all.filter(|observation| matches!(observation.what, What::ZoneChanged { .. }));
    lines(&dir.join("zone-history.jsonl"), zones)?;
    reports(dir, story, outcome, artifacts)
}

/// Writes the reports alone: what `quorate report` makes again from a recording.
///
/// # Errors
/// When a file cannot be written.
pub fn reports(
    dir: &Path,
    story: &Story,
    outcome: &Outcome,
    artifacts: &Artifacts,
) -> io::Result<()> {
    let text = human::report(story, outcome, artifacts, Style::PLAIN);
    fs::write(dir.join("report.txt"), text)?;
    fs::write(
        dir.join("junit.xml"),
        junit::report(story, outcome, artifacts),
    )?;
    pretty(
        &dir.join("report.json"),
        &json::report(story, outcome, artifacts),
    )?;
    let beside: Vec<&str> = BESIDE
        .into_iter()
        .filter(|name| dir.join(name).exists())
        .collect();
    let page = html::page(story, outcome, artifacts, &beside);
    fs::write(dir.join("report.html"), page)
}

fn pretty(path: &Path, value: &serde_json::Value) -> io::Result<()> {
    fs::write(path, format!("{value:#}\n"))
}

fn lines<'a>(path: &Path, all: impl Iterator<Item = &'a Observation>) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    for observation in all {
        serde_json::to_writer(&mut file, observation)?;
        file.write_all(b"\n")?;
    }
    file.flush()
}

/// What the page links, when it is there.
const BESIDE: [&str; 8] = [
    "scenario.toml",
    "report.txt",
    "report.json",
    "junit.xml",
    "events.jsonl",
    "evidence.json",
    "capture.pcapng",
    "logs/",
];

#[cfg(test)]
mod tests;
