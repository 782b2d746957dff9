//! `quorate sweep`

use crate::program::{quorate, scenario, stderr, stdout};

#[test]
fn a_sweep_groups_what_broke_by_its_link() {
    let sweep = |name: &str| {
        let story = scenario(name);
        quorate(&[
            "sweep", &story, "--seeds", "20", "--calm", "--format", "json",
        ])
    };
    let calm = sweep("three-members");
    assert_eq!(calm.status.code(), Some(0), "{}", stdout(&calm));
    let split = sweep("gradual-records");
    assert_eq!(split.status.code(), Some(1));
    let json: serde_json::Value = serde_json::from_slice(&split.stdout).unwrap();
    assert_eq!(json["failures"].as_array().unwrap().len(), 1, "{json}");
    assert_eq!(json["failures"][0]["link"], "cluster-id");
    assert_eq!(json["failures"][0]["seeds"].as_array().unwrap().len(), 20);
}

#[test]
fn double_runs_are_the_same() {
    let story = scenario("three-members");
    let output = quorate(&["sweep", &story, "--seeds", "10", "--twice"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(
        stdout(&output).starts_with("PASS 10 of 10 double runs are the same"),
        "{}",
        stdout(&output)
    );
}

#[test]
fn a_failing_seed_of_a_sweep_fails_again_when_it_is_run() {
    let story = scenario("five-members");
    let swept = quorate(&[
        "sweep",
        &story,
        "--seeds",
        "5",
        "--no-gate",
        "--format",
        "json",
    ]);
    let json: serde_json::Value = serde_json::from_slice(&swept.stdout).unwrap();
    let failure = &json["failures"][0];
    let seed = failure["seeds"][0].to_string();
    let words = [
        "run",
        &story,
        "--world",
        "sim",
        "--faults",
        "--no-gate",
        "--seed",
        &seed,
        "--format",
        "json",
    ];
    let (once, twice) = (quorate(&words), quorate(&words));
    assert_eq!(once.status.code(), Some(1), "{}", stderr(&once));
    let report: serde_json::Value = serde_json::from_slice(&once.stdout).unwrap();
    assert_eq!(report["findings"][0], failure["finding"]);
    let again: serde_json::Value = serde_json::from_slice(&twice.stdout).unwrap();
    assert_eq!(report["lanes"], again["lanes"]);
}

#[test]
fn a_sweep_keeps_a_log_of_each_kind_of_failure() {
    let dir = tempfile::tempdir().unwrap();
    let kept = dir.path().join("kept").display().to_string();
    let story = scenario("gradual-records");
    let swept = quorate(&["sweep", &story, "--seeds", "4", "--calm", "--keep", &kept]);
    assert_eq!(swept.status.code(), Some(1), "{}", stderr(&swept));
    let log = format!("{kept}/cluster-id-seed-1.jsonl");
    let again = quorate(&["replay", &log]);
    assert_eq!(again.status.code(), Some(1), "{}", stderr(&again));
    assert!(stderr(&again).contains("the verdict is the recorded one"));
}

/// Run, log, replay and sweep say the same of one seed, before anything else.
#[test]
fn a_draw_is_reported_first_and_kept() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("run.jsonl").display().to_string();
    let story = scenario("swarm-50");
    let drawn = ["--world", "sim", "--faults", "--seed", "3"];
    let json = ["--record", &log, "--format", "json"];
    let run = quorate(&[&["run", &story], &drawn[..], &json].concat());
    assert_eq!(run.status.code(), Some(0), "{}", stderr(&run));
    let first = stderr(&run).lines().next().unwrap_or_default().to_owned();
    assert!(first.starts_with("seed 3 draws "), "{first}");
    assert!(first.contains(" machines: clusters of "), "{first}");
    let report: serde_json::Value = serde_json::from_slice(&run.stdout).unwrap();
    assert_eq!(report["notes"][0], first);
    let again = quorate(&["replay", &log, "--format", "json"]);
    assert!(stderr(&again).starts_with(&first), "{}", stderr(&again));
    let repeated: serde_json::Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!(repeated["notes"], report["notes"]);
    let one = ["--from", "3", "--seeds", "1"];
    let swept = quorate(&[&["-v", "sweep", &story, "--format", "json"], &one[..]].concat());
    assert_eq!(swept.status.code(), Some(0), "{}", stderr(&swept));
    let line = stderr(&swept).lines().next().unwrap_or_default().to_owned();
    let draw: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(draw["draw"]["seed"], 3, "{line}");
    let machines = draw["draw"]["sizes"]["machines"].to_string();
    assert!(first.contains(&format!(" {machines} machines")), "{line}");
    let faults = draw["draw"]["faults"].as_array().unwrap().len();
    assert_eq!(report["notes"][1], format!("seed 3 draws {faults} faults:"));
}
