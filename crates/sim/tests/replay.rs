//! Runs that are written down and repeated.
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")
)]

use std::collections::BTreeMap;
use std::time::Duration;

use quorate_core::Instant;
use quorate_scenario::{Decision, Outcome, Story, What};
use quorate_sim::{Log, Options, Swarm, record, replay, run};

const TEXT: &str = r#"
title = "faults"
[etcd]
members = 5
gate = false
[expect]
formed_within = "2m"
[[machines]]
name = "n"
count = 5
class = "etcd"
spread = "3s"
[[machines]]
name = "p"
count = 5
class = "plain"
spread = "3s"
"#;

fn story() -> Story {
    Story::parse("faults", TEXT).unwrap()
}

/// The world of this seed with its faults.
fn options(story: &Story, seed: u64) -> Options {
    Options {
        etcd_version: (3, 5),
        seed,
        steps_max: None,
        swarm: Some(Swarm::draw(seed, story)),
    }
}

fn observations(outcome: &Outcome) -> Vec<String> {
    let observations = outcome.observations.iter();
    observations
        .map(|observation| serde_json::to_string(observation).unwrap())
        .collect()
}

fn assert_same(one: &Outcome, other: &Outcome, seed: u64) {
    let (one, other) = (observations(one), observations(other));
    for (one, other) in one.iter().zip(&other) {
        assert_eq!(
            one, other,
            "seed {seed}: the first observation that differs"
        );
    }
    assert_eq!(one.len(), other.len(), "seed {seed}");
}

#[test]
fn a_run_that_is_written_down_is_the_same_run() {
    let story = story();
    for seed in 0..5 {
        let recording = record(&story, options(&story, seed)).unwrap();
        assert_same(
            &recording.outcome,
            &run(&story, options(&story, seed)).unwrap(),
            seed,
        );
    }
}

#[test]
fn a_log_repeats_its_run_to_the_byte() {
    let story = story();
    for seed in 0..15 {
        let options = options(&story, seed);
        let recording = record(&story, options.clone()).unwrap();
        let text = Log::new(("faults", TEXT), &story, &options, &recording).to_string();
        let log = Log::parse(&text).unwrap();
        let again = replay(&log.story().unwrap(), log.options(), &log.decisions).unwrap();
        assert_same(&recording.outcome, &again.outcome, seed);
        assert_eq!(again.unmet, []);
        assert_eq!(again.decisions, recording.decisions, "seed {seed}");
        assert_eq!(Log::new(("faults", TEXT), &story, &options, &again), log);
    }
}

/// A later version draws other numbers: here, those of another seed. Who saw which records is the
/// same all the same.
#[test]
fn a_log_fails_the_same_way_when_everything_is_drawn_otherwise() {
    let story = story();
    let (mut failed, mut same, mut same_by_chance) = (0, 0, 0);
    for seed in 0..25 {
        let options = options(&story, seed);
        let recording = record(&story, options.clone()).unwrap();
        let Some(first) = recording.outcome.verdict.findings().first() else {
            continue;
        };
        failed += 1;
        let otherwise = Options {
            seed: seed + 1_000_000,
            ..options
        };
        let fails_so = |decisions: &[Decision]| {
            let again = replay(&story, otherwise.clone(), decisions).unwrap();
            let found = again.outcome.verdict.findings().first();
            usize::from(found == Some(first))
        };
        same += fails_so(&recording.decisions);
        same_by_chance += fails_so(&[]);
    }
    assert!(failed >= 5 && same == failed, "{same} of {failed}");
    assert!(same_by_chance < failed, "the decisions decide nothing");
}

/// When each etcd had bootstrapped: behind a wait whose pauses are drawn.
fn starts(outcome: &Outcome) -> BTreeMap<Option<String>, Instant> {
    let seen = outcome.observations.iter();
    seen.filter(|seen| matches!(seen.what, What::Identified { .. }))
        .map(|seen| (seen.machine.clone(), seen.at))
        .collect()
}

/// How far apart two runs are at the machine where they are farthest.
fn drift(one: &Outcome, other: &Outcome) -> Duration {
    let (one, other) = (starts(one), starts(other));
    assert!(
        one.keys().eq(other.keys()) && one.len() == 5,
        "{one:?} {other:?}"
    );
    let apart = one.values().zip(other.values());
    let apart = apart.map(|(a, b)| a.max(b).since(*a.min(b)));
    apart.max().unwrap_or_default()
}

/// The pauses of the wait for peers are decisions, too. In another version everybody starts when
/// they did, but for what frames take on cables, which is not written down.
#[test]
fn a_wait_for_peers_is_as_long_when_everything_is_drawn_otherwise() {
    let story = Story::parse("waits", &TEXT.replace("gate = false", "gate = true")).unwrap();
    let is_pause = |decision: &&Decision| decision.occasion.what == "the wait for peers goes on";
    let mut drifted = Duration::ZERO;
    for seed in 0..5 {
        let calm = Options::calm((3, 5), seed);
        let recording = record(&story, calm.clone()).unwrap();
        let (pauses, others): (Vec<_>, Vec<_>) = recording.decisions.iter().partition(is_pause);
        assert!(pauses.len() > 5, "seed {seed}: {pauses:?}");
        let otherwise = |decisions: &[Decision]| {
            let options = Options {
                seed: seed + 1_000_000,
                ..calm.clone()
            };
            let again = replay(&story, options, decisions).unwrap();
            drift(&recording.outcome, &again.outcome)
        };
        let same = otherwise(&recording.decisions);
        assert!(same < WIRES, "seed {seed}: {same:?}");
        let others: Vec<Decision> = others.into_iter().cloned().collect();
        drifted = drifted.max(otherwise(&others));
    }
    assert!(
        drifted > WIRES * 4,
        "the pauses decide nothing: {drifted:?}"
    );
}

/// More than all frames of a start together take on their cables, in virtual time.
const WIRES: Duration = Duration::from_millis(2);

/// A log of a story whose sizes are drawn holds the story with the sizes of the run.
#[test]
fn a_log_of_a_drawn_story_needs_no_draw() {
    let text = "title = \"drawn\"\n[etcd]\ngate = false\n[expect]\nformed_within = \"2m\"\n\
        [swarm]\nmachines = { min = 3, max = 12 }\nracks = { min = 0, max = 3 }\n\
        plain = { min = 0, max = 4 }\nhollow = true\nleases = [\"1m\", \"1h\"]\n";
    let drawing = Story::parse("drawn", text).unwrap();
    for seed in 0..15 {
        let options = options(&drawing, seed);
        let recording = record(&drawing, options.clone()).unwrap();
        let written = Log::new(("drawn", text), &drawing, &options, &recording).to_string();
        let log = Log::parse(&written).unwrap();
        let story = log.story().unwrap();
        assert_eq!(story.ranges, None);
        assert_eq!(story.sizes, drawing.drawn(seed).sizes);
        let again = replay(&story, log.options(), &log.decisions).unwrap();
        assert_same(&recording.outcome, &again.outcome, seed);
        assert_eq!(again.unmet, []);
        assert_eq!(Log::new(("drawn", ""), &story, &options, &again), log);
    }
}
