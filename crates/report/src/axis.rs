//! The time axis that all machines are drawn on.

use std::collections::BTreeSet;

use quorate_core::Instant;
use quorate_scenario::{Outcome, What};

/// Time along a width of [`WIDTH`]. Long silence is squeezed, so that a second of boot is as
/// readable in a story of minutes as in one of seconds.
#[derive(Clone, Debug)]
pub(crate) struct Axis {
    pub(crate) pieces: Vec<Piece>,
}

/// A stretch of the axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Piece {
    /// Nanoseconds.
    pub(crate) from: u64,
    pub(crate) to: u64,
    pub(crate) x_from: f64,
    pub(crate) x_to: f64,
    /// Nothing happens here, and it is drawn shorter than it was.
    pub(crate) squeezed: bool,
}

impl Axis {
    /// The axis of a story that ended at `end` and in which something happened at `times`.
    pub(crate) fn new(times: &BTreeSet<u64>, end: u64) -> Self {
        let mut quiet = quiet(times, end);
        quiet.sort_unstable();
        let mut bounds = Vec::new();
        let mut at = 0;
        for (from, to) in quiet {
            if from > at {
                bounds.push((at, from, false));
            }
            bounds.push((from, to, true));
            at = to;
        }
        if at < end || bounds.is_empty() {
            bounds.push((at, end.max(at + 1), false));
        }
        let squeezed = bounds.iter().filter(|(.., squeezed)| *squeezed).count() as f64;
        let busy: u64 = busy(&bounds);
        let room = WIDTH - squeezed * SQUEEZED_WIDTH;
        let mut x = 0.0;
        let mut pieces = Vec::new();
        for (from, to, squeezed) in bounds {
            let width = if squeezed {
                SQUEEZED_WIDTH
            } else {
                room * (to - from) as f64 / busy as f64
            };
            pieces.push(Piece {
                from,
                to,
                x_from: x,
                x_to: x + width,
                squeezed,
            });
            x += width;
        }
        Self { pieces }
    }

    /// The axis of this run.
    pub(crate) fn of(outcome: &Outcome) -> Self {
        Self::new(&times(outcome), outcome.ended_at.as_nanos())
    }

    /// Where `at` is drawn, from zero to [`WIDTH`].
    pub(crate) fn x(&self, at: u64) -> f64 {
        let piece = self.pieces.iter().find(|piece| at <= piece.to);
        let Some(piece) = piece else {
            return WIDTH;
        };
        let share = at.saturating_sub(piece.from) as f64 / (piece.to - piece.from).max(1) as f64;
        piece.x_from + share * (piece.x_to - piece.x_from)
    }

    /// The time that is drawn at `x`.
    pub(crate) fn at(&self, x: f64) -> u64 {
        let piece = self.pieces.iter().find(|piece| x <= piece.x_to);
        let Some(piece) = piece.or(self.pieces.last()) else {
            return 0;
        };
        let share = ((x - piece.x_from) / (piece.x_to - piece.x_from)).clamp(0.0, 1.0);
        piece.from + (share * (piece.to - piece.from) as f64) as u64
    }

    /// Times worth a label, at least `room_min` apart, with the step between them.
    pub(crate) fn ticks(&self, room_min: f64) -> Vec<(u64, u64)> {
        let busy = self.pieces.iter().filter(|piece| !piece.squeezed);
        busy.flat_map(|piece| {
            let room = (piece.x_to - piece.x_from).max(1.0);
            let wanted = (piece.to - piece.from) as f64 * room_min / room;
            let step = round_up(wanted as u64);
            let first = piece.from.next_multiple_of(step);
            let count = (piece.to - first.min(piece.to)) / step;
            (0..=count)
                .map(move |index| (first + index * step, step))
                .filter(move |(at, _)| (piece.from..=piece.to).contains(at))
        })
        .collect()
    }
}

/// With as many digits as the step needs.
pub(crate) fn tick_label(at: u64, step: u64) -> String {
    let nanos = at as f64;
    match (at, step) {
        (0, _) => "0".to_owned(),
        (_, 0..1_000_000) => format!("{:.1} ms", nanos / 1e6),
        (0..1_000_000_000, _) => format!("{:.0} ms", nanos / 1e6),
        (_, 1_000_000..10_000_000) => format!("{:.3} s", nanos / 1e9),
        (_, 10_000_000..100_000_000) => format!("{:.2} s", nanos / 1e9),
        (_, 100_000_000..1_000_000_000) => format!("{:.1} s", nanos / 1e9),
        (_, _) => format!("{:.0} s", nanos / 1e9),
    }
}

/// Nanoseconds in which something happened.
pub(crate) fn busy_nanos(outcome: &Outcome) -> u64 {
    let axis = Axis::of(outcome);
    let busy = axis.pieces.iter().filter(|piece| !piece.squeezed);
    busy.map(|piece| piece.to - piece.from).sum()
}

