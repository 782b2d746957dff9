//! What `quorate run` shows of a run in a sandbox, from inside of it.

use std::io::{self, IsTerminal as _};
use std::path::PathBuf;

use quorate::runner::{Ended, View};
use quorate_obtain::Progress;
use quorate_scenario::progress::StoryProgress;
use quorate_scenario::{Observation, Story};
use serde::{Deserialize, Serialize};

use crate::args::Format;
use crate::error::CliError;
use crate::live::{Live, LiveMode};
use crate::notes::note;
use crate::results::{Asked, no_colour, write_and_print};

/// The first argument under which this program is the sandbox of `quorate run`.
pub(crate) const HIDDEN_VERB: &str = "__inside-run";

/// Lines or a picture while it goes on, the report at the end.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct RunView {
    pub(crate) format: Format,
    /// Where artifacts are written, if anywhere.
    pub(crate) report: Option<PathBuf>,
    pub(crate) verbose: bool,
    #[serde(skip)]
    pub(crate) live: Option<Live>,
}

impl View for RunView {
    fn progress(&self) -> &dyn Progress {
        &Steps
    }

    fn begin(&mut self, story: &Story) {
        self.live = Some(Live::new(story, self.mode()));
    }

    fn observe(&mut self, observation: &Observation, progress: &StoryProgress) {
        if let Some(live) = &mut self.live {
            live.observe(observation, progress);
        }
    }

    fn finish(&mut self) {
        if let Some(live) = self.live.take() {
            live.finish();
        }
    }

    fn end(self, ended: &Ended<'_>) -> u8 {
        let facts = ended.facts;
        let asked = Asked {
            scenario: &facts.scenario,
            report: self.report.as_deref(),
            format: self.format,
            world: facts.world,
            seed: facts.seed,
            etcd: &facts.etcd,
            torn_down: ended.torn_down,
        };
        let story = (ended.story, facts.text.as_str());
        write_and_print(asked, story, ended.outcome, |dir| ended.copy_files(dir))
            .unwrap_or_else(CliError::report)
    }

    fn interrupted(self, ended: &Ended<'_>) {
        let Some(dir) = self.report else { return };
        if let Err(error) = ended.write(&dir) {
            CliError::Artifacts(error).report();
        }
    }
}

impl RunView {
    fn mode(&self) -> LiveMode {
        if self.format == Format::Json {
            LiveMode::Quiet
        } else if io::stderr().is_terminal() && can_move_its_cursor() {
            LiveMode::Terminal {
                colour: !no_colour(),
            }
        } else {
            LiveMode::Plain {
                verbose: self.verbose,
            }
        }
    }
}

fn can_move_its_cursor() -> bool {
    std::env::var_os("TERM").is_some_and(|term| !term.is_empty() && term != "dumb")
}

/// Progress as lines on standard error.
#[derive(Debug)]
pub(crate) struct Steps;

impl Progress for Steps {
    fn step(&self, what: &str) {
        note(format_args!("  {what} ..."));
    }

    fn line(&self, text: &str) {
        tracing::info!("{text}");
    }
}
