//! `quorate run`, as far as it needs no world but `sim`.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use crate::program::{file, quorate, scenario, stderr, stdout};

#[test]
fn a_scenario_that_is_not_there_names_the_list() {
    let output = quorate(&["run", "nope.toml"]);
    assert_eq!(output.status.code(), Some(2));
    let said = stderr(&output);
    assert!(said.contains("nope.toml: No such file"), "{said}");
    assert!(said.contains("`quorate list`"), "{said}");
}

#[test]
fn a_scenario_without_its_path_is_named_with_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut command = Command::new(env!("CARGO_BIN_EXE_quorate"));
    let output = command.args(["run", "three-members"]).current_dir(root);
    let output = output.output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = stderr(&output);
    assert!(
        said.contains("write scenarios/three-members.toml"),
        "{said}"
    );
    assert!(said.contains("`quorate list`"), "{said}");
}

#[test]
fn an_etcd_that_is_not_there_is_bad_input() {
    let output = quorate(&["run", &scenario("three-members"), "--etcd", "/nope"]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    let said = stderr(&output);
    assert!(said.contains("/nope: there is no such program"), "{said}");
}

fn sim(name: &str, report: &Path) -> Output {
    let (story, report) = (scenario(name), report.display().to_string());
    quorate(&["run", &story, "--world", "sim", "--report", &report])
}

fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn a_report_does_not_replace_what_is_not_one() {
    for name in ["notes.txt", "scenario.toml", "recording.json"] {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(name), "mine\n").unwrap();
        let output = sim("three-members", dir.path());
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.starts_with("--report "), "{said}");
        assert!(said.contains("name a new or empty directory"), "{said}");
        let kept = fs::read_to_string(dir.path().join(name)).unwrap();
        assert_eq!(
            (kept.as_str(), names(dir.path())),
            ("mine\n", vec![name.to_owned()])
        );
    }
}

/// A run in a sandbox leaves more files than one on virtual time.
#[test]
fn a_report_leaves_nothing_of_an_older_one() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(sim("gradual-records", dir.path()).status.code(), Some(1));
    let fresh = names(dir.path());
    fs::create_dir_all(dir.path().join("logs/n1")).unwrap();
    fs::write(dir.path().join("logs/n1/etcd.log"), "old\n").unwrap();
    fs::write(dir.path().join("capture.pcapng"), "old\n").unwrap();
    fs::write(dir.path().join("notes.txt"), "mine\n").unwrap();
    for name in &fresh {
        if name != "recording.json" {
            fs::write(dir.path().join(name), "old\n").unwrap();
        }
    }
    assert_eq!(sim("three-members", dir.path()).status.code(), Some(0));
    let mut expected = fresh;
    expected.push("notes.txt".to_owned());
    expected.sort();
    assert_eq!(names(dir.path()), expected);
    for name in expected.iter().filter(|name| *name != "notes.txt") {
        let text = fs::read(dir.path().join(name)).unwrap();
        assert_ne!(text, b"old\n", "{name}");
    }
}

/// The report has a last line for people who look at nothing else.
#[test]
fn the_last_line_is_the_verdict_with_a_link() {
    let dir = tempfile::tempdir().unwrap();
    for (name, word) in [("three-members", "PASS "), ("gradual-records", "FAIL ")] {
        let output = stdout(&sim(name, dir.path()));
        let last = output.lines().last().unwrap_or_default();
        assert!(last.starts_with(word), "{last}");
        let page = dir.path().canonicalize().unwrap().join("report.html");
        let link = format!("file://{}", page.display());
        assert!(last.ends_with(&link), "{last}");
    }
}

#[test]
fn an_etcd_that_is_none_is_refused_with_the_reason() {
    let (_dir, path) = file("etcd", "not a program");
    let story = scenario("three-members");
    let output = quorate(&["run", &story, "--etcd", &path]);
    assert_eq!(output.status.code(), Some(3));
    assert!(
        stderr(&output).contains("cannot be used as etcd"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn faults_are_refused_where_they_cannot_be_drawn() {
    let story = scenario("three-members");
    let output = quorate(&["run", &story, "--faults"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("unsupported here"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn the_model_of_etcd_takes_no_program() {
    let story = scenario("three-members");
    let output = quorate(&["run", &story, "--world", "sim", "--etcd", "/usr/bin/etcd"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("name a version"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn faults_of_a_scenario_are_not_for_the_world_host() {
    let text = "title = \"a\"\n[etcd]\n[[machines]]\nname = \"n\"\nclass = \"etcd\"\n\
        [[faults]]\nlose = \"DHCP OFFER\"\nmachine = \"n\"\n";
    let (_dir, path) = file("faults.toml", text);
    let output = quorate(&["run", &path]);
    assert_eq!(output.status.code(), Some(3));
    assert!(
        stderr(&output).contains("unsupported here: faults"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_story_on_virtual_time_needs_nothing_and_is_judged_the_same() {
    let run = |name: &str, more: &[&str]| {
        let story = scenario(name);
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
