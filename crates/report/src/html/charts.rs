//! All machines at once, over time: how many hold which link, and how much happens a second.

use std::fmt::Write as _;

use maud::{Markup, html};

use super::plot::{bar, plot, row};
use super::{Page, Row, colour, grouped};
use crate::axis::{WIDTH, busy_nanos};
use crate::rates::{Rates, Series, rates};
use crate::stage::Stage;

pub(super) fn section(page: &Page<'_>) -> Markup {
    let rates = rates(page.outcome, busy_nanos(page.outcome));
    let all: Vec<&Row<'_>> = page.rows.iter().collect();
    let rows = html! {
        div.row.tall {
            span.name { "machines" small { "by link" } }
            div.draw { (stack(page, &all, SAMPLES)) }
            span.end { (grouped(page.rows.len() as u64)) }
        }
        @for series in &rates.series { (rate(page, &rates, series)) }
    };
    html! {
        section #rates {
            h2 { "Over time" }
            p.lead {
                "How many machines hold which link, in the colours of the rows, and how much happened a second, in bins of "
                (crate::text::duration(std::time::Duration::from_nanos(rates.bin))) "."
            }
            (plot(page, &rows))
        }
    }
}

/// The share of `rows` in each stage: what is complete at the bottom.
pub(super) fn stack(page: &Page<'_>, rows: &[&Row<'_>], samples: usize) -> Markup {
    let counts = counts(page, rows, samples);
    let width = WIDTH / samples as f64;
    let mut paths = vec![String::new(); Stage::ALL.len()];
    let mut bases = vec![STACK_HEIGHT; samples];
    for stage in Stage::ALL.into_iter().skip(1).rev() {
        let path = &mut paths[stage.index()];
        let mut column = 0;
        while column < samples {
            let same = |next: &usize| {
                counts[*next][stage.index()] == counts[column][stage.index()]
                    && (bases[*next] - bases[column]).abs() < 1e-9
            };
            let run = (column..samples).take_while(same).count();
            let share = counts[column][stage.index()] as f64 / rows.len().max(1) as f64;
            let height = share * STACK_HEIGHT;
            if height > 0.0 {
                let top = bases[column] - height;
                // A hair wider, so that neighbours leave no seam.
                let right = (run as f64).mul_add(width, 0.15);
                path.push_str(&bar(column as f64 * width, top, right, height));
            }
            for base in &mut bases[column..column + run] {
                *base -= height;
            }
            column += run;
        }
    }
    html! {
        svg viewBox=(format!("0 0 {WIDTH} {STACK_HEIGHT}")) preserveAspectRatio="none"
            aria-hidden="true" {
            @for (stage, path) in Stage::ALL.into_iter().zip(&paths) {
                @if !path.is_empty() { path class=(colour(stage)) d=(path) {} }
            }
        }
    }
}

/// How many machines are in each stage, at the middle of each column.
fn counts(page: &Page<'_>, rows: &[&Row<'_>], samples: usize) -> Vec<Vec<i64>> {
    let middle = |column: usize| page.axis.at((column as f64 + 0.5) * WIDTH / samples as f64);
    let times: Vec<u64> = (0..samples).map(middle).collect();
    let mut changes = vec![vec![0i64; Stage::ALL.len()]; samples + 1];
    for row in rows {
        for span in &row.spans {
            let from = times.partition_point(|at| *at < span.from);
            let to = times.partition_point(|at| *at < span.to);
            changes[from][span.stage.index()] += 1;
            changes[to][span.stage.index()] -= 1;
        }
    }
    changes.truncate(samples);
    for column in 1..samples {
        let (before, now) = changes.split_at_mut(column);
        for (count, before) in now[0].iter_mut().zip(&before[column - 1]) {
            *count += before;
        }
    }
    changes
}

/// One series as an area.
fn rate(page: &Page<'_>, rates: &Rates, series: &Series) -> Markup {
    let most = series
        .bins
        .iter()
        .map(|(_, count)| *count)
        .max()
        .unwrap_or(1);
    let mut path = String::new();
    for (bin, count) in &series.bins {
        let from = page.axis.x(bin * rates.bin);
        let to = page.axis.x((bin + 1) * rates.bin);
        let height = (*count as f64 / most as f64 * (RATE_HEIGHT - 2.0)).max(1.0);
        let width = (to - from).max(1.0);
        path.push_str(&bar(from, RATE_HEIGHT - height, width, height));
    }
    let mut tip = format!("{}: {} in all", series.kind.words(), grouped(series.total));
    let peak = grouped(series.peak_per_sec.round() as u64);
    let _ = write!(tip, "\nat most {peak} a second");
    let drawing = html! {
        svg viewBox=(format!("0 0 {WIDTH} {RATE_HEIGHT}")) preserveAspectRatio="none"
            aria-hidden="true" { path.rate d=(path) {} }
    };
    let name = html! { (series.kind.words()) small { (grouped(series.total)) } };
    let end = html! { (peak) "/s" small { "peak" } };
    html! { div.rates title=(tip) { (row(&name, &drawing, &end)) } }
}

const SAMPLES: usize = 500;
const STACK_HEIGHT: f64 = 100.0;
const RATE_HEIGHT: f64 = 40.0;
