//! The boot chain as bars: one row a machine, all on one time axis.
//!
//! ```text
//!      |0           |500 ms      |1000 ms     |1500 ms
//! n1   da==s==r=e=========c=========v                      1.18 s
//! ```
//! A segment is the time until the link whose letter it begins with. Where several links fit
//! into one column, the one that took most of it is drawn; the table has the rest.

use std::fmt::Write as _;

use quorate_core::Instant;
use quorate_scenario::{Link, Outcome};

use crate::human::Style;
use crate::milestones::{self, Completion, Milestones};
use crate::text;

/// The axis, a bar for each of `rows`, and the legend; empty when nothing was ever switched on.
pub(crate) fn draw(rows: &[Milestones<'_>], outcome: &Outcome, style: Style) -> String {
    let Some(axis) = Axis::new(rows, outcome, style) else {
        return String::new();
    };
    let mut out = format!("{:name$} {}\n", "", axis.labels(), name = axis.name_width);
    for row in rows {
        let name = text::cut(row.machine, axis.name_width, style.ellipsis());
        let bar = axis.bar(row, style);
        let end = end(row, style);
        let line = format!("{name:width$} {bar} {end}", width = axis.name_width);
        let _ = writeln!(out, "{}", line.trim_end());
    }
    let _ = writeln!(out, "{}", legend(rows, style));
    out
}

/// From the start of the story to the end of the drawing, over so many columns.
struct Axis {
    end_ns: u64,
    columns: usize,
    name_width: usize,
}

/// The time from one link to the next.
struct Segment {
    from_ns: u64,
    to_ns: u64,
    /// What it leads to; `None` when it never came.
    link: Option<Link>,
}

impl Axis {
    fn new(rows: &[Milestones<'_>], outcome: &Outcome, style: Style) -> Option<Self> {
        let last = rows.iter().filter_map(Milestones::last).max()?;
        let is_cut_short = rows.iter().any(Milestones::is_stuck);
        let end = if is_cut_short {
            // Waiting in vain may have taken long; it must not squeeze what happened.
            let doubled = Instant::from_nanos(last.as_nanos().saturating_mul(2));
            outcome.ended_at.min(doubled).max(last)
        } else {
            last
        };
        let names = rows.iter().map(|row| row.machine.chars().count());
        let name_width = names.max().unwrap_or(0).clamp(NAME_MIN, NAME_MAX);
        let columns = style.width.saturating_sub(name_width + 2 + END_WIDTH);
        Some(Self {
            end_ns: end.as_nanos().max(1),
            columns: columns.max(COLUMNS_MIN),
            name_width,
        })
    }

    /// The time at which column `column` begins.
    fn at(&self, column: usize) -> u64 {
        let at = u128::from(self.end_ns) * column as u128 / self.columns as u128;
        u64::try_from(at).unwrap_or(u64::MAX)
    }

    fn labels(&self) -> String {
        let step = self.step();
        let mut line = String::new();
        for tick in 0.. {
            let at = step * tick;
            let column = u128::from(at) * self.columns as u128 / u128::from(self.end_ns);
            let column = usize::try_from(column).unwrap_or(usize::MAX);
            let label = format!("|{}", tick_label(at, step));
            if column.saturating_add(label.len()) > self.columns {
                break;
            }
            let _ = write!(line, "{:gap$}{label}", "", gap = column - line.len());
        }
        line
    }

    /// The shortest of 1, 2, 5, 10, … that leaves room for a label.
    fn step(&self) -> u64 {
        let room = u128::from(self.end_ns) * TICK_COLUMNS_MIN as u128 / self.columns as u128;
        let mut decade = TICK_NS_MIN;
        loop {
            for step in [decade, 2 * decade, 5 * decade] {
                if u128::from(step) >= room {
                    return step;
                }
            }
            decade = match decade.checked_mul(10) {
                Some(decade) if decade <= u64::MAX / 10 => decade,
                Some(_) | None => return decade,
            };
        }
    }

    fn bar(&self, row: &Milestones<'_>, style: Style) -> String {
        let segments = segments(row, self.end_ns);
        let mut bar = String::new();
        let mut drawn = None;
        let mut columns = 0..self.columns;
        while let Some(column) = columns.next() {
            let most = self.most(&segments, column);
            let Some(index) = most else {
                bar.push(' ');
                continue;
            };
            let same = columns
                .clone()
                .take_while(|&next| self.most(&segments, next) == most)
                .count();
            columns.by_ref().take(same).for_each(drop);
            let is_first = drawn != Some(index);
            drawn = Some(index);
            bar.push_str(&stretch(&segments[index], 1 + same, is_first, style));
        }
        bar
    }

    /// The segment that takes most of a column.
    fn most(&self, segments: &[Segment], column: usize) -> Option<usize> {
        let (from, to) = (self.at(column), self.at(column + 1));
        let share = |segment: &Segment| {
            let end = segment.to_ns.min(to);
            end.saturating_sub(segment.from_ns.max(from))
        };
        let shares = segments.iter().map(share).enumerate();
        // The first of equals, hence the comparison by hand.
        let most = shares.fold((None, 0), |(most, max), (index, share)| {
            if share > max {
                (Some(index), share)
            } else {
                (most, max)
            }
        });
        most.0
    }
}

/// A stretch of one colour, its letter first.
fn stretch(segment: &Segment, columns: usize, is_first: bool, style: Style) -> String {
    let Some(link) = segment.link else {
        let dots = String::from(style.dot()).repeat(columns);
        return style.paint(DIM, &dots);
    };
    let mut text = String::new();
    if is_first {
        text.push(letter(link));
    }
    let rest = columns - usize::from(is_first);
    text.extend(std::iter::repeat_n(style.fill(), rest));
    style.paint(colour(link), &text)
}

fn segments(row: &Milestones<'_>, end_ns: u64) -> Vec<Segment> {
    let steps = row.reached.windows(2).map(|pair| Segment {
        from_ns: pair[0].1.as_nanos(),
        to_ns: pair[1].1.as_nanos(),
        link: Some(pair[1].0),
    });
    let mut segments: Vec<_> = steps.collect();
    if let (true, Some(last)) = (row.is_stuck(), row.last()) {
        segments.push(Segment {
            from_ns: last.as_nanos(),
            to_ns: end_ns,
            link: None,
        });
    }
    segments
}

/// What stands behind the bar.
fn end(row: &Milestones<'_>, style: Style) -> String {
    match (row.completion, row.broken) {
        (Completion::NeverOn, _) => "never on".to_owned(),
        (Completion::Stuck(link), _) => style.paint(RED, &format!("no {link}")),
        (Completion::Complete(_), Some(link)) => style.paint(RED, &format!("bad {link}")),
        (Completion::Complete(took), None) => text::duration(took),
    }
}

/// What follows power-on.
fn legend(rows: &[Milestones<'_>], style: Style) -> String {
    let links = milestones::links(rows).into_iter().skip(1).map(|link| {
        let letter = style.paint(colour(link), &letter(link).to_string());
        format!("{letter} {link}")
    });
    links.collect::<Vec<_>>().join("  ")
}

const fn letter(link: Link) -> char {
    match link {
        Link::Power => 'p',
        Link::Firmware => 'f',
        Link::Script => 'x',
        Link::Kernel => 'k',
        Link::Initrd => 'i',
        Link::Installer => 'l',
        Link::Installed => 'o',
        Link::Userspace => 'u',
        Link::Discover => 'd',
        Link::Ack => 'a',
        Link::Name => 'n',
        Link::Seed => 's',
        Link::Srv => 'r',
        Link::Etcd => 'e',
        Link::ClusterId => 'c',
        Link::Voter => 'v',
        Link::Quorum => 'q',
        Link::Writes => 'w',
    }
}

/// The SGR code of a link's colour; neighbours differ.
const fn colour(link: Link) -> &'static str {
    match link {
        Link::Power | Link::Quorum | Link::Writes => DIM,
        Link::Firmware => "37",
        Link::Script => "96",
        Link::Kernel => "31",
        Link::Initrd => "91",
        Link::Installer => "34",
        Link::Installed => "33",
        Link::Userspace => "92",
        Link::Discover => "35",
        Link::Ack => "34",
        Link::Name => "36",
        Link::Seed => "33",
        Link::Srv => "94",
        Link::Etcd => "95",
        Link::ClusterId => "93",
        Link::Voter => "32",
    }
}

fn tick_label(at_ns: u64, step_ns: u64) -> String {
    let at = at_ns as f64;
    match step_ns {
        _ if at_ns == 0 => "0".to_owned(),
        0..1_000_000 => format!("{:.1} ms", at / 1e6),
        1_000_000..1_000_000_000 => format!("{:.0} ms", at / 1e6),
        _ => format!("{:.0} s", at / 1e9),
    }
}

pub(crate) const DIM: &str = "2";
pub(crate) const RED: &str = "31";

const NAME_MIN: usize = 2;
const NAME_MAX: usize = 16;
/// `bad cluster-id`
const END_WIDTH: usize = 14;
const COLUMNS_MIN: usize = 20;
/// `|1500 ms` and a gap.
const TICK_COLUMNS_MIN: usize = 11;
const TICK_NS_MIN: u64 = 100_000;
