//! What is shown while a run goes on, on standard error: on a terminal a picture of all machines
//! that redraws itself, elsewhere lines that stay.
//!
//! | file | what |
//! | --- | --- |
//! | [`board`] | where every machine stands, and what happened lately |
//! | [`grid`] | the board as lines of text |
//! | [`screen`] | draws those lines over each other |
//! | [`plain`] | one line for each thing that matters |

mod board;
mod grid;
mod plain;
mod screen;

use quorate_core::Instant;
use quorate_scenario::progress::StoryProgress;
use quorate_scenario::{Observation, Story};

use self::board::Board;
pub(crate) use self::screen::CLEAR;
use self::screen::Screen;
use crate::notes::note;

/// How much is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LiveMode {
    /// Lines that redraw themselves.
    Terminal {
        colour: bool,
    },
    /// Lines that stay.
    Plain {
        verbose: bool,
    },
    Quiet,
}

/// What shows one run.
#[derive(Debug)]
pub(crate) struct Live(Display);

#[derive(Debug)]
enum Display {
    Screen(Screen),
    /// Of few machines every step is shown, of many their numbers once a second.
    Plain {
        verbose: bool,
        summary: Option<(Box<Board>, Instant)>,
    },
    Quiet,
}

impl Live {
    /// On a terminal this starts a thread, so it has to come after every `fork`.
    pub(crate) fn new(story: &Story, mode: LiveMode) -> Self {
        let is_big = story.machines.len() > LINES_MAX;
        Self(match mode {
            LiveMode::Terminal { colour } => {
                Display::Screen(Screen::new(Board::new(story), colour))
            }
            LiveMode::Plain { verbose } => Display::Plain {
                verbose,
                summary: (is_big && !verbose).then(|| (Box::new(Board::new(story)), Instant::ZERO)),
            },
            LiveMode::Quiet => Display::Quiet,
        })
    }

    /// Shows what was observed; `progress` has moved by it.
    pub(crate) fn observe(&mut self, observation: &Observation, progress: &StoryProgress) {
        match &mut self.0 {
            Display::Screen(screen) => screen.observe(observation, progress),
            Display::Plain {
                summary: Some((board, due)),
                ..
            } => {
                board.observe(observation, progress);
                if plain::stands_out(&observation.what) {
                    show(plain::line(observation, false));
                }
                if observation.at >= *due {
                    *due = observation.at + SUMMARY_PERIOD;
                    show(Some(grid::summary(board, observation.at)));
                }
            }
            Display::Plain { verbose, .. } => show(plain::line(observation, *verbose)),
            Display::Quiet => {}
        }
    }

    /// Removes the picture; the report says it all.
    pub(crate) fn finish(self) {
        match self.0 {
            Display::Screen(screen) => screen.finish(),
            Display::Plain {
                summary: Some((board, _)),
                ..
            } => show(Some(grid::summary(&board, board.latest()))),
            Display::Plain { .. } | Display::Quiet => {}
        }
    }
}

fn show(line: Option<String>) {
    if let Some(line) = line {
        note(line);
    }
}

/// Of more machines not every step is shown.
const LINES_MAX: usize = 40;
const SUMMARY_PERIOD: std::time::Duration = std::time::Duration::from_secs(1);
