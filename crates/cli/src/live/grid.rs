//! The board as lines of text: a line for each of few machines, a cell for each of many.

use quorate_core::Instant;
use quorate_scenario::Link;

use super::board::{Board, Cell};

/// What the terminal can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Look {
    pub(super) columns: usize,
    pub(super) rows: usize,
    pub(super) colour: bool,
}

/// The picture at `now`, no line wider and no more lines than the terminal has.
pub(super) fn frame(board: &Board, look: Look, now: Instant) -> Vec<String> {
    let mut below = vec![counts(board, look)];
    let parts = [rates(board, now), clock(board, now)];
    below.push(parts.iter().map(|line| cut(line, look.columns)).collect());
    let title = cut(&board.title, look.columns);
    // The title, the line that the cursor is on, and what a cell stands for.
    let below_len: usize = below.iter().map(Vec::len).sum();
    let room = look.rows.saturating_sub(below_len + 3).max(1);
    let mut lines = vec![title];
    match &board.lines {
        Some(own) if own.text.len() <= room => {
            lines.extend(own.text.iter().map(|line| cut(line, look.columns)));
            below.remove(0);
        }
        Some(_) | None => lines.extend(cells(board, look, room)),
    }
    let below = below.into_iter().flatten();
    lines.extend(below.filter(|line| !line.is_empty()));
    lines.truncate(look.rows.saturating_sub(1).max(1));
    lines
}

/// One line for logs.
pub(super) fn summary(board: &Board, now: Instant) -> String {
    let at = now.as_nanos() as f64 / 1e9;
    let counts = CELLS.map(|(cell, word)| (word, board.count(cell)));
    let counts = counts.into_iter().filter(|(_, count)| *count > 0);
    let parts: Vec<_> = counts
        .map(|(word, count)| format!("{word} {count}"))
        .collect();
    format!(
        "{at:9.3} s  {} machines: {}",
        board.cells.len(),
        parts.join(", ")
    )
}

/// Every machine a cell, as large as there is room for; where there is none, a cell stands for
/// several and shows the one that is least far.
fn cells(board: &Board, look: Look, rows: usize) -> Vec<String> {
    let width = if board.cells.len() * 2 <= look.columns * rows {
        2
    } else {
        1
    };
    let columns = (look.columns / width).max(1);
    let each = board.cells.len().div_ceil(columns * rows).max(1);
    let shown: Vec<Cell> = board
        .cells
        .chunks(each)
        .map(|cells| cells.iter().copied().min().unwrap_or(Cell::Off))
        .collect();
    let lines = shown.chunks(columns).map(|row| {
        let mut line = String::new();
        let mut colour = None;
        for cell in row {
            if look.colour && colour != Some(paint(*cell)) {
                line.push_str(paint(*cell));
                colour = Some(paint(*cell));
            }
            line.push(sign(*cell, look.colour));
            if width == 2 {
                line.push(' ');
            }
        }
        if look.colour {
            line.push_str(RESET);
        }
        line
    });
    let mut lines: Vec<String> = lines.collect();
    if each > 1 {
        let note = format!("each cell is {each} machines, drawn as the one least far");
        lines.push(cut(&note, look.columns));
    }
    lines
}

/// How many machines are where, in lines no wider than the terminal.
fn counts(board: &Board, look: Look) -> Vec<String> {
    let mut lines: Vec<(String, usize)> = vec![(String::new(), 0)];
    let words = CELLS.map(|(cell, word)| (cell, word, board.count(cell)));
    for (cell, word, count) in words {
        if count == 0 && matches!(cell, Cell::Off | Cell::Unplugged | Cell::Frozen) {
            continue;
        }
        let sign = sign(cell, look.colour);
        let text = format!("{sign} {word} {count}");
        let width = text.chars().count() + 2;
        let text = if look.colour {
            format!("{}{sign}{RESET} {word} {count}", paint(cell))
        } else {
            text
        };
        match lines.last_mut() {
            Some((line, used)) if *used + width <= look.columns.saturating_add(2) => {
                if *used > 0 {
                    line.push_str("  ");
                }
                line.push_str(&text);
                *used += width;
            }
            Some(_) | None => lines.push((text, width)),
        }
    }
    lines.into_iter().map(|(line, _)| line).collect()
}

