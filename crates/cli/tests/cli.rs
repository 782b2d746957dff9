//! The command line as people meet it: exit codes, errors, output for programs.
#![expect(clippy::unwrap_used, reason = "these are tests")]

#[path = "cli/simulated.rs"]
mod simulated;

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
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let problem = &json[0]["problems"][0];
    assert_eq!(json[0]["ok"], false);
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
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(
        json.as_array()
            .unwrap()
            .iter()
            .all(|row| row["machines"].is_u64()),
        "{json}"
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
fn every_verb_has_a_manual_page() {
    let dir = tempfile::tempdir().unwrap();
    let man = dir.path().join("man1");
    let output = quorate(&["man", &man.display().to_string()]);
    assert!(output.status.success(), "{}", stderr(&output));
    for (page, word) in [
        ("quorate.1", "From power\\-on to quorum"),
        ("quorate-run.1", "\\-\\-world"),
        ("quorate-serve.1", "CAP_NET_RAW"),
        ("quorate-etcd-fetch.1", "provider"),
    ] {
        let text = std::fs::read_to_string(man.join(page)).expect(page);
        assert!(text.contains(word), "{page}: {text}");
    }
}

const SIGNED: &str = r#"state_dir = "/nowhere"
[dns]
listen = ["192.0.2.1:53"]
key_files = ["/nowhere/xfr.key"]
transfer = [{ key = "xfr." }]
[[dns.zones]]
name = "lab.test"
primary_ns = "ns"
records = ["ns 60 IN A 192.0.2.1"]
"#;

#[test]
fn a_configuration_is_checked_where_its_keys_are_not() {
    let (_dir, path) = file("quorate.toml", SIGNED);
    let output = quorate(&["serve", "--check", "--config", &path]);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert_eq!(said, "not read: /nowhere/xfr.key\n");
    assert!(!Path::new("/nowhere").exists());
}

#[test]
fn a_configuration_is_checked_as_if_it_were_served() {
    let (_keys, key) = file("xfr.key", "key \"xfr.\" { algorithm rot13; };");
    for (wrong, complaint) in [
        (SIGNED.replace("listen", "listne"), "listne"),
        (SIGNED.replace("ns 60 IN A", "ns 60 IN AAAA"), "192.0.2.1"),
        (SIGNED.replace("/nowhere/xfr.key", &key), "xfr.key"),
    ] {
        let (_dir, path) = file("quorate.toml", &wrong);
        let output = quorate(&["serve", "--check", "--config", &path]);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{wrong}: {said}");
        assert!(said.contains(complaint), "{complaint}: {said}");
    }
}

/// Whoever may change or copy a zone must be able to sign.
#[test]
fn a_permission_for_a_key_that_is_none_is_refused_with_the_span() {
    let secret = "key \"xfr.\" { algorithm hmac-sha256; secret \"c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0MTI=\"; };";
    let (_keys, key) = file("xfr.key", secret);
    let good = SIGNED.replace("/nowhere/xfr.key", &key);
    let update = "update = [{ key = \"nsupdate.\", names = { subdomain = \"lab.test\" }, types = [\"A\"] }]\n";
    for (text, place, complaint) in [
        (good.clone(), "", ""),
        (good.replace("\"xfr.\"", "\"XFR\""), "", ""),
        (
            good.replace("\"xfr.\"", "\"xrf.\""),
            "quorate.toml:5:21",
            "[dns] transfer: no key is called \"xrf.\"",
        ),
        (
            good.replace("[[dns.zones]]", &format!("{update}[[dns.zones]]")),
            "quorate.toml:6:19",
            "[dns] update: no key is called \"nsupdate.\"",
        ),
    ] {
        for verb in [&["serve", "--check"][..], &["serve"]] {
            let (_dir, path) = file("quorate.toml", &text);
            if complaint.is_empty() && verb.len() == 1 {
                // It would serve.
                continue;
            }
            let output = quorate(&[verb, &["--config", &path]].concat());
            let said = stderr(&output);
            let code = if complaint.is_empty() { 0 } else { 2 };
            assert_eq!(output.status.code(), Some(code), "{text}: {said}");
            assert!(said.contains(place) && said.contains(complaint), "{said}");
            assert!(
                complaint.is_empty() || said.contains("there are: xfr."),
                "{said}"
            );
        }
    }
}

/// Who made a mistake mends the file and starts again, with nothing to remove.
#[test]
fn what_is_refused_leaves_no_state() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("lib/quorate").display().to_string();
    let good = SIGNED.replace("key_files", "# key_files");
    let no_key = "no key is called \"xfr.\"";
    let record = good.replace("transfer", "# transfer");
    let record = record.replace("IN A 192", "IN AAAA 192");
    for (text, complaint) in [(good, no_key), (record, "192.0.2.1")] {
        let (_dir, path) = file("quorate.toml", &text.replace("/nowhere", &state));
        let output = quorate(&["serve", "--config", &path]);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(complaint), "{said}");
        assert!(!dir.path().join("lib").exists(), "{text}");
    }
}

#[test]
fn a_state_directory_that_cannot_be_made_is_exit_3_and_named() {
    let (dir, path) = file("in-the-way", "");
    let state = format!("state_dir = \"{path}/quorate\"\n");
    let config = dir.path().join("quorate.toml");
    std::fs::write(&config, state).unwrap();
    let output = quorate(&["serve", "--config", &config.display().to_string()]);
    assert_eq!(output.status.code(), Some(3));
    let said = stderr(&output);
    let start = format!("state_dir: create directory {path}/quorate");
    assert!(said.starts_with(&start), "{said}");
    assert!(said.contains("Not a directory"), "{said}");
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
