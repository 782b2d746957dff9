//! The verbs that tell stories on virtual time.

use std::process::Output;

use super::{file, quorate, scenarios, stderr, stdout};

#[test]
fn a_story_on_virtual_time_needs_nothing_and_is_judged_the_same() {
    let run = |name: &str, more: &[&str]| {
        let story = format!("{}/{name}.toml", scenarios());
        let words = [&["run", story.as_str(), "--world", "sim"], more].concat();
        quorate(&words)
    };
    let whole = run("three-members", &["--format", "json"]);
    assert_eq!(whole.status.code(), Some(0), "{}", stderr(&whole));
    let json: serde_json::Value = serde_json::from_slice(&whole.stdout).unwrap();
    assert_eq!(json["verdict"], "pass");
    assert_eq!(json["cluster"]["id"], "366158d82220db8a");
    let again = run("three-members", &["--format", "json"]);
    assert_eq!(stdout(&whole), stdout(&again), "one seed is one run");

    let dir = tempfile::tempdir().unwrap();
    let report = dir.path().display().to_string();
    let split = run("gradual-records", &["--report", &report]);
    assert_eq!(split.status.code(), Some(1));
    let first = stdout(&split).lines().next().unwrap().to_owned();
    assert!(
        first.starts_with("FAIL cluster-id n1: the cluster split into 3:"),
        "{first}"
    );
    assert!(dir.path().join("zone-history.jsonl").is_file());
}

#[test]
fn orders_split_without_the_gate_only() {
    let output = quorate(&["orders", "--members", "2", "--show", "1"]);
    assert_eq!(output.status.code(), Some(0));
    insta::assert_snapshot!(stdout(&output), @r"
    members  gate  publications    orders    splits
          1    on             1         3         0
          1   off             1         3         0
          2    on             1        16         0
          2   off             3        75        60

    without the gate, for example:
      A n1, A n2, SRV n1, [n1 saw n1], SRV n2, [n2 saw n1 n2]
    ");
}

#[test]
fn a_sweep_groups_what_broke_by_its_link() {
    let sweep = |name: &str| {
        let story = format!("{}/{name}.toml", scenarios());
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
    let story = format!("{}/three-members.toml", scenarios());
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
    let story = format!("{}/five-members.toml", scenarios());
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
fn a_recorded_run_is_replayed_and_a_changed_log_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("split.jsonl").display().to_string();
    let story = format!("{}/gradual-records.toml", scenarios());
    let run = quorate(&[
        "run", &story, "--world", "sim", "--faults", "--seed", "3", "--record", &log, "--format",
        "json",
    ]);
    assert_eq!(run.status.code(), Some(1), "{}", stderr(&run));
    let again = quorate(&["replay", &log, "--format", "json"]);
    assert_eq!(again.status.code(), Some(1), "{}", stderr(&again));
    assert!(
        stderr(&again).contains("the verdict is the recorded one"),
        "{}",
        stderr(&again)
    );
    let part = |output: &Output, key: &str| {
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        json[key].clone()
    };
    assert_eq!(part(&run, "lanes"), part(&again, "lanes"));

    // As a later version would, which never does what this decision is about.
    let text = std::fs::read_to_string(&log).unwrap();
    let drifted = text.replace(
        "\"what\":\"etcd has started\"",
        "\"what\":\"etcd was started\"",
    );
    assert_ne!(text, drifted);
    std::fs::write(&log, drifted).unwrap();
    let drifted = quorate(&["replay", &log]);
    let json = stderr(&drifted);
    assert!(
        json.contains("had no occasion; the first one was\n  n1: etcd was started"),
        "{json}"
    );
}

#[test]
fn a_log_that_is_none_is_exit_2_with_the_line() {
    let (_dir, path) = file("a.jsonl", "{}\n");
    let output = quorate(&["replay", &path]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("line 1: this is not a decision log"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_sweep_keeps_a_log_of_each_kind_of_failure() {
    let dir = tempfile::tempdir().unwrap();
    let kept = dir.path().join("kept").display().to_string();
    let story = format!("{}/gradual-records.toml", scenarios());
    let swept = quorate(&["sweep", &story, "--seeds", "4", "--calm", "--keep", &kept]);
    assert_eq!(swept.status.code(), Some(1), "{}", stderr(&swept));
    let log = format!("{kept}/cluster-id-seed-1.jsonl");
    let again = quorate(&["replay", &log]);
    assert_eq!(again.status.code(), Some(1), "{}", stderr(&again));
    assert!(stderr(&again).contains("the verdict is the recorded one"));
}

/// Run, log, replay and sweep say the same of one seed, before anything else.
#[test]
fn a_draw_is_told_first_and_kept() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("run.jsonl").display().to_string();
    let story = format!("{}/swarm-50.toml", scenarios());
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

#[test]
fn a_failing_run_is_made_small_and_fails_the_same_way() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("small.toml").display().to_string();
    let story = format!("{}/swarm-50.toml", scenarios());
    let shrunk = quorate(&[
        "shrink",
        &story,
        "--no-gate",
        "--faults",
        "--seed",
        "5",
        "--format",
        "json",
        "--out",
        &out,
    ]);
    assert_eq!(shrunk.status.code(), Some(0), "{}", stderr(&shrunk));
    let json: serde_json::Value = serde_json::from_slice(&shrunk.stdout).unwrap();
    assert!(json["machines"].as_u64().unwrap() <= 5, "{json}");
    assert_eq!(json["repeats"], 10, "{json}");
    let test = std::fs::read_to_string(dir.path().join("small.rs")).unwrap();
    assert!(test.contains("fn small_ends_well()"), "{test}");
    let run = quorate(&["run", &out, "--world", "sim", "--format", "json"]);
    assert_eq!(run.status.code(), Some(1), "{}", stderr(&run));
    let report: serde_json::Value = serde_json::from_slice(&run.stdout).unwrap();
    assert_eq!(report["findings"][0]["link"], json["finding"]["link"]);
}

#[test]
fn what_ends_well_cannot_be_made_small() {
    let story = format!("{}/three-members.toml", scenarios());
    let output = quorate(&["shrink", &story]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("nothing fails"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_knee_is_searched_by_rate() {
    let args = ["--find-knee", "--over", "rate", "--ramp", "500ms"];
    let limits = ["--target", "leased<=1m", "--max", "40", "--format", "json"];
    let ramp = format!("{}/ramp.toml", scenarios());
    let output = quorate(&[&["bench", &ramp][..], &args, &limits].concat());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let probes = json["probes"].as_array().unwrap();
    let loads: Vec<_> = probes
        .iter()
        .map(|probe| (probe["per_sec"].as_i64(), probe["machines"].as_i64()))
        .collect();
    let ramps = [(10, 5), (20, 10), (40, 20)];
    assert_eq!(loads, ramps.map(|(rate, all)| (Some(rate), Some(all))));
    assert_eq!(
        (&json["over"], &json["holds_at"]),
        (&"rate".into(), &40.into())
    );
    assert_eq!(json["breaks_at"], serde_json::Value::Null);
    // What it cannot reach at all, it breaks at once, and says where.
    let output = quorate(&[
        "bench",
        &ramp,
        "--find-knee",
        "--over",
        "rate",
        "--target",
        "named<=1ns",
        "--ramp",
        "1s",
    ]);
    let said = stdout(&output);
    assert!(
        said.contains("breaks with 1 machine a second already"),
        "{said}"
    );
    assert!(said.contains("first link: "), "{said}");
}
