//! What a run shows, and what it leaves.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use quorate_etcd::ClusterId;
use quorate_obtain::{Progress, Silent};
use quorate_report::human::Artifacts;
use quorate_scenario::progress::StoryProgress;
use quorate_scenario::{Observation, Outcome, Story};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::world::World;

/// What shows a run to its caller, from inside the sandbox. It crosses into it with the job.
pub trait View: Serialize + DeserializeOwned + Send + 'static {
    /// Shows what takes a while before the run.
    fn progress(&self) -> &dyn Progress {
        &Silent
    }

    /// The run begins. There are no more forks: the view may start threads.
    fn begin(&mut self, _story: &Story) {}

    /// `observation` was made, and `progress` has moved by it.
    fn observe(&mut self, _observation: &Observation, _progress: &StoryProgress) {}

    /// No more observations come.
    fn finish(&mut self) {}

    /// The run has an outcome. What this writes to standard output is the output of the run, what it
    /// answers is the exit code.
    fn end(self, ended: &Ended<'_>) -> u8;

    /// A signal has ended the run. Its outcome is what was seen by then. The caller gives the run
    /// two seconds to show it.
    fn interrupted(self, ended: &Ended<'_>);
}

/// What is known of a run before it begins.
#[derive(Clone, Debug)]
pub struct RunFacts {
    /// What errors and reports call the scenario.
    pub scenario: PathBuf,
    /// The scenario itself.
    pub text: String,
    pub world: World,
    pub seed: u64,
    /// Version and origin of etcd, for people.
    pub etcd: String,
    /// The ID of each cluster of the story.
    pub(crate) predicted: Vec<ClusterId>,
    pub(crate) run_dir: PathBuf,
}

/// A run that has ended.
#[derive(Debug)]
pub struct Ended<'a> {
    pub story: &'a Story,
    pub outcome: &'a Outcome,
    pub facts: &'a RunFacts,
    /// How long it took to end the run, when that is over.
    pub torn_down: Option<Duration>,
}

impl Ended<'_> {
    /// Writes all artifacts into `dir`.
    ///
    /// # Errors
    /// When one cannot be written.
    pub fn write(&self, dir: &Path) -> io::Result<()> {
        let artifacts = Artifacts {
            dir: Some(dir.to_owned()),
            world: self.facts.world.to_string(),
            seed: self.facts.seed,
            etcd: self.facts.etcd.clone(),
            torn_down: self.torn_down,
        };
        fs::create_dir_all(dir)?;
        self.copy_files(dir)?;
        let text = &self.facts.text;
        quorate_report::artifacts::write(dir, self.story, self.outcome, &artifacts, text)
    }

    /// Copies what processes and the switch wrote into `dir`.
    ///
    /// # Errors
    /// When a file cannot be copied.
    pub fn copy_files(&self, dir: &Path) -> io::Result<()> {
        let (run_dir, logs) = (&self.facts.run_dir, dir.join("logs"));
        let capture = run_dir.join(CAPTURE);
        // An interrupted run may not have come as far as to make it.
        if capture.exists() {
            fs::copy(capture, dir.join(CAPTURE))?;
        }
        copy_logs(&run_dir.join("servers"), &logs.join("servers"))?;
        for machine in &self.story.machines {
            let from = run_dir.join("machines").join(&machine.name);
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
