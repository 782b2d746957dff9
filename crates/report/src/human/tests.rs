use quorate_etcd::{ClusterId, MemberId};
use quorate_scenario::drive::Expected;
use quorate_scenario::evidence::{Evidence, Member};
use quorate_scenario::lane::Lanes;
use quorate_scenario::{Observation, What};

use super::*;

const STORY: &str =
    "title = \"three machines\"\n[etcd]\n[[machines]]\nname = \"n\"\ncount = 3\nclass = \"etcd\"\n";

fn at(ms: u64) -> Instant {
    Instant::from_nanos(ms * 1_000_000)
}

/// Three machines that reach each link one after the other; `n3` only as far as `last`.
fn outcome(story: &Story, last: Link, verdict: Verdict) -> Outcome {
    let cluster_id = Expected::new(story, 3, 5).cluster_id;
    let member_id = MemberId(1);
    let mut lanes = Lanes::new(story);
    let mut observations = Vec::new();
    let addr = [10, 77, 0, 10].into();
    let members: Vec<String> = story
        .machines
        .iter()
        .map(|machine| machine.name.clone())
        .collect();
    for (index, name) in members.iter().enumerate() {
        let steps = [
            (Link::Power, 0, What::PoweredOn),
            (
                Link::Discover,
                4,
                What::DhcpSent {
                    message: "DISCOVER".to_owned(),
                    attempt: 1,
                },
            ),
            (
                Link::Ack,
                6,
                What::Leased {
                    addr,
                    hostname: None,
                    lease_secs: 60,
                    renewed: false,
                },
            ),
            (Link::Name, 9, What::ReversePublished { addr }),
            (Link::Seed, 12, What::Seeded),
            (
                Link::Srv,
                30,
                What::SrvPublished {
                    members: vec![name.clone()],
                },
            ),
            (Link::Etcd, 13, What::ServiceStarted { attempt: 1 }),
            (
                Link::ClusterId,
                1000,
                What::Identified {
                    cluster_id,
                    member_id,
                },
            ),
            (
                Link::Voter,
                2000,
                What::Healthy {
                    cluster_id,
                    member_id,
                    voters: 3,
                },
            ),
        ];
        for (link, ms, what) in steps {
            if index < 2 || link <= last {
                let machine = Some(name.clone());
                observations.push(Observation {
                    at: at(ms + 10 * index as u64),
                    machine,
                    what,
                });
            }
        }
    }
    for observation in &observations {
        lanes.take(observation);
    }
    let voters = members.clone();
    let member = |machine: &String| Member {
        machine: machine.clone(),
        cluster_id,
        member_id,
        voters: voters.clone(),
    };
    Outcome {
        verdict,
        evidence: Evidence {
            members: members.iter().map(member).collect(),
            ..Evidence::default()
        },
        observations,
        lanes,
        formed_at: Some(at(2020)),
        ended_at: at(2100),
    }
}

fn artifacts() -> Artifacts {
    Artifacts {
        dir: None,
        seed: 1,
        etcd: "3.5.16 (cache, from debian)".to_owned(),
    }
}

fn finding(link: Link, machine: &str, what: &str) -> Finding {
    Finding {
        link,
        machine: Some(machine.to_owned()),
        what: what.to_owned(),
        cause: "the reason".to_owned(),
        fix: "the remedy".to_owned(),
    }
}

