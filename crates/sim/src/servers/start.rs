//! The process of the servers starts on what the disk holds.

use std::collections::VecDeque;

use quorate_core::{Instant, Seed};
use quorate_scenario::decision::SERVERS;
use quorate_server::{Directory, Engines, Event, Keys, Seeds, Setup, SetupError, setup};
use thiserror::Error;

use super::message::ServerOutput;
use super::{Daemon, Servers, State};

/// Why the process does not start.
#[derive(Debug, Error)]
pub(crate) enum StartError {
    #[error("the disk is gone with an earlier start")]
    NoDisk,
    #[error(transparent)]
    Setup(#[from] SetupError),
    #[error("the log on the disk: {0}")]
    Log(#[from] serde_json::Error),
}

impl Servers {
    /// Starts the process on what the disk holds; nothing when it runs.
    ///
    /// # Errors
    /// When the configuration, which a story made, configures nothing.
    pub(crate) fn start(&mut self, now: Instant) -> Result<(), StartError> {
        let State::Down(disk) = &mut self.state else {
            return Ok(());
        };
        let mut disk = disk.take().ok_or(StartError::NoDisk)?;
        let records = disk.crash();
        let log = (*disk, records);
        self.starts += 1;
        let mut setup = Setup::new(&self.config, keys(self.seed))?;
        setup.set_mutant(self.mutant);
        let directory = Directory::default();
        let seed = self.seed.child(&format!("start {}", self.starts));
        let clocks = self.clock.read(now);
        let mut engines = Engines::restore(setup, log, seed, directory.clone(), clocks)?;
        if let Some(choices) = &self.choices {
            engines.set_delay_hook(choices.delay_hook(SERVERS));
        }
        let serves = self.config.seed().is_some();
        let seeds = serves.then(|| Seeds::new(&self.config, directory));
        let leases = engines.leases_len();
        self.state = State::Up(Box::new(Daemon {
            engines,
            seeds,
            inbox: VecDeque::new(),
            syncing: false,
        }));
        let ready = Event::Ready { leases };
        self.outputs.push_back(ServerOutput::Event(ready));
        // What the registrar wants to send for the leases that it found.
        self.handle_timeout(now);
        Ok(())
    }
}

/// The key between registrar and DNS server, which `serve` makes at its first start.
fn keys(seed: Seed) -> Keys {
    let mut random = seed.child("ddns key").random();
    let secret = (0..setup::OWN_KEY_LEN)
        .map(|_| random.next_u32().to_le_bytes()[0])
        .collect();
    Keys {
        ddns: Some(setup::own_key(secret).expect("the secret has the length it must have")),
        made: true,
        ..Keys::default()
    }
}
