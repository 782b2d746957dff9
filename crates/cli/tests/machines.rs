//! The verbs for machines of metal, where they end before there is one. What they make is booted
//! in `tests/tests/metal`.

use std::process::{Command, Output};

fn quorate(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quorate"));
    command.args(args).output().expect("the program runs")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn help_has_an_example_for_each() {
    for verb in [&["node"][..], &["image", "build"], &["install"]] {
        let output = quorate(&[verb, &["--help"]].concat());
        let help = String::from_utf8_lossy(&output.stdout).into_owned();
        let example = format!("  quorate {}", verb.join(" "));
        assert!(help.contains("Example"), "{help}");
        assert!(help.contains(&example), "{help}");
    }
}

#[test]
fn a_node_without_its_card_says_so() {
    let output = quorate(&["node", "--interface", "nosuch0"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(stderr(&output).starts_with("interface nosuch0: "));
}

#[test]
fn a_node_that_cannot_tell_says_so() {
    let output = quorate(&["node", "--tell", "/nowhere/events"]);
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

#[test]
fn nothing_is_installed_without_a_disk() {
    let url = "http://127.0.0.1:9/disk.img.zst";
    assert_eq!(quorate(&["install", url]).status.code(), Some(2));
    let output = quorate(&["install", url, "--disk", "/nowhere/disk"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(stderr(&output).contains(url), "{}", stderr(&output));
}

#[test]
fn an_image_of_what_is_no_program_is_refused() {
    let output = quorate(&["image", "build", "--etcd", "/dev/null"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(stderr(&output).contains("/dev/null"));
}