fn rates(board: &Board, now: Instant) -> String {
    let words = ["leases", "DNS updates", "etcd starts"];
    let parts = words.iter().zip(&board.counters).map(|(word, counter)| {
        format!("{word} {} ({:.0}/s)", counter.total, counter.rate(now, 10))
    });
    parts.collect::<Vec<_>>().join("  ")
}

/// `12.4 s  485 of 500 complete  about 3 s to go, at most 27 s`
fn clock(board: &Board, now: Instant) -> String {
    let all = board.cells.len();
    let complete = board.count(Cell::Complete);
    let secs = |nanos: u64| nanos as f64 / 1e9;
    let mut line = format!(
        "{:.1} s  {complete} of {all} complete",
        secs(now.as_nanos())
    );
    if complete < all {
        let end = board.acted_at + board.formed_within;
        let limit = end.since(now).as_secs_f64();
        match board.eta(now) {
            Some(eta) => {
                let eta = eta.as_secs_f64().min(limit);
                line.push_str(&format!("  about {eta:.0} s to go, at most {limit:.0} s"));
            }
            None => line.push_str(&format!("  at most {limit:.0} s to go")),
        }
    }
    line
}

fn cut(line: &str, columns: usize) -> String {
    if line.chars().count() <= columns {
        return line.to_owned();
    }
    let kept = line.chars().take(columns.saturating_sub(1));
    kept.chain(['…']).collect()
}

/// Letters where there is no colour; with colour shapes, which tell complete from incomplete
/// without it.
const fn sign(cell: Cell, colour: bool) -> char {
    match (cell, colour) {
        (Cell::Off, _) => '·',
        (Cell::Unplugged, _) => 'x',
        (Cell::Frozen, _) => '*',
        (Cell::Complete, true) => '█',
        (Cell::Complete, false) => '#',
        (Cell::At(_), true) => '▄',
        (Cell::At(link), false) => match link {
            Link::Power
            | Link::Firmware
            | Link::Script
            | Link::Kernel
            | Link::Initrd
            | Link::Installer
            | Link::Installed
            | Link::Userspace => 'p',
            Link::Discover => 'd',
            Link::Ack => 'a',
            Link::Name => 'n',
            Link::Seed => 's',
            Link::Srv => 'r',
            Link::Etcd => 'e',
            Link::ClusterId => 'c',
            Link::Voter | Link::Quorum | Link::Writes => 'v',
        },
    }
}

/// From yellow to violet with falling lightness, as in `report.html` (256 colours).
const fn paint(cell: Cell) -> &'static str {
    match cell {
        Cell::Off => "\x1b[90m",
        Cell::Unplugged | Cell::Frozen => "\x1b[31m",
        Cell::Complete => "\x1b[38;5;141m",
        Cell::At(link) => match link {
            Link::Power
            | Link::Firmware
            | Link::Script
            | Link::Kernel
            | Link::Initrd
            | Link::Installer
            | Link::Installed
            | Link::Userspace => "\x1b[38;5;226m",
            Link::Discover => "\x1b[38;5;190m",
            Link::Ack => "\x1b[38;5;118m",
            Link::Name => "\x1b[38;5;42m",
            Link::Seed => "\x1b[38;5;44m",
            Link::Srv => "\x1b[38;5;39m",
            Link::Etcd => "\x1b[38;5;33m",
            Link::ClusterId | Link::Voter | Link::Quorum | Link::Writes => "\x1b[38;5;27m",
        },
    }
}

const CELLS: [(Cell, &str); 12] = [
    (Cell::Off, "off"),
    (Cell::Unplugged, "unplugged"),
    (Cell::Frozen, "frozen"),
    (Cell::At(Link::Power), "power"),
    (Cell::At(Link::Discover), "discover"),
    (Cell::At(Link::Ack), "ack"),
    (Cell::At(Link::Name), "name"),
    (Cell::At(Link::Seed), "seed"),
    (Cell::At(Link::Srv), "srv"),
    (Cell::At(Link::Etcd), "etcd"),
    (Cell::At(Link::ClusterId), "cluster-id"),
    (Cell::Complete, "complete"),
];
const RESET: &str = "\x1b[0m";

#[cfg(test)]
mod tests;
