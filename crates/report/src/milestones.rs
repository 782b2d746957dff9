//! When each machine reached each link, counted from its own power-on.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use quorate_core::Instant;
use quorate_scenario::story::Class;
use quorate_scenario::{Link, MachineProgress, Outcome, Story};

/// The links whose times are shown. Quorum comes with the voter, and writes have no time.
pub(crate) const CHAIN: [Link; 16] = [
    Link::Power,
    Link::Firmware,
    Link::Script,
    Link::Kernel,
    Link::Initrd,
    Link::Installer,
    Link::Installed,
    Link::Userspace,
    Link::Discover,
    Link::Ack,
    Link::Name,
    Link::Seed,
    Link::Srv,
    Link::Etcd,
    Link::ClusterId,
    Link::Voter,
];

/// Of [`CHAIN`] what concerns these machines: without the links of a boot that none of them did.
pub(crate) fn links(rows: &[Milestones<'_>]) -> Vec<Link> {
    let concerns = |link: &Link| !link.is_boot() || rows.iter().any(|row| row.at(*link).is_some());
    CHAIN.into_iter().filter(concerns).collect()
}

/// The links that one machine reached.
#[derive(Clone, Debug)]
pub(crate) struct Milestones<'a> {
    pub(crate) progress: &'a MachineProgress,
    pub(crate) machine: &'a str,
    pub(crate) completion: Completion,
    /// Each link that it reached, in order of time.
    pub(crate) reached: Vec<(Link, Instant)>,
    /// The first link of this machine that an oracle found broken.
    pub(crate) broken: Option<Link>,
    /// It is a member of another cluster than the one that it belongs to.
    pub(crate) is_astray: bool,
    /// Others are astray and it is not: what it lacks, it lacks because of them.
    pub(crate) is_excused: bool,
}

/// How far a machine came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Completion {
    /// It was never switched on.
    NeverOn,
    /// It came to the end of its chain, this long after power-on.
    Complete(Duration),
    /// It never reached this link.
    Missing(Link),
}

impl<'a> Milestones<'a> {
    fn new(progress: &'a MachineProgress, broken: Option<Link>) -> Self {
        let mut reached: Vec<_> = CHAIN
            .into_iter()
            .filter_map(|link| Some((link, *progress.reached.get(&link)?)))
            .collect();
        reached.sort_by_key(|(_, at)| *at);
        Self {
            progress,
            machine: &progress.name,
            completion: completion(progress),
            reached,
            broken,
            is_astray: false,
            is_excused: false,
        }
    }

    /// When it was first switched on.
    pub(crate) fn on(&self) -> Option<Instant> {
        self.at(Link::Power)
    }

    pub(crate) fn at(&self, link: Link) -> Option<Instant> {
        self.reached
            .iter()
            .find(|(reached, _)| *reached == link)
            .map(|(_, at)| *at)
    }

    /// From power-on to `link`.
    pub(crate) fn took(&self, link: Link) -> Option<Duration> {
        Some(self.at(link)? - self.on()?)
    }

    /// True when it is on at the end and something is missing.
    pub(crate) fn is_stuck(&self) -> bool {
        self.progress.powered && !self.progress.is_complete()
    }

    /// True for what is shown as broken.
    pub(crate) fn is_bad(&self) -> bool {
        self.broken.is_some() || self.is_astray || (self.is_stuck() && !self.is_excused)
    }

    /// Since when it is shown as broken.
    pub(crate) fn bad_since(&self) -> Option<Instant> {
        if self.is_astray {
            return self.at(Link::ClusterId);
        }
        let last = self.progress.turns.last().map(|turn| turn.at);
        last.filter(|_| self.is_stuck() && self.is_bad())
    }

    /// True when it was on, and never came to the end of its chain.
    pub(crate) const fn is_unfinished(&self) -> bool {
        matches!(self.completion, Completion::Missing(_))
    }

    /// Greater for what a reader wants to see first: stuck machines, then slow ones.
    fn slowness(&self) -> (bool, Duration) {
        match self.completion {
            Completion::NeverOn => (false, Duration::ZERO),
            Completion::Complete(took) => (false, took),
            Completion::Missing(_) => (true, Duration::ZERO),
        }
    }
}

