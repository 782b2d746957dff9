//! The report for programs.
//!
//! One object. Times are nanoseconds since the story began; IDs are hexadecimal strings, as etcd
//! writes them; what is not known is `null`. Keys are never renamed or taken away while
//! `schema` stays the same; a program must bear new ones.
//!
//! | key | value |
//! | --- | --- |
//! | `schema` | [`SCHEMA`] |
//! | `title` | of the story |
//! | `verdict` | `pass`, `fail` or `inconclusive` |
//! | `why` | why a run is inconclusive, else `null` |
//! | `findings` | array of `{link, machine, what, cause, fix}`, the first broken link first; `machine` is `null` when it concerns all |
//! | `cluster` | `{size, id, members}`: voters wanted, the ID that members agree on (else `null`), and what each member answered at the end: `{machine, cluster_id, member_id, voters}` |
//! | `first_exec_at` | when the first etcd was started |
//! | `formed_at` | when the cluster had formed the first time |
//! | `duration` | when the story ended |
//! | `lanes` | array in the order of the story of `{machine, class, reached, starts, cluster_id, member_id, voters, last_words}`; `class` is `etcd` or `plain`, `reached` has a time for each link that the machine reached |
//! | `seed` | of the run's random draws |
//! | `etcd` | version and origin of etcd, for people |
//! | `artifacts` | directory of the run's files, or `null` |
//!
//! Links: `power`, `discover`, `ack`, `name`, `seed`, `srv`, `etcd`, `cluster-id`, `voter`,
//! `quorum`, `writes`.

use quorate_scenario::{Lane, Outcome, Story, Verdict};
use serde_json::{Value, json};

use crate::human::Artifacts;
use crate::milestones;

/// The version of the keys and their meaning.
pub const SCHEMA: u32 = 1;

/// Everything.
pub fn report(story: &Story, outcome: &Outcome, artifacts: &Artifacts) -> Value {
    let mut report = verdict(story, outcome);
    report["seed"] = json!(artifacts.seed);
    report["etcd"] = json!(artifacts.etcd);
    report["artifacts"] = json!(artifacts.dir.as_ref().map(|dir| dir.to_string_lossy()));
    report
}

/// Everything that does not depend on where and how the run was started.
fn verdict(story: &Story, outcome: &Outcome) -> Value {
    let (word, why) = match &outcome.verdict {
        Verdict::Pass => ("pass", None),
        Verdict::Fail { .. } => ("fail", None),
        Verdict::Inconclusive { why, .. } => ("inconclusive", Some(why)),
    };
    let first_exec_at = milestones::first_exec(&milestones::rows(story, outcome));
    let lanes: Vec<Value> = outcome.lanes.iter().map(lane).collect();
    json!({
        "schema": SCHEMA,
        "title": story.title,
        "verdict": word,
        "why": why,
        "findings": outcome.verdict.findings(),
        "cluster": {
            "size": story.etcd.members,
            "id": cluster_id(outcome),
            "members": outcome.evidence.members,
        },
        "first_exec_at": first_exec_at,
        "formed_at": outcome.formed_at,
        "duration": outcome.ended_at,
        "lanes": lanes,
    })
}

/// The one ID of all members that have one.
fn cluster_id(outcome: &Outcome) -> Value {
    let mut ids = outcome.lanes.members().filter_map(|lane| lane.identity);
    let Some((first, _)) = ids.next() else {
        return Value::Null;
    };
    if ids.all(|(id, _)| id == first) {
        json!(first)
    } else {
        Value::Null
    }
}

fn lane(lane: &Lane) -> Value {
    json!({
        "machine": lane.machine,
        "class": lane.class,
        "reached": lane.reached,
        "starts": lane.starts,
        "cluster_id": lane.identity.map(|(cluster, _)| cluster),
        "member_id": lane.identity.map(|(_, member)| member),
        "voters": lane.voters,
        "last_words": lane.last_words,
    })
}

#[cfg(test)]
mod tests;
