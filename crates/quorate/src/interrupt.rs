//! A run that a signal ends, from inside of its sandbox.
//!
//! The run may wait for a machine that never answers, so a thread of its own writes what there is
//! and ends the process. The kernel ends all others with it.

use std::io;
use std::process;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use quorate_core::Instant;
use quorate_etcd::ClusterId;
use quorate_scenario::progress::StoryProgress;
use quorate_scenario::{Evidence, Finding, Link, Observation, Outcome, Recording, Story, Verdict};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::view::{Ended, RunFacts, View};

/// A view that the run and the thread for signals share, with all that was observed.
#[derive(Debug)]
pub(crate) struct SharedView<V>(Arc<Mutex<Option<Seen<V>>>>);

#[derive(Debug)]
struct Seen<V> {
    view: V,
    observations: Vec<Observation>,
}

impl<V: View> SharedView<V> {
    /// From now on SIGINT and SIGTERM end the run, and `view` is shown what there is by then.
    pub(crate) fn new(view: V, story: &Story, facts: &RunFacts) -> io::Result<Self> {
        let mut signals = Signals::new([SIGINT, SIGTERM])?;
        let shared = Self(Arc::new(Mutex::new(Some(Seen {
            view,
            observations: Vec::new(),
        }))));
        let seen = Self(Arc::clone(&shared.0));
        let (story, facts) = (story.clone(), facts.clone());
        let wait = move || {
            let signal = signals.forever().next();
            // Without a view the run is at its end, and says so itself.
            if let (Some(signal), Some(seen)) = (signal, seen.lock().take()) {
                seen.interrupted(&story, &facts);
                process::exit(SIGNALLED + signal);
            }
        };
        thread::Builder::new().name("signals".into()).spawn(wait)?;
        Ok(shared)
    }

    pub(crate) fn observe(&self, observation: &Observation, progress: &StoryProgress) {
        if let Some(seen) = self.lock().as_mut() {
            seen.observations.push(observation.clone());
            seen.view.observe(observation, progress);
        }
    }

    /// The view, for a run that has come to its end. Waits for ever when the run is interrupted just
    /// now: then the process ends.
    pub(crate) fn into_view(self) -> V {
        let seen = self.lock().take();
        match seen {
            Some(seen) => seen.view,
            None => loop {
                thread::park();
            },
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Seen<V>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<V: View> Seen<V> {
    fn interrupted(mut self, story: &Story, facts: &RunFacts) {
        self.view.finish();
        let outcome = outcome(story, facts.predicted.clone(), self.observations);
        self.view.interrupted(&Ended {
            story,
            outcome: &outcome,
            facts,
            torn_down: None,
        });
    }
}

/// What was seen of a run that was not judged.
fn outcome(story: &Story, predicted: Vec<ClusterId>, observations: Vec<Observation>) -> Outcome {
    let mut progress = StoryProgress::new(story);
    let mut formed_at = None;
    for observation in &observations {
        progress.observe(observation);
        let has_formed = || progress.iter().all(|machine| machine.is_complete());
        if formed_at.is_none() && has_formed() {
            formed_at = Some(observation.at);
        }
    }
    let is_open = |link: &Link| {
        let mut machines = progress.iter();
        !link.is_boot() && machines.any(|machine| !machine.reached.contains_key(link))
    };
    let finding = Finding {
        id: quorate_scenario::FindingId::Interrupted,
        link: Link::ALL.into_iter().find(is_open).unwrap_or(Link::Writes),
        machine: None,
        what: "the run did not come to its end".to_owned(),
        cause: "a signal ended it".to_owned(),
        fix: "run it again".to_owned(),
        may_be_late: true,
        unsure: false,
        consequences: Vec::new(),
    };
    let ended_at = observations.last().map_or(Instant::ZERO, |last| last.at);
    let recording = Recording {
        verdict: Verdict::Inconclusive {
            why: "the run was interrupted".to_owned(),
            findings: vec![finding],
        },
        observations,
        evidence: Evidence::default(),
        predicted,
        formed_at,
        ended_at,
    };
    recording.outcome(story)
}

/// What shells answer for a process that a signal ended, beside the signal's number.
const SIGNALLED: i32 = 128;

#[cfg(test)]
mod tests {
    use quorate_scenario::What;

    use super::*;

    #[test]
    fn what_was_seen_until_the_signal_is_the_outcome() {
        let text = "title = \"t\"\n[etcd]\n[[machines]]\nname = \"n\"\nclass = \"etcd\"\n";
        let story = Story::parse("t", text).expect("it is a scenario");
        let powered_on = Observation {
            at: Instant::from_nanos(7),
            machine: Some("n".to_owned()),
            what: What::Did(quorate_scenario::Action::PowerOn),
        };
        let outcome = outcome(&story, Vec::new(), vec![powered_on.clone()]);
        assert_eq!(outcome.observations, [powered_on]);
        assert_eq!(outcome.ended_at, Instant::from_nanos(7));
        assert_eq!(outcome.formed_at, None);
        let [finding] = outcome.verdict.findings() else {
            panic!("one finding: {:?}", outcome.verdict);
        };
        assert_eq!(finding.link, Link::Discover);
        assert_eq!(outcome.verdict.exit_code(), 4);
    }
}