/// The end of the chain of a machine of this class.
const fn end_of_chain(class: Class) -> Link {
    match class {
        Class::Etcd => Link::Voter,
        Class::Plain => Link::Name,
    }
}

fn completion(progress: &MachineProgress) -> Completion {
    let end = end_of_chain(progress.class);
    let at = |link: Link| progress.reached.get(&link).copied();
    match (at(Link::Power), at(end)) {
        (None, _) => Completion::NeverOn,
        (Some(on), Some(done)) => Completion::Complete(done - on),
        (Some(_), None) => {
            let mut chain = CHAIN.into_iter().filter(|link| !link.is_boot());
            let missing = chain.find(|link| at(*link).is_none());
            Completion::Missing(missing.unwrap_or(end))
        }
    }
}

/// Every machine, in the order of the story.
pub(crate) fn rows<'a>(story: &Story, outcome: &'a Outcome) -> Vec<Milestones<'a>> {
    let mut broken: BTreeMap<&str, Link> = BTreeMap::new();
    for finding in outcome.verdict.findings() {
        if let Some(machine) = &finding.machine {
            broken.entry(machine).or_insert(finding.link);
        }
    }
    let mut rows: Vec<_> = outcome
        .progress
        .iter()
        .map(|progress| Milestones::new(progress, broken.get(progress.name.as_str()).copied()))
        .collect();
    for row in &mut rows {
        row.is_astray = is_astray(row.progress, outcome);
    }
    let split: BTreeSet<Option<usize>> = rows
        .iter()
        .filter(|row| row.is_astray)
        .map(|row| row.progress.cluster)
        .collect();
    for row in &mut rows {
        row.is_excused = !row.is_astray
            && row.progress.identity.is_some()
            && split.contains(&row.progress.cluster);
    }
    assert_eq!(
        rows.len(),
        story.machines.len(),
        "the machines are those of the story"
    );
    rows
}

fn is_astray(progress: &MachineProgress, outcome: &Outcome) -> bool {
    let predicted = progress
        .cluster
        .and_then(|cluster| outcome.predicted.get(cluster));
    match (progress.identity, predicted) {
        (Some((cluster, _)), Some(predicted)) => cluster != *predicted,
        (None, _) | (_, None) => false,
    }
}

/// The rows worth showing, in the order of the story, and how many are left out: all of a small
/// story, the slowest of a big one.
pub(crate) fn shown<'a>(rows: &[Milestones<'a>]) -> (Vec<Milestones<'a>>, usize) {
    if rows.len() <= SHOWN_ALL_MAX {
        return (rows.to_vec(), 0);
    }
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by_key(|&index| std::cmp::Reverse(rows[index].slowness()));
    order.truncate(SHOWN_SLOWEST);
    order.sort_unstable();
    let shown = order.iter().map(|&index| rows[index].clone()).collect();
    (shown, rows.len() - SHOWN_SLOWEST)
}

/// The median of the times from power-on to `link` of those machines that reached it.
pub(crate) fn median(rows: &[Milestones<'_>], link: Link) -> Option<Duration> {
    let mut times: Vec<_> = rows.iter().filter_map(|row| row.took(link)).collect();
    times.sort_unstable();
    let middle = times.len() / 2;
    let upper = *times.get(middle)?;
    if times.len() % 2 == 1 {
        return Some(upper);
    }
    Some((times[middle - 1] + upper) / 2)
}

/// The time from power-on to `link` that 99 of 100 machines which reached it stayed within.
pub(crate) fn p99(rows: &[Milestones<'_>], link: Link) -> Option<Duration> {
    let mut times: Vec<_> = rows.iter().filter_map(|row| row.took(link)).collect();
    times.sort_unstable();
    let rank = (times.len() * 99).div_ceil(100);
    times.get(rank.saturating_sub(1)).copied()
}

/// When the first etcd was started, in time since the story began.
pub(crate) fn first_exec(rows: &[Milestones<'_>]) -> Option<Instant> {
    rows.iter().filter_map(|row| row.at(Link::Etcd)).min()
}

/// Stories of up to this many machines are shown whole.
const SHOWN_ALL_MAX: usize = 30;
/// Of bigger ones, this many.
const SHOWN_SLOWEST: usize = 10;