/// When the progress of some machine changed, a step or a fault did something, or a fault ended.
fn times(outcome: &Outcome) -> BTreeSet<u64> {
    let mut times: BTreeSet<u64> = outcome
        .progress
        .iter()
        .flat_map(|progress| &progress.turns)
        .map(|turn| turn.at.as_nanos())
        .chain(outcome.formed_at.map(Instant::as_nanos))
        .collect();
    for observation in &outcome.observations {
        if let What::Did(_) | What::FaultBegan { .. } = observation.what {
            times.insert(observation.at.as_nanos());
        }
        if let What::FaultBegan { fault } = &observation.what {
            times.insert(fault.until().min(outcome.ended_at).as_nanos());
        }
    }
    times
}

/// The longest silences, as long as one of them takes a great part of what is drawn.
fn quiet(times: &BTreeSet<u64>, end: u64) -> Vec<(u64, u64)> {
    let starts = [0].into_iter().chain(times.iter().copied());
    let ends = times.iter().copied().chain([end]);
    if times.is_empty() {
        return Vec::new();
    }
    let mut gaps: Vec<(u64, u64)> = starts.zip(ends).filter(|(from, to)| to > from).collect();
    gaps.sort_by_key(|(from, to)| std::cmp::Reverse(to - from));
    let mut rest = end;
    let mut quiet = Vec::new();
    for (from, to) in gaps.into_iter().take(SQUEEZED_MAX) {
        let length = to - from;
        let is_long = length as f64 >= rest as f64 * SQUEEZED_SHARE_MIN
            && length >= SQUEEZED_NANOS_MIN.max(end / 10);
        if !is_long {
            break;
        }
        rest -= length;
        quiet.push((from, to));
    }
    // What was reached before a silence, and what ends it, needs room to be seen.
    let margin = (rest / 12).max(end / 100);
    let inner = quiet.into_iter().map(|(from, to)| {
        let margin = margin.min((to - from) / 4);
        (from + margin, to - margin)
    });
    inner.collect()
}

fn busy(bounds: &[(u64, u64, bool)]) -> u64 {
    let busy = bounds.iter().filter(|(.., squeezed)| !squeezed);
    busy.map(|(from, to, _)| to - from).sum::<u64>().max(1)
}

/// The shortest of 1, 2, 5, 10, … that is not less.
fn round_up(wanted: u64) -> u64 {
    let mut decade = TICK_NANOS_MIN;
    loop {
        for step in [decade, 2 * decade, 5 * decade] {
            if step >= wanted {
                return step;
            }
        }
        if decade > u64::MAX / 100 {
            return decade;
        }
        decade *= 10;
    }
}

/// The width of every drawing, in units of its own.
pub(crate) const WIDTH: f64 = 1_000.0;
const SQUEEZED_WIDTH: f64 = 44.0;
/// A silence is squeezed when it takes this share of the axis and a tenth of the story.
const SQUEEZED_SHARE_MIN: f64 = 0.35;
/// What is shorter is drawn as long as it was: readers compare such times.
const SQUEEZED_NANOS_MIN: u64 = 2_000_000_000;
const SQUEEZED_MAX: usize = 6;
const TICK_NANOS_MIN: u64 = 100_000;

#[cfg(test)]
mod tests {
    use super::*;

    const SEC: u64 = 1_000_000_000;

    fn axis(secs: &[f64], end: u64) -> Axis {
        let times = secs.iter().map(|secs| (secs * SEC as f64) as u64).collect();
        Axis::new(&times, end * SEC)
    }

    #[test]
    fn a_story_without_silence_is_drawn_to_scale() {
        let axis = axis(&[0.2, 0.5, 0.9, 1.3, 1.7], 2);
        assert_eq!(axis.pieces.len(), 1);
        assert!((axis.x(SEC) - 500.0).abs() < 1e-6);
        assert_eq!(axis.at(250.0), SEC / 2);
        assert_eq!(
            (axis.x(0), axis.x(2 * SEC), axis.x(9 * SEC)),
            (0.0, WIDTH, WIDTH)
        );
    }

    #[test]
    fn silence_is_squeezed_and_said_to_be() {
        let axis = axis(&[0.5, 1.0, 1.5, 30.0, 30.5, 31.0], 60);
        let squeezed: Vec<_> = axis.pieces.iter().filter(|piece| piece.squeezed).collect();
        assert_eq!(squeezed.len(), 2, "{axis:?}");
        assert!(squeezed[0].from > 3 * SEC / 2 && squeezed[0].to < 30 * SEC);
        let x: Vec<f64> = (0..600).map(|tenth| axis.x(tenth * SEC / 10)).collect();
        assert!(x.is_sorted());
        // What happened takes most of the width.
        assert!(axis.x(3 * SEC / 2) > 250.0, "{axis:?}");
        assert!((axis.at(axis.x(31 * SEC)) as f64 - 31.0 * SEC as f64).abs() < 1e6);
    }

    #[test]
    fn ticks_are_round_and_have_room() {
        for end in [1, 7, 60, 3_600] {
            let axis = axis(&[], end);
            let ticks = axis.ticks(85.0);
            assert!((3..=14).contains(&ticks.len()), "{end}: {ticks:?}");
            assert!(ticks.iter().all(|(at, step)| at % step == 0));
        }
    }

    #[test]
    fn an_axis_without_time_does_not_divide_by_zero() {
        let axis = Axis::new(&BTreeSet::new(), 0);
        assert!(axis.x(0).is_finite() && axis.at(500.0) <= 1);
    }
}
