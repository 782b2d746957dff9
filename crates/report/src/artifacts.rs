//! The directory that a run leaves behind.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::Path;

use quorate_scenario::{Observation, Outcome, Story, What};
use serde::Serialize;

use crate::human::{self, Artifacts, Style};

/// Writes what was observed and judged into `dir`, which exists:
///
/// | file | holds |
/// | --- | --- |
/// | `events.jsonl` | one observation a line, in order of time |
/// | `zone-history.jsonl` | those among them that changed a zone |
/// | `leases.json` | the server's lease database at the end |
/// | `evidence.json` | everything that the oracles looked at |
/// | `verdict.json` | what came of it |
/// | `report.txt` | the same for people |
/// | `scenario.toml` | the story as it was run |
///
/// Worlds add what is theirs: `capture.pcapng`, and `logs/` of every process.
///
/// # Errors
/// When a file cannot be written.
pub fn write(
    dir: &Path,
    story: &Story,
    outcome: &Outcome,
    artifacts: &Artifacts,
    text: &str,
) -> io::Result<()> {
    let changes = |observation: &&Observation| matches!(observation.what, What::ZoneChanged { .. });
    let zones = outcome.observations.iter().filter(changes);
    write_lines(&dir.join("events.jsonl"), outcome.observations.iter())?;
    write_lines(&dir.join("zone-history.jsonl"), zones)?;
    write_json(&dir.join("leases.json"), &outcome.evidence.leases)?;
    write_json(&dir.join("evidence.json"), &outcome.evidence)?;
    write_json(&dir.join("verdict.json"), &outcome.verdict)?;
    fs::write(
        dir.join("report.txt"),
        human::report(story, outcome, artifacts, Style::PLAIN),
    )?;
    fs::write(dir.join("scenario.toml"), text)
}

fn write_lines<'a>(path: &Path, rows: impl Iterator<Item = &'a Observation>) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    for row in rows {
        serde_json::to_writer(&mut file, row)?;
        file.write_all(b"\n")?;
    }
    file.flush()
}

fn write_json(path: &Path, value: &impl Serialize) -> io::Result<()> {
    let mut text = serde_json::to_string_pretty(value)?;
    text.push('\n');
    fs::write(path, text)
}
