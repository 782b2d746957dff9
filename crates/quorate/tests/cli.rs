//! The command line as people meet it: exit codes, errors, output for programs.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "these are tests")]

use std::path::Path;
use std::process::{Command, Output};

fn quorate(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_quorate"))
        .args(args)
        // Runs that fail leave their artifacts with temporary files.
        .env("TMPDIR", env!("CARGO_TARGET_TMPDIR"))
        .output()
        .expect("the program starts")
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn scenarios() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../scenarios")
        .display()
        .to_string()
}

/// A file with this text; removed with the directory.
fn file(name: &str, text: &str) -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    std::fs::write(&path, text).unwrap();
    let path = path.display().to_string();
    (dir, path)
}

const BROKEN: &str = "title = \"Broken\"\n[etcd]\nmembers = 2\n[[machines]]\nname = \"n\"\ncount = 3\nclass = \"etcd\"\n";

#[test]
fn a_broken_scenario_is_exit_2_with_the_span() {
    let (_dir, path) = file("broken.toml", BROKEN);
    for verb in ["check", "run"] {
        let output = quorate(&[verb, &path]);
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        let shown = stderr(&output);
        assert!(
            shown.contains("broken.toml:3:11"),
            "no file, line and column in:\n{shown}"
        );
        assert!(
            shown.contains("the cluster shall have 2 members, but 3 machines"),
            "{shown}"
        );
    }
}

#[test]
fn a_scenario_that_is_not_there_is_exit_2() {
    let output = quorate(&["run", "nowhere.toml"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("nowhere.toml"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn check_tells_programs_where_the_problem_is() {
    let (_dir, path) = file("broken.toml", BROKEN);
    let output = quorate(&["check", "--format", "json", &path]);
    assert_eq!(output.status.code(), Some(2));
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let problem = &told[0]["problems"][0];
    assert_eq!(told[0]["ok"], false);
    assert_eq!(problem["offset"], BROKEN.find("2\n").unwrap());
    assert_eq!(problem["length"], 1);
}

#[test]
fn list_names_every_scenario() {
    let output = quorate(&["list", &scenarios()]);
    assert!(output.status.success());
    assert!(
        stdout(&output).contains("three-members.toml"),
        "{}",
        stdout(&output)
    );
    let output = quorate(&["list", "--format", "json", &scenarios()]);
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(
        told.as_array()
            .unwrap()
            .iter()
            .all(|row| row["machines"].is_u64()),
        "{told}"
    );
}

#[test]
fn the_schema_describes_the_keys() {
    let output = quorate(&["schema"]);
    let schema: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(schema["properties"]["machines"]["type"], "array");
    assert!(schema["$defs"]["Etcd"]["properties"]["gate"]["description"].is_string());
}

#[test]
fn completions_and_help_exist() {
    assert!(stdout(&quorate(&["completions", "bash"])).contains("_quorate"));
    let help = stdout(&quorate(&["run", "--help"]));
    assert!(
        help.contains("Examples:") && help.contains("--report"),
        "{help}"
    );
}

#[test]
fn an_etcd_that_is_none_is_refused_with_the_reason() {
    let (_dir, path) = file("etcd", "not a program");
    let story = format!("{}/three-members.toml", scenarios());
    let output = quorate(&["run", &story, "--etcd", &path]);
    assert_eq!(output.status.code(), Some(3));
    assert!(
        stderr(&output).contains("cannot be used as etcd"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_broken_configuration_is_exit_2_with_the_span() {
    let (_dir, path) = file(
        "quorate.toml",
        "state_dir = \"/nowhere\"\n[dns]\nlisten = \"here\"\n",
    );
    let output = quorate(&["serve", "--config", &path]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("quorate.toml:3:10"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_story_on_virtual_time_needs_nothing_and_is_judged_the_same() {
    let run = |name: &str, more: &[&str]| {
        let story = format!("{}/{name}.toml", scenarios());
        let words = [&["run", story.as_str(), "--world", "sim"], more].concat();
        quorate(&words)
    };
    let whole = run("three-members", &["--format", "json"]);
    assert_eq!(whole.status.code(), Some(0), "{}", stderr(&whole));
    let told: serde_json::Value = serde_json::from_slice(&whole.stdout).unwrap();
    assert_eq!(told["verdict"], "pass");
    assert_eq!(told["cluster"]["id"], "366158d82220db8a");
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
    let told: serde_json::Value = serde_json::from_slice(&split.stdout).unwrap();
    assert_eq!(told["failures"].as_array().unwrap().len(), 1, "{told}");
    assert_eq!(told["failures"][0]["link"], "cluster-id");
    assert_eq!(told["failures"][0]["seeds"].as_array().unwrap().len(), 20);
}

#[test]
fn a_failing_seed_of_a_sweep_fails_again_when_it_is_run() {
    let story = format!("{}/five-members.toml", scenarios());
    let swept = quorate(&["sweep", &story, "--seeds", "40", "--format", "json"]);
    let told: serde_json::Value = serde_json::from_slice(&swept.stdout).unwrap();
    let failure = &told["failures"][0];
    let seed = failure["seeds"][0].to_string();
    let words = [
        "run", &story, "--world", "sim", "--faults", "--seed", &seed, "--format", "json",
    ];
    let (once, twice) = (quorate(&words), quorate(&words));
    assert_eq!(once.status.code(), Some(1), "{}", stderr(&once));
    let report: serde_json::Value = serde_json::from_slice(&once.stdout).unwrap();
    assert_eq!(report["findings"][0], failure["finding"]);
    let again: serde_json::Value = serde_json::from_slice(&twice.stdout).unwrap();
    assert_eq!(report["lanes"], again["lanes"]);
}

#[test]
fn faults_are_refused_where_they_cannot_be_drawn() {
    let story = format!("{}/three-members.toml", scenarios());
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
    let story = format!("{}/three-members.toml", scenarios());
    let output = quorate(&["run", &story, "--world", "sim", "--etcd", "/usr/bin/etcd"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("name a version"),
        "{}",
        stderr(&output)
    );
}

/// Where user namespaces are forbidden: exit 3, and what to do about it.
#[test]
fn without_user_namespaces_it_is_exit_3_with_the_remedy() {
    let etcd = std::env::current_exe().unwrap().with_file_name("fake-etcd");
    std::fs::write(&etcd, "#!/bin/sh\necho 'etcd Version: 3.5.16'\n").unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&etcd, mode).unwrap();
    // A user namespace in which no more can be made, and no capability to do without.
    let script = "echo 0 > /proc/sys/user/max_user_namespaces || exit 77\n\
        exec setpriv --bounding-set=-all --inh-caps=-all \"$0\" run \"$1\" --etcd \"$2\"";
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "sh", "-c", script])
        .arg(env!("CARGO_BIN_EXE_quorate"))
        .arg(format!("{}/three-members.toml", scenarios()))
        .arg(&etcd)
        .output();
    match output {
        Ok(output) if output.status.code() != Some(77) => {
            assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
            assert!(
                stderr(&output).contains("max_user_namespaces"),
                "{}",
                stderr(&output)
            );
        }
        Ok(_) | Err(_) => println!("not run: user namespaces cannot be forbidden here"),
    }
}
