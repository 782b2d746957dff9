//! From a run that fails to the smallest story that fails the same way.
//!
//! Delta debugging (Zeller and Hildebrandt, 2002) over what a [`Draft`] has: machines, clusters,
//! faults, single decisions, times. Every attempt is written as a file, read again and run under
//! several seeds, so that what is left is what the file says and not what a seed adds to it.

mod cargo_test;

use std::time::Duration;

use quorate_scenario::draft::{Draft, DraftMachine};
use quorate_scenario::fault::{Fault, FaultKind, Whom};
use quorate_scenario::{Decision, Fate, Finding, Link, Story, WorldError};
use thiserror::Error;

use crate::options::Options;
use crate::run::{record, replay, run};

pub use cargo_test::cargo_test;

/// What is left.
#[derive(Clone, Debug)]
pub struct Shrunk {
    pub draft: Draft,
    /// What is found first in it.
    pub finding: Finding,
    /// How many stories were run on the way.
    pub runs: u64,
    /// The time was up before nothing more could be left out.
    pub is_cut_short: bool,
}

/// How far it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    pub runs: u64,
    pub machines: usize,
    /// Lasting and single ones.
    pub faults: usize,
}

/// There is nothing to shrink.
#[derive(Debug, Error)]
pub enum ShrinkError {
    #[error("nothing fails: there is nothing to shrink")]
    AllIsWell,
    #[error("written as a scenario of its own, the story does not fail the same way")]
    NotRepeated,
    #[error(transparent)]
    World(#[from] WorldError),
}

/// Makes the failing run of `story` under `options` as small as it gets while `go_on` says so.
/// `decisions` are those of its log, when it comes from one.
///
/// # Errors
/// When the run does not fail, or only ever as itself.
pub fn shrink(
    story: &Story,
    options: &Options,
    decisions: Option<&[Decision]>,
    go_on: &mut dyn FnMut(Progress) -> bool,
) -> Result<Shrunk, ShrinkError> {
    let story = &*story.drawn(options.seed);
    let first_run = match decisions {
        Some(decisions) => replay(story, options.clone(), decisions)?,
        None => record(story, options.clone())?,
    };
    let findings = first_run.outcome.verdict.findings();
    let finding = findings.first().ok_or(ShrinkError::AllIsWell)?.clone();
    let mut draft = Draft::of(story, options.seed);
    draft.etcd.version.get_or_insert_with(|| {
        let (major, minor) = options.etcd_version;
        format!("{major}.{minor}")
    });
    let swarm = options.swarm.clone().unwrap_or_default();
    draft.faults.extend(swarm.faults);
    give_times(&mut draft, &first_run.decisions);
    let mut search = Search {
        goal: Kind::of(&finding, story),
        options: options.clone(),
        seeds: &SEEDS,
        best: draft,
        finding,
        runs: 0,
        time_is_up: false,
        go_on,
    };
    if !search.begin(&first_run.decisions) {
        return Err(ShrinkError::NotRepeated);
    }
    while search.pass() {}
    Ok(Shrunk {
        draft: search.best,
        finding: search.finding,
        runs: search.runs,
        is_cut_short: search.time_is_up,
    })
}

/// Under how many of these seeds the result fails as it should.
pub fn repeats(shrunk: &Shrunk, options: &Options, seeds: impl Iterator<Item = u64>) -> usize {
    let Ok(story) = Story::parse("shrunk", &shrunk.draft.to_string()) else {
        return 0;
    };
    let goal = Kind::of(&shrunk.finding, &story);
    let again = seeds.filter_map(|seed| fails(&story, options, seed, &goal));
    again.count()
}

/// What is found first under this seed, when it is of the kind that is looked for.
fn fails(story: &Story, options: &Options, seed: u64, goal: &Kind) -> Option<Finding> {
    let options = Options {
        seed,
        swarm: None,
        ..options.clone()
    };
    let outcome = run(story, options).ok()?;
    let first = outcome.verdict.findings().first()?;
    (Kind::of(first, story) == *goal).then(|| first.clone())
}

/// In what way a run fails: the link, and the finding without names and numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kind {
    pub link: Link,
    pub what: String,
}

impl Kind {
    /// `the cluster split into 3: …` of one story is `cluster split into` of all, and so is
    /// `cluster c2 split into 2: …`.
    pub fn of(finding: &Finding, story: &Story) -> Self {
        let what = finding.what.split(": ").next().unwrap_or_default();
        let is_name = |word: &str| story.machines.iter().any(|machine| machine.name == word);
        let words = what.split(' ').filter(|word| {
            let bare = word.trim_matches(|c: char| !c.is_alphanumeric() && c != '-');
            *word != "the" && !is_name(bare) && !word.contains(|c: char| c.is_ascii_digit())
        });
        Self {
            link: finding.link,
            what: words.collect::<Vec<_>>().join(" "),
        }
    }
}

struct Search<'a> {
    goal: Kind,
    options: Options,
    seeds: &'a [u64],
    /// The smallest that fails so far.
    best: Draft,
    finding: Finding,
    runs: u64,
    time_is_up: bool,
    go_on: &'a mut dyn FnMut(Progress) -> bool,
}

impl Search<'_> {
    /// Finds the simplest form in which the story fails at all, of its own and without its seed.
    fn begin(&mut self, decisions: &[Decision]) -> bool {
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
    fn pass(&mut self) -> bool {
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

/// Power-ons are times of the story.
fn give_times(draft: &mut Draft, decisions: &[Decision]) {
    for device in draft.machines_mut() {
        let decided = decisions.iter().find_map(|decision| match decision.is {
            Fate::Takes(at)
                if decision.occasion.what == POWER_ON && decision.occasion.of == device.name =>
            {
                Some(at)
            }
            Fate::Takes(_) | Fate::Lost | Fate::Arrives(_) | Fate::Chosen(_) | Fate::Lie => None,
        });
        device.power_on = decided.unwrap_or(device.power_on);
    }
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
const SEEDS: [u64; 10] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
/// As `record` calls the time at which a machine is switched on.
pub(crate) const POWER_ON: &str = "power-on";
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
