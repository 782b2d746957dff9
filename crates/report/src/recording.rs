//! A run that can be reported again.
//!
//! Four files of a report's directory are the run itself: `scenario.toml`, `events.jsonl`,
//! `evidence.json` and `recording.json`, which has what the other three do not say. Everything
//! else is made from them, and can be made again.

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::time::Duration;

use quorate_core::Instant;
use quorate_etcd::ClusterId;
use quorate_scenario::progress::StoryProgress;
use quorate_scenario::{Evidence, Observation, Outcome, Story, Verdict};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::human::Artifacts;

/// What `recording.json` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recording {
    /// [`SCHEMA`]
    pub recording: u32,
    pub world: String,
    pub seed: u64,
    pub etcd: String,
    pub dir: Option<PathBuf>,
    /// Empty when it was recorded by a program that did not write it down.
    #[serde(default)]
    pub predicted: Vec<ClusterId>,
    pub formed_at: Option<Instant>,
    pub ended_at: Instant,
    #[serde(default)]
    pub torn_down: Option<Duration>,
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// A run, as it was when it had just ended.
#[derive(Debug)]
pub struct RecordedRun {
    pub story: Story,
    pub outcome: Outcome,
    pub artifacts: Artifacts,
    /// The text of the scenario file.
    pub text: String,
}

/// Why a directory cannot be read as a run.
#[derive(Debug, Error)]
pub enum ReadError {
    #[error("{0}: {1}")]
    File(PathBuf, io::Error),
    #[error("{0}: line {1}: {2}")]
    Line(PathBuf, usize, serde_json::Error),
    #[error("{0}: {1}")]
    Story(PathBuf, String),
    #[error("{0}: recording {1}; this program reads {SCHEMA}")]
    Schema(PathBuf, u32),
}

impl Recording {
    pub(crate) fn new(outcome: &Outcome, artifacts: &Artifacts) -> Self {
        Self {
            recording: SCHEMA,
            world: artifacts.world.clone(),
            seed: artifacts.seed,
            etcd: artifacts.etcd.clone(),
            dir: artifacts.dir.clone(),
            predicted: outcome.predicted.clone(),
            formed_at: outcome.formed_at,
            ended_at: outcome.ended_at,
            torn_down: artifacts.torn_down,
            verdict: outcome.verdict.clone(),
        }
    }
}

/// Reads a run back from the directory that [`artifacts`](crate::artifacts) wrote.
///
/// # Errors
/// When one of the four files is not there, or is not what was written.
pub fn read(dir: &Path) -> Result<RecordedRun, ReadError> {
    let path = dir.join("scenario.toml");
    let text = fs::read_to_string(&path).map_err(|error| ReadError::File(path.clone(), error))?;
    let story = Story::parse(&path.display().to_string(), &text)
        .map_err(|error| ReadError::Story(path, error.to_string()))?;
    let path = dir.join("recording.json");
    let recording: Recording = json(&path)?;
    if recording.recording != SCHEMA {
        return Err(ReadError::Schema(path, recording.recording));
    }
    let evidence: Evidence = json(&dir.join("evidence.json"))?;
    let observations = lines(&dir.join("events.jsonl"))?;
    let artifacts = Artifacts {
        dir: recording.dir,
        world: recording.world,
        seed: recording.seed,
        etcd: recording.etcd,
        torn_down: recording.torn_down,
    };
    let outcome = Outcome {
        verdict: recording.verdict,
        progress: StoryProgress::after(&story, &observations),
        observations,
        evidence,
        predicted: recording.predicted,
        formed_at: recording.formed_at,
        ended_at: recording.ended_at,
    };
    Ok(RecordedRun {
        story,
        outcome,
        artifacts,
        text,
    })
}

fn json<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<T, ReadError> {
    let text = fs::read(path).map_err(|error| ReadError::File(path.to_owned(), error))?;
    serde_json::from_slice(&text)
        .map_err(|error| ReadError::Line(path.to_owned(), error.line(), error))
}

fn lines(path: &Path) -> Result<Vec<Observation>, ReadError> {
    let failed = |error| ReadError::File(path.to_owned(), error);
    let file = BufReader::new(File::open(path).map_err(failed)?);
    let mut observations = Vec::new();
    for (index, line) in file.lines().enumerate() {
        let line = line.map_err(failed)?;
        let observation = serde_json::from_str(&line)
            .map_err(|error| ReadError::Line(path.to_owned(), index + 1, error))?;
        observations.push(observation);
    }
    Ok(observations)
}

/// The version of the four files.
pub const SCHEMA: u32 = 1;
