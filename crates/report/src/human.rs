//! Verdict and waterfall for people.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use quorate_core::Instant;
use quorate_scenario::{Finding, Link, Outcome, Story, Verdict};

use crate::waterfall;

/// How text may look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    pub colour: bool,
    pub unicode: bool,
    /// Columns.
    pub width: usize,
}

impl Style {
    /// For files and pipes.
    pub const PLAIN: Self = Self {
        colour: false,
        unicode: false,
        width: 100,
    };
}

/// What a run used, and where it left what it wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifacts {
    /// `None` when nothing was kept.
    pub dir: Option<PathBuf>,
    pub seed: u64,
    /// Version and origin.
    pub etcd: String,
}

/// The whole report. A failure begins with its first broken link, in three lines: what, cause,
/// fix. A pass ends with the line that says so.
pub fn report(story: &Story, outcome: &Outcome, artifacts: &Artifacts, style: Style) -> String {
    let mut text = String::new();
    let verdict = verdict(story, outcome, style);
    if outcome.verdict != Verdict::Pass {
        text.push_str(&verdict);
        text.push('\n');
    }
    text.push_str(&waterfall::draw(&outcome.lanes, outcome.ended_at, style));
    text.push('\n');
    text.push_str(&facts(outcome, artifacts));
    if outcome.verdict == Verdict::Pass {
        text.push_str(&verdict);
    }
    text
}

/// The verdict: one line when all held, three for each broken link otherwise.
pub fn verdict(story: &Story, outcome: &Outcome, style: Style) -> String {
    let mut text = String::new();
    match &outcome.verdict {
        Verdict::Pass => {
            let formed = outcome.formed_at.map_or_else(String::new, |at| {
                format!(", formed in {}", seconds(at - Instant::ZERO))
            });
            let members = &outcome.evidence.members;
            let cluster = members.first().map_or_else(String::new, |member| {
                format!(
                    ": {} members, cluster {}{formed}",
                    members.len(),
                    member.cluster_id
                )
            });
            let _ = writeln!(
                text,
                "{} {}{cluster}",
                paint("PASS", GREEN, style),
                story.title
            );
        }
        Verdict::Fail { findings } => tell(&mut text, findings, paint("FAIL", RED, style)),
        Verdict::Inconclusive { why, findings } => {
            let word = paint("INCONCLUSIVE", YELLOW, style);
            let _ = writeln!(text, "{word} this host was starved: {why}");
            tell(&mut text, findings, paint("found", YELLOW, style));
        }
    }
    text
}

fn tell(text: &mut String, findings: &[Finding], word: String) {
    let mut findings = findings.iter();
    if let Some(first) = findings.next() {
        let _ = writeln!(text, "{word} {}: {}", place(first), first.what);
        let _ = writeln!(text, "  cause: {}", first.cause);
        let _ = writeln!(text, "  fix:   {}", first.fix);
    }
    for finding in findings {
        let _ = writeln!(
            text,
            "  also {}: {} ({})",
            place(finding),
            finding.what,
            finding.cause
        );
    }
}

/// `cluster-id n1`, or the link alone.
fn place(finding: &Finding) -> String {
    match &finding.machine {
        Some(machine) => format!("{} {machine}", finding.link),
        None => finding.link.to_string(),
    }
}

fn facts(outcome: &Outcome, artifacts: &Artifacts) -> String {
    let mut text = String::new();
    let first_exec = outcome
        .lanes
        .members()
        .filter_map(|lane| lane.reached.get(&Link::Etcd))
        .min();
    if let Some(at) = first_exec {
        let _ = writeln!(text, "first etcd exec  {}", seconds(*at - Instant::ZERO));
    }
    let _ = writeln!(text, "etcd             {}", artifacts.etcd);
    let _ = writeln!(text, "seed             {}", artifacts.seed);
    match &artifacts.dir {
        Some(dir) => {
            let _ = writeln!(text, "artifacts        {}", dir.display());
        }
        None => text.push_str("artifacts        none kept; --report DIR keeps them\n"),
    }
    text
}

/// `2.115 s`
pub(crate) fn seconds(duration: Duration) -> String {
    format!("{:.3} s", duration.as_secs_f64())
}

pub(crate) fn paint(text: &str, colour: u8, style: Style) -> String {
    if style.colour {
        format!("\x1b[1;{colour}m{text}\x1b[0m")
    } else {
        text.to_owned()
    }
}

pub(crate) const RED: u8 = 31;
pub(crate) const GREEN: u8 = 32;
pub(crate) const YELLOW: u8 = 33;

#[cfg(test)]
mod tests;
