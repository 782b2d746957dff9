//! One run for programs.

use quorate_scenario::{Lane, Link, Outcome, Story, Verdict};
use serde_json::{Value, json};

use crate::human::Artifacts;

/// The report of `--format json`:
///
/// ```json
/// { "title": "…", "verdict": "pass", "why": null, "findings": [],
///   "cluster_id": "366158d82220db8a", "members": 3,
///   "formed_ns": 2100000000, "ended_ns": 2150000000, "seed": 1,
///   "etcd": "3.5.16 (cache, from debian)", "artifacts": "out",
///   "lanes": [{ "machine": "n1", "reached_ns": { "power": 100, "ack": 6000000 }, "starts": 1 }] }
/// ```
///
/// Times are nanoseconds since the story began; `verdict` is `pass`, `fail` or `inconclusive`;
/// a finding has `link`, `machine`, `what`, `cause` and `fix`.
pub fn report(story: &Story, outcome: &Outcome, artifacts: &Artifacts) -> Value {
    let (verdict, why) = match &outcome.verdict {
        Verdict::Pass => ("pass", None),
        Verdict::Fail { .. } => ("fail", None),
        Verdict::Inconclusive { why, .. } => ("inconclusive", Some(why)),
    };
    let cluster_id = outcome
        .evidence
        .members
        .first()
        .map(|member| member.cluster_id.to_string());
    json!({
        "title": story.title,
        "verdict": verdict,
        "why": why,
        "findings": outcome.verdict.findings(),
        "cluster_id": cluster_id,
        "members": story.etcd.members,
        "formed_ns": outcome.formed_at,
        "ended_ns": outcome.ended_at,
        "seed": artifacts.seed,
        "etcd": artifacts.etcd,
        "artifacts": artifacts.dir,
        "lanes": outcome.lanes.iter().map(lane).collect::<Vec<_>>(),
    })
}

fn lane(lane: &Lane) -> Value {
    let reached = |(link, at): (&Link, _)| (link.to_string(), json!(at));
    let reached: serde_json::Map<_, _> = lane.reached.iter().map(reached).collect();
    json!({ "machine": lane.machine, "reached_ns": reached, "starts": lane.starts })
}
