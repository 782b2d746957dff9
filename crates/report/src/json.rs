//! The report for programs: `report.json`, and what `--format json` prints.
//!
//! One object, a [`Document`]; `quorate schema report` prints its JSON Schema. Times are
//! nanoseconds since the story began; IDs are hexadecimal strings, as etcd writes them; what is
//! not known is `null`. Keys are never renamed or removed while `schema` stays the same; a
//! program must accept new ones.

use std::collections::BTreeMap;

use quorate_core::Instant;
use quorate_scenario::story::{self, Class};
use quorate_scenario::{Finding, Link, MachineProgress, Outcome, Story, Verdict, What};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::axis::busy_nanos;
use crate::human::Artifacts;
use crate::latency::{Latency, Samples, latencies};
use crate::lease_times::{LeaseTimes, lease_times};
use crate::marks::{Mark, marks};
use crate::milestones;
use crate::rates::{Rates, rates};

/// The version of the keys and their meaning.
pub const SCHEMA: u32 = 1;
/// A world that notes more than this has more of the same to say; events.jsonl has all of it.
const NOTES_MAX: usize = 200;

/// A run and its verdict.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Document {
    /// The version of the keys and their meaning: 1.
    pub schema: u32,
    /// Of the story.
    pub title: String,
    /// `host` or `sim`.
    pub world: String,
    pub verdict: Word,
    /// Why a run is inconclusive.
    pub why: Option<String>,
    /// The first broken link first.
    pub findings: Vec<Finding>,
    /// All members of the story at once.
    pub cluster: Cluster,
    /// In the order of the story.
    pub clusters: Vec<OneCluster>,
    /// When the first etcd was started.
    pub first_exec_at: Option<u64>,
    /// When the cluster had formed the first time.
    pub formed_at: Option<u64>,
    /// When the story ended.
    pub duration: u64,
    /// In the order of the story.
    #[serde(rename = "lanes")]
    pub machines: Vec<Machine>,
    /// In the order of the boot chain.
    pub latencies: Vec<Latency>,
    /// How long machines waited for an address: all of them, and in a story with both kinds the
    /// real and the hollow ones.
    pub leases: Vec<LeaseTimes>,
    pub rates: Rates,
    /// Steps and other moments, in order of time.
    pub marks: Vec<Mark>,
    /// What the world has noted, in order. The draw of the seed comes first: sizes, and what goes
    /// wrong beside the story.
    #[serde(default)]
    pub notes: Vec<String>,
    /// Of the run's random draws.
    pub seed: u64,
    /// Version and origin of etcd, for people.
    pub etcd: String,
    /// The directory of the run's files.
    pub artifacts: Option<String>,
    /// How long it took until no machine, no server and no network was left of the run.
    pub torn_down: Option<u64>,
}

/// A verdict in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Word {
    /// Every expectation held.
    Pass,
    /// At least one did not.
    Fail,
    /// Something failed, but the run was not a fair one.
    Inconclusive,
}

/// The members of all clusters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Cluster {
    /// The one ID of all members that have one; `null` when there are several.
    pub id: Option<String>,
    /// Voters wanted in the largest cluster.
    pub size: usize,
    /// What each member answered at the end.
    pub members: Vec<Member>,
}

/// One of the story's clusters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OneCluster {
    /// `c1`, `c2`, …
    pub name: String,
    /// Voters wanted.
    pub size: usize,
    /// The one ID of all members that have one.
    pub id: Option<String>,
    /// Names of its members.
    pub machines: Vec<String>,
}

/// One member's own view at the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Member {
    pub machine: String,
    pub cluster_id: String,
    pub member_id: String,
    /// Names of the voters in its member list.
    pub voters: Vec<String>,
}

/// One machine's progress along the boot chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Machine {
    pub machine: String,
    /// `etcd` or `plain`.
    pub class: String,
    /// When it reached each link the first time.
    pub reached: BTreeMap<Link, u64>,
    /// What held over time, power cycles and all; it is off before the first entry.
    pub history: Vec<Turn>,
    /// How often the service's process was started.
    pub starts: u32,
    pub cluster_id: Option<String>,
    pub member_id: Option<String>,
    /// The voters it counted at the end, if it was healthy.
    pub voters: Option<usize>,
    /// How the service last ended.
    pub last_words: Option<String>,
}

/// What held from this time on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Turn {
    pub at: u64,
    /// The last link before the first broken one; `null` while the machine is off.
    pub link: Option<Link>,
    /// The network cable is plugged in.
    pub linked: bool,
    /// The machine hangs.
    pub frozen: bool,
}

