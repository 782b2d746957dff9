//! What a run shows, and what it leaves.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use quorate_obtain::{Progress, Silent};
use quorate_report::human::Artifacts;
use quorate_scenario::progress::StoryProgress;
use quorate_scenario::{Observation, Outcome, Story};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::world::World;

/// What shows a run to its caller, from inside the sandbox. It crosses into it with the job.
pub trait View: Serialize + DeserializeOwned {
    /// Shows what takes a while before the run.
    fn progress(&self) -> &dyn Progress {
        &Silent
    }

    /// The run begins. There are no more forks: the view may start threads.
    fn begin(&mut self, _story: &Story) {}

    /// `observation` was made, and `lanes` have moved by it.
    fn observe(&mut self, _observation: &Observation, _lanes: &StoryProgress) {}

    /// No more observations come.
    fn finish(&mut self) {}

    /// The run has an outcome. What this writes to standard output is the output of the run, what it
    /// answers is the exit code.
    fn end(self, ended: &Ended<'_>) -> u8;
}

/// A run that has ended.
#[derive(Debug)]
pub struct Ended<'a> {
    pub story: &'a Story,
    pub outcome: &'a Outcome,
    /// What errors and reports call the scenario.
    pub scenario: &'a Path,
    /// The scenario itself.
    pub text: &'a str,
    pub world: World,
    pub seed: u64,
    /// Version and origin of etcd, for people.
    pub etcd: &'a str,
    /// How long it took to end the run.
    pub torn_down: Duration,
    pub(crate) run_dir: &'a Path,
}

impl Ended<'_> {
    /// Writes all artifacts into `dir`.
    ///
    /// # Errors
    /// When one cannot be written.
    pub fn write(&self, dir: &Path) -> io::Result<()> {
        let artifacts = Artifacts {
            dir: Some(dir.to_owned()),
            world: self.world.to_string(),
            seed: self.seed,
            etcd: self.etcd.to_owned(),
            torn_down: Some(self.torn_down),
        };
        fs::create_dir_all(dir)?;
        self.copy_files(dir)?;
        quorate_report::artifacts::write(dir, self.story, self.outcome, &artifacts, self.text)
    }

    /// Copies what processes and the switch wrote into `dir`.
    ///
    /// # Errors
    /// When a file cannot be copied.
    pub fn copy_files(&self, dir: &Path) -> io::Result<()> {
        fs::copy(self.run_dir.join(CAPTURE), dir.join(CAPTURE))?;
        let logs = dir.join("logs");
        copy_logs(&self.run_dir.join("servers"), &logs.join("servers"))?;
        for machine in &self.story.machines {
            let from = self.run_dir.join("machines").join(&machine.name);
            copy_logs(&from, &logs.join(&machine.name))?;
        }
        Ok(())
    }
}

/// Copies what the machine in `from` wrote to `/var/log`.
fn copy_logs(from: &Path, to: &Path) -> io::Result<()> {
    let Ok(entries) = fs::read_dir(from.join("log")) else {
        // It was never switched on.
        return Ok(());
    };
    fs::create_dir_all(to)?;
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}

/// The frames that the switch forwarded.
pub(crate) const CAPTURE: &str = "capture.pcapng";
