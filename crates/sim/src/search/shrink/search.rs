//! The search: what can be left out, is.

use std::time::Duration;

use quorate_scenario::draft::{Draft, DraftMachine};
use quorate_scenario::fault::{Fault, FaultKind, Whom};
use quorate_scenario::{Decision, Fate, Finding, Story};

use super::kind::Kind;
use super::progress::Progress;
use crate::options::Options;
use crate::run::run;

/// A search under way.
pub(super) struct Search<'a> {
    pub(super) goal: Kind,
    pub(super) options: Options,
    pub(super) seeds: &'a [u64],
    /// The smallest that fails so far.
    pub(super) best: Draft,
    pub(super) finding: Finding,
    pub(super) runs: u64,
    pub(super) time_is_up: bool,
    pub(super) go_on: &'a mut dyn FnMut(Progress) -> bool,
}

impl Search<'_> {
    /// Finds the simplest form in which the story fails at all, of its own and without its seed.
    pub(super) fn begin(&mut self, decisions: &[Decision]) -> bool {
        let whole = self.best.clone();
        let without_chance = |faults: &[Fault]| -> Vec<Fault> {
            let certain = faults.iter().filter(|fault| !is_chance(fault.what));
            certain.cloned().collect()
        };
        let named = |keep: fn(&Fate) -> bool| -> Vec<Decision> {
            let named = decisions.iter().filter(|decision| keep(&decision.is));
            named
                .filter(|decision| decision.occasion.what != POWER_ON)
                .cloned()
                .collect()
        };
        let is_mishap = |fate: &Fate| matches!(fate, Fate::Lost | Fate::Arrives(_) | Fate::Lie);
        let mut calm = whole.clone();
        calm.faults.clear();
        let mut mishaps = whole.clone();
        mishaps.faults = without_chance(&whole.faults);
        let mut everything = mishaps.clone();
        mishaps.decisions = named(is_mishap);
        everything.decisions = named(|_| true);
        // What chance does under every seed is one fault; one by one it is many.
        let first = [calm, whole, mishaps, everything.clone()];
        first.into_iter().any(|draft| self.try_out(draft)) || {
            self.seeds = &SEEDS[..1];
            self.try_out(everything)
        }
    }

    /// Leaves out what can be left out, once; true when something was.
    pub(super) fn pass(&mut self) -> bool {
        let before = self.best.to_string();
        self.leave_out(|draft| &mut draft.plain, 0);
        self.leave_out(|draft| &mut draft.clusters, 1);
        for index in 0..self.best.clusters.len() {
            self.leave_out(|draft| &mut draft.clusters[index].members, 1);
        }
        self.level();
        self.leave_out(|draft| &mut draft.faults, 0);
        self.leave_out(|draft| &mut draft.decisions, 0);
        self.leave_out(|draft| &mut draft.steps, 0);
        self.narrow_targets();
        self.shorten();
        self.hasten();
        !self.time_is_up && self.best.to_string() != before
    }

    /// Tries to do without half of a list, then without quarters, down to single entries; at
    /// least so many stay.
    fn leave_out<T: Clone>(&mut self, list: impl Fn(&mut Draft) -> &mut Vec<T>, least: usize) {
        let mut size = list(&mut self.best).len();
        while size > 0 {
            let mut at = 0;
            while at < list(&mut self.best).len() {
                let mut draft = self.best.clone();
                let entries = list(&mut draft);
                let end = (at + size).min(entries.len());
                entries.drain(at..end);
                let is_enough = entries.len() >= least;
                if !(is_enough && self.try_out(draft)) {
                    at = end;
                }
                if self.time_is_up {
                    return;
                }
            }
            size /= 2;
        }
    }

    /// One segment for all, machines that are what they seem to be.
    fn level(&mut self) {
        let mut flat = self.best.clone();
        flat.racking = None;
        let mut plain = flat.clone();
        plain
            .machines_mut()
            .for_each(|device| device.hollow = false);
        for draft in [flat, plain] {
            if draft.to_string() != self.best.to_string() {
                self.try_out(draft);
            }
        }
    }

    fn narrow_targets(&mut self) {
        for index in 0..self.best.faults.len() {
            if matches!(self.best.faults[index].whom, Whom::Machines(_)) {
                let whom = |draft: &mut Draft| match &mut draft.faults[index].whom {
                    Whom::Machines(names) => std::mem::take(names),
                    Whom::Group(_) => Vec::new(),
                };
                let mut names = whom(&mut self.best.clone());
                let mut at = 0;
                while at < names.len() && names.len() > 1 {
                    let mut fewer = names.clone();
                    fewer.remove(at);
                    let mut draft = self.best.clone();
                    draft.faults[index].whom = Whom::Machines(fewer.clone());
                    if self.try_out(draft) {
                        names = fewer;
                    } else {
                        at += 1;
                    }
                }
            }
        }
    }

    /// Shorter faults, at rounder times.
    fn shorten(&mut self) {
        for index in 0..self.best.faults.len() {
            loop {
                let mut draft = self.best.clone();
                let lasts = &mut draft.faults[index].lasts;
                *lasts /= 2;
                if *lasts < LASTS_MIN || !self.try_out(draft) {
                    break;
                }
            }
            self.round(|draft| &mut draft.faults[index].from);
            self.round(|draft| &mut draft.faults[index].lasts);
        }
        if self.best.formed_within > FORMED_WITHIN {
            let mut draft = self.best.clone();
            draft.formed_within = FORMED_WITHIN;
            self.try_out(draft);
        }
    }

    /// Earlier and rounder power-ons.
    fn hasten(&mut self) {
        let mut at_once = self.best.clone();
        at_once
            .machines_mut()
            .for_each(|device| device.power_on = Duration::ZERO);
        if self.try_out(at_once) {
            return;
        }
        for index in 0..self.best.machines().count() {
            self.round(|draft| {
                let device: Option<&mut DraftMachine> = draft.machines_mut().nth(index);
                &mut device.expect("it was counted").power_on
            });
        }
    }

    /// Zero if that will do, else as few digits as will do.
    fn round(&mut self, time: impl Fn(&mut Draft) -> &mut Duration) {
        for unit in UNITS {
            let mut draft = self.best.clone();
            let time = time(&mut draft);
            let units = time.as_nanos() / unit.as_nanos();
            let rounded = *unit * u32::try_from(units).unwrap_or(u32::MAX);
            if rounded == *time {
                return;
            }
            *time = rounded;
            if self.try_out(draft) {
                return;
            }
        }
    }

    /// Runs the story of the draft; keeps it when it fails the same way.
    fn try_out(&mut self, mut draft: Draft) -> bool {
        let progress = Progress {
            runs: self.runs,
            machines: self.best.machines().count(),
            faults: self.best.faults.len() + self.best.decisions.len(),
        };
        self.time_is_up |= !(self.go_on)(progress);
        if self.time_is_up {
            return false;
        }
        draft.tidy();
        let Ok(story) = Story::parse("shrunk", &draft.to_string()) else {
            return false;
        };
        let mut found = None;
        for &seed in self.seeds {
            self.runs += 1;
            found = fails(&story, &self.options, seed, &self.goal);
            if found.is_none() {
                return false;
            }
        }
        self.finding = found.unwrap_or_else(|| self.finding.clone());
        self.best = draft;
        true
    }
}

