//! A row for each machine. More than [`ROWS_MAX`] machines are put into groups that open; a closed
//! group is a miniature of its rows. Of more than [`DRAWN_MAX`] machines, a group is drawn as the
//! share of machines in each stage, and only rows worth a look stand alone.

use std::fmt::Write as _;
use std::time::Duration;

use maud::{Markup, html};

use super::plot::{bar, left, legend, plot};
use super::{Page, Row, charts, colour, events, row_id};
use crate::axis::WIDTH;
use crate::milestones::{CHAIN, Completion};
use crate::stage::{Span, Stage};
use crate::text;

pub(super) fn section(page: &Page<'_>) -> Markup {
    let rows = if page.rows.len() <= ROWS_MAX {
        html! { @for group in groups(page, ROWS_MAX) {
            @if page.story.clusters.len() > 1 { p.sub { (group.name) " " small { (tally(&group.rows)) } } }
            @for row in &group.rows { (machine(page, row)) }
        } }
    } else if page.rows.len() <= DRAWN_MAX {
        html! { @for group in groups(page, GROUP_LEN) { (opening(page, &group)) } }
    } else {
        outstanding(page)
    };
    html! {
        section #timeline {
            h2 { "Boot chains" }
            p.lead {
                "One row for each machine. The colour is the last link that holds; the machine waits for the link after it. "
                @if (ROWS_MAX + 1..=DRAWN_MAX).contains(&page.rows.len()) { "A group opens with a click. " }
            }
            (legend(page, events::is_any(page)))
            (plot(page, &html! { (events::rows(page)) (rows) }))
        }
    }
}

/// Machines that are shown together.
struct Group<'a> {
    name: String,
    rows: Vec<&'a Row<'a>>,
}

/// Every cluster, when there are several, then the other machines, so many at a time.
fn groups<'a>(page: &'a Page<'a>, len: usize) -> Vec<Group<'a>> {
    let mut groups = Vec::new();
    let mut others: Vec<&Row<'_>> = page.rows.iter().collect();
    if page.story.clusters.len() > 1 {
        for cluster in &page.story.clusters {
            let rows: Vec<_> = cluster
                .members
                .iter()
                .map(|&index| &page.rows[index])
                .collect();
            let name = format!("{}: {}", cluster.name, range(&rows));
            groups.push(Group { name, rows });
        }
        others.retain(|row| row.progress.cluster.is_none());
    }
    groups.extend(others.chunks(len).map(|rows| Group {
        name: range(rows),
        rows: rows.to_vec(),
    }));
    groups
}

/// One machine.
fn machine(page: &Page<'_>, row: &Row<'_>) -> Markup {
    let name = &row.progress.name;
    let finding = page.finding(row);
    html! {
        div.row.machine.broken[row.is_bad()] id=(row_id(name)) data-name=(name)
            title=(tip(page, row)) {
            span.name {
                @if let Some((number, _)) = finding {
                    a href={ "#finding-" (number) } title="what was found" { "✕ " (name) }
                } @else { (name) }
            }
            div.draw {
                (drawing(page, &[row], ROW_HEIGHT))
                @if page.rows.len() <= ROWS_MAX { (labels(page, row)) }
            }
            span.end.bad[row.is_bad()] { (end(page, row)) }
        }
        @if page.rows.len() <= ROWS_MAX { (read(page, row)) }
    }
}

/// After a split: the records that this member read, and the cluster that they make.
fn read(page: &Page<'_>, row: &Row<'_>) -> Markup {
    let Some(records) = page.read.get(row.progress.name.as_str()) else {
        return Markup::default();
    };
    html! {
        div.row.read {
            div {
                "read SRV " @for (index, record) in records.iter().enumerate() {
                    @if index > 0 { ", " } code { (record) }
                }
                @if let Some((cluster, _)) = row.progress.identity {
                    " → cluster " code.bad[row.milestones.is_astray] { (cluster) }
                    @if row.milestones.is_astray { ", a wrong one" } @else { ", the right one" }
                }
            }
        }
    }
}

/// The names of links where there is room for them.
fn labels(page: &Page<'_>, row: &Row<'_>) -> Markup {
    html! {
        @for span in &row.spans {
            @let (x, width) = extent(page, span);
            @if let (Stage::At(link), true) = (span.stage, width > LABEL_WIDTH_MIN && span.linked && !span.frozen) {
                @if row.milestones.bad_since().is_none_or(|since| span.from < since.as_nanos()) {
                    em class=(colour(span.stage)) style=(format!("{};width:{:.2}%", left(x), width * 100.0 / WIDTH)) { (link) }
                }
            }
        }
    }
}

