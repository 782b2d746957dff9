//! `quorate check`

use crate::program::{file, quorate, scenario, stderr, stdout};

const FAULTS: &str = "title = \"a\"\n[etcd]\n[[machines]]\nname = \"n\"\nclass = \"etcd\"\n\
    [[faults]]\nlose = \"DHCP OFFER\"\nmachine = \"n\"\n";

/// What `check --world` says is what `run --world` refuses, at the same place.
#[test]
fn check_and_run_refuse_alike() {
    let (_dir, path) = file("faults.toml", FAULTS);
    let run = quorate(&["run", &path, "--world", "host"]);
    let check = quorate(&["check", &path, "--world", "host"]);
    assert_eq!(run.status.code(), Some(3), "{}", stderr(&run));
    assert_eq!(check.status.code(), Some(2), "{}", stderr(&check));
    assert_eq!(stderr(&run), stderr(&check));
    assert!(
        stderr(&check).contains("faults.toml:"),
        "{}",
        stderr(&check)
    );
}

#[test]
fn what_a_world_supports_is_checked_without_a_word() {
    let (_dir, path) = file("faults.toml", FAULTS);
    for world in [&[][..], &["--world", "sim"]] {
        let output = quorate(&[&["check", path.as_str()], world].concat());
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        assert_eq!(stderr(&output), "");
    }
}

#[test]
fn every_error_of_every_file_is_shown() {
    let broken = "title = \"t\"\n[etcd]\nmembers = 2\n[network]\nsubnet = \"10.77.0.0/33\"\n\
        [[machines]]\nname = \"7\"\nclass = \"etcd\"\n";
    let (_first, one) = file("one.toml", broken);
    let (_second, two) = file("two.toml", "title = 5\n");
    let good = scenario("three-members");
    let output = quorate(&["check", &one, "nowhere.toml", &good, &two]);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    for part in ["one.toml:5", "one.toml:7", "nowhere.toml", "two.toml:1"] {
        assert!(said.contains(part), "{part} is not in\n{said}");
    }
    assert!(stdout(&output).contains("three-members.toml"));
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
fn the_json_has_the_place_of_the_problem() {
    let (_dir, path) = file("broken.toml", BROKEN);
    let output = quorate(&["check", "--format", "json", &path]);
    assert_eq!(output.status.code(), Some(2));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let problem = &json[0]["problems"][0];
    assert_eq!(json[0]["ok"], false);
    assert_eq!(problem["offset"], BROKEN.find("2\n").unwrap());
    assert_eq!(problem["length"], 1);
}
