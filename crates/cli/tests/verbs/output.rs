//! Standard output of every verb: where it cannot be written, a verb ends with one line and exit
//! code 1; where the reader has gone, it ends quietly.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn scenario(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios");
    root.join(name).display().to_string()
}

/// Every verb that prints data and needs no world, server or network.
fn verbs(dir: &Path) -> Vec<Vec<String>> {
    let (members, split) = (
        scenario("three-members.toml"),
        scenario("gradual-records.toml"),
    );
    let path = |name: &str| dir.join(name).display().to_string();
    let (log, report, small) = (path("split.jsonl"), path("report"), path("small.toml"));
    let sim = [
        "run", &split, "--world", "sim", "--record", &log, "--report", &report,
    ];
    let recorded = quorate(dir).args(sim).output().unwrap();
    assert_eq!(recorded.status.code(), Some(1), "{recorded:?}");
    let scenarios = scenario("");
    let lines: [&[&str]; 19] = [
        &["schema"],
        &["schema", "report"],
        &["schema", "--format", "markdown"],
        &["list", &scenarios],
        &["list", &scenarios, "--format", "json"],
        &["check", &members],
        &["check", &members, "--format", "json"],
        &["completions", "bash"],
        &["completions", "zsh"],
        &["orders", "--members", "2"],
        &["run", &members, "--world", "sim"],
        &["run", &members, "--world", "sim", "--format", "json"],
        &["replay", &log],
        &["report", &report],
        &["sweep", &members, "--seeds", "2", "--calm"],
        &["sweep", &members, "--seeds", "2", "--twice"],
        &["shrink", &log, "--out", &small],
        &["etcd", "list"],
        &["compare", &members, "--world", "sim", "--runs", "1"],
    ];
    lines
        .into_iter()
        .map(|line| line.iter().map(|word| (*word).to_owned()).collect())
        .collect()
}

fn quorate(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quorate"));
    command.env("TMPDIR", dir).current_dir(dir);
    command
}

fn run(dir: &Path, words: &[String], stdout: Stdio) -> Output {
    let mut command = quorate(dir);
    command.args(words).stdout(stdout).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    child.wait_with_output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_full_disk_is_exit_1_with_one_line() {
    let dir = tempfile::tempdir().unwrap();
    for words in verbs(dir.path()) {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = run(dir.path(), &words, full.into());
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{words:?}: {said}");
        let complaints: Vec<_> = said
            .lines()
            .filter(|line| line.contains("No space"))
            .collect();
        assert_eq!(complaints.len(), 1, "{words:?}: {said}");
        assert!(complaints[0].starts_with("standard output: "), "{said}");
        assert!(!said.contains("panicked"), "{words:?}: {said}");
    }
}

#[test]
fn a_reader_who_has_gone_is_no_error() {
    let dir = tempfile::tempdir().unwrap();
    for words in verbs(dir.path()) {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let closed = run(dir.path(), &words, writer.into());
        let open = run(dir.path(), &words, Stdio::null());
        let said = stderr(&closed);
        assert_eq!(
            closed.status.code(),
            open.status.code(),
            "{words:?}: {said}"
        );
        assert!(!said.contains("panicked"), "{words:?}: {said}");
        assert!(!said.contains("roken pipe"), "{words:?}: {said}");
    }
}

/// The same for what is not data.
#[test]
fn a_full_disk_under_standard_error_is_no_error() {
    let dir: PathBuf = std::env::temp_dir();
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut command = quorate(&dir);
    let story = scenario("swarm-50.toml");
    let words = ["run", &story, "--world", "sim", "--faults", "--seed", "3"];
    let status = command.args(words).stdout(Stdio::null()).stderr(full);
    assert_eq!(status.status().unwrap().code(), Some(0));
}
