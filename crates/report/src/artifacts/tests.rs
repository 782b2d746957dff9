use quorate_scenario::Verdict;
use quorate_scenario::evidence::Evidence;

use super::*;
use crate::fixture::{Run, at, story_text};

fn used() -> Artifacts {
    Artifacts {
        dir: None,
        seed: 7,
        etcd: "3.5.16 (given)".to_owned(),
    }
}

#[test]
fn a_directory_has_the_whole_run() {
    let mut run = Run::well(3, 0);
    run.observations.push(Observation {
        at: at(2_400),
        machine: None,
        what: What::ZoneChanged {
            zone: "lab.test.".to_owned(),
            serial: 2,
            added: vec!["n1.lab.test. 60 IN A 10.77.0.10".to_owned()],
            removed: Vec::new(),
        },
    });
    let outcome = run.outcome(Verdict::Pass);
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("not/there/yet");
    write(&dir, &run.story, &outcome, &used(), &story_text(3)).unwrap();

    let text = |name: &str| fs::read_to_string(dir.join(name)).unwrap();
    let observations = |name: &str| -> Vec<Observation> {
        let lines = text(name);
        lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    };
    assert_eq!(observations("events.jsonl"), run.observations);
    assert_eq!(
        observations("zone-history.jsonl"),
        run.observations[run.observations.len() - 1..]
    );
    let evidence: Evidence = serde_json::from_str(&text("evidence.json")).unwrap();
    assert_eq!(evidence, run.evidence);
    let value = |name: &str| serde_json::from_str::<serde_json::Value>(&text(name)).unwrap();
    assert_eq!(value("leases.json"), json!(run.evidence.leases));
    assert_eq!(value("names.json"), json!(run.evidence.names));
    assert_eq!(
        value("verdict.json"),
        json::report(&run.story, &outcome, &used())
    );
    assert_eq!(value("verdict.json")["seed"], 7);
    assert_eq!(text("scenario.toml"), story_text(3));
    let report = text("report.txt");
    assert!(
        report.lines().last().unwrap().starts_with("PASS "),
        "{report}"
    );
}

#[test]
fn a_place_that_cannot_be_written_is_an_error() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let run = Run::well(1, 0);
    let dir = file.path().join("below-a-file");
    assert!(write(&dir, &run.story, &run.outcome(Verdict::Pass), &used(), "").is_err());
}