#[test]
fn a_pass_ends_with_the_line_that_says_so() {
    let story = Story::parse("story.toml", STORY).unwrap();
    let outcome = outcome(&story, Link::Voter, Verdict::Pass);
    insta::assert_snapshot!(report(&story, &outcome, &artifacts(), Style::PLAIN), @"
       0 to 2.1 s                      discover     ack    name    seed     srv    etcd cluster   voter  ms
    n1 eeeeeeeeeeeeeeecccccccccccccccVV     4.0     6.0     9.0      12      30      13    1000    2000
    n2 eeeeeeeeeeeeeeecccccccccccccccVV     4.0     6.0     9.0      12      30      13    1000    2000
    n3 eeeeeeeeeeeeeeecccccccccccccccVV     4.0     6.0     9.0      12      30      13    1000    2000
                                 median     4.0     6.0     9.0      12      30      13    1000    2000
    d asking  a leased  n named  s seeded  e etcd runs  c in a cluster  V voter

    first etcd exec  0.013 s
    etcd             3.5.16 (cache, from debian)
    seed             1
    artifacts        none kept; --report DIR keeps them
    PASS three machines: 3 members, cluster 366158d82220db8a, formed in 2.020 s
    ");
}

#[test]
fn a_failure_begins_with_what_where_why_and_the_remedy() {
    let story = Story::parse("story.toml", STORY).unwrap();
    let findings = vec![
        finding(
            Link::Etcd,
            "n3",
            "etcd was started 9 times and never bootstrapped",
        ),
        finding(Link::Writes, "n1", "a value was not read"),
    ];
    let outcome = outcome(&story, Link::Etcd, Verdict::Fail { findings });
    let style = Style {
        width: 80,
        ..Style::PLAIN
    };
    insta::assert_snapshot!(report(&story, &outcome, &artifacts(), style), @"
    FAIL etcd n3: etcd was started 9 times and never bootstrapped
      cause: the reason
      fix:   the remedy
      also writes n1: a value was not read (the reason)

       0 to 2.1 s  discover     ack    name    seed     srv    etcd cluster   voter  ms
    n1 eeeeeccccccV     4.0     6.0     9.0      12      30      13    1000    2000
    n2 eeeeeccccccV     4.0     6.0     9.0      12      30      13    1000    2000
    n3 eeeeeeeeeeee     4.0     6.0     9.0      12      30      13       -       -
             median     4.0     6.0     9.0      12      30      13    1000    2000
    d asking  a leased  n named  s seeded  e etcd runs  c in a cluster  V voter

    first etcd exec  0.013 s
    etcd             3.5.16 (cache, from debian)
    seed             1
    artifacts        none kept; --report DIR keeps them
    ");
}

#[test]
fn a_starved_host_is_named_before_anything_else() {
    let story = Story::parse("story.toml", STORY).unwrap();
    let findings = vec![finding(Link::Quorum, "n2", "knows no leader")];
    let why = "the switch lost 3 frames".to_owned();
    let outcome = outcome(&story, Link::Voter, Verdict::Inconclusive { why, findings });
    let text = verdict(&story, &outcome, Style::PLAIN);
    assert!(
        text.starts_with("INCONCLUSIVE this host was starved: the switch lost 3 frames\n"),
        "{text}"
    );
    assert!(text.contains("found quorum n2: knows no leader"), "{text}");
}

#[test]
fn colour_is_only_added() {
    let story = Story::parse("story.toml", STORY).unwrap();
    let outcome = outcome(&story, Link::Voter, Verdict::Pass);
    let plain = verdict(&story, &outcome, Style::PLAIN);
    let colour = verdict(
        &story,
        &outcome,
        Style {
            colour: true,
            ..Style::PLAIN
        },
    );
    assert_eq!(
        colour.replace("\x1b[1;32m", "").replace("\x1b[0m", ""),
        plain
    );
    assert_ne!(colour, plain);
}

#[test]
fn of_many_machines_the_slowest_are_shown() {
    let text = STORY.replace("count = 3", "count = 40");
    let story = Story::parse("story.toml", &text).unwrap();
    let mut outcome = outcome(&story, Link::Voter, Verdict::Pass);
    let stuck = Lanes::new(&story);
    outcome.lanes = stuck;
    let text = report(&story, &outcome, &artifacts(), Style::PLAIN);
    assert!(text.contains("and 30 faster machines"), "{text}");
}

#[test]
fn programs_get_every_number() {
    let story = Story::parse("story.toml", STORY).unwrap();
    let outcome = outcome(&story, Link::Voter, Verdict::Pass);
    let told = crate::json::report(&story, &outcome, &artifacts());
    assert_eq!(told["verdict"], "pass");
    assert_eq!(told["lanes"][1]["reached_ns"]["voter"], 2_010_000_000u64);
    assert_eq!(
        told["cluster_id"],
        ClusterId(0x3661_58d8_2220_db8a).to_string()
    );
}
