//! Every scenario file, on virtual time.
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")
)]

use std::path::{Path, PathBuf};

use quorate_scenario::{Action, Link, Outcome, Story, What};
use quorate_sim::{Options, run};

/// What the world `host` says of each story.
const STORIES: [(&str, Option<Link>); 28] = [
    ("avalanche", None),
    ("containers-30", None),
    ("discovery-service-power-loss", Some(Link::Etcd)),
    ("five-members", None),
    ("frozen-machine", None),
    ("gradual-records", Some(Link::ClusterId)),
    ("late-discovery-service", None),
    ("late-static", None),
    ("link-down", None),
    ("mass-renewal", None),
    ("metal-faults", None),
    ("metal-install", None),
    ("metal-mixed", None),
    ("metal-uefi", None),
    ("old-etcd", None),
    ("one-machine", None),
    ("power-cycle", None),
    ("rack-300", None),
    ("rack-600", None),
    ("ramp", None),
    ("rolling-restart", None),
    ("staggered-power-on", None),
    ("staggered-racks", None),
    ("stampede-1000", None),
    ("stampede-5000", None),
    ("swarm-50", None),
    ("three-members", None),
    ("two-clusters", None),
];

/// Too many machines for a debug build; `cargo bench -p quorate-sim --bench simulator` shows
/// such stories.
const FOR_BENCHES: [&str; 3] = ["datacenter-100k", "datacenter-10k", "stampede-10000"];

/// What the world `host` reports first of gradual-records, with real etcd 3.5.16.
const SPLIT: &str = "the cluster split into 3: b214b580e6756e99 on n1 (saw n1); \
    97d11626a4215663 on n2 (saw n1 n2); 366158d82220db8a on n3 (saw n1 n2 n3, the right one)";

fn scenarios() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios")
}

fn story(name: &str) -> Story {
    Story::load(&scenarios().join(format!("{name}.toml"))).unwrap()
}

/// Runs a story with the etcd that it asks for.
fn outcome_of(story: &Story, seed: u64) -> Outcome {
    let version = story.etcd.version.as_deref().unwrap_or("3.5");
    let mut parts = version.split('.').map(|part| part.parse().unwrap());
    let etcd_version = (parts.next().unwrap(), parts.next().unwrap_or(0));
    let options = Options {
        etcd_version,
        seed,
        steps_max: None,
        swarm: None,
    };
    run(story, options).unwrap_or_else(|error| panic!("{}: {error}", story.title))
}

/// One line of JSON for each observation.
fn transcript(outcome: &Outcome) -> Vec<String> {
    outcome
        .observations
        .iter()
        .map(|observation| serde_json::to_string(observation).unwrap())
        .collect()
}

#[test]
fn every_scenario_ends_as_it_does_on_a_host() {
    for (name, broken) in STORIES {
        let seeds = match name {
            "rack-300" | "stampede-1000" => 1,
            // Minutes in a debug build.
            "rack-600" | "stampede-5000" => u64::from(!cfg!(debug_assertions)),
            _ => 5,
        };
        for seed in 0..seeds {
            let outcome = outcome_of(&story(name), seed);
            let findings = outcome.verdict.findings();
            assert_eq!(
                findings.first().map(|finding| finding.link),
                broken,
                "{name}, seed {seed}: {findings:#?}\n{}",
                transcript(&outcome).join("\n")
            );
        }
    }
}

#[test]
fn no_scenario_is_left_out() {
    let mut there: Vec<String> = std::fs::read_dir(scenarios())
        .unwrap()
        .filter_map(|entry| {
            entry
                .unwrap()
                .path()
                .file_stem()?
                .to_str()
                .map(str::to_owned)
        })
        .collect();
    there.sort();
    let mut here: Vec<&str> = STORIES.iter().map(|(name, _)| *name).collect();
    here.extend(FOR_BENCHES);
    here.sort_unstable();
    assert_eq!(there, here);
}

#[test]
fn a_split_is_reported_in_the_words_of_the_world_host() {
    for seed in 0..5 {
        let outcome = outcome_of(&story("gradual-records"), seed);
        let first = outcome.verdict.findings().first().unwrap();
        assert_eq!(first.what, SPLIT, "seed {seed}");
        let read: Vec<_> = outcome
            .observations
            .iter()
            .filter_map(|seen| {
                let What::SrvRead { records } = &seen.what else {
                    return None;
                };
                Some((seen.machine.clone()?, records.join(" ")))
            })
            .collect();
        let [one, two, three] = [1, 2, 3].map(|n| format!("n{n}.lab.test:2380"));
        let answers = [
            ("n1".to_owned(), one.clone()),
            ("n2".to_owned(), format!("{one} {two}")),
            ("n3".to_owned(), format!("{one} {two} {three}")),
        ];
        assert_eq!(read, answers, "seed {seed}");
    }
}

