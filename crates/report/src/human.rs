//! The report for people.
//!
//! A failure begins with three lines that name the first broken link, the cause and the fix. The
//! boot chain of each machine follows. The last line is the verdict, with the address of the report
//! for a browser.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use quorate_core::Instant;
use quorate_scenario::story::Cluster;
use quorate_scenario::{Finding, FindingId, Outcome, Story, Verdict};

use crate::letters::DIM;
use crate::milestones::{self, Completion, Milestones};
pub use crate::style::Style;
use crate::{lease_times, table, text, waterfall};

/// What a reader needs to look closer, or to do it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifacts {
    /// Where the run's files are, when they were written.
    pub dir: Option<PathBuf>,
    /// `host` or `sim`.
    pub world: String,
    pub seed: u64,
    /// The version of etcd and where it came from.
    pub etcd: String,
    /// How long it took until no machine, no server and no network was left of the run.
    pub torn_down: Option<Duration>,
}

/// Everything, ending with a line break.
pub fn report(story: &Story, outcome: &Outcome, artifacts: &Artifacts, style: Style) -> String {
    let verdict = verdict(story, outcome, style);
    let chain = chain(story, outcome, style);
    let footer = footer(artifacts, style);
    let last = last_line(story, outcome, artifacts, style);
    match outcome.verdict {
        Verdict::Pass => format!("{chain}{footer}\n{last}"),
        Verdict::Fail { .. } | Verdict::Inconclusive { .. } => {
            format!("{verdict}\n{chain}{footer}\n{last}")
        }
    }
}

/// The verdict: one line for a success, else three lines on the first broken link and one
/// on each other finding.
pub fn verdict(story: &Story, outcome: &Outcome, style: Style) -> String {
    match &outcome.verdict {
        Verdict::Pass => passed(story, outcome, style),
        Verdict::Fail { findings } => {
            let word = style.paint(FAIL, "FAIL");
            let Some((first, others)) = findings.split_first() else {
                return format!("{word} {}\n", text::one_line(&story.title));
            };
            format!(
                "{word} {}\n{}",
                found(first),
                explained(first, others, style)
            )
        }
        Verdict::Inconclusive { why, findings } => {
            let word = style.paint(INCONCLUSIVE, "INCONCLUSIVE");
            let mut out = format!("{word} {}\n", text::one_line(why));
            if let Some((first, others)) = findings.split_first() {
                let _ = writeln!(out, "  {} {}", style.paint(DIM, "seen: "), found(first));
                out.push_str(&explained(first, others, style));
            }
            out
        }
    }
}

/// The verdict in one line, and where the report for a browser is, when it was written.
pub fn last_line(story: &Story, outcome: &Outcome, artifacts: &Artifacts, style: Style) -> String {
    let verdict = verdict(story, outcome, style);
    let line = verdict.lines().next().unwrap_or_default();
    match artifacts.dir.as_deref().and_then(link) {
        Some(link) => format!("{line}  {link}\n"),
        None => format!("{line}\n"),
    }
}

/// RFC 8089: the report for a browser in this directory, as an address.
fn link(dir: &Path) -> Option<String> {
    let path = std::path::absolute(dir).ok()?.join("report.html");
    let mut link = "file://".to_owned();
    for byte in path.as_os_str().as_encoded_bytes() {
        // RFC 3986 §2.3, and the slash.
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(byte) {
            link.push(char::from(*byte));
        } else {
            let _ = write!(link, "%{byte:02X}");
        }
    }
    Some(link)
}

fn passed(story: &Story, outcome: &Outcome, style: Style) -> String {
    let mut facts = Vec::new();
    let size = text::members(story);
    let identity = outcome
        .progress
        .members()
        .find_map(|progress| progress.identity);
    match (story.clusters.as_slice(), identity) {
        ([_], Some((cluster, _))) => facts.extend([size, format!("cluster {cluster}")]),
        ([_], None) => facts.push(size),
        (several, _) => facts.push(format!("{} clusters of {size}", several.len())),
    }
    if let Some(formed) = outcome.formed_at {
        let took = text::duration(formed.since(Instant::ZERO));
        facts.push(format!("formed in {took}"));
    }
    let word = style.paint(PASS, "PASS");
    let title = text::one_line(&story.title);
    if facts.is_empty() {
        return format!("{word} {title}\n");
    }
    format!("{word} {title}: {}\n", facts.join(", "))
}

/// `cluster-id n1: the cluster split into 3`
fn found(finding: &Finding) -> String {
    let machine = finding.machine.as_deref().unwrap_or_default();
    let place = format!("{} {}", finding.link, text::one_line(machine));
    format!("{}: {}", place.trim_end(), text::one_line(&finding.what))
}

