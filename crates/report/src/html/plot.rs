//! The frame that everything with a time axis is drawn in: ticks, squeezed silence, marks.
//!
//! Bars are SVG that stretches; words are HTML that does not.

use std::time::Duration;

use maud::{Markup, html};

use super::Page;
use crate::axis::{Axis, WIDTH, tick_label};
use crate::marks::{Mark, MarkKind};
use crate::stage::Stage;
use crate::text;

/// A plot whose `rows` are [`row`]s.
pub(super) fn plot(page: &Page<'_>, rows: &Markup) -> Markup {
    let flags = Flag::all(page);
    html! {
        div.plot.few[page.rows.len() <= FEW_MAX] data-axis=(data(&page.axis)) {
            div.axis { span {} div.ticks {
                (ticks(&page.axis))
                @for flag in &flags {
                    b.formed[flag.is_formed()] style=(left(flag.x)) title=(flag.words()) { (flag.number) }
                }
            } span {} }
            div.over aria-hidden="true" {
                @for piece in page.axis.pieces.iter().filter(|piece| piece.squeezed) {
                    i.squeezed style=(format!("left:{};width:{}", percent(piece.x_from),
                        percent(piece.x_to - piece.x_from))) {}
                }
                @for (at, _) in page.axis.ticks(TICK_WIDTH_MIN) {
                    i.tick style=(left(page.axis.x(at))) {}
                }
                @for flag in &flags {
                    i.mark.formed[flag.is_formed()] style=(left(flag.x)) {}
                }
            }
            (rows)
        }
        @if !flags.is_empty() { (list(&flags)) }
    }
}

/// One row: a name, a drawing, and what stands behind it.
pub(super) fn row(name: &Markup, drawing: &Markup, end: &Markup) -> Markup {
    html! { div.row { span.name { (name) } div.draw { (drawing) } span.end { (end) } } }
}

/// A bar as a part of an SVG path.
pub(super) fn bar(x: f64, y: f64, width: f64, height: f64) -> String {
    format!("M{x:.1} {y:.1}h{width:.1}v{height:.1}h-{width:.1}z")
}

pub(super) fn left(x: f64) -> String {
    format!("left:{}", percent(x))
}

fn percent(x: f64) -> String {
    format!("{:.2}%", x * 100.0 / WIDTH)
}

fn ticks(axis: &Axis) -> Markup {
    let squeezed: Vec<_> = axis.pieces.iter().filter(|piece| piece.squeezed).collect();
    let is_free = |x: f64| {
        let clash = squeezed.iter().any(|piece| {
            let middle = f64::midpoint(piece.x_from, piece.x_to);
            x > middle - 2.0 * LABEL_WIDTH && x < middle + LABEL_WIDTH
        });
        x < WIDTH - LABEL_WIDTH && !clash
    };
    html! {
        @for (at, step) in axis.ticks(TICK_WIDTH_MIN) {
            @let x = axis.x(at);
            @if is_free(x) { span style=(left(x)) { (tick_label(at, step)) } }
        }
        @for piece in &squeezed {
            @let time = text::duration(Duration::from_nanos(piece.to - piece.from));
            span.gap style=(left(f64::midpoint(piece.x_from, piece.x_to)))
                title={ "nothing happened for " (time) } { (time) }
        }
    }
}

/// The axis for the script, which shows the time under the pointer.
fn data(axis: &Axis) -> String {
    let pieces = axis.pieces.iter().map(|piece| {
        format!(
            "[{},{},{:.2},{:.2}]",
            piece.from, piece.to, piece.x_from, piece.x_to
        )
    });
    format!("[{}]", pieces.collect::<Vec<_>>().join(","))
}

/// Marks so close together that they share a line.
struct Flag<'a> {
    number: usize,
    x: f64,
    marks: Vec<&'a Mark>,
}

