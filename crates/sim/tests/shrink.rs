//! Failing runs made small, and what a scenario says of single faults.
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")
)]

use quorate_scenario::fault::FaultKind;
use quorate_scenario::{Link, Outcome, Story, What};
use quorate_sim::shrink::{Kind, ShrinkError, Shrunk, cargo_test, repeats, shrink};
use quorate_sim::{Options, Swarm, record, run};

const VERSION: (u32, u32) = (3, 5);

fn crowd(gate: bool) -> Story {
    let text = format!(
        "title = \"a crowd\"\n[etcd]\nclusters = 2\nmembers = 3\ngate = {gate}\n\
         [expect]\nformed_within = \"2m\"\n\
         [[machines]]\nname = \"n\"\ncount = 6\nclass = \"etcd\"\nspread = \"2s\"\n\
         [[machines]]\nname = \"p\"\ncount = 4\nclass = \"plain\"\nspread = \"2s\"\n"
    );
    Story::parse("crowd", &text).unwrap()
}

fn options_with_faults(story: &Story, seed: u64) -> Options {
    Options {
        swarm: Some(Swarm::draw(seed, story)),
        ..Options::calm(VERSION, seed)
    }
}

fn size(shrunk: &Shrunk) -> (usize, usize) {
    let faults = shrunk.draft.faults.len() + shrunk.draft.decisions.len();
    (shrunk.draft.machines().count(), faults)
}

#[test]
fn splits_among_many_become_splits_among_few() {
    let story = crowd(false);
    let mut found = 0;
    for seed in 0..10 {
        let options = options_with_faults(&story, seed);
        let recording = record(&story, options.clone()).unwrap();
        let first = recording.outcome.verdict.findings().first().cloned();
        let Some(first) = first.filter(|first| first.link == Link::ClusterId) else {
            continue;
        };
        // From the scenario and its seed, and from the log, in turns.
        let decisions = (seed % 2 == 0).then_some(recording.decisions.as_slice());
        let shrunk = shrink(&story, &options, decisions, &mut |_| true).unwrap();
        let (machines, faults) = size(&shrunk);
        assert!(
            machines <= 5 && faults <= 3,
            "seed {seed}:\n{}",
            shrunk.draft
        );
        assert_eq!(
            repeats(&shrunk, &options, 1..=10),
            10,
            "seed {seed}:\n{}",
            shrunk.draft
        );
        let small = Story::parse("small", &shrunk.draft.to_string()).unwrap();
        assert_eq!(Kind::of(&shrunk.finding, &small), Kind::of(&first, &story));
        found += 1;
        if found == 3 {
            return;
        }
    }
    panic!("only {found} splits were found");
}

/// Of five faults two together make the story fail: a disk that lies, and a crash that shows it.
#[test]
fn the_faults_that_matter_are_left() {
    let text = "title = \"a disk that lies\"\n[etcd]\nmembers = 3\n\
        [[machines]]\nname = \"n\"\ncount = 3\nclass = \"etcd\"\n\
        [[machines]]\nname = \"p\"\ncount = 2\nclass = \"plain\"\nspread = \"1s\"\n\
        [[faults]]\nwhat = \"loss\"\nwhom = [\"p1\"]\nlasts = \"5s\"\namount = \"10%\"\n\
        [[faults]]\nwhat = \"disk-lies\"\nwhom = \"servers\"\nlasts = \"50s\"\namount = \"100%\"\n\
        [[faults]]\nwhat = \"delay\"\nwhom = \"servers\"\nlasts = \"5s\"\namount = \"900us\"\n\
        [[faults]]\nwhat = \"dead-rtc\"\nwhom = [\"n1\"]\nlasts = \"5s\"\n\
        [[faults]]\nwhat = \"crash\"\nwhom = \"servers\"\nfrom = \"9s\"\nlasts = \"2s\"\n\
        [[steps]]\nat = \"12s\"\ndo = \"link-down\"\nmachine = \"p1\"\n";
    let story = Story::parse("lies", text).unwrap();
    let options = Options::calm(VERSION, 1);
    let shrunk = shrink(&story, &options, None, &mut |_| true).unwrap();
    let mut kinds: Vec<FaultKind> = shrunk.draft.faults.iter().map(|f| f.what).collect();
    kinds.sort();
    assert_eq!(
        kinds,
        [FaultKind::Crash, FaultKind::DiskLies],
        "{}",
        shrunk.draft
    );
    assert_eq!(size(&shrunk), (1, 2), "{}", shrunk.draft);
    assert!(shrunk.draft.steps.is_empty(), "{}", shrunk.draft);
    assert_eq!(repeats(&shrunk, &options, 1..=10), 10);
}