/// What stands behind a row.
fn end(page: &Page<'_>, row: &Row<'_>) -> String {
    if let Some((_, finding)) = page.finding(row) {
        return format!("✕\u{a0}{}", finding.link);
    }
    match row.milestones.completion {
        Completion::NeverOn => "never on".to_owned(),
        Completion::Missing(link) => format!("no {link}"),
        Completion::Complete(_) if row.is_stuck() => "lost".to_owned(),
        Completion::Complete(took) => text::duration(took),
    }
}

/// The text under the pointer.
fn tip(page: &Page<'_>, row: &Row<'_>) -> String {
    let progress = row.progress;
    let mut tip = format!("{} ({})", progress.name, crate::json::class(progress));
    for (number, boot) in progress.boots.iter().enumerate() {
        let on = text::duration(boot.on.since(quorate_core::Instant::ZERO));
        let again = if number > 0 { " again" } else { "" };
        let _ = write!(tip, "\npower on{again} at {on}");
        for link in CHAIN.iter().skip(1) {
            if let Some(at) = boot.reached.get(link) {
                let _ = write!(tip, "\n  {link} +{}", text::duration(*at - boot.on));
            }
        }
    }
    if progress.starts > 1 {
        let _ = write!(tip, "\netcd started {} times", progress.starts);
    }
    if let Some(records) = page.read.get(progress.name.as_str()) {
        let _ = write!(tip, "\nread SRV {}", records.join(" "));
    }
    if let (true, Some(said)) = (row.is_stuck(), &progress.last_words) {
        let said = text::cut(&text::one_line(said), LAST_WORDS_MAX, '…');
        let _ = write!(tip, "\nlast words: {said}");
    }
    tip
}

/// Rows below each other, each of so many units.
fn drawing(page: &Page<'_>, rows: &[&Row<'_>], height: f64) -> Markup {
    let mut paths: Vec<String> = vec![String::new(); Stage::ALL.len()];
    let (mut unlinked, mut frozen, mut stuck) = (String::new(), String::new(), String::new());
    for (index, row) in rows.iter().enumerate() {
        let top = index as f64 * height;
        for span in &row.spans {
            let (x, width) = extent(page, span);
            let (y, thick) = body(span, top, height);
            paths[span.stage.index()].push_str(&bar(x, y, width, thick));
            if span.frozen {
                frozen.push_str(&bar(x, top + height * 0.1, width, height * 0.8));
            } else if !span.linked {
                unlinked.push_str(&bar(x, top + height * 0.1, width, height * 0.8));
            }
        }
        if let Some(since) = row.milestones.bad_since() {
            let x = page.axis.x(since.as_nanos());
            let width = (WIDTH - x).max(SPAN_WIDTH_MIN);
            stuck.push_str(&bar(x, top + height * 0.08, width, height * 0.84));
        }
    }
    let total = rows.len() as f64 * height;
    html! {
        svg viewBox=(format!("0 0 {WIDTH} {total}")) preserveAspectRatio="none" aria-hidden="true" {
            @for (stage, path) in Stage::ALL.into_iter().zip(&paths) {
                @if !path.is_empty() { path class=(colour(stage)) d=(path) {} }
            }
            @if !unlinked.is_empty() { path.unlinked d=(unlinked) {} }
            @if !frozen.is_empty() { path.frozen d=(frozen) {} }
            @if !stuck.is_empty() { path.stuck d=(stuck) {} }
        }
    }
}

/// Where a span is drawn; a short one is still seen.
fn extent(page: &Page<'_>, span: &Span) -> (f64, f64) {
    let x = page.axis.x(span.from);
    (x, (page.axis.x(span.to) - x).max(SPAN_WIDTH_MIN))
}

/// A bar is thick where something is missing and thin where all is well.
fn body(span: &Span, top: f64, height: f64) -> (f64, f64) {
    let share = match span.stage {
        // Miniatures have no room for that.
        Stage::At(_) | Stage::Done if height < ROW_HEIGHT => 1.0,
        Stage::Off => 0.08,
        Stage::At(_) => 0.84,
        Stage::Done => 0.42,
    };
    (top + height * (1.0 - share) / 2.0, height * share)
}

