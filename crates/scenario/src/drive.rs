//! Runs a story in a world.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use quorate_core::{Instant, Seed};
use quorate_etcd::ClusterId;

use crate::action::Action;
use crate::evidence::Evidence;
pub use crate::expected::{Expected, ExpectedCluster};
use crate::formation::Formation;
use crate::link::Link;
use crate::observation::{Observation, What};
use crate::oracle;
use crate::progress::StoryProgress;
use crate::story::{Moment, Story, Target};
use crate::verdict::{Finding, FindingId, Verdict};
use crate::world::{World, WorldError};
use hopeless::News;

/// A run that came to its end.
#[derive(Debug)]
pub struct Outcome {
    pub verdict: Verdict,
    /// Everything that was observed, in order of time.
    pub observations: Vec<Observation>,
    pub evidence: Evidence,
    pub progress: StoryProgress,
    /// The ID of each cluster of the story, worked out before the run.
    pub predicted: Vec<ClusterId>,
    /// When every cluster had formed, the first time.
    pub formed_at: Option<Instant>,
    pub ended_at: Instant,
}

/// Runs `story` in `world`: deploys, switches on, does the steps, waits for what is expected,
/// collects the evidence and judges. `watch` sees every observation as it comes, with the
/// progress already moved by it.
///
/// # Errors
/// When the world, not the story, fails; but not when it was too late and its host was starved.
pub fn drive<W: World>(
    world: &mut W,
    story: &Story,
    expected: &Expected,
    seed: Seed,
    watch: impl FnMut(&Observation, &StoryProgress),
) -> Result<Outcome, WorldError> {
    let mut run = Run {
        story,
        expected,
        watch,
        due: Agenda::new(),
        formation: Formation::new(story),
        progress: StoryProgress::new(story),
        observations: Vec::new(),
        formed_at: None,
        in_time: false,
        news: News::default(),
        unled: BTreeSet::new(),
        renewals: Renewals {
            want: story.expect.renewals,
            by_machine: BTreeMap::new(),
        },
    };
    let (evidence, late) = match run.run(world, seed) {
        Ok(evidence) => (evidence, None),
        Err(WorldError::Late(what)) => match world.starved() {
            Some(why) => {
                // What else was seen by now may be the proof of something worse.
                let seen = world.observe(world.now()).unwrap_or_default();
                seen.into_iter().for_each(|seen| run.observe(seen));
                (Evidence::without(why), Some(what))
            }
            None => return Err(WorldError::Late(what)),
        },
        Err(error) => return Err(error),
    };
    let ended_at = world.now();
    let mut findings = oracle::judge(story, expected, &run.progress, &run.observations, &evidence);
    match late {
        None => {
            findings.extend(run.due.iter().filter_map(|due| undone(story, due.1)));
            if !run.in_time && findings.is_empty() {
                findings.push(formed_late(story, &run.progress));
            }
        }
        Some(what) => {
            // There is no evidence: that something is missing says nothing.
            findings.retain(|finding| !finding.may_be_late);
            findings.push(unanswered(&run.progress, what));
        }
    }
    Ok(Outcome {
        verdict: Verdict::new(findings, evidence.starved.clone()),
        observations: run.observations,
        evidence,
        progress: run.progress,
        predicted: expected.cluster_ids().collect(),
        formed_at: run.formed_at,
        ended_at,
    })
}

type Agenda<T> = VecDeque<(T, Due)>;

/// What is to be done, and to whom.
type Due = (Action, Target);

/// The action waits, behind all that is due before.
fn put_off(due: &mut Agenda<Instant>, until: Instant, action: Due) {
    let place = due.partition_point(|(at, _)| *at <= until);
    due.insert(place, (until, action));
}

/// A step that waited for a leader when the story ended.
fn undone(story: &Story, (action, target): Due) -> Option<Finding> {
    let Target::LeaderOf(cluster) = target else {
        return None;
    };
    let (word, name) = (action.word(), &story.clusters[cluster].name);
    Some(Finding {
        id: FindingId::StepUndone,
        link: Link::Quorum,
        machine: None,
        what: format!("{word} of the leader of {name} was never done"),
        cause: "no member said that it leads".to_owned(),
        fix: "look at the members' logs for lost elections".to_owned(),
        may_be_late: true,
        unsure: false,
        consequences: Vec::new(),
    })
}