#[test]
fn what_does_not_fail_is_not_shrunk() {
    let story = crowd(true);
    let error = shrink(&story, &Options::calm(VERSION, 1), None, &mut |_| true).unwrap_err();
    assert!(matches!(error, ShrinkError::AllIsWell), "{error}");
}

#[test]
fn a_search_without_time_keeps_what_it_has() {
    let story = crowd(false);
    let options = options_with_faults(&story, 1);
    let mut runs = 0;
    let shrunk = shrink(&story, &options, None, &mut |_| {
        runs += 1;
        runs <= 2
    });
    match shrunk {
        Ok(shrunk) => assert!(shrunk.is_cut_short),
        Err(error) => assert!(matches!(error, ShrinkError::NotRepeated), "{error}"),
    }
}

/// When this machine had its lease.
fn leased_at(outcome: &Outcome, name: &str) -> f64 {
    let leased = outcome.observations.iter().find(|observation| {
        observation.machine.as_deref() == Some(name)
            && matches!(observation.what, What::Leased { .. })
    });
    leased.unwrap().at.as_nanos() as f64 / 1e9
}

#[test]
fn a_scenario_can_lose_one_message() {
    let text = "title = \"one\"\n[etcd]\n[[machines]]\nname = \"n\"\ncount = 2\nclass = \"etcd\"\n";
    let with = |fault: &str| {
        let story = Story::parse("one", &format!("{text}[[faults]]\n{fault}\n")).unwrap();
        run(&story, Options::calm(VERSION, 1)).unwrap()
    };
    let lost = with("lose = \"DHCP DISCOVER\"\nmachine = \"n2\"");
    assert!(leased_at(&lost, "n1") < 0.1, "{}", leased_at(&lost, "n1"));
    assert!(leased_at(&lost, "n2") > 0.7, "{}", leased_at(&lost, "n2"));
    let late = with("delay = \"DHCP OFFER\"\nby = \"500ms\"\nmachine = \"n1\"");
    assert!(leased_at(&late, "n1") > 0.5, "{}", leased_at(&late, "n1"));
    let slow = with("time = \"etcd has started\"\ntakes = \"3s\"\nmachine = \"n1\"");
    assert!(
        slow.formed_at.unwrap() - quorate_core::Instant::ZERO > std::time::Duration::from_secs(3)
    );
    let never = with("lose = \"DHCP NAK\"\nmachine = \"n2\"");
    let note = never.observations.last().unwrap();
    let What::Note { text } = &note.what else {
        panic!("{note:?}");
    };
    assert_eq!(
        text,
        "there was no occasion for a fault: n2: DHCP NAK, number 1"
    );
}

/// `shrunk_split.toml` and `shrunk_split.rs` are what shrink wrote. The test in there fails, as
/// it should, and its suite says so; but for that line it is as it was written.
#[test]
fn the_written_test_is_the_one_in_the_suite() {
    let text = include_str!("shrunk_split.toml");
    let story = Story::parse("shrunk_split.toml", text).unwrap();
    let outcome = run(&story, Options::calm(VERSION, 1)).unwrap();
    let first = outcome.verdict.findings().first().unwrap();
    assert!(text.starts_with(&format!("# {}: {}\n", first.link, first.what)));
    let written = cargo_test("shrunk_split.toml", VERSION, first);
    let known = "#[test]\n#[should_panic(expected = \"link: ClusterId\")]\n";
    let in_suite = include_str!("shrunk_split.rs");
    assert_eq!(in_suite, written.replace("#[test]\n", known));
}
