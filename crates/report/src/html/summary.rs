//! The first screen: the verdict, a few numbers, and the findings.

use maud::{Markup, html};
use quorate_core::Instant;
use quorate_scenario::{Finding, Link, Outcome, Verdict};

use super::{Page, grouped, row_id};
use crate::axis::busy_nanos;
use crate::latency::Percentiles;
use crate::rates::{Kind, rates};
use crate::text;

pub(super) const fn word(outcome: &Outcome) -> &'static str {
    match outcome.verdict {
        Verdict::Pass => "PASS",
        Verdict::Fail { .. } => "FAIL",
        Verdict::Inconclusive { .. } => "INCONCLUSIVE",
    }
}

const fn sign(outcome: &Outcome) -> &'static str {
    match outcome.verdict {
        Verdict::Pass => "✓",
        Verdict::Fail { .. } => "✕",
        Verdict::Inconclusive { .. } => "?",
    }
}

pub(super) fn header(page: &Page<'_>) -> Markup {
    let word = word(page.outcome);
    html! {
        header class=(word.to_lowercase()) {
            p.brand { b { "quorate" } " from power-on to quorum" button #theme type="button" hidden { "◐" } }
            h1 { (page.story.title) }
            p.verdict { span.badge { (sign(page.outcome)) " " (word) } " " span.said { (sentence(page)) } }
            dl.tiles { @for (label, value, more) in tiles(page) {
                div { dt { (label) } dd.long[value.len() > LONG] { (value) small { (more) } } }
            } }
        }
    }
}

/// The result in a sentence or two.
fn sentence(page: &Page<'_>) -> String {
    let all = page.rows.len();
    let complete = page.rows.iter().filter(|row| row.is_complete()).count();
    let machines = format!(
        "{} of {} came to the end of the boot chain",
        grouped(complete as u64),
        match all {
            1 => "1 machine".to_owned(),
            all => format!("{} machines", grouped(all as u64)),
        }
    );
    let cluster = match page.outcome.formed_at {
        Some(at) => format!("formed after {}", text::duration(at.since(Instant::ZERO))),
        None => "did not form".to_owned(),
    };
    match &page.outcome.verdict {
        Verdict::Inconclusive { why, .. } => {
            format!(
                "{machines}; the run was not a fair one: {}.",
                text::one_line(why)
            )
        }
        Verdict::Pass | Verdict::Fail { .. } if page.story.cluster_sizes().1 == 0 => {
            format!("{machines}.")
        }
        Verdict::Pass | Verdict::Fail { .. } if page.story.clusters.len() > 1 => {
            let formed = page
                .outcome
                .formed_at
                .map_or_else(String::new, |_| format!(", all {cluster}"));
            format!("{} clusters formed{formed}; {machines}.", whole(page))
        }
        Verdict::Pass | Verdict::Fail { .. } => {
            let members = text::members(page.story);
            format!("{machines}; the cluster of {members} {cluster}.")
        }
    }
}

/// `20 of 20`: clusters whose members all count all voters.
fn whole(page: &Page<'_>) -> String {
    let all = &page.story.clusters;
    let whole = all.iter().filter(|cluster| {
        let mut members = page.outcome.progress.of(cluster);
        members.all(|progress| progress.voters == Some(cluster.size()))
    });
    format!("{} of {}", whole.count(), all.len())
}

/// Label, value, and what belongs to it.
fn tiles(page: &Page<'_>) -> Vec<(&'static str, String, String)> {
    let since_start = |at: Instant| text::duration(at.since(Instant::ZERO));
    let members = page.outcome.progress.members().count();
    let all = page.rows.len();
    let mut tiles = vec![(
        "machines",
        grouped(all as u64),
        match all - members {
            0 => "all of them etcd".to_owned(),
            others => format!("{members} etcd, {} other", grouped(others as u64)),
        },
    )];
    if let Some(formed) = page.outcome.formed_at {
        tiles.push((
            "formed",
            since_start(formed),
            "since the story began".to_owned(),
        ));
    }
    let identity = page
        .outcome
        .progress
        .members()
        .find_map(|progress| progress.identity);
    if page.story.clusters.len() > 1 {
        let members = text::members(page.story);
        tiles.push(("clusters formed", whole(page), format!("of {members} each")));
    } else if let (Some((cluster, _)), Verdict::Pass) = (identity, &page.outcome.verdict) {
        tiles.push(("cluster ID", cluster.to_string(), "as predicted".to_owned()));
    }
    let took = |link| {
        page.samples
            .step
            .get(&link)
            .and_then(|all| Percentiles::of(all))
    };
    let shown = |nanos| text::duration(std::time::Duration::from_nanos(nanos));
    if let Some(lease) = took(Link::Ack) {
        tiles.push((
            "DISCOVER → ACK, p99",
            shown(lease.p99),
            format!("median {}", shown(lease.p50)),
        ));
    }
    let rates = rates(page.outcome, busy_nanos(page.outcome));
    for (kind, label) in [
        (Kind::Leases, "leases, peak"),
        (Kind::ZoneChanges, "DNS updates, peak"),
    ] {
        if let Some(series) = rates.series.iter().find(|series| series.kind == kind) {
            let peak = grouped(series.peak_per_sec.round() as u64);
            tiles.push((
                label,
                format!("{peak}/s"),
                format!("{} in all", grouped(series.total)),
            ));
        }
    }
    let findings = page.findings().len();
    if findings > 0 {
        let first = page.findings()[0].link;
        tiles.push((
            "findings",
            grouped(findings as u64),
            format!("first broken link: {first}"),
        ));
    }
    tiles
}

pub(super) fn findings(page: &Page<'_>) -> Markup {
    let Some((first, others)) = page.findings().split_first() else {
        return Markup::default();
    };
    html! {
        section #findings {
            h2 { @if others.is_empty() { "What broke" } @else { "What broke first" } }
            (finding(page, 0, first))
            @if !others.is_empty() {
                details.also open[others.len() <= OPEN_MAX] {
                    summary { (text::count(others.len(), "more finding")) span.links {
                        @for (link, count) in by_link(others) { span.chip { (link) " ×" (count) } }
                    } }
                    @for (index, other) in others.iter().take(SHOWN_MAX).enumerate() {
                        (finding(page, index + 1, other))
                    }
                    @if others.len() > SHOWN_MAX {
                        p { "and " (grouped((others.len() - SHOWN_MAX) as u64)) " more: see report.json" }
                    }
                }
            }
        }
    }
}

