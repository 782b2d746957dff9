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
fn orders_split_without_the_gate_only() {
    let output = quorate(&["orders", "--members", "2", "--show", "1"]);
    assert_eq!(output.status.code(), Some(0));
    insta::assert_snapshot!(stdout(&output), @r"
    members  gate  publications    orders    splits
          1    on             1         3         0
          1   off             1         3         0
          2    on             1        16         0
          2   off             3        75        60

    without the gate, for example:
      A n1, A n2, SRV n1, [n1 saw n1], SRV n2, [n2 saw n1 n2]
    ");
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
fn double_runs_are_the_same() {
    let story = format!("{}/three-members.toml", scenarios());
    let output = quorate(&["sweep", &story, "--seeds", "10", "--twice"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(
        stdout(&output).starts_with("PASS 10 of 10 double runs are the same"),
        "{}",
        stdout(&output)
    );
}

#[test]
fn a_failing_seed_of_a_sweep_fails_again_when_it_is_run() {
    let story = format!("{}/five-members.toml", scenarios());
    let swept = quorate(&[
        "sweep",
        &story,
        "--seeds",
        "5",
        "--no-gate",
        "--format",
        "json",
    ]);
    let told: serde_json::Value = serde_json::from_slice(&swept.stdout).unwrap();
    let failure = &told["failures"][0];
    let seed = failure["seeds"][0].to_string();
    let words = [
        "run",
        &story,
        "--world",
        "sim",
        "--faults",
        "--no-gate",
        "--seed",
        &seed,
        "--format",
        "json",
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

#[test]
fn a_recorded_run_is_replayed_and_a_changed_log_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("split.jsonl").display().to_string();
    let story = format!("{}/gradual-records.toml", scenarios());
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
        let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        told[key].clone()
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
    let told = stderr(&drifted);
    assert!(
        told.contains("had no occasion; the first one was\n  n1: etcd was started"),
        "{told}"
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

#[test]
fn a_sweep_keeps_a_log_of_each_kind_of_failure() {
    let dir = tempfile::tempdir().unwrap();
    let kept = dir.path().join("kept").display().to_string();
    let story = format!("{}/gradual-records.toml", scenarios());
    let swept = quorate(&["sweep", &story, "--seeds", "4", "--calm", "--keep", &kept]);
    assert_eq!(swept.status.code(), Some(1), "{}", stderr(&swept));
    let log = format!("{kept}/cluster-id-seed-1.jsonl");
    let again = quorate(&["replay", &log]);
    assert_eq!(again.status.code(), Some(1), "{}", stderr(&again));
    assert!(stderr(&again).contains("the verdict is the recorded one"));
}

/// Run, log, replay and sweep say the same of one seed, before anything else.
#[test]
fn a_draw_is_told_first_and_kept() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("run.jsonl").display().to_string();
    let story = format!("{}/swarm-50.toml", scenarios());
    let drawn = ["--world", "sim", "--faults", "--seed", "3"];
    let told = ["--record", &log, "--format", "json"];
    let run = quorate(&[&["run", &story], &drawn[..], &told].concat());
    assert_eq!(run.status.code(), Some(0), "{}", stderr(&run));
    let first = stderr(&run).lines().next().unwrap_or_default().to_owned();
    assert!(first.starts_with("seed 3 draws "), "{first}");
    assert!(first.contains(" machines: clusters of "), "{first}");
    let report: serde_json::Value = serde_json::from_slice(&run.stdout).unwrap();
    assert_eq!(report["notes"][0], first);
    let again = quorate(&["replay", &log, "--format", "json"]);
    assert!(stderr(&again).starts_with(&first), "{}", stderr(&again));
    let repeated: serde_json::Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!(repeated["notes"], report["notes"]);
    let one = ["--from", "3", "--seeds", "1"];
    let swept = quorate(&[&["-v", "sweep", &story, "--format", "json"], &one[..]].concat());
    assert_eq!(swept.status.code(), Some(0), "{}", stderr(&swept));
    let line = stderr(&swept).lines().next().unwrap_or_default().to_owned();
    let draw: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(draw["draw"]["seed"], 3, "{line}");
    let machines = draw["draw"]["sizes"]["machines"].to_string();
    assert!(first.contains(&format!(" {machines} machines")), "{line}");
    let faults = draw["draw"]["faults"].as_array().unwrap().len();
    assert_eq!(report["notes"][1], format!("seed 3 draws {faults} faults:"));
}

#[test]
fn a_failing_run_is_made_small_and_fails_the_same_way() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("small.toml").display().to_string();
    let story = format!("{}/swarm-50.toml", scenarios());
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
    let told: serde_json::Value = serde_json::from_slice(&shrunk.stdout).unwrap();
    assert!(told["machines"].as_u64().unwrap() <= 5, "{told}");
    assert_eq!(told["repeats"], 10, "{told}");
    let test = std::fs::read_to_string(dir.path().join("small.rs")).unwrap();
    assert!(test.contains("fn small_ends_well()"), "{test}");
    let run = quorate(&["run", &out, "--world", "sim", "--format", "json"]);
    assert_eq!(run.status.code(), Some(1), "{}", stderr(&run));
    let report: serde_json::Value = serde_json::from_slice(&run.stdout).unwrap();
    assert_eq!(report["findings"][0]["link"], told["finding"]["link"]);
}

#[test]
fn what_ends_well_cannot_be_made_small() {
    let story = format!("{}/three-members.toml", scenarios());
    let output = quorate(&["shrink", &story]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("nothing fails"),
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
fn a_knee_is_searched_by_rate() {
    let args = ["--find-knee", "--over", "rate", "--ramp", "500ms"];
    let limits = ["--target", "leased<=1m", "--max", "40", "--format", "json"];
    let ramp = format!("{}/ramp.toml", scenarios());
    let output = quorate(&[&["bench", &ramp][..], &args, &limits].concat());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let probes = told["probes"].as_array().unwrap();
    let loads: Vec<_> = probes
        .iter()
        .map(|probe| (probe["per_sec"].as_i64(), probe["machines"].as_i64()))
        .collect();
    let ramps = [(10, 5), (20, 10), (40, 20)];
    assert_eq!(loads, ramps.map(|(rate, all)| (Some(rate), Some(all))));
    assert_eq!(
        (&told["over"], &told["holds_at"]),
        (&"rate".into(), &40.into())
    );
    assert_eq!(told["breaks_at"], serde_json::Value::Null);
    // What it cannot reach at all, it breaks at once, and says where.
    let output = quorate(&[
        "bench",
        &ramp,
        "--find-knee",
        "--over",
        "rate",
        "--target",
        "named<=1ns",
        "--ramp",
        "1s",
    ]);
    let said = stdout(&output);
    assert!(
        said.contains("breaks with 1 machine a second already"),
        "{said}"
    );
    assert!(said.contains("first link: "), "{said}");
}
