//! What is told while a run goes on, on standard error: on a terminal a picture of all machines
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

/// How much is told.
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

/// The teller of one run.
#[derive(Debug)]
pub(crate) struct Live(Teller);

#[derive(Debug)]
enum Teller {
    Screen(Screen),
    /// Of few machines every step is told, of many their numbers once a second.
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
            LiveMode::Terminal { colour } => Teller::Screen(Screen::new(Board::new(story), colour)),
            LiveMode::Plain { verbose } => Teller::Plain {
                verbose,
                summary: (is_big && !verbose).then(|| (Box::new(Board::new(story)), Instant::ZERO)),
            },
            LiveMode::Quiet => Teller::Quiet,
        })
    }

    /// Tells what was observed; `lanes` have moved by it.
    pub(crate) fn saw(&mut self, observation: &Observation, lanes: &StoryProgress) {
        match &mut self.0 {
            Teller::Screen(screen) => screen.take(observation, lanes),
            Teller::Plain {
                summary: Some((board, due)),
                ..
            } => {
                board.take(observation, lanes);
                if plain::stands_out(&observation.what) {
                    tell(plain::line(observation, false));
                }
                if observation.at >= *due {
                    *due = observation.at + SUMMARY_PERIOD;
                    tell(Some(grid::summary(board, observation.at)));
                }
            }
            Teller::Plain { verbose, .. } => tell(plain::line(observation, *verbose)),
            Teller::Quiet => {}
        }
    }

    /// Takes the picture away; the report says it all.
    pub(crate) fn finish(self) {
        match self.0 {
            Teller::Screen(screen) => screen.finish(),
            Teller::Plain {
                summary: Some((board, _)),
                ..
            } => tell(Some(grid::summary(&board, board.latest()))),
            Teller::Plain { .. } | Teller::Quiet => {}
        }
    }
}

fn tell(line: Option<String>) {
    if let Some(line) = line {
        eprintln!("{line}");
    }
}

/// Of more machines not every step is told.
const LINES_MAX: usize = 40;
const SUMMARY_PERIOD: std::time::Duration = std::time::Duration::from_secs(1);
