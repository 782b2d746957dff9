//! The times of each machine as numbers.

use std::fmt::Write as _;
use std::time::Duration;

use quorate_scenario::Link;

use crate::milestones::{self, Milestones};
use crate::style::Style;
use crate::{letters, text};

/// Milliseconds from each machine's power-on to each link, the median over `all` last (and of many
/// the 99th percentile); power-on itself in milliseconds since the story began.
pub(crate) fn draw(shown: &[Milestones<'_>], all: &[Milestones<'_>], style: Style) -> String {
    let links = milestones::links(all);
    let mut lines = vec![head(&links)];
    lines.extend(shown.iter().map(|row| line(row, &links, style)));
    if all.len() > 1 {
        lines.push(quantiles("median", all, &links, milestones::median));
    }
    if all.len() >= MANY {
        lines.push(quantiles("p99", all, &links, milestones::p99));
    }
    if !fits(&widths(&lines), 1, style.width) {
        // The legend above has the letters.
        let letters = links.iter().map(|link| letters::letter(*link).to_string());
        lines[0].splice(1.., letters);
    }
    columns(&lines, style.width)
}

/// Aligned columns, the first one to the left. What does not fit into `width` follows below, under
/// the first column again.
pub(crate) fn columns(lines: &[Vec<String>], width: usize) -> String {
    let widths = widths(lines);
    let gap = if fits(&widths, 2, width) { 2 } else { 1 };
    let mut out = String::new();
    let mut from = 1;
    while from < widths.len() {
        let mut used = widths[0];
        let fitting = widths[from..].iter().take_while(|column| {
            used += gap + **column;
            used <= width
        });
        let to = from + fitting.count().max(1);
        for line in lines {
            let mut text = format!("{:width$}", line[0], width = widths[0]);
            for (cell, width) in line[from..to].iter().zip(&widths[from..to]) {
                let _ = write!(text, "{:gap$}{cell:>width$}", "");
            }
            let _ = writeln!(out, "{}", text.trim_end());
        }
        from = to;
    }
    out
}

fn widths(lines: &[Vec<String>]) -> Vec<usize> {
    (0..lines[0].len())
        .map(|column| lines.iter().map(|line| line[column].chars().count()).max())
        .map(|width| width.unwrap_or(0))
        .collect()
}

fn fits(widths: &[usize], gap: usize, width: usize) -> bool {
    widths.iter().sum::<usize>() + gap * (widths.len() - 1) <= width
}

fn head(links: &[Link]) -> Vec<String> {
    let links = links.iter().map(Link::to_string);
    [String::from("ms")].into_iter().chain(links).collect()
}

fn line(row: &Milestones<'_>, links: &[Link], style: Style) -> Vec<String> {
    let mut cells = vec![text::cut(row.machine, NAME_MAX, style.ellipsis())];
    cells.extend(links.iter().map(|&link| {
        let time = if link == Link::Power {
            row.on().map(|on| on.since(quorate_core::Instant::ZERO))
        } else {
            row.took(link)
        };
        time.map_or_else(|| "-".to_owned(), text::millis)
    }));
    cells
}

/// Power-on has none: when machines are switched on is up to the story.
fn quantiles(
    name: &str,
    all: &[Milestones<'_>],
    links: &[Link],
    quantile: fn(&[Milestones<'_>], Link) -> Option<Duration>,
) -> Vec<String> {
    let mut cells = vec![name.to_owned(), String::new()];
    cells.extend(links.iter().skip(1).map(|&link| {
        let time = quantile(all, link);
        time.map_or_else(|| "-".to_owned(), text::millis)
    }));
    cells
}

const NAME_MAX: usize = 16;
/// From so many machines on, the slowest of a hundred is worth a line.
const MANY: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_that_do_not_fit_follow_below() {
        let lines = [["ms", "power", "ack", "etcd"], ["n1", "0", "12", "345"]];
        let lines = lines.map(|line| line.map(str::to_owned).to_vec());
        insta::assert_snapshot!(columns(&lines, 12), @r"
        ms power ack
        n1     0  12
        ms etcd
        n1  345
        ");
        insta::assert_snapshot!(columns(&lines, 80), @r"
        ms  power  ack  etcd
        n1      0   12   345
        ");
    }
}
