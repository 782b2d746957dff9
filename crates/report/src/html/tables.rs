//! Numbers of each machine, what the world says of itself, and where everything is.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use maud::{Markup, html};
use quorate_core::Instant;
use quorate_scenario::{Link, What};

use super::{Page, Row, colour, grouped, row_id};
use crate::milestones::CHAIN;
use crate::stage::Stage;
use crate::{json, text};

pub(super) fn machines(page: &Page<'_>) -> Markup {
    let addrs = addrs(page);
    let mut shown: Vec<&Row<'_>> = page.rows.iter().collect();
    if shown.len() > ROWS_MAX {
        // What is stuck first, then in the order of the story.
        shown.sort_by_key(|row| !row.is_stuck());
        shown.truncate(ROWS_MAX);
    }
    let left_out = page.rows.len() - shown.len();
    let reached = |link| {
        page.rows
            .iter()
            .any(|row| row.milestones.at(link).is_some())
    };
    let mut links = CHAIN.to_vec();
    links.retain(|link| !link.is_boot() || reached(*link));
    html! {
        section #machines {
            h2 { "Machines" }
            details open[page.rows.len() <= OPEN_MAX] {
                summary { "Times of each machine" }
                p.lead {
                    "Milliseconds from its first power-on to each link; power-on itself since the story began. "
                    @if left_out > 0 { "Of " (grouped(page.rows.len() as u64)) " machines " (grouped(ROWS_MAX as u64)) " are here; report.json has all." }
                }
                input #filter type="search" placeholder="filter by name, address, link …" aria-label="filter machines" hidden;
                div.scroll {
                    table.machines {
                        thead { tr {
                            th { "machine" } th { "class" } th { "holds" } th { "address" } th { "MAC" }
                            @for link in &links { th.num { (link) } }
                            th.num { "boots" } th.num { "starts" } th { "cluster" }
                        } }
                        tbody { @for row in &shown { (line(page, row, &links, &addrs)) } }
                    }
                }
            }
        }
    }
}

fn line(
    page: &Page<'_>,
    row: &Row<'_>,
    links: &[Link],
    addrs: &BTreeMap<&str, Ipv4Addr>,
) -> Markup {
    let progress = row.progress;
    let mac = page
        .story
        .machines
        .iter()
        .find(|known| known.name == progress.name);
    let holds = match row.stage() {
        Stage::Off => "off".to_owned(),
        Stage::At(link) => link.to_string(),
        Stage::Done => "complete".to_owned(),
    };
    html! {
        tr {
            th { a href={ "#" (row_id(&progress.name)) } { (progress.name) } }
            td { (json::class(progress)) }
            td.bad[row.is_bad()] { i class=(colour(row.stage())) {} (holds) }
            td.mono { @if let Some(addr) = addrs.get(progress.name.as_str()) { (addr) } }
            td.mono { @if let Some(machine) = mac { (machine.mac) } }
            @for link in links { td.num { (time(row, *link)) } }
            td.num { (progress.boots.len()) }
            td.num { @if progress.starts > 0 { (progress.starts) } }
            td.mono.bad[row.milestones.is_astray] { @if let Some((cluster, _)) = progress.identity { (cluster) } }
        }
    }
}

fn time(row: &Row<'_>, link: Link) -> String {
    let time = if link == Link::Power {
        row.milestones.on().map(|on| on.since(Instant::ZERO))
    } else {
        row.milestones.took(link)
    };
    let missing = if row.progress.class.chain().contains(&link) {
        "–"
    } else {
        ""
    };
    time.map_or_else(|| missing.to_owned(), text::millis)
}

/// The last address of each machine.
fn addrs<'a>(page: &Page<'a>) -> BTreeMap<&'a str, Ipv4Addr> {
    let mut addrs = BTreeMap::new();
    for observation in &page.outcome.observations {
        if let (What::Leased { addr, .. }, Some(machine)) =
            (&observation.what, &observation.machine)
        {
            addrs.insert(machine.as_str(), *addr);
        }
    }
    addrs
}

/// What servers refused, and what this world cannot show.
pub(super) fn world(page: &Page<'_>) -> Markup {
    let mut refused: BTreeMap<String, u64> = BTreeMap::new();
    let mut notes: Vec<String> = Vec::new();
    for observation in &page.outcome.observations {
        if let What::Refused { by, why } = &observation.what {
            let what = format!("{}: {}", text::one_line(by), text::one_line(why));
            *refused.entry(what).or_default() += 1;
        }
        if let What::Note { text } = &observation.what {
            let note = text::one_line(text);
            if !notes.contains(&note) && notes.len() < NOTES_MAX {
                notes.push(note);
            }
        }
    }
    let mut refused: Vec<_> = refused.into_iter().collect();
    refused.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    html! {
        @if !refused.is_empty() {
            section #refused {
                h2 { "Refused by the servers" }
                ul { @for (what, count) in refused.iter().take(REFUSALS_MAX) {
                    li { (what) @if *count > 1 { span.of { " ×" (grouped(*count)) } } }
                } }
                @if refused.len() > REFUSALS_MAX { p { "and " (refused.len() - REFUSALS_MAX) " kinds more: see events.jsonl" } }
            }
        }
        @if !notes.is_empty() {
            section #notes { h2 { "Notes" } ul { @for note in &notes { li { (note) } } } }
        }
    }
}

pub(super) fn footer(page: &Page<'_>, beside: &[&str]) -> Markup {
    let artifacts = page.artifacts;
    html! {
        footer {
            h2 { "This run" }
            dl {
                dt { "world" } dd { (artifacts.world) }
                dt { "etcd" } dd { (text::one_line(&artifacts.etcd)) }
                dt { "seed" } dd { (artifacts.seed) }
                dt { "length" } dd { (text::duration(page.outcome.ended_at.since(Instant::ZERO))) }
                @if let Some(took) = artifacts.torn_down { dt { "teardown" } dd { (text::duration(took)) } }
                dt { "again" } dd { code { "quorate run scenario.toml --world " (artifacts.world) " --seed " (artifacts.seed) } }
            }
            p { @if !beside.is_empty() { "Beside this page: " } @for (index, name) in beside.iter().enumerate() {
                @if index > 0 { ", " } a href=(name) { (name) }
            } @if !beside.is_empty() { ". " } code { "quorate report DIR" } " makes the page, the JUnit XML and report.json again." }
        }
    }
}

const OPEN_MAX: usize = 12;
const ROWS_MAX: usize = 2_000;
const REFUSALS_MAX: usize = 12;
const NOTES_MAX: usize = 20;