/// Nothing else is wrong, and the story has taken longer than it may.
fn formed_late(story: &Story, progress: &StoryProgress) -> Finding {
    let slow = progress
        .iter()
        .filter(|machine| machine.expected() && !machine.is_complete())
        .max_by_key(|machine| std::cmp::Reverse(machine.link()));
    let link = slow.and_then(|machine| {
        let mut chain = machine.class.chain().iter().copied();
        chain.find(|link| !machine.holds(*link))
    });
    let what = format!("not formed within {}", shown(story.formed_within));
    let finding = Finding::new(FindingId::FormedLate, link.unwrap_or(Link::Voter), what)
        .because(
            "it takes longer, or something was in its way and is over",
            "look at the waterfall for the link that took long, or set a longer `formed_within`",
        )
        .or_late(true);
    match slow {
        Some(machine) => finding.at(&machine.name),
        None => finding,
    }
}

fn shown(limit: Duration) -> String {
    match limit.subsec_millis() {
        0 if limit.as_secs() > 0 => format!("{} s", limit.as_secs()),
        _ => format!("{} ms", limit.as_millis()),
    }
}

/// A run that its world could not finish, found at the first link that some machine has not reached.
fn unanswered(progress: &StoryProgress, what: String) -> Finding {
    let is_open = |link: &Link| {
        let mut progress = progress.iter();
        !link.is_boot() && progress.any(|machine| !machine.reached.contains_key(link))
    };
    Finding {
        id: FindingId::WorldLate,
        link: Link::ALL.into_iter().find(is_open).unwrap_or(Link::Writes),
        machine: None,
        what,
        cause: "servers or machines did not get the time to answer".to_owned(),
        fix: "run it again when this host has less to do".to_owned(),
        may_be_late: true,
        unsure: false,
        consequences: Vec::new(),
    }
}

/// What happens when: from the start, and from each moment at which every cluster has formed.
fn agenda(story: &Story, seed: Seed) -> (Agenda<Instant>, VecDeque<Agenda<Duration>>) {
    let power_on = story.machines.iter().enumerate().map(|(index, machine)| {
        let on = (Action::PowerOn, Target::Machine(index));
        (Instant::ZERO + machine.power_on(seed), on)
    });
    let mut due: Vec<_> = power_on.collect();
    let mut after_formed: BTreeMap<usize, Agenda<Duration>> = BTreeMap::new();
    for step in &story.steps {
        let action = (step.action, step.target);
        match step.moment {
            Moment::Start(at) => due.push((Instant::ZERO + at, action)),
            Moment::Formed { nth, after } => {
                let steps = after_formed.entry(nth).or_default();
                steps.push_back((after, action));
            }
        }
    }
    due.sort_by_key(|(at, _)| *at);
    (due.into(), after_formed.into_values().collect())
}

fn end(due: &Agenda<Instant>, formed_within: Duration) -> Instant {
    due.back().map_or(Instant::ZERO, |(at, ..)| *at) + formed_within
}

struct Run<'a, F> {
    story: &'a Story,
    expected: &'a Expected,
    watch: F,
    /// What is to be done, until it is.
    due: Agenda<Instant>,
    formation: Formation,
    progress: StoryProgress,
    observations: Vec<Observation>,
    formed_at: Option<Instant>,
    /// It had formed when it had to, after each of its steps.
    in_time: bool,
    news: News,
    /// Clusters of which a member was interrupted since somebody was known to lead.
    unled: BTreeSet<usize>,
    renewals: Renewals,
}

/// How often machines have renewed their leases, in a story that waits for it.
#[derive(Debug)]
struct Renewals {
    want: usize,
    by_machine: BTreeMap<String, usize>,
}

impl Renewals {
    fn observe(&mut self, observation: &Observation) {
        if let (1.., What::Leased { renewed: true, .. }, Some(machine)) =
            (self.want, &observation.what, &observation.machine)
        {
            *self.by_machine.entry(machine.clone()).or_default() += 1;
        }
    }

    /// True when the story need not wait for more of them.
    fn are_enough(&self, progress: &StoryProgress) -> bool {
        let of = |machine: &str| self.by_machine.get(machine).copied().unwrap_or(0);
        let on = || progress.iter().filter(|machine| machine.expected());
        self.want == 0 || on().all(|machine| of(&machine.name) >= self.want)
    }
}

