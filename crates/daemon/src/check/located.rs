//! A finding with its places in the text.

use std::fmt;

use miette::{Diagnostic, LabeledSpan, NamedSource, SourceCode};
use quorate_server::check::{Finding, Severity};
use serde_json::{Value, json};

use super::spans;

/// A finding, its places, and the text that they are in.
#[derive(Debug)]
pub struct Located {
    finding: Finding,
    labels: Vec<LabeledSpan>,
    source: NamedSource<String>,
}

impl Located {
    pub(super) fn new(finding: Finding, source: &NamedSource<String>) -> Self {
        let is_json = source.name().ends_with(".json");
        let labels = finding.places.iter().map(|place| {
            let range = spans::find(source.inner(), is_json, &place.path);
            LabeledSpan::new(Some(place.note.clone()), range.start, range.len())
        });
        Self {
            labels: labels.collect(),
            finding,
            source: source.clone(),
        }
    }

    /// How bad it is.
    pub const fn severity(&self) -> Severity {
        self.finding.severity
    }

    /// The line and column of each place, counted from 1.
    fn positions(&self) -> impl Iterator<Item = (usize, usize)> {
        let text = self.source.inner();
        self.labels.iter().map(|label| {
            let before = text.get(..label.offset()).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            let column = before
                .chars()
                .rev()
                .take_while(|char| *char != '\n')
                .count()
                + 1;
            (line, column)
        })
    }

    /// One line, as for a log: `quorate.toml:7,41: …`.
    pub fn line(&self) -> String {
        let lines: Vec<_> = self.positions().map(|(line, _)| line.to_string()).collect();
        let (name, finding) = (self.source.name(), &self.finding);
        format!(
            "{name}:{}: {}; {}",
            lines.join(","),
            finding.message,
            finding.help
        )
    }

    /// For programs.
    pub fn to_json(&self) -> Value {
        let places = self.finding.places.iter().zip(&self.labels);
        let places = places.zip(self.positions());
        let places: Vec<_> = places
            .map(|((place, label), (line, column))| {
                json!({
                    "path": place.path,
                    "note": place.note,
                    "line": line,
                    "column": column,
                    "offset": label.offset(),
                    "length": label.len(),
                })
            })
            .collect();
        json!({
            "code": self.finding.code,
            "severity": self.finding.severity,
            "message": self.finding.message,
            "help": self.finding.help,
            "places": places,
        })
    }
}

impl fmt::Display for Located {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.finding.message)
    }
}

impl std::error::Error for Located {}

impl Diagnostic for Located {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.finding.code))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.finding.severity {
            Severity::Error | Severity::NotThere => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        let help = &self.finding.help;
        (!help.is_empty()).then(|| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.labels.iter().cloned()))
    }
}
