//! Tells a story to a world.

use std::collections::VecDeque;
use std::time::Duration;

use quorate_core::{Instant, Seed};
use quorate_etcd::ClusterId;

use crate::evidence::Evidence;
use crate::lane::{Lane, Lanes};
use crate::link::Link;
use crate::observation::Observation;
use crate::oracle;
use crate::story::{Action, Moment, Story};
use crate::verdict::Verdict;
use crate::world::{World, WorldError};

/// A story that was told to its end.
#[derive(Debug)]
pub struct Outcome {
    pub verdict: Verdict,
    /// Everything that was observed, in order of time.
    pub observations: Vec<Observation>,
    pub evidence: Evidence,
    pub lanes: Lanes,
    /// When the cluster had formed, the first time.
    pub formed_at: Option<Instant>,
    pub ended_at: Instant,
}

/// Tells `story` to `world`: deploys, switches on, does the steps, waits for what is expected,
/// collects the evidence and judges. `watch` sees every observation as it comes, with the
/// lanes already moved by it.
///
/// # Errors
/// When the world, not the story, fails.
pub async fn drive<W: World>(
    world: &mut W,
    story: &Story,
    expected: &Expected,
    seed: Seed,
    mut watch: impl FnMut(&Observation, &Lanes),
) -> Result<Outcome, WorldError> {
    let mut teller = Teller {
        story,
        predicted: expected.cluster_id,
        lanes: Lanes::new(story),
        observations: Vec::new(),
        formed_at: None,
    };
    world.deploy().await?;
    let (mut due, mut after_formed) = agenda(story, seed);
    let mut deadline = end(&due, story.formed_within);
    loop {
        while due.front().is_some_and(|(at, ..)| *at <= world.now()) {
            let Some((_, action, machine)) = due.pop_front() else {
                break;
            };
            world.apply(action, machine).await?;
        }
        let next = due.front().map_or(deadline, |(at, ..)| (*at).min(deadline));
        for observation in world.observe(next).await? {
            teller.take(observation, &mut watch);
        }
        if due.is_empty() && teller.formed() {
            let now = world.now();
            teller.formed_at.get_or_insert(now);
            if after_formed.is_empty() {
                break;
            }
            due = after_formed
                .drain(..)
                .map(|(after, action, machine)| (now + after, action, machine))
                .collect();
            deadline = end(&due, story.formed_within);
        }
        if (due.is_empty() && teller.split()) || world.now() >= deadline {
            break;
        }
    }
    let evidence = world.collect().await?;
    for observation in world.observe(world.now()).await? {
        teller.take(observation, &mut watch);
    }
    let ended_at = world.now();
    let findings = oracle::judge(
        story,
        expected,
        &teller.lanes,
        &teller.observations,
        &evidence,
    );
    Ok(Outcome {
        verdict: Verdict::new(findings, evidence.starved.clone()),
        observations: teller.observations,
        evidence,
        lanes: teller.lanes,
        formed_at: teller.formed_at,
        ended_at,
    })
}

/// What the story and the etcd version say must come out, worked out before anything runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Each member's name and peer URL, in the order of the story.
    pub peers: Vec<(String, String)>,
    pub token: String,
    /// The owner of the server SRV set, without a trailing dot.
    pub srv_owner: String,
    pub cluster_id: ClusterId,
}

impl Expected {
    /// Predicts for an etcd of version `major.minor`.
    pub fn new(story: &Story, major: u32, minor: u32) -> Self {
        let scheme = story.etcd.scheme(major, minor);
        let peers: Vec<_> = story
            .members()
            .map(|machine| (machine.name.clone(), story.peer_url(machine, scheme)))
            .collect();
        let ids: Vec<_> = peers
            .iter()
            .map(|(_, url)| quorate_etcd::member_id(&[url.as_str()], &story.etcd.token))
            .collect();
        Self {
            cluster_id: quorate_etcd::cluster_id(ids),
            peers,
            token: story.etcd.token.clone(),
            srv_owner: story.srv_owner(scheme),
        }
    }
}

type Agenda<T> = VecDeque<(T, Action, usize)>;

/// What happens when: from the start, and from the moment the cluster has formed.
fn agenda(story: &Story, seed: Seed) -> (Agenda<Instant>, Agenda<Duration>) {
    let power_on = story.machines.iter().enumerate().map(|(index, machine)| {
        (
            Instant::ZERO + machine.power_on(seed),
            Action::PowerOn,
            index,
        )
    });
    let mut due: Vec<_> = power_on.collect();
    let mut after_formed = Agenda::new();
    for step in &story.steps {
        match step.moment {
            Moment::Start(at) => due.push((Instant::ZERO + at, step.action, step.machine)),
            Moment::Formed(after) => after_formed.push_back((after, step.action, step.machine)),
        }
    }
    due.sort_by_key(|(at, ..)| *at);
    (due.into(), after_formed)
}

fn end(due: &Agenda<Instant>, formed_within: Duration) -> Instant {
    due.back().map_or(Instant::ZERO, |(at, ..)| *at) + formed_within
}

struct Teller<'a> {
    story: &'a Story,
    predicted: ClusterId,
    lanes: Lanes,
    observations: Vec<Observation>,
    formed_at: Option<Instant>,
}

impl Teller<'_> {
    fn take(&mut self, observation: Observation, watch: &mut impl FnMut(&Observation, &Lanes)) {
        self.lanes.take(&observation);
        watch(&observation, &self.lanes);
        self.observations.push(observation);
    }

    /// Every machine that is on does what it should: members count all voters of the predicted
    /// cluster, other machines have their names.
    fn formed(&self) -> bool {
        let members = self.story.etcd.members;
        let mut expected = self
            .lanes
            .members()
            .filter(|lane| lane.expected())
            .peekable();
        expected.peek().is_some()
            && expected.all(|lane| {
                lane.voters == Some(members)
                    && lane
                        .identity
                        .is_some_and(|(cluster, _)| cluster == self.predicted)
            })
            && self
                .lanes
                .iter()
                .filter(|lane| lane.expected())
                .all(|lane| lane.reached.contains_key(&Link::Name))
    }

    /// Every member has made up its mind for ever, and not all of them rightly.
    fn split(&self) -> bool {
        let expected: Vec<_> = self
            .lanes
            .members()
            .filter(|lane| lane.expected())
            .collect();
        let decided = |lane: &&Lane| lane.identity.is_some();
        let wrong = |lane: &&Lane| lane.identity.is_some_and(|(id, _)| id != self.predicted);
        expected.iter().all(decided) && expected.iter().any(wrong)
    }
}

#[cfg(test)]
mod tests;