fn explained(first: &Finding, others: &[Finding], style: Style) -> String {
    let mut out = String::new();
    for (label, said) in [("cause:", &first.cause), ("fix:  ", &first.fix)] {
        let label = style.paint(DIM, label);
        let _ = writeln!(out, "  {label} {}", text::one_line(said));
    }
    if first.id != FindingId::Other {
        let label = style.paint(DIM, "id:   ");
        let unsure = if first.unsure { ", not sure" } else { "" };
        let _ = writeln!(out, "  {label} {}{unsure}", first.id);
    }
    for follows in first.consequences.iter().take(OTHERS_MAX) {
        let label = style.paint(DIM, "so:   ");
        let _ = writeln!(out, "  {label} {}", found(follows));
    }
    for other in others.iter().take(OTHERS_MAX) {
        let label = style.paint(DIM, "also: ");
        let _ = writeln!(out, "  {label} {}", found(other));
    }
    if others.len() > OTHERS_MAX {
        let left = text::count(others.len() - OTHERS_MAX, "more finding");
        let _ = writeln!(out, "         and {left}: see report.json");
    }
    out
}

/// The headline, the waterfall and the table.
fn chain(story: &Story, outcome: &Outcome, style: Style) -> String {
    let rows = milestones::rows(story, outcome);
    let (shown, left_out) = milestones::shown(&rows);
    let mut out = waterfall::draw(&shown, outcome, style);
    if out.is_empty() {
        out.push_str("no machine was switched on\n");
    } else {
        let _ = write!(out, "\n{}", table::draw(&shown, &rows, style));
    }
    if left_out > 0 {
        out.push_str(&summary(&rows, shown.len()));
    }
    let lease_times = lease_times::draw(&lease_times::lease_times(story, outcome), style.width);
    if !lease_times.is_empty() {
        let _ = write!(out, "\n{lease_times}");
    }
    let _ = writeln!(
        out,
        "\n{}{}",
        headline(&rows, outcome),
        clusters(story, outcome)
    );
    out
}

/// How many of several clusters stand at the end.
fn clusters(story: &Story, outcome: &Outcome) -> String {
    let all = story.clusters.len();
    if all < 2 {
        return String::new();
    }
    let whole = |cluster: &&Cluster| {
        let mut members = outcome.progress.of(cluster);
        members.all(|progress| progress.voters == Some(cluster.size()))
    };
    let whole = story.clusters.iter().filter(whole).count();
    format!(", {whole} of {all} clusters are whole")
}

/// What the machines that are not shown would have shown.
fn summary(rows: &[Milestones<'_>], shown: usize) -> String {
    let stuck = rows.iter().filter(|row| row.is_unfinished()).count();
    let mut complete: Vec<_> = rows.iter().filter_map(completed).collect();
    complete.sort_unstable();
    let times = match (complete.first(), complete.last()) {
        (Some(first), Some(last)) => format!(
            "; {} came to the end of the chain in {} to {}",
            complete.len(),
            text::duration(*first),
            text::duration(*last),
        ),
        (_, None) | (None, _) => String::new(),
    };
    let all = rows.len();
    format!("the slowest {shown} of {all} machines; {stuck} never came to the end{times}\n")
}

const fn completed(row: &Milestones<'_>) -> Option<Duration> {
    match row.completion {
        Completion::Complete(took) => Some(took),
        Completion::NeverOn | Completion::Missing(_) => None,
    }
}

fn headline(rows: &[Milestones<'_>], outcome: &Outcome) -> String {
    let since_start = |at: Instant| text::duration(at.since(Instant::ZERO));
    let exec = match milestones::first_exec(rows) {
        Some(at) => format!("first etcd exec after {:.0} ms", at.as_nanos() as f64 / 1e6),
        None => "etcd was never started".to_owned(),
    };
    let formed = match outcome.formed_at {
        Some(at) => format!("formed after {}", since_start(at)),
        None => format!("not formed after {}", since_start(outcome.ended_at)),
    };
    format!("{exec}, {formed}")
}

fn footer(artifacts: &Artifacts, style: Style) -> String {
    let torn_down = artifacts.torn_down.map(text::duration);
    let torn_down = torn_down.map_or_else(String::new, |took| format!(", torn down in {took}"));
    let mut out = format!(
        "seed {}, etcd {}{torn_down}\n",
        artifacts.seed,
        text::one_line(&artifacts.etcd)
    );
    match &artifacts.dir {
        Some(dir) => {
            let _ = writeln!(out, "artifacts: {}", dir.display());
        }
        None => out.push_str("artifacts: none kept; --report DIR keeps them\n"),
    }
    if style.colour {
        out.lines()
            .map(|line| style.paint(DIM, line) + "\n")
            .collect()
    } else {
        out
    }
}

const PASS: &str = "1;32";
const FAIL: &str = "1;31";
const INCONCLUSIVE: &str = "1;33";
/// Findings listed after the first one.
const OTHERS_MAX: usize = 20;

#[cfg(test)]
mod tests;