/// A group that opens.
fn opening(page: &Page<'_>, group: &Group<'_>) -> Markup {
    let broken = group.rows.iter().filter(|row| row.is_bad()).count();
    html! {
        details.group.small[group.rows.len() <= SMALL_MAX] open[broken > 0] {
            summary.row title=(group_tip(&group.rows)) {
                span.name { (group.name) }
                div.draw { (drawing(page, &group.rows, MINI_HEIGHT)) }
                span.end.bad[broken > 0] { (tally(&group.rows)) }
            }
            @for row in &group.rows { (machine(page, row)) }
        }
    }
}

/// `n1 – n25`
fn range(group: &[&Row<'_>]) -> String {
    match (group.first(), group.last()) {
        (Some(first), Some(last)) if group.len() > 1 => {
            let (first, last) = (&first.progress.name, &last.progress.name);
            let digits = |name: &str| name.trim_end_matches(|c: char| c.is_ascii_digit()).len();
            let (stem, number) = last.split_at(digits(last));
            let is_same = first[..digits(first)] == *stem && !number.is_empty();
            format!("{first} – {}", if is_same { number } else { last })
        }
        (Some(first), _) => first.progress.name.clone(),
        (None, _) => String::new(),
    }
}

/// `24 of 25`
fn tally(group: &[&Row<'_>]) -> String {
    let complete = group.iter().filter(|row| row.is_complete());
    format!("{} of {}", complete.count(), group.len())
}

fn group_tip(group: &[&Row<'_>]) -> String {
    let mut took: Vec<Duration> = group.iter().copied().filter_map(completed).collect();
    took.sort_unstable();
    let mut tip = format!("{}: {} complete", range(group), tally(group));
    let mut ids: Vec<_> = group
        .iter()
        .filter_map(|row| row.progress.identity)
        .collect();
    ids.sort_unstable();
    ids.dedup_by_key(|(cluster, _)| *cluster);
    for (cluster, _) in ids.iter().take(IDS_MAX) {
        let _ = write!(tip, "\ncluster {cluster}");
    }
    if let (Some(first), Some(last)) = (took.first(), took.last()) {
        let _ = write!(
            tip,
            "\nfrom power-on to the end of the chain in {} to {}",
            text::duration(*first),
            text::duration(*last)
        );
    }
    tip
}

fn completed(row: &Row<'_>) -> Option<Duration> {
    match row.milestones.completion {
        Completion::Complete(took) => Some(took),
        Completion::NeverOn | Completion::Missing(_) => None,
    }
}

/// Of very many machines: those that are stuck, those that were slow, and all of them in groups.
fn outstanding(page: &Page<'_>) -> Markup {
    let mut order: Vec<&Row<'_>> = page.rows.iter().collect();
    order.sort_by_key(|row| std::cmp::Reverse((row.is_bad(), completed(row))));
    order.truncate(OUTSTANDING_MAX);
    let bad = page.rows.iter().filter(|row| row.is_bad()).count();
    html! {
        p.sub {
            @if bad > 0 { (bad.min(OUTSTANDING_MAX)) " of " (bad) " that did not come to the end" }
            @else { "The slowest " (order.len()) }
        }
        @for row in &order { (machine(page, row)) }
        p.sub { "All, in groups" }
        @for group in groups(page, CROWD_LEN) {
            @let bad = group.rows.iter().any(|row| row.is_bad());
            div.row.crowd title=(group_tip(&group.rows)) {
                span.name { (group.name) }
                div.draw { (charts::stack(page, &group.rows, CROWD_SAMPLES)) }
                span.end.bad[bad] { (tally(&group.rows)) }
            }
        }
    }
}

/// Up to so many machines, every one has a row of full height.
pub(super) const ROWS_MAX: usize = 40;
/// Up to so many machines, every one is drawn.
const DRAWN_MAX: usize = 1_500;
/// Machines in a group that opens.
const GROUP_LEN: usize = 25;
/// Machines in a group that does not.
const CROWD_LEN: usize = 100;
const CROWD_SAMPLES: usize = 120;
/// Groups of so few machines are drawn lower.
const SMALL_MAX: usize = 5;
/// Cluster IDs in the text under the pointer.
const IDS_MAX: usize = 5;
const OUTSTANDING_MAX: usize = 30;

const ROW_HEIGHT: f64 = 12.0;
/// A link's name needs so much.
const LABEL_WIDTH_MIN: f64 = 75.0;
const MINI_HEIGHT: f64 = 2.0;
const SPAN_WIDTH_MIN: f64 = 0.8;
const LAST_WORDS_MAX: usize = 160;
