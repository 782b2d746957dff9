//! Several clusters in one story: each has its gate, its records, its ID and its verdict.
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")
)]

use quorate_scenario::drive::Expected;
use quorate_scenario::{Link, Outcome, Story, What};
use quorate_sim::{Options, run};

/// Three machines at once, and three more from `late` on, `every` so often.
fn story(gate: bool, late: &str, every: &str) -> Story {
    let text = format!(
        r#"
        title = "two clusters"
        [etcd]
        clusters = 2
        members = 3
        gate = {gate}
        [[machines]]
        name = "a"
        count = 3
        class = "etcd"
        [[machines]]
        name = "b"
        count = 3
        class = "etcd"
        power_on = "{late}"
        every = "{every}"
        "#
    );
    Story::parse("two clusters", &text).unwrap()
}

fn outcome_of(story: &Story) -> Outcome {
    let options = Options {
        etcd_version: (3, 5),
        seed: 3,
        steps_max: None,
        swarm: None,
    };
    run(story, options).unwrap()
}

#[test]
fn each_gate_waits_for_its_own_cluster_only() {
    let story = story(true, "20s", "1s");
    let outcome = outcome_of(&story);
    assert_eq!(outcome.verdict.findings(), []);
    let reached = |name: &str, link| {
        let lane = outcome.progress.iter().find(|lane| lane.name == name);
        lane.unwrap().reached[&link]
    };
    assert!(reached("a3", Link::Voter) < reached("b1", Link::Power));
    assert!(reached("b1", Link::Srv) > reached("b3", Link::Power));
    let expected = Expected::new(&story, 3, 5);
    let ids: Vec<_> = outcome
        .progress
        .iter()
        .map(|lane| lane.identity.unwrap().0)
        .collect();
    let [one, two] = [0, 1].map(|index| expected.clusters[index].cluster_id);
    assert_eq!(ids, [one, one, one, two, two, two]);
    // Every value went through each member to both others of its cluster.
    assert_eq!(outcome.evidence.writes.len(), 2 * 6);
}

#[test]
fn the_gates_of_several_clusters_are_distinguished() {
    let outcome = outcome_of(&story(true, "1s", "1s"));
    let waited: Vec<&str> = outcome
        .observations
        .iter()
        .filter_map(|observation| {
            let What::GateWaiting { service, have, .. } = &observation.what else {
                return None;
            };
            (*have > 0).then_some(service.as_str())
        })
        .collect();
    assert!(waited.contains(&"etcd-c2"), "{waited:?}");
    assert_eq!(waited.last(), Some(&"etcd-c2"));
}

/// The run does not end when the first cluster is lost: the other still has its time to form.
#[test]
fn a_split_cluster_is_named_and_the_others_are_judged_by_themselves() {
    let story = story(false, "0s", "2s");
    let whole = story.clusters[0].members.clone();
    let outcome = outcome_of(&story);
    let findings = outcome.verdict.findings();
    let split: Vec<_> = findings
        .iter()
        .filter(|finding| finding.what.contains("split"))
        .collect();
    assert!(
        split
            .iter()
            .any(|finding| finding.what.starts_with("cluster c2 split into 3: ")),
        "{findings:#?}"
    );
    let name = |index: &usize| story.machines[*index].name.as_str();
    for index in &whole {
        let decided = outcome.progress[*index].identity.is_some();
        assert!(decided, "{} never made up its mind", name(index));
    }
}
