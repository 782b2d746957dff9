//! The boot chain as bars: one row a machine, all on the time axis of the HTML report.
//!
//! ```text
//!      |0           |500 ms      |1000 ms     |1500 ms
//! n1   p==a==n=s====e=====c=================v----------  1.18 s
//! n2        p==a==n=s==..................................  no srv
//! ```
//! A letter is the last link that holds from there on, as the colour is in [`html`](crate::html).
//! Where several fit into one column, the one that holds for most of it is drawn; the table has
//! the rest.

use std::fmt::Write as _;

use quorate_core::Instant;
use quorate_scenario::{Link, Outcome};

use crate::axis::{Axis, WIDTH, tick_label};
use crate::letters::{DIM, RED, colour, letter};
use crate::milestones::{self, Completion, Milestones};
use crate::stage::{Span, Stage, spans};
use crate::style::Style;
use crate::text;

/// The axis, a bar for each of `rows`, and the legend; empty when nothing was ever switched on.
pub(crate) fn draw(rows: &[Milestones<'_>], outcome: &Outcome, style: Style) -> String {
    if rows.iter().all(|row| row.on().is_none()) {
        return String::new();
    }
    let canvas = Canvas::new(rows, outcome, style);
    let mut out = format!(
        "{:name$} {}\n",
        "",
        canvas.labels(),
        name = canvas.name_width
    );
    for row in rows {
        let name = text::cut(row.machine, canvas.name_width, style.ellipsis());
        let bar = canvas.bar(row, outcome, style);
        let end = end(row, style);
        let line = format!("{name:width$} {bar} {end}", width = canvas.name_width);
        let _ = writeln!(out, "{}", line.trim_end());
    }
    out.push_str(&legend(rows, &canvas, style));
    out
}

/// The time axis in columns of characters.
struct Canvas {
    axis: Axis,
    columns: usize,
    name_width: usize,
}

/// A stretch of time in which a bar looks the same.
struct Segment {
    from: u64,
    to: u64,
    stage: Stage,
    look: Look,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    Off,
    /// On its way.
    Solid,
    /// Every link holds.
    Thin,
    /// It stays here to the end, and that is wrong.
    Broken,
}

impl Canvas {
    fn new(rows: &[Milestones<'_>], outcome: &Outcome, style: Style) -> Self {
        let names = rows.iter().map(|row| row.machine.chars().count());
        let name_width = names.max().unwrap_or(0).clamp(NAME_MIN, NAME_MAX);
        let columns = style.width.saturating_sub(name_width + 2 + END_WIDTH);
        Self {
            axis: Axis::of(outcome),
            columns: columns.max(COLUMNS_MIN),
            name_width,
        }
    }

    /// The time at which column `column` begins.
    fn at(&self, column: usize) -> u64 {
        self.axis.at(column as f64 * WIDTH / self.columns as f64)
    }

    fn column(&self, x: f64) -> usize {
        (x * self.columns as f64 / WIDTH) as usize
    }

    fn has_silence(&self) -> bool {
        self.axis.pieces.iter().any(|piece| piece.squeezed)
    }

    fn labels(&self) -> String {
        let mut line = vec![' '; self.columns];
        for piece in self.axis.pieces.iter().filter(|piece| piece.squeezed) {
            let (from, to) = (self.column(piece.x_from), self.column(piece.x_to));
            line[from..to.max(from + 1).min(self.columns)].fill(SILENCE);
        }
        let room = TICK_COLUMNS_MIN as f64 * WIDTH / self.columns as f64;
        for (at, step) in self.axis.ticks(room) {
            let label = format!("|{}", tick_label(at, step));
            let from = self.column(self.axis.x(at));
            // A gap on both sides.
            let around = from.saturating_sub(1)..from + label.len() + 1;
            let is_free = around.end <= self.columns + 1
                && line[around.start..around.end.min(self.columns)]
                    .iter()
                    .all(|c| *c == ' ');
            if is_free {
                line.splice(from..from + label.len(), label.chars());
            }
        }
        line.into_iter().collect::<String>().trim_end().to_owned()
    }

    fn bar(&self, row: &Milestones<'_>, outcome: &Outcome, style: Style) -> String {
        let segments = segments(row, outcome);
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
            let segment = &segments[index];
            let letter = link(row, segment.stage).filter(|_| drawn != Some(segment.stage));
            drawn = Some(segment.stage);
            bar.push_str(&stretch(row, segment, 1 + same, letter, style));
        }
        bar
    }

    /// The segment that takes most of a column.
    fn most(&self, segments: &[Segment], column: usize) -> Option<usize> {
        let (from, to) = (self.at(column), self.at(column + 1));
        let share = |segment: &Segment| {
            let end = segment.to.min(to);
            end.saturating_sub(segment.from.max(from))
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
fn stretch(
    row: &Milestones<'_>,
    segment: &Segment,
    columns: usize,
    letter_of: Option<Link>,
    style: Style,
) -> String {
    let colour = link(row, segment.stage).map_or(DIM, colour);
    let head: String = letter_of.map(letter).into_iter().collect();
    let rest = columns - head.len();
    let tail = String::from(match segment.look {
        Look::Off => style.off(),
        Look::Solid => style.fill(),
        Look::Thin => style.thin(),
        Look::Broken => style.dot(),
    });
    if segment.look == Look::Broken {
        return style.paint(colour, &head) + &style.paint(RED, &tail.repeat(rest));
    }
    style.paint(colour, &(head + &tail.repeat(rest)))
}

/// The link whose letter and colour a stage has; `None` while the machine is off.
fn link(row: &Milestones<'_>, stage: Stage) -> Option<Link> {
    match stage {
        Stage::Off => None,
        Stage::At(link) => Some(link),
        Stage::Done => row.progress.class.chain().last().copied(),
    }
}

/// Spans that look the same are one segment.
fn segments(row: &Milestones<'_>, outcome: &Outcome) -> Vec<Segment> {
    let spans = spans(row.progress, outcome.ended_at);
    let mut segments: Vec<Segment> = Vec::new();
    for span in halves(&spans, row) {
        let is_bad = row
            .bad_since()
            .is_some_and(|since| span.from >= since.as_nanos());
        let look = look(&span, is_bad);
        match segments.last_mut() {
            Some(before) if before.stage == span.stage && before.look == look => {
                before.to = span.to;
            }
            Some(_) | None => segments.push(Segment {
                from: span.from,
                to: span.to,
                stage: span.stage,
                look,
            }),
        }
    }
    segments
}

/// The spans, cut in two where something begins to be broken.
fn halves(spans: &[Span], row: &Milestones<'_>) -> Vec<Span> {
    let since = row.bad_since().map(Instant::as_nanos);
    spans
        .iter()
        .flat_map(|span| match since {
            Some(since) if span.from < since && since < span.to => vec![
                Span { to: since, ..*span },
                Span {
                    from: since,
                    ..*span
                },
            ],
            Some(_) | None => vec![*span],
        })
        .collect()
}

const fn look(span: &Span, is_bad: bool) -> Look {
    match span.stage {
        Stage::Off => Look::Off,
        _ if is_bad => Look::Broken,
        Stage::At(_) => Look::Solid,
        Stage::Done => Look::Thin,
    }
}

/// What stands behind the bar.
fn end(row: &Milestones<'_>, style: Style) -> String {
    match (row.completion, row.broken) {
        _ if row.is_astray => style.paint(RED, "wrong cluster"),
        (Completion::NeverOn, _) => "never on".to_owned(),
        (Completion::Missing(link), _) if !row.is_bad() => format!("no {link}"),
        (Completion::Missing(link), _) => style.paint(RED, &format!("no {link}")),
        (Completion::Complete(_), Some(link)) => style.paint(RED, &format!("bad {link}")),
        (Completion::Complete(_), None) if row.is_stuck() => style.paint(RED, "lost"),
        (Completion::Complete(took), None) => text::duration(took),
    }
}

/// What the letters and the strokes mean, in lines that fit.
fn legend(rows: &[Milestones<'_>], canvas: &Canvas, style: Style) -> String {
    let mut words: Vec<(Option<&str>, char, String)> = milestones::links(rows)
        .into_iter()
        .map(|link| (Some(colour(link)), letter(link), link.to_string()))
        .collect();
    words.push((None, style.thin(), "complete".to_owned()));
    if rows.iter().any(|row| row.bad_since().is_some()) {
        words.push((Some(RED), style.dot(), "broken".to_owned()));
    }
    if rows
        .iter()
        .any(|row| row.progress.turns.iter().any(|turn| turn.link.is_none()))
    {
        words.push((Some(DIM), style.off(), "off".to_owned()));
    }
    if canvas.has_silence() {
        words.push((None, SILENCE, "silence".to_owned()));
    }
    let mut out = String::new();
    let mut column = 0;
    for (colour, sign, word) in words {
        let length = word.chars().count() + 2;
        if column > 0 && column + 2 + length > style.width {
            out.push('\n');
            column = 0;
        }
        let sign = colour.map_or_else(
            || sign.to_string(),
            |colour| style.paint(colour, &sign.to_string()),
        );
        let gap = if column == 0 { "" } else { "  " };
        let _ = write!(out, "{gap}{sign} {word}");
        column += gap.len() + length;
    }
    out.push('\n');
    out
}

/// Drawn above silence that is squeezed.
const SILENCE: char = '~';
const NAME_MIN: usize = 2;
const NAME_MAX: usize = 16;
/// `bad cluster-id`
const END_WIDTH: usize = 14;
const COLUMNS_MIN: usize = 20;
/// `|1500 ms` and a gap.
const TICK_COLUMNS_MIN: usize = 11;