impl<'a> Flag<'a> {
    fn all(page: &'a Page<'_>) -> Vec<Self> {
        let mut flags: Vec<Self> = Vec::new();
        for mark in &page.marks {
            let x = page.axis.x(mark.at);
            match flags.last_mut() {
                Some(flag) if x - flag.x < FLAG_WIDTH => flag.marks.push(mark),
                Some(_) | None => flags.push(Self {
                    number: flags.len() + 1,
                    x,
                    marks: vec![mark],
                }),
            }
        }
        flags
    }

    fn is_formed(&self) -> bool {
        self.marks.iter().any(|mark| mark.kind == MarkKind::Formed)
    }

    /// `2.50 s power off n2, n3; formed`
    fn words(&self) -> String {
        let mut kinds: Vec<(MarkKind, usize, Vec<&str>)> = Vec::new();
        for mark in &self.marks {
            let machine = mark.machine.as_deref();
            match kinds.iter_mut().find(|(kind, ..)| *kind == mark.kind) {
                Some((_, count, machines)) => {
                    *count += 1;
                    machines.extend(machine);
                }
                None => kinds.push((mark.kind, 1, machine.into_iter().collect())),
            }
        }
        let words = kinds.iter().map(|(kind, count, machines)| {
            let shown = machines.iter().take(NAMES_MAX).copied();
            let mut names = shown.collect::<Vec<_>>().join(", ");
            if machines.len() > NAMES_MAX {
                names.push_str(&format!(" and {} more", machines.len() - NAMES_MAX));
            }
            if machines.is_empty() && *count > 1 {
                names = format!("×{count}");
            }
            format!("{} {names}", kind.words()).trim_end().to_owned()
        });
        let at = Duration::from_nanos(self.marks[0].at);
        format!(
            "{} {}",
            text::duration(at),
            words.collect::<Vec<_>>().join("; ")
        )
    }
}

fn list(flags: &[Flag<'_>]) -> Markup {
    html! {
        ol.marks {
            @for flag in flags.iter().take(FLAGS_LISTED_MAX) {
                li { b.formed[flag.is_formed()] { (flag.number) } " " (flag.words()) }
            }
            @if flags.len() > FLAGS_LISTED_MAX {
                li { "and " (flags.len() - FLAGS_LISTED_MAX) " more moments: see report.json" }
            }
        }
    }
}

/// What the colours mean.
pub(super) fn legend(page: &Page<'_>, has_events: bool) -> Markup {
    let spans = || page.rows.iter().flat_map(|row| &row.spans);
    let stages = Stage::ALL.into_iter().skip(1).filter(|stage| match stage {
        Stage::At(link) if link.is_boot() => spans().any(|span| span.stage == *stage),
        Stage::Off | Stage::At(_) | Stage::Done => true,
    });
    html! {
        p.legend {
            @for stage in stages {
                @let word = match stage {
                    Stage::Off => "off".to_owned(),
                    Stage::At(link) => link.to_string(),
                    Stage::Done => "complete".to_owned(),
                };
                span { i class=(super::colour(stage)) {} (word) }
            }
            span { i.off {} "off" }
            span { i.unlinked {} "cable out" }
            span { i.frozen {} "frozen" }
            span { i.stuck {} "broken" }
            @if has_events { span { i.fault {} "outage or fault" } }
            @if page.axis.pieces.iter().any(|piece| piece.squeezed) {
                span { i.squeezed {} "silence, squeezed" }
            }
        }
    }
}

/// Ticks are no closer than this.
const TICK_WIDTH_MIN: f64 = 85.0;
/// Of half a label.
const LABEL_WIDTH: f64 = 26.0;
/// Plots of so few machines have thick bars.
const FEW_MAX: usize = 12;
/// Flags closer than this would cover each other.
const FLAG_WIDTH: f64 = 24.0;
const NAMES_MAX: usize = 6;
const FLAGS_LISTED_MAX: usize = 30;