#[test]
fn an_outage_of_the_servers_and_a_fault_are_observed() {
    let outcome = outcome_of(&story("avalanche"), 7);
    let outage: Vec<_> = outcome
        .observations
        .iter()
        .filter(|seen| {
            matches!(
                seen.what,
                What::Did(Action::ServersStop | Action::ServersStart)
            )
        })
        .map(|seen| {
            (
                &seen.what,
                (seen.at - outcome.formed_at.unwrap()).as_millis(),
            )
        })
        .collect();
    assert_eq!(
        outage,
        [
            (&What::Did(Action::ServersStop), 500),
            (&What::Did(Action::ServersStart), 6_000)
        ]
    );
    let text = "title = \"mute\"\n[etcd]\nmembers = 1\n[[machines]]\nname = \"n1\"\nclass = \"etcd\"\n\
        [[faults]]\nwhat = \"mute\"\nwhom = [\"n1\"]\nfrom = \"100ms\"\nlasts = \"1s\"\n";
    let story = Story::parse("mute.toml", text).unwrap();
    let outcome = outcome_of(&story, 7);
    let begun: Vec<_> = outcome
        .observations
        .iter()
        .filter_map(|seen| {
            let What::FaultBegan { fault } = &seen.what else {
                return None;
            };
            Some((seen.at.as_nanos(), fault.clone()))
        })
        .collect();
    assert_eq!(begun, [(100_000_000, story.faults[0].clone())]);
}

#[test]
fn one_seed_is_one_run_to_the_byte() {
    for (name, _) in STORIES {
        let story = story(name);
        let (first, second) = (
            transcript(&outcome_of(&story, 7)),
            transcript(&outcome_of(&story, 7)),
        );
        for (one, two) in first.iter().zip(&second) {
            assert_eq!(one, two, "{name}: the first observation that differs");
        }
        assert_eq!(first.len(), second.len(), "{name}");
    }
}

#[test]
fn another_seed_is_another_run() {
    for (name, _) in STORIES {
        let story = story(name);
        assert_ne!(
            transcript(&outcome_of(&story, 1)),
            transcript(&outcome_of(&story, 2)),
            "{name}"
        );
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "one kind of observation is asked for"
)]
#[test]
fn a_power_cycled_member_is_the_same_member() {
    let outcome = outcome_of(&story("power-cycle"), 3);
    let ids: Vec<_> = outcome
        .observations
        .iter()
        .filter(|observation| observation.machine.as_deref() == Some("n2"))
        .filter_map(|observation| match &observation.what {
            What::Identified {
                cluster_id,
                member_id,
            } => Some((*cluster_id, *member_id)),
            _ => None,
        })
        .collect();
    assert_eq!(ids.len(), 2, "once in each life");
    assert_eq!(ids[0], ids[1]);
}

#[test]
fn a_budget_that_is_too_small_shows_what_was_going_on() {
    let options = Options {
        etcd_version: (3, 5),
        seed: 1,
        steps_max: Some(30),
        swarm: None,
    };
    let error = run(&story("three-members"), options)
        .unwrap_err()
        .to_string();
    assert!(error.contains("does not come to rest"), "{error}");
    assert!(error.contains("a frame under way arrives"), "{error}");
}

/// Machines without etcd: each has its lease, its name and its address, and the cluster forms
/// among them. The switch sends what they broadcast to the servers only.
#[test]
fn five_hundred_machines_come_up_beside_a_cluster() {
    let text = r#"
        title = "a rack of racks"
        [network]
        subnet = "10.64.0.0/16"
        [etcd]
        members = 3
        [[machines]]
        name = "n"
        count = 3
        class = "etcd"
        [[machines]]
        name = "p"
        count = 500
        class = "plain"
        spread = "3s"
    "#;
    let outcome = outcome_of(&Story::parse("rack", text).unwrap(), 1);
    assert_eq!(outcome.verdict.findings(), []);
    assert_eq!(outcome.evidence.leases.len(), 503);
}
