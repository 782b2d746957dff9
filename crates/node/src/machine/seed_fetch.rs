//! Fetching the files of a seed, again and again until all are there.

use std::time::Duration;

use quorate_core::{Delays, Instant, Random, Seed};
use serde::{Deserialize, Serialize};

use crate::effect::{Effect, Outbox};
use crate::event::Event;

/// The first pause between two attempts. It doubles up to [`RETRY_MAX`].
const RETRY_FIRST: Duration = Duration::from_millis(250);
const RETRY_MAX: Duration = Duration::from_secs(5);

/// The files that a node reads (cloud-init's NoCloud names).
const FILES: [&str; 2] = ["meta-data", "user-data"];

/// Where a machine's NoCloud seed is.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Datasource {
    /// Where option 67 of the lease says.
    #[default]
    Lease,
    /// At this URL, to which file names are appended; the boot loader passed it
    /// (`ds=nocloud-net;s=URL`).
    Url(String),
    /// These are its files: the machine was booted to do one thing.
    Given {
        meta_data: String,
        user_data: String,
    },
}

/// One seed on its way. An attempt asks for every file that is not there yet; when all of them
/// are answered and some failed, the next attempt waits for `retry_at`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeedFetch {
    base: String,
    attempt: u32,
    files: [File; 2],
    retry_at: Option<Instant>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum File {
    Asked,
    Missing,
    There(Vec<u8>),
}

impl SeedFetch {
    /// Begins to fetch the seed at `base`, to which NoCloud appends file names.
    pub(super) fn begin(base: &str, out: &mut Outbox) -> Self {
        let slash = if base.ends_with('/') { "" } else { "/" };
        let mut fetch = Self {
            base: format!("{base}{slash}"),
            attempt: 0,
            files: [File::Missing, File::Missing],
            retry_at: None,
        };
        fetch.ask(out);
        fetch
    }

    /// Counts attempts from 1.
    pub const fn attempt(&self) -> u32 {
        self.attempt
    }

    pub(super) const fn retry_at(&self) -> Option<Instant> {
        self.retry_at
    }

    /// Handles the answer for one file. Returns meta-data and user-data once both are there.
    pub(super) fn handle_fetched(
        &mut self,
        url: &str,
        outcome: Result<Vec<u8>, String>,
        patience: &mut Patience,
        now: Instant,
        out: &mut Outbox,
    ) -> Option<[Vec<u8>; 2]> {
        let index = (0..FILES.len()).find(|index| self.url(*index) == url)?;
        if self.files[index] != File::Asked {
            return None;
        }
        self.files[index] = match outcome {
            Ok(bytes) => File::There(bytes),
            Err(why) => {
                // One pause for the whole attempt, drawn when its first file fails.
                let at = *self
                    .retry_at
                    .get_or_insert_with(|| now + patience.pause(self.attempt));
                let retry_in_ms = u64::try_from(at.since(now).as_millis()).unwrap_or(u64::MAX);
                out.event(Event::SeedRetry {
                    url: url.into(),
                    why,
                    retry_in_ms,
                });
                File::Missing
            }
        };
        match &self.files {
            [File::There(meta_data), File::There(user_data)] => {
                Some([meta_data.clone(), user_data.clone()])
            }
            [_, _] => None,
        }
    }

    /// Asks for what is missing when the pause is over.
    pub(super) fn handle_timeout(&mut self, now: Instant, out: &mut Outbox) {
        if self.retry_at.is_some_and(|at| at <= now) {
            self.ask(out);
        }
    }

    fn ask(&mut self, out: &mut Outbox) {
        self.attempt = self.attempt.saturating_add(1);
        self.retry_at = None;
        for index in 0..FILES.len() {
            if self.files[index] == File::Missing {
                self.files[index] = File::Asked;
                out.effect(Effect::FetchSeed {
                    url: self.url(index),
                });
            }
        }
    }

    fn url(&self, index: usize) -> String {
        format!("{}{}", self.base, FILES[index])
    }
}

/// How long a node waits for the files of its seed to appear.
#[derive(Debug)]
pub(super) struct Patience {
    random: Random,
    pub(super) delays: Delays,
}

impl Patience {
    pub(super) fn new(seed: Seed) -> Self {
        Self {
            random: seed.random(),
            delays: Delays::default(),
        }
    }

    /// The pause after `attempt`, within a quarter of its doubling value either way, so that
    /// the machines of a rack do not return to a server together.
    fn pause(&mut self, attempt: u32) -> Duration {
        let doublings = attempt.saturating_sub(1).min(8);
        let whole = (RETRY_FIRST * (1 << doublings)).min(RETRY_MAX);
        let spread = u64::try_from(whole.as_nanos() / 2).unwrap_or(u64::MAX);
        let drawn = whole * 3 / 4 + Duration::from_nanos(self.random.below(spread));
        let what = format_args!("patience with a seed");
        self.delays.decide(what, drawn)
    }
}
