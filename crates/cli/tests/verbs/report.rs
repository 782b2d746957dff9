//! `quorate report`

use std::fs;

use crate::program::{quorate, scenario, stderr, stdout};

#[test]
fn a_report_is_made_again_from_its_recording() {
    let dir = tempfile::tempdir().unwrap();
    let report = dir.path().display().to_string();
    let story = scenario("three-members");
    let run = quorate(&["run", &story, "--world", "sim", "--report", &report]);
    assert_eq!(run.status.code(), Some(0), "{}", stderr(&run));
    let page = dir.path().join("report.html");
    let first = fs::read_to_string(&page).unwrap();
    fs::write(&page, "old\n").unwrap();
    let again = quorate(&["report", &report]);
    assert_eq!(again.status.code(), Some(0), "{}", stderr(&again));
    assert_eq!(stdout(&again), stdout(&run));
    assert!(fs::read_to_string(&page).unwrap() == first);
}

#[test]
fn a_directory_without_a_report_is_exit_2() {
    let dir = tempfile::tempdir().unwrap();
    let output = quorate(&["report", &dir.path().display().to_string()]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(stderr(&output).contains("`quorate run --report DIR`"));
}
