//! What chance decides, written down as it happens, or given from what was written down before.
//!
//! Every part of the world that draws something asks the choice log, under a name that says what
//! is decided and not how. An ordinary run has no choice log and asks nothing.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use quorate_core::DelayHook;
use quorate_scenario::{Decision, Fate, Occasion};

/// The one choice log of a world; every part has a handle of it.
#[derive(Clone, Debug)]
pub(crate) struct ChoiceLog(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    /// Chance decides what is not given. Otherwise what is not given is ordinary.
    by_chance: bool,
    given: BTreeMap<Occasion, Given>,
    /// How often there was an occasion of each name.
    counts: BTreeMap<(String, String), u32>,
    written: Vec<Decision>,
}

#[derive(Debug)]
struct Given {
    fate: Fate,
    was_met: bool,
}

impl ChoiceLog {
    /// All is as it is drawn, but for these decisions, and written down.
    pub(crate) fn beside_chance(decisions: &[Decision]) -> Self {
        Self::new(true, decisions)
    }

    /// A log that gives these decisions. What they do not name is left to chance where there is
    /// nothing ordinary: times are drawn, messages arrive.
    pub(crate) fn of(decisions: &[Decision]) -> Self {
        Self::new(false, decisions)
    }

    fn new(by_chance: bool, decisions: &[Decision]) -> Self {
        let given = decisions.iter().map(|decision| {
            let given = Given {
                fate: decision.is.clone(),
                was_met: false,
            };
            (decision.occasion.clone(), given)
        });
        Self(Arc::new(Mutex::new(State {
            by_chance,
            given: given.collect(),
            counts: BTreeMap::new(),
            written: Vec::new(),
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What becomes of `drawn`; `None` is the ordinary. `ordinary` is for what is not
    /// given while chance has no say.
    fn decide<T>(
        &self,
        (of, what): (&str, String),
        drawn: T,
        read: impl Fn(&Fate) -> Option<T>,
        ordinary: impl FnOnce(T) -> T,
        write: impl FnOnce(&T) -> Option<Fate>,
    ) -> T {
        let state = &mut *self.state();
        let count = state
            .counts
            .entry((of.to_owned(), what.clone()))
            .and_modify(|count| *count += 1)
            .or_insert(1);
        let occasion = Occasion {
            of: of.to_owned(),
            what,
            nth: *count,
        };
        let given = state.given.get_mut(&occasion);
        let read = given.and_then(|given| {
            let read = read(&given.fate);
            given.was_met |= read.is_some();
            read
        });
        let decided = match read {
            Some(given) => given,
            None if state.by_chance => drawn,
            None => ordinary(drawn),
        };
        if let Some(is) = write(&decided) {
            state.written.push(Decision { occasion, is });
        }
        decided
    }

    /// How long something takes.
    pub(crate) fn time(&self, of: &str, what: impl Into<String>, drawn: Duration) -> Duration {
        let read = |fate: &Fate| match fate {
            Fate::Takes(time) => Some(*time),
            Fate::Lost | Fate::Arrives(_) | Fate::Chosen(_) | Fate::Lie => None,
        };
        let write = |time: &Duration| Some(Fate::Takes(*time));
        self.decide((of, what.into()), drawn, read, |drawn| drawn, write)
    }

    /// True when the thing that is seldom happens, which is called `seldom`.
    pub(crate) fn strikes(&self, of: &str, what: String, seldom: &Fate, drawn: bool) -> bool {
        let read = |fate: &Fate| (fate == seldom).then_some(true);
        let write = |strikes: &bool| strikes.then(|| seldom.clone());
        self.decide((of, what), drawn, read, |_| false, write)
    }

    /// Which machine it is.
    pub(crate) fn choice(&self, of: &str, what: &str, drawn: String) -> String {
        let read = |fate: &Fate| match fate {
            Fate::Chosen(machine) => Some(machine.clone()),
            Fate::Lost | Fate::Arrives(_) | Fate::Takes(_) | Fate::Lie => None,
        };
        let write = |machine: &String| Some(Fate::Chosen(machine.clone()));
        self.decide((of, what.to_owned()), drawn, read, |drawn| drawn, write)
    }

    /// What becomes of a frame: `None` when it arrives as most do. With nothing given and chance
    /// without a say, that is what it does.
    pub(crate) fn frame(&self, of: &str, what: String, drawn: Option<Fate>) -> Option<Fate> {
        let read = |fate: &Fate| match fate {
            Fate::Lost | Fate::Arrives(_) => Some(Some(fate.clone())),
            Fate::Takes(_) | Fate::Chosen(_) | Fate::Lie => None,
        };
        self.decide((of, what), drawn, read, |_| None, Clone::clone)
    }

    /// A hook that asks this log about the delays of an engine.
    pub(crate) fn delay_hook(&self, of: &str) -> Arc<dyn DelayHook> {
        Arc::new(ChosenDelays {
            choices: self.clone(),
            of: of.to_owned(),
        })
    }

    /// All that was decided, in the order in which it was; and what was given without ever
    /// finding its occasion.
    pub(crate) fn finish(&self) -> (Vec<Decision>, Vec<Occasion>) {
        let state = &mut *self.state();
        let unmet = state.given.iter().filter(|(_, given)| !given.was_met);
        let unmet = unmet.map(|(occasion, _)| occasion.clone()).collect();
        (std::mem::take(&mut state.written), unmet)
    }
}

#[derive(Debug)]
struct ChosenDelays {
    choices: ChoiceLog,
    of: String,
}

impl DelayHook for ChosenDelays {
    fn delay(&self, what: fmt::Arguments<'_>, drawn: Duration) -> Duration {
        self.choices.time(&self.of, what.to_string(), drawn)
    }
}