/// What is found first under this seed, when it is of the kind that is looked for.
pub(super) fn fails(story: &Story, options: &Options, seed: u64, goal: &Kind) -> Option<Finding> {
    let options = Options {
        seed,
        swarm: None,
        ..options.clone()
    };
    let outcome = run(story, options).ok()?;
    let first = outcome.verdict.findings().first()?;
    (Kind::of(first, story) == *goal).then(|| first.clone())
}

/// Whose effects are decisions.
const fn is_chance(what: FaultKind) -> bool {
    match what {
        FaultKind::Loss
        | FaultKind::Duplicate
        | FaultKind::Reorder
        | FaultKind::Corrupt
        | FaultKind::Delay
        | FaultKind::Jitter
        | FaultKind::UpdateLoss
        | FaultKind::DiskLies => true,
        FaultKind::Mute
        | FaultKind::Deaf
        | FaultKind::CutToServers
        | FaultKind::CutFromServers
        | FaultKind::Crash
        | FaultKind::PowerCut
        | FaultKind::ClockSkew
        | FaultKind::ClockDrift
        | FaultKind::DeadRtc => false,
    }
}

/// What is left has to fail under all of these: a loss of so many per cent does not, the loss of
/// one message does.
pub(super) const SEEDS: [u64; 10] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
/// As `record` calls the time at which a machine is switched on.
pub(super) const POWER_ON: &str = "power-on";
const LASTS_MIN: Duration = Duration::from_millis(10);
/// As long as a story waits that does not say.
const FORMED_WITHIN: Duration = Duration::from_secs(30);
const UNITS: &[Duration] = &[
    Duration::from_secs(3600),
    Duration::from_secs(1),
    Duration::from_millis(100),
    Duration::from_millis(10),
    Duration::from_millis(1),
];
