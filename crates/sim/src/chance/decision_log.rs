//! The decision log: one run, written down so that a later version can repeat it.
//!
//! JSON Lines. The first line says what was run: the scenario's text, the seed, the model of
//! etcd, the faults. Then one line for each decision of chance. The last one is the verdict.
//!
//! ```text
//! {"log":{"format":1,"quorate":"0.1.0","scenario":"a.toml","seed":7,"etcd":[3,5],"gate":true,…}}
//! {"of":"n1","what":"power-on","nth":1,"is":{"takes":"1s 250ms"}}
//! {"of":"n1","what":"DHCP REQUEST","nth":1,"is":"lost"}
//! {"verdict":{"first":{"link":"cluster-id","machine":"n1",…}}}
//! ```
//!
//! A frame that is not in it arrived as most do: once, whole, within 70 µs of each cable. A
//! message between the services that is not in it arrived too. The faults of the first line say
//! who was silent, off or crashed, and when; what they left to chance is in the decisions.

use std::fmt;

use quorate_scenario::draft::Draft;
use quorate_scenario::{Decision, Fault, Finding, Sizes, Story, StoryError};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::options::Options;
use crate::run::Recording;
use crate::search::swarm::Swarm;

/// One run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    pub header: Header,
    pub decisions: Vec<Decision>,
    /// What was found first; `None` for a run in which all was well.
    pub first: Option<Finding>,
}

/// What was run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// [`FORMAT`].
    pub format: u32,
    /// The version that wrote this.
    pub quorate: String,
    /// The scenario's file.
    pub scenario: String,
    pub seed: u64,
    /// Major and minor version of the etcd that was modelled.
    pub etcd: (u32, u32),
    pub gate: bool,
    /// Faults beside the story; `None` when there were none, and the run did not wait for their end.
    pub faults: Option<Vec<Fault>>,
    /// What was drawn of the scenario before it was written down here with fixed sizes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sizes: Option<Sizes>,
    /// The scenario's text, line by line.
    pub text: Vec<String>,
}

/// The text is not a log.
#[derive(Debug, Error)]
#[error("line {line}: {why}")]
pub struct LogError {
    /// Counts from 1.
    pub line: usize,
    pub why: String,
}

#[derive(Serialize, Deserialize)]
struct First {
    log: Header,
}

#[derive(Serialize, Deserialize)]
struct Last {
    verdict: Judged,
}

#[derive(Serialize, Deserialize)]
struct Judged {
    first: Option<Finding>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Decision(Decision),
    Last(Last),
}

impl Log {
    /// The log of `run`, which came of `story` under `options`; `scenario` is the file's name
    /// and its text. A story of which sizes were drawn is written down with the sizes of the run.
    pub fn new(scenario: (&str, &str), story: &Story, options: &Options, run: &Recording) -> Self {
        let (name, text) = scenario;
        let faults = options.swarm.clone().map(|swarm| swarm.faults);
        let drawn = story.drawn(options.seed);
        let fixed = drawn.sizes.as_ref().map(|sizes| {
            let draft = Draft::of(&drawn, options.seed);
            format!("# As seed {} draws {name}: {sizes}\n{draft}", options.seed)
        });
        let text = fixed.as_deref().unwrap_or(text);
        Self {
            header: Header {
                format: FORMAT,
                quorate: env!("CARGO_PKG_VERSION").to_owned(),
                scenario: name.to_owned(),
                seed: options.seed,
                etcd: options.etcd_version,
                gate: story.etcd.gate,
                faults,
                sizes: drawn.sizes.clone(),
                text: text.lines().map(str::to_owned).collect(),
            },
            decisions: run.decisions.clone(),
            first: run.outcome.verdict.findings().first().cloned(),
        }
    }

    /// Reads what [`Display`](fmt::Display) wrote.
    ///
    /// # Errors
    /// When a line is not what it should be, or there is no verdict.
    pub fn parse(text: &str) -> Result<Self, LogError> {
        let wrong = |line: usize, why: String| LogError { line, why };
        let mut lines = text.lines().enumerate();
        let (_, first) = lines.next().unwrap_or_default();
        let First { log: header } = serde_json::from_str(first)
            .map_err(|error| wrong(1, format!("this is not a decision log: {error}")))?;
        if header.format != FORMAT {
            let why = format!(
                "its format is {}, this version reads {FORMAT}",
                header.format
            );
            return Err(wrong(1, why));
        }
        let mut decisions = Vec::new();
        for (index, line) in lines {
            match serde_json::from_str(line) {
                Ok(Line::Decision(decision)) => decisions.push(decision),
                Ok(Line::Last(last)) => {
                    return Ok(Self {
                        header,
                        decisions,
                        first: last.verdict.first,
                    });
                }
                Err(_) => {
                    let why = "neither a decision nor a verdict".to_owned();
                    return Err(wrong(index + 1, why));
                }
            }
        }
        let line = text.lines().count() + 1;
        Err(wrong(line, "the verdict is missing".to_owned()))
    }

    /// The scenario as it was run.
    ///
    /// # Errors
    /// When this version does not take the scenario.
    pub fn story(&self) -> Result<Story, StoryError> {
        let mut story = Story::parse(&self.header.scenario, &self.text())?;
        story.etcd.gate = self.header.gate;
        story.sizes = self.header.sizes.clone();
        Ok(story)
    }

    /// The scenario's text.
    pub fn text(&self) -> String {
        self.header.text.join("\n") + "\n"
    }

    /// How it was run.
    pub fn options(&self) -> Options {
        let faults = self.header.faults.clone();
        Options {
            etcd_version: self.header.etcd,
            seed: self.header.seed,
            steps_max: None,
            swarm: faults.map(|faults| Swarm { faults }),
        }
    }
}

impl fmt::Display for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let json = |value: Result<String, serde_json::Error>| value.map_err(|_| fmt::Error);
        let log = self.header.clone();
        writeln!(f, "{}", json(serde_json::to_string(&First { log }))?)?;
        for decision in &self.decisions {
            writeln!(f, "{}", json(serde_json::to_string(decision))?)?;
        }
        let first = self.first.clone();
        let verdict = Judged { first };
        writeln!(f, "{}", json(serde_json::to_string(&Last { verdict }))?)
    }
}

/// The format that this version writes and reads.
pub const FORMAT: u32 = 1;
