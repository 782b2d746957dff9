use quorate_scenario::Verdict;
use quorate_scenario::evidence::Evidence;

use super::*;
use crate::fixture::{Run, at, story, story_text, used};

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
        value("report.json"),
        json::report(&run.story, &outcome, &used())
    );
    assert_eq!(value("report.json")["seed"], 7);
    assert_eq!(text("scenario.toml"), story_text(3));
    assert!(text("junit.xml").contains("<testsuites"));
    assert!(text("report.html").starts_with("<!DOCTYPE html>"));
    let report = text("report.txt");
    assert!(
        report.lines().last().unwrap().starts_with("PASS "),
        "{report}"
    );
}

#[test]
fn the_page_links_the_capture_and_the_logs_that_are_there() {
    let run = Run::well(1, 0);
    let dir = tempfile::tempdir().unwrap();
    let page = || {
        let outcome = run.outcome(Verdict::Pass);
        write(dir.path(), &run.story, &outcome, &used(), "").unwrap();
        fs::read_to_string(dir.path().join("report.html")).unwrap()
    };
    let links = ["href=\"capture.pcapng\"", "href=\"logs/\""];
    let without = page();
    assert!(links.iter().all(|link| !without.contains(link)));
    assert!(without.contains("href=\"report.txt\""));
    fs::write(dir.path().join("capture.pcapng"), "frames").unwrap();
    fs::create_dir(dir.path().join("logs")).unwrap();
    let with = page();
    assert!(links.iter().all(|link| with.contains(link)));
}

#[test]
fn a_place_that_cannot_be_written_is_an_error() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let run = Run::well(1, 0);
    let dir = file.path().join("below-a-file");
    assert!(write(&dir, &run.story, &run.outcome(Verdict::Pass), &used(), "").is_err());
}

#[test]
fn a_recording_makes_the_same_bytes_again() {
    let mut run = Run::well(3, 100);
    run.story = story(3);
    let finding = quorate_scenario::Finding {
        id: quorate_scenario::FindingId::Other,
        link: quorate_scenario::Link::Voter,
        machine: Some("n2".to_owned()),
        what: "is alone".to_owned(),
        cause: "nobody knows".to_owned(),
        fix: "ask".to_owned(),
        may_be_late: true,
        unsure: false,
        consequences: Vec::new(),
    };
    let why = "starved".to_owned();
    let findings = vec![finding];
    for verdict in [Verdict::Pass, Verdict::Inconclusive { why, findings }] {
        let outcome = run.outcome(verdict.clone());
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        write(dir, &run.story, &outcome, &used(), &story_text(3)).unwrap();
        let made = ["report.html", "report.txt", "report.json", "junit.xml"];
        let read = || made.map(|name| fs::read_to_string(dir.join(name)).unwrap());
        let first = read();
        for name in made {
            fs::remove_file(dir.join(name)).unwrap();
        }
        let recorded = crate::recording::read(dir).unwrap();
        assert_eq!(recorded.outcome.verdict, verdict);
        assert_eq!(recorded.text, story_text(3));
        reports(dir, &recorded.story, &recorded.outcome, &recorded.artifacts).unwrap();
        for (before, after) in first.iter().zip(read()) {
            assert_eq!(*before, after);
        }
    }
}

#[test]
fn a_recording_that_is_not_whole_says_what_is_missing() {
    let run = Run::well(1, 0);
    let outcome = run.outcome(Verdict::Pass);
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let said = || crate::recording::read(dir).unwrap_err().to_string();
    assert!(said().contains("scenario.toml"), "{}", said());
    write(dir, &run.story, &outcome, &used(), &story_text(1)).unwrap();
    fs::write(dir.join("events.jsonl"), "{}\n").unwrap();
    assert!(said().contains("events.jsonl: line 1"), "{}", said());
    let recording = fs::read_to_string(dir.join("recording.json")).unwrap();
    let newer = recording.replace("\"recording\": 1", "\"recording\": 2");
    assert_ne!(newer, recording);
    fs::write(dir.join("recording.json"), newer).unwrap();
    assert!(said().contains("this program reads 1"), "{}", said());
}
