//! `quorate node`, where it ends before it has a lease.

use crate::program::{quorate, stderr};

#[test]
fn a_node_without_its_card_says_so() {
    let output = quorate(&["node", "--interface", "nosuch0"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(stderr(&output).starts_with("interface nosuch0: "));
}

#[test]
fn a_node_whose_events_have_no_file_says_so() {
    let output = quorate(&["node", "--events", "/nowhere/events"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).starts_with("/nowhere/events: "));
}

#[test]
fn a_node_installs_or_runs_a_seed() {
    let both = ["node", "--install", "http://x/", "--seed", "http://y/"];
    assert_eq!(quorate(&both).status.code(), Some(2));
    let lines = ["node", "--install", "http://x/\nExecStart=/bin/sh"];
    let output = quorate(&lines);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("line break"),
        "{}",
        stderr(&output)
    );
}
