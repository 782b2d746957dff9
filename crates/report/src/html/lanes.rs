//! A lane for each machine. Of more than [`ROWS_MAX`] machines there are groups that open, each
//! closed one a miniature of its lanes; of more than [`LANES_MAX`], groups are drawn as the
//! share of machines in each stage, and only lanes worth a look stand alone.

use std::fmt::Write as _;
use std::time::Duration;

use maud::{Markup, html};

use super::plot::{bar, left, legend, plot};
use super::{Page, Track, charts, colour, lane_id};
use crate::milestones::{CHAIN, Progress};
use crate::text;
use crate::tracks::{Span, Stage, WIDTH};

pub(super) fn section(page: &Page<'_>) -> Markup {
    let rows = if page.tracks.len() <= ROWS_MAX {
        html! { @for group in groups(page, ROWS_MAX) {
            @if page.story.clusters.len() > 1 { p.sub { (group.name) " " small { (tally(&group.tracks)) } } }
            @for track in &group.tracks { (lane(page, track)) }
        } }
    } else if page.tracks.len() <= LANES_MAX {
        html! { @for group in groups(page, GROUP_LEN) { (opening(page, &group)) } }
    } else {
        outstanding(page)
    };
    html! {
        section #lanes {
            h2 { "Boot chains" }
            p.lead {
                "One lane for each machine. The colour is the last link that holds, so a lane waits for the link after it. "
                @if (ROWS_MAX + 1..=LANES_MAX).contains(&page.tracks.len()) { "A group opens with a click. " }
            }
            (legend(page))
            (plot(page, &rows))
        }
    }
}

/// Machines that are shown together.
struct Group<'a> {
    name: String,
    tracks: Vec<&'a Track<'a>>,
}

/// Every cluster, when there are several, then the other machines, so many at a time.
fn groups<'a>(page: &'a Page<'a>, len: usize) -> Vec<Group<'a>> {
    let mut groups = Vec::new();
    let mut others: Vec<&Track<'_>> = page.tracks.iter().collect();
    if page.story.clusters.len() > 1 {
        for cluster in &page.story.clusters {
            let tracks: Vec<_> = cluster
                .members
                .iter()
                .map(|&index| &page.tracks[index])
                .collect();
            let name = format!("{}: {}", cluster.name, range(&tracks));
            groups.push(Group { name, tracks });
        }
        others.retain(|track| track.lane.cluster.is_none());
    }
    groups.extend(others.chunks(len).map(|tracks| Group {
        name: range(tracks),
        tracks: tracks.to_vec(),
    }));
    groups
}

/// One machine.
fn lane(page: &Page<'_>, track: &Track<'_>) -> Markup {
    let name = &track.lane.machine;
    let finding = page.finding(name);
    html! {
        div.row.lane.broken[finding.is_some()] id=(lane_id(name)) data-name=(name)
            title=(tip(track)) {
            span.name {
                @if let Some((number, _)) = finding {
                    a href={ "#finding-" (number) } title="what was found" { "✕ " (name) }
                } @else { (name) }
            }
            div.draw {
                (drawing(page, &[track], LANE_HEIGHT))
                @if page.tracks.len() <= ROWS_MAX { (labels(page, track)) }
            }
            span.end.bad[is_bad(page, track)] { (end(page, track)) }
        }
    }
}

/// The names of links where there is room for them.
fn labels(page: &Page<'_>, track: &Track<'_>) -> Markup {
    html! {
        @for span in &track.spans {
            @let (x, width) = extent(page, span);
            @if let (Stage::At(link), true) = (span.stage, width > LABEL_WIDTH_MIN && span.linked && !span.frozen) {
                @if !(track.is_stuck() && Some(span) == track.spans.last()) {
                    em class=(colour(span.stage)) style=(format!("{};width:{:.2}%", left(x), width * 100.0 / WIDTH)) { (link) }
                }
            }
        }
    }
}

fn is_bad(page: &Page<'_>, track: &Track<'_>) -> bool {
    track.is_stuck() || page.finding(&track.lane.machine).is_some()
}

/// What stands behind a lane.
fn end(page: &Page<'_>, track: &Track<'_>) -> String {
    if let Some((_, finding)) = page.finding(&track.lane.machine) {
        return format!("✕ {}", finding.link);
    }
    match track.row.progress {
        Progress::NeverOn => "never on".to_owned(),
        Progress::Stuck(link) => format!("no {link}"),
        Progress::Complete(_) if track.is_stuck() => "lost".to_owned(),
        Progress::Complete(took) => text::duration(took),
    }
}

/// What the pointer is told.
fn tip(track: &Track<'_>) -> String {
    let lane = track.lane;
    let mut tip = format!("{} ({})", lane.machine, crate::json::class(lane));
    for (number, boot) in lane.boots.iter().enumerate() {
        let on = text::duration(boot.on.since(quorate_core::Instant::ZERO));
        let again = if number > 0 { " again" } else { "" };
        let _ = write!(tip, "\npower on{again} at {on}");
        for link in CHAIN.iter().skip(1) {
            if let Some(at) = boot.reached.get(link) {
                let _ = write!(tip, "\n  {link} +{}", text::duration(*at - boot.on));
            }
        }
    }
    if lane.starts > 1 {
        let _ = write!(tip, "\netcd started {} times", lane.starts);
    }
    if let (true, Some(said)) = (track.is_stuck(), &lane.last_words) {
        let said = text::cut(&text::one_line(said), LAST_WORDS_MAX, '…');
        let _ = write!(tip, "\nlast words: {said}");
    }
    tip
}

