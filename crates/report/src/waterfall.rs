//! The boot chain of each machine over time.
//!
//! ```text
//!    0 to 1.5 s           discover     ack    name    seed     srv    etcd cluster   voter  ms
//! n1 aeeeeeeeeeeeeccVV          12      16      24      29      78      30    1245    1392
//! ```

use std::fmt::Write as _;

use quorate_core::Instant;
use quorate_scenario::lane::Lanes;
use quorate_scenario::{Lane, Link};

use crate::human::{Style, paint};

/// The links that have a column, in the order in which a machine reaches them.
const COLUMNS: [Link; 8] = [
    Link::Discover,
    Link::Ack,
    Link::Name,
    Link::Seed,
    Link::Srv,
    Link::Etcd,
    Link::ClusterId,
    Link::Voter,
];

/// What a machine is at after each link, as the legend says it.
const STAGES: [(Link, &str); 7] = [
    (Link::Discover, "asking"),
    (Link::Ack, "leased"),
    (Link::Name, "named"),
    (Link::Seed, "seeded"),
    (Link::Etcd, "etcd runs"),
    (Link::ClusterId, "in a cluster"),
    (Link::Voter, "voter"),
];

/// Machines that get a line each; of more, the slowest are shown.
const LANES_MAX: usize = 30;
const SLOWEST_SHOWN: usize = 10;
const NAME_WIDTH_MAX: usize = 16;
const CELL_WIDTH: usize = 8;
const BAR_WIDTH_MIN: usize = 10;
const BAR_WIDTH_MAX: usize = 48;

/// One line a machine: a bar over the time of the whole story, then milliseconds from its own
/// power-on to each link.
pub(crate) fn draw(lanes: &Lanes, end: Instant, style: Style) -> String {
    let all: Vec<&Lane> = lanes.iter().collect();
    let (shown, left_out) = choose(all);
    let name_width = shown
        .iter()
        .map(|lane| lane.machine.len())
        .max()
        .unwrap_or(0)
        .min(NAME_WIDTH_MAX);
    let table_width = CELL_WIDTH * COLUMNS.len();
    let bar_width = style
        .width
        .saturating_sub(name_width + 2 + table_width)
        .clamp(BAR_WIDTH_MIN, BAR_WIDTH_MAX);
    let mut text = String::new();
    let scale = format!("0 to {:.1} s", end.as_nanos() as f64 / 1e9);
    let _ = write!(text, "{:name_width$} {scale:bar_width$}", "");
    for link in COLUMNS {
        let _ = write!(text, "{:>CELL_WIDTH$}", heading(link));
    }
    text.push_str("  ms\n");
    for lane in &shown {
        let name: String = lane.machine.chars().take(name_width).collect();
        let _ = write!(
            text,
            "{name:name_width$} {}",
            bar(lane, end, bar_width, style)
        );
        cells(&mut text, |link| since_power(lane, link));
    }
    if shown.len() > 1 {
        let _ = write!(text, "{:name_width$} {:>bar_width$}", "", "median");
        cells(&mut text, |link| {
            median(
                shown
                    .iter()
                    .filter_map(|lane| since_power(lane, link))
                    .collect(),
            )
        });
    }
    if left_out > 0 {
        let _ = writeln!(text, "and {left_out} faster machines");
    }
    text.push_str(&legend(style));
    text
}

/// What the bar's columns mean.
fn legend(style: Style) -> String {
    let word = |(link, word): (Link, &str)| {
        let (ascii, block, colour) = look(Some(link));
        let glyph = if style.unicode { block } else { ascii };
        format!("{} {word}", paint(glyph, colour, style))
    };
    format!("{}\n", STAGES.map(word).join("  "))
}

/// All, or of many the slowest, and how many were left out.
fn choose(mut lanes: Vec<&Lane>) -> (Vec<&Lane>, usize) {
    let count = lanes.len();
    if count <= LANES_MAX {
        return (lanes, 0);
    }
    let took = |lane: &&Lane| {
        let last = lane.reached.values().max().copied().unwrap_or_default();
        let power = lane.reached.get(&Link::Power).copied().unwrap_or_default();
        // A machine that stopped half-way is slower than any that did not.
        (
            lane.reached.contains_key(&Link::Voter),
            std::cmp::Reverse(last - power),
        )
    };
    lanes.sort_by_key(took);
    lanes.truncate(SLOWEST_SHOWN);
    (lanes, count - SLOWEST_SHOWN)
}

fn cells(text: &mut String, value: impl Fn(Link) -> Option<f64>) {
    for link in COLUMNS {
        match value(link) {
            Some(ms) if ms < 10.0 => {
                let _ = write!(text, "{ms:>CELL_WIDTH$.1}");
            }
            Some(ms) => {
                let _ = write!(text, "{ms:>CELL_WIDTH$.0}");
            }
            None => {
                let _ = write!(text, "{:>CELL_WIDTH$}", "-");
            }
        }
    }
    text.push('\n');
}

/// Milliseconds from the machine's power-on until it reached `link`. Zero when it was there
/// before, as an SRV set can be.
fn since_power(lane: &Lane, link: Link) -> Option<f64> {
    let (power, at) = (lane.reached.get(&Link::Power)?, lane.reached.get(&link)?);
    Some((*at - *power).as_secs_f64() * 1e3)
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// What the machine was waiting for, column by column.
fn bar(lane: &Lane, end: Instant, width: usize, style: Style) -> String {
    let end_ns = end.as_nanos().max(1);
    let mut text = String::new();
    for column in 0..width as u64 {
        let until = Instant::from_nanos(end_ns * (column + 1) / width as u64);
        // The furthest link, not the latest: an etcd that runs may still wait for its records.
        let link = lane
            .reached
            .iter()
            .filter(|(_, at)| **at <= until)
            .map(|(link, _)| *link)
            .max();
        let (ascii, block, colour) = look(link);
        let glyph = if style.unicode { block } else { ascii };
        text.push_str(&paint(glyph, colour, style));
    }
    text
}

/// How a column looks in which `link` was the last that held.
const fn look(link: Option<Link>) -> (&'static str, &'static str, u8) {
    match link {
        None => (" ", " ", 0),
        Some(Link::Power | Link::Discover) => ("d", "░", 90),
        Some(Link::Ack) => ("a", "▒", 34),
        Some(Link::Name) => ("n", "▒", 36),
        Some(Link::Seed | Link::Srv) => ("s", "▓", 35),
        Some(Link::Etcd) => ("e", "▓", 33),
        Some(Link::ClusterId) => ("c", "█", 33),
        Some(Link::Voter | Link::Quorum | Link::Writes) => ("V", "█", 32),
    }
}

const fn heading(link: Link) -> &'static str {
    match link {
        Link::Power => "power",
        Link::Discover => "discover",
        Link::Ack => "ack",
        Link::Name => "name",
        Link::Seed => "seed",
        Link::Srv => "srv",
        Link::Etcd => "etcd",
        Link::ClusterId => "cluster",
        Link::Voter => "voter",
        Link::Quorum => "quorum",
        Link::Writes => "writes",
    }
}