fn finding(page: &Page<'_>, number: usize, finding: &Finding) -> Markup {
    let known = finding.machine.as_deref().filter(|machine| {
        let mut machines = page.story.machines.iter();
        machines.any(|known| known.name == **machine)
    });
    html! {
        article.finding.first[number == 0] id={ "finding-" (number) } {
            h3 {
                span.chip { (finding.link) } " "
                @match (&finding.machine, known) {
                    (_, Some(machine)) => { a href={ "#" (row_id(machine)) } { (machine) } ": " },
                    (Some(machine), None) => { (machine) ": " },
                    (None, None) => {},
                }
                (text::one_line(&finding.what))
            }
            dl {
                dt { "cause" } dd { (text::one_line(&finding.cause)) }
                dt { "fix" } dd { (text::one_line(&finding.fix)) }
            }
        }
    }
}

/// How many findings each link has.
fn by_link(findings: &[Finding]) -> Vec<(Link, usize)> {
    let mut counts: Vec<(Link, usize)> = Vec::new();
    for finding in findings {
        match counts.last_mut() {
            Some((link, count)) if *link == finding.link => *count += 1,
            Some(_) | None => counts.push((finding.link, 1)),
        }
    }
    counts
}

/// So few other findings are shown at once.
const OPEN_MAX: usize = 3;
const SHOWN_MAX: usize = 200;
/// A value of more characters is written smaller.
const LONG: usize = 12;