impl<F: FnMut(&Observation, &StoryProgress)> Run<'_, F> {
    /// Runs the whole story, and answers the evidence.
    fn run(&mut self, world: &mut impl World, seed: Seed) -> Result<Evidence, WorldError> {
        let story = self.story;
        world.deploy()?;
        let (due, mut after_formed) = agenda(story, seed);
        self.due = due;
        let drawn = world.drawn_faults_until();
        let end =
            |due: &Agenda<Instant>| end(due, story.formed_within).max(drawn.unwrap_or_default());
        let mut deadline = end(&self.due);
        loop {
            self.carry_out(world)?;
            let next = self
                .due
                .front()
                .map_or(deadline, |(at, ..)| (*at).min(deadline));
            for observation in world.observe(self.wake(world.now(), next))? {
                self.observe(observation);
            }
            if self.due.is_empty()
                && self.formation.formed()
                && self.is_led(world)?
                && (!after_formed.is_empty() || self.renewals.are_enough(&self.progress))
            {
                let now = world.now();
                if self.formed_at.is_none() {
                    self.formed_at = Some(now);
                    if story.expect.data_kept {
                        world.write()?;
                    }
                }
                let Some(next) = after_formed.pop_front() else {
                    self.in_time = true;
                    break;
                };
                let next = next.into_iter();
                self.due = next.map(|(after, action)| (now + after, action)).collect();
                deadline = end(&self.due);
            }
            let is_open = world.now() < drawn.unwrap_or_default().max(world.judged_at());
            let is_decided = self.due.is_empty() && !is_open && self.is_hopeless(world.now());
            if is_decided || world.now() >= deadline {
                break;
            }
        }
        // A story may end while faults last. What is judged is what becomes of it.
        while (self.in_time || drawn.is_some()) && world.now() < world.judged_at() {
            for observation in world.observe(world.judged_at())? {
                self.observe(observation);
            }
        }
        let evidence = world.collect()?;
        for observation in world.observe(world.now())? {
            self.observe(observation);
        }
        Ok(evidence)
    }

    /// Does all that is due.
    fn carry_out(&mut self, world: &mut impl World) -> Result<(), WorldError> {
        while self.due.front().is_some_and(|(at, ..)| *at <= world.now()) {
            let Some((_, (action, target))) = self.due.pop_front() else {
                break;
            };
            let machine = match target {
                Target::Servers => None,
                Target::Machine(machine) => Some(machine),
                Target::LeaderOf(cluster) => match world.leader(cluster)? {
                    Some(machine) => Some(machine),
                    None => {
                        put_off(&mut self.due, world.now() + LEADER_AGAIN, (action, target));
                        continue;
                    }
                },
            };
            if let Some(machine) = machine.filter(|_| action.interrupts()) {
                self.unled.extend(self.story.machines[machine].cluster);
            }
            world.apply(action, machine)?;
        }
        Ok(())
    }

    /// True when each cluster that lost a member is known to have a leader again. Until the others
    /// miss the one that is gone they say that all is well.
    fn is_led(&mut self, world: &mut impl World) -> Result<bool, WorldError> {
        while let Some(&cluster) = self.unled.first() {
            let leader = world.leader(cluster)?;
            let leads = |index: usize| self.progress[index].expected();
            if !leader.is_some_and(leads) {
                return Ok(false);
            }
            self.unled.remove(&cluster);
        }
        Ok(true)
    }

    /// When to look again, `next` at the latest.
    fn wake(&self, now: Instant, next: Instant) -> Instant {
        let waits = self.due.is_empty() && self.formation.formed() && !self.unled.is_empty();
        let again = if waits {
            now + LEADER_AGAIN
        } else {
            self.news.quiet_at()
        };
        match again > now {
            true => next.min(again),
            false => next,
        }
    }

    /// No future within the limits can be better.
    fn is_hopeless(&self, now: Instant) -> bool {
        if self.formation.split() {
            return true;
        }
        if now < self.news.quiet_at() {
            return false;
        }
        let clusters = self.story.clusters.iter().zip(&self.expected.clusters);
        let mut clusters = clusters.map(|(cluster, expected)| hopeless::Cluster {
            story: self.story,
            cluster,
            expected,
            progress: &self.progress,
            servers_are_down: self.news.servers_are_down,
        });
        clusters.any(|cluster| cluster.is_lost())
    }

    fn observe(&mut self, observation: Observation) {
        self.renewals.observe(&observation);
        if let Some(index) = self.progress.observe(&observation) {
            self.formation.moved(index, &self.progress, self.expected);
        }
        self.news.observe(&observation);
        (self.watch)(&observation, &self.progress);
        self.observations.push(observation);
    }
}

/// How soon it is asked again who leads.
const LEADER_AGAIN: Duration = Duration::from_millis(200);

mod hopeless;

#[cfg(test)]
mod tests;