/// Lanes below each other, each of so many units.
fn drawing(page: &Page<'_>, tracks: &[&Track<'_>], height: f64) -> Markup {
    let mut paths: Vec<String> = vec![String::new(); Stage::ALL.len()];
    let (mut unlinked, mut frozen, mut stuck) = (String::new(), String::new(), String::new());
    for (index, track) in tracks.iter().enumerate() {
        let top = index as f64 * height;
        for span in &track.spans {
            let (x, width) = extent(page, span);
            let (y, thick) = body(span, top, height);
            paths[span.stage.index()].push_str(&bar(x, y, width, thick));
            if span.frozen {
                frozen.push_str(&bar(x, top + height * 0.1, width, height * 0.8));
            } else if !span.linked {
                unlinked.push_str(&bar(x, top + height * 0.1, width, height * 0.8));
            }
        }
        if let (true, Some(last)) = (track.is_stuck(), track.spans.last()) {
            let (x, width) = extent(page, last);
            stuck.push_str(&bar(x, top + height * 0.08, width, height * 0.84));
        }
    }
    let total = tracks.len() as f64 * height;
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

/// Where something is missing a lane is thick, where all is well it is thin.
fn body(span: &Span, top: f64, height: f64) -> (f64, f64) {
    let share = match span.stage {
        // Miniatures have no room for that.
        Stage::At(_) | Stage::Done if height < LANE_HEIGHT => 1.0,
        Stage::Off => 0.08,
        Stage::At(_) => 0.84,
        Stage::Done => 0.42,
    };
    (top + height * (1.0 - share) / 2.0, height * share)
}

/// A group that opens.
fn opening(page: &Page<'_>, group: &Group<'_>) -> Markup {
    let broken = group
        .tracks
        .iter()
        .filter(|track| is_bad(page, track))
        .count();
    html! {
        details.group.small[group.tracks.len() <= SMALL_MAX] open[broken > 0] {
            summary.row title=(group_tip(&group.tracks)) {
                span.name { (group.name) }
                div.draw { (drawing(page, &group.tracks, MINI_HEIGHT)) }
                span.end.bad[broken > 0] { (tally(&group.tracks)) }
            }
            @for track in &group.tracks { (lane(page, track)) }
        }
    }
}

/// `n1 – n25`
fn range(group: &[&Track<'_>]) -> String {
    match (group.first(), group.last()) {
        (Some(first), Some(last)) if group.len() > 1 => {
            let (first, last) = (&first.lane.machine, &last.lane.machine);
            let digits = |name: &str| name.trim_end_matches(|c: char| c.is_ascii_digit()).len();
            let (stem, number) = last.split_at(digits(last));
            let is_same = first[..digits(first)] == *stem && !number.is_empty();
            format!("{first} – {}", if is_same { number } else { last })
        }
        (Some(first), _) => first.lane.machine.clone(),
        (None, _) => String::new(),
    }
}

/// `24 of 25`
fn tally(group: &[&Track<'_>]) -> String {
    let complete = group.iter().filter(|track| track.lane.is_complete());
    format!("{} of {}", complete.count(), group.len())
}

fn group_tip(group: &[&Track<'_>]) -> String {
    let mut took: Vec<Duration> = group.iter().copied().filter_map(completed).collect();
    took.sort_unstable();
    let mut tip = format!("{}: {} complete", range(group), tally(group));
    let mut ids: Vec<_> = group
        .iter()
        .filter_map(|track| track.lane.identity)
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

fn completed(track: &Track<'_>) -> Option<Duration> {
    match track.row.progress {
        Progress::Complete(took) => Some(took),
        Progress::NeverOn | Progress::Stuck(_) => None,
    }
}

/// Of very many machines: those that are stuck, those that were slow, and all of them in groups.
fn outstanding(page: &Page<'_>) -> Markup {
    let mut order: Vec<&Track<'_>> = page.tracks.iter().collect();
    order.sort_by_key(|track| std::cmp::Reverse((is_bad(page, track), completed(track))));
    order.truncate(OUTSTANDING_MAX);
    let bad = page
        .tracks
        .iter()
        .filter(|track| is_bad(page, track))
        .count();
    html! {
        p.sub {
            @if bad > 0 { (bad.min(OUTSTANDING_MAX)) " of " (bad) " that did not come to the end" }
            @else { "The slowest " (order.len()) }
        }
        @for track in &order { (lane(page, track)) }
        p.sub { "All, in groups" }
        @for group in groups(page, CROWD_LEN) {
            @let bad = group.tracks.iter().any(|track| is_bad(page, track));
            div.row.crowd title=(group_tip(&group.tracks)) {
                span.name { (group.name) }
                div.draw { (charts::stack(page, &group.tracks, CROWD_SAMPLES)) }
                span.end.bad[bad] { (tally(&group.tracks)) }
            }
        }
    }
}

/// Up to so many machines every lane has a row.
pub(super) const ROWS_MAX: usize = 40;
/// Up to so many machines every lane is drawn.
const LANES_MAX: usize = 1_500;
/// Machines in a group that opens.
const GROUP_LEN: usize = 25;
/// Machines in a group that does not.
const CROWD_LEN: usize = 100;
const CROWD_SAMPLES: usize = 120;
/// Groups of so few machines are drawn lower.
const SMALL_MAX: usize = 5;
/// Cluster IDs that the pointer is told of.
const IDS_MAX: usize = 5;
const OUTSTANDING_MAX: usize = 30;

const LANE_HEIGHT: f64 = 12.0;
/// A link's name needs so much.
const LABEL_WIDTH_MIN: f64 = 75.0;
const MINI_HEIGHT: f64 = 2.0;
const SPAN_WIDTH_MIN: f64 = 0.8;
const LAST_WORDS_MAX: usize = 160;