/// The JSON Schema of [`Document`].
pub fn schema() -> Value {
    let mut schema = schemars::schema_for!(Document).to_value();
    schema["title"] = json!("A report of quorate");
    schema
}

/// Everything, as JSON.
pub fn report(story: &Story, outcome: &Outcome, artifacts: &Artifacts) -> Value {
    json!(document(story, outcome, artifacts))
}

/// Everything.
pub fn document(story: &Story, outcome: &Outcome, artifacts: &Artifacts) -> Document {
    let (verdict, why) = match &outcome.verdict {
        Verdict::Pass => (Word::Pass, None),
        Verdict::Fail { .. } => (Word::Fail, None),
        Verdict::Inconclusive { why, .. } => (Word::Inconclusive, Some(why.clone())),
    };
    let first_exec_at = milestones::first_exec(&milestones::rows(story, outcome));
    Document {
        schema: SCHEMA,
        title: story.title.clone(),
        world: artifacts.world.clone(),
        verdict,
        why,
        findings: outcome.verdict.findings().to_vec(),
        cluster: Cluster {
            id: common_id(outcome.progress.members()),
            size: story.cluster_sizes().1,
            members: members(outcome),
        },
        clusters: story
            .clusters
            .iter()
            .map(|one| one_cluster(one, outcome))
            .collect(),
        first_exec_at: first_exec_at.map(Instant::as_nanos),
        formed_at: outcome.formed_at.map(Instant::as_nanos),
        duration: outcome.ended_at.as_nanos(),
        machines: outcome.progress.iter().map(machine).collect(),
        latencies: latencies(&Samples::new(outcome)),
        leases: lease_times(story, outcome),
        rates: rates(outcome, busy_nanos(outcome)),
        marks: marks(outcome),
        notes: notes(outcome),
        seed: artifacts.seed,
        etcd: artifacts.etcd.clone(),
        artifacts: artifacts
            .dir
            .as_ref()
            .map(|dir| dir.to_string_lossy().into_owned()),
        torn_down: artifacts
            .torn_down
            .map(|took| u64::try_from(took.as_nanos()).unwrap_or(u64::MAX)),
    }
}

fn notes(outcome: &Outcome) -> Vec<String> {
    let notes = outcome.observations.iter().filter_map(|observation| {
        let What::Note { text } = &observation.what else {
            return None;
        };
        Some(text.clone())
    });
    notes.take(NOTES_MAX).collect()
}

fn one_cluster(cluster: &story::Cluster, outcome: &Outcome) -> OneCluster {
    let machines = outcome
        .progress
        .of(cluster)
        .map(|progress| progress.name.clone());
    OneCluster {
        name: cluster.name.clone(),
        size: cluster.size(),
        id: common_id(outcome.progress.of(cluster)),
        machines: machines.collect(),
    }
}

/// The one ID of all of these that have one.
fn common_id<'a>(lanes: impl Iterator<Item = &'a MachineProgress>) -> Option<String> {
    let mut ids = lanes.filter_map(|progress| progress.identity);
    let (first, _) = ids.next()?;
    ids.all(|(id, _)| id == first).then(|| first.to_string())
}

fn members(outcome: &Outcome) -> Vec<Member> {
    let members = outcome.evidence.members.iter();
    members
        .map(|member| Member {
            machine: member.machine.clone(),
            cluster_id: member.cluster_id.to_string(),
            member_id: member.member_id.to_string(),
            voters: member.voters.clone(),
        })
        .collect()
}

fn machine(progress: &MachineProgress) -> Machine {
    let reached = progress.reached.iter();
    let turns = progress.turns.iter();
    Machine {
        machine: progress.name.clone(),
        class: class(progress).to_owned(),
        reached: reached.map(|(link, at)| (*link, at.as_nanos())).collect(),
        history: turns
            .map(|turn| Turn {
                at: turn.at.as_nanos(),
                link: turn.link,
                linked: turn.linked,
                frozen: turn.frozen,
            })
            .collect(),
        starts: progress.starts,
        cluster_id: progress.identity.map(|(cluster, _)| cluster.to_string()),
        member_id: progress.identity.map(|(_, member)| member.to_string()),
        voters: progress.voters,
        last_words: progress.last_words.clone(),
    }
}

/// As scenario files call it.
pub(crate) const fn class(progress: &MachineProgress) -> &'static str {
    match progress.class {
        Class::Etcd => "etcd",
        Class::Plain => "plain",
    }
}

#[cfg(test)]
mod tests;
