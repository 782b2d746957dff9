//! `quorate run`, as far as it needs no world but `sim`.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use crate::program::{quorate, scenario, stderr, stdout};

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
