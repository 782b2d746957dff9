//! The report for a browser: one file. It fetches nothing and is readable without its script.
//!
//! | part | file |
//! | --- | --- |
//! | verdict, tiles, findings | `summary` |
//! | a row for each machine, or groups of them | `timeline` |
//! | outages and faults, on the same axis | `events` |
//! | machines by link, and rates | `charts` |
//! | latencies of each link | `links` |
//! | one row for each machine, files, notes | `tables` |
//!
//! Everything is drawn on one time `Axis`. The same run makes the same bytes. `maud` escapes
//! what machines, servers and stories say.

mod charts;
mod events;
mod links;
mod plot;
mod summary;
mod tables;
mod timeline;

use std::collections::BTreeMap;

use maud::{DOCTYPE, Markup, PreEscaped, html};
use quorate_scenario::{Finding, Link, MachineProgress, Outcome, Story, What};

use crate::axis::Axis;
use crate::human::Artifacts;
use crate::latency::Samples;
use crate::marks::{self, Mark};
use crate::milestones::{self, Milestones};
use crate::stage::{Span, Stage, spans};

/// The page. `beside` are the files and directories (with a slash at the end) that it links to.
pub fn page(story: &Story, outcome: &Outcome, artifacts: &Artifacts, beside: &[&str]) -> String {
    let page = Page::new(story, outcome, artifacts);
    let is_big = page.rows.len() > timeline::ROWS_MAX;
    let (timeline, charts) = (timeline::section(&page), charts::section(&page));
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                // A browser fetches nothing, even if markup slips through by a mistake here.
                meta http-equiv="Content-Security-Policy"
                    content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'";
                title { (summary::word(outcome)) ": " (story.title) " · quorate" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                (patterns())
                main {
                    (summary::header(&page))
                    (summary::findings(&page))
                    @if is_big { (charts) (timeline) } @else { (timeline) (charts) }
                    (links::section(&page))
                    (tables::machines(&page))
                    (tables::world(&page))
                    (tables::footer(&page, beside))
                }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    }
    .into_string()
}

/// What all parts of the page are made from.
struct Page<'a> {
    story: &'a Story,
    outcome: &'a Outcome,
    artifacts: &'a Artifacts,
    axis: Axis,
    marks: Vec<Mark>,
    samples: Samples,
    /// In the order of the story.
    rows: Vec<Row<'a>>,
    /// The number of the first finding at a machine, by its name.
    found: BTreeMap<&'a str, usize>,
    /// The SRV records that each member made its cluster of, in a run with a split.
    read: BTreeMap<&'a str, &'a [String]>,
}

/// One machine, ready to be drawn.
struct Row<'a> {
    progress: &'a MachineProgress,
    milestones: Milestones<'a>,
    spans: Vec<Span>,
}

impl Row<'_> {
    /// True when it is on at the end and something is missing.
    fn is_stuck(&self) -> bool {
        self.milestones.is_stuck()
    }

    fn is_bad(&self) -> bool {
        self.milestones.is_bad()
    }

    /// True when every link holds, in the cluster that it belongs to.
    fn is_complete(&self) -> bool {
        self.progress.is_complete() && !self.milestones.is_astray
    }

    fn stage(&self) -> Stage {
        Stage::of(self.progress.link(), self.progress.class)
    }
}

impl<'a> Page<'a> {
    fn new(story: &'a Story, outcome: &'a Outcome, artifacts: &'a Artifacts) -> Self {
        let all = milestones::rows(story, outcome);
        let rows = outcome
            .progress
            .iter()
            .zip(all)
            .map(|(progress, milestones)| Row {
                progress,
                milestones,
                spans: spans(progress, outcome.ended_at),
            });
        let rows: Vec<_> = rows.collect();
        let mut found = BTreeMap::new();
        for (number, finding) in outcome.verdict.findings().iter().enumerate() {
            if let Some(machine) = &finding.machine {
                found.entry(machine.as_str()).or_insert(number);
            }
        }
        Self {
            story,
            outcome,
            artifacts,
            axis: Axis::of(outcome),
            marks: marks::marks(outcome),
            samples: Samples::new(outcome),
            found,
            read: read(outcome, &rows),
            rows,
        }
    }

    fn findings(&self) -> &'a [Finding] {
        self.outcome.verdict.findings()
    }

    /// The finding about this machine; of one that is astray, the one about the split.
    fn finding(&self, row: &Row<'_>) -> Option<(usize, &'a Finding)> {
        let own = self.found.get(row.progress.name.as_str()).copied();
        let number = own.or_else(|| {
            let mut findings = self.findings().iter();
            let is_split = |finding: &Finding| finding.link == Link::ClusterId;
            findings
                .position(is_split)
                .filter(|_| row.milestones.is_astray)
        })?;
        Some((number, &self.findings()[number]))
    }
}

/// What each member read, when some member is astray: what it read is why.
fn read<'a>(outcome: &'a Outcome, rows: &[Row<'_>]) -> BTreeMap<&'a str, &'a [String]> {
    if !rows.iter().any(|row| row.milestones.is_astray) {
        return BTreeMap::new();
    }
    let seen = outcome.observations.iter().filter_map(|observation| {
        let What::SrvRead { records } = &observation.what else {
            return None;
        };
        Some((observation.machine.as_deref()?, records.as_slice()))
    });
    seen.collect()
}

/// The identifier of a machine's row, for links to it. Host names have no spaces.
fn row_id(machine: &str) -> String {
    format!("row-{machine}")
}

/// The class of a stage's colour. The links of a boot have a scale of their own.
fn colour(stage: Stage) -> String {
    match stage {
        Stage::Off => "off".to_owned(),
        Stage::Done => "done".to_owned(),
        Stage::At(link) => {
            let scale = if link.is_boot() { 'b' } else { 's' };
            let is_before = |other: &&Stage| match other {
                Stage::At(other) => other.is_boot() == link.is_boot() && *other < link,
                Stage::Off | Stage::Done => false,
            };
            let number = Stage::ALL.iter().filter(is_before).count();
            format!("{scale}{number}")
        }
    }
}

/// Hatchings: colour is never the only sign.
fn patterns() -> Markup {
    html! {
        svg width="0" height="0" style="position:absolute" aria-hidden="true" {
            defs {
                pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" {
                    rect width="6" height="6" class="hatch" {}
                    path d="M-1 7L7 -1M-1 1L1 -1M5 7L7 5" class="hatch" {}
                }
            }
        }
    }
}

/// 12345 as `12,345`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

const STYLE: &str = include_str!("html/style.css");
const SCRIPT: &str = include_str!("html/page.js");

#[cfg(test)]
mod tests;
