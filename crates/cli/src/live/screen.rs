//! Draws pictures over each other at the bottom of a terminal.
//!
//! Between two pictures the cursor is where the picture begins. When this program ends in any way,
//! clearing from there removes the picture: see [`CLEAR`].

use std::io::{self, Write as _};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant as Clock};

use quorate_core::Instant;
use quorate_scenario::Observation;
use quorate_scenario::progress::StoryProgress;
use rustix::termios::tcgetwinsize;

use super::board::Board;
use super::grid::{Look, frame};

/// A picture that redraws itself, because etcd elects in silence and the clock has to go on.
#[derive(Debug)]
pub(super) struct Screen {
    shared: Arc<Mutex<Shared>>,
    end: Sender<()>,
    drawer: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    board: Board,
    /// The story's time, and the clock's when it was seen.
    seen: Option<(Instant, Clock)>,
}

impl Screen {
    pub(super) fn new(board: Board, colour: bool) -> Self {
        let shared = Arc::new(Mutex::new(Shared { board, seen: None }));
        let (end, ended) = channel();
        let drawn = Arc::clone(&shared);
        let drawer = thread::spawn(move || draw_all(&drawn, &ended, colour));
        Self {
            shared,
            end,
            drawer,
        }
    }

    pub(super) fn observe(&self, observation: &Observation, progress: &StoryProgress) {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        shared.board.observe(observation, progress);
        shared.seen = Some((observation.at, Clock::now()));
    }

    /// Removes the picture.
    pub(super) fn finish(self) {
        drop(self.end);
        // A drawer that panicked has drawn its last picture too.
        let _ = self.drawer.join();
    }
}

fn draw_all(shared: &Mutex<Shared>, ended: &Receiver<()>, colour: bool) {
    while ended.recv_timeout(REDRAW_PERIOD) == Err(RecvTimeoutError::Timeout) {
        let (columns, rows) = size();
        let look = Look {
            columns,
            rows,
            colour,
        };
        let shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
        let now = shared
            .seen
            .map_or(Instant::ZERO, |(at, clock)| at + clock.elapsed());
        let lines = frame(&shared.board, look, now);
        drop(shared);
        show(&picture(&lines));
    }
    show(CLEAR);
}

/// The bytes that draw `lines` and go back to where they begin.
fn picture(lines: &[String]) -> String {
    let mut bytes = String::from(BEGIN);
    for line in lines {
        bytes.push_str(line);
        bytes.push_str(END_OF_LINE);
    }
    bytes.push_str(CLEAR_BELOW);
    bytes.push_str(&format!("\x1b[{}A\r", lines.len()));
    bytes.push_str(COMMIT);
    bytes
}

/// In one write; a terminal that is gone is no reason to end a run.
fn show(bytes: &str) {
    let mut out = io::stderr().lock();
    let _ = out.write_all(bytes.as_bytes()).and_then(|()| out.flush());
}

/// Columns and rows of the terminal.
fn size() -> (usize, usize) {
    let size = tcgetwinsize(io::stderr()).ok();
    let size = size.filter(|size| size.ws_col > 0 && size.ws_row > 0);
    size.map_or(SIZE_DEFAULT, |size| {
        (usize::from(size.ws_col), usize::from(size.ws_row))
    })
}

/// Removes what [`Screen`] drew last, in any process.
pub(crate) const CLEAR: &str = "\r\x1b[J";
/// Draws in one go where the terminal can (DEC mode 2026), so that nothing flickers.
const BEGIN: &str = "\x1b[?2026h\r";
const COMMIT: &str = "\x1b[?2026l";
/// Clears the rest of the line and begins the next.
const END_OF_LINE: &str = "\x1b[K\r\n";
const CLEAR_BELOW: &str = "\x1b[J";
const REDRAW_PERIOD: Duration = Duration::from_millis(80);
const SIZE_DEFAULT: (usize, usize) = (80, 24);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_ends_where_it_began() {
        let lines = ["one".to_owned(), "two".to_owned(), "three".to_owned()];
        let bytes = picture(&lines);
        assert_eq!(bytes.matches("\r\n").count(), 3);
        assert!(bytes.ends_with("\x1b[3A\r\x1b[?2026l"), "{bytes:?}");
    }
}
