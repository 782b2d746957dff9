//! `quorate shrink`

use crate::program::{quorate, scenario, stderr};

#[test]
fn a_failing_run_is_made_small_and_fails_the_same_way() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("small.toml").display().to_string();
    let story = scenario("swarm-50");
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
    let story = scenario("three-members");
    let output = quorate(&["shrink", &story]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("nothing fails"),
        "{}",
        stderr(&output)
    );
}
