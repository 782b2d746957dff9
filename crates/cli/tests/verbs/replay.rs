//! `quorate replay`

use std::process::Output;

use crate::program::{file, quorate, scenario, stderr};

#[test]
fn a_recorded_run_is_replayed_and_a_changed_log_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("split.jsonl").display().to_string();
    let story = scenario("gradual-records");
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
