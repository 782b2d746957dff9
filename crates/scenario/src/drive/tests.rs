//! The order in which the steps of a story run, against a world that only takes notes.

use quorate_etcd::{ClusterId, MemberId, member_id};

use super::*;
use crate::observation::What;

/// Time jumps to what is waited for; members are healthy `boot` after power-on.
struct Notes {
    now: Instant,
    predicted: ClusterId,
    members: Vec<MemberId>,
    done: Vec<(Instant, Action, String)>,
    written: Vec<Instant>,
    pending: VecDeque<Observation>,
    names: Vec<String>,
    healthy: bool,
    /// How often it is asked who leads before there is one: the second machine.
    leaderless: u32,
    /// Nothing that it is asked at the end is answered in time.
    is_late: bool,
    starved: Option<String>,
}

impl Notes {
    fn new(story: &Story, expected: &Expected, healthy: bool) -> Self {
        Self {
            now: Instant::ZERO,
            predicted: expected.clusters[0].cluster_id,
            members: expected.clusters[0]
                .peers
                .iter()
                .map(|(_, url)| member_id(&[url], &expected.clusters[0].token))
                .collect(),
            done: Vec::new(),
            written: Vec::new(),
            pending: VecDeque::new(),
            names: story
                .machines
                .iter()
                .map(|machine| machine.name.clone())
                .collect(),
            healthy,
            leaderless: 2,
            is_late: false,
            starved: None,
        }
    }

    /// What was done: seconds, action, machine.
    fn done(&self) -> Vec<String> {
        let done = self.done.iter().map(|(at, action, name)| {
            let secs = at.as_nanos() as f64 / 1e9;
            format!("{secs:.1} {action:?} {name}")
        });
        done.collect()
    }
}

impl World for Notes {
    fn now(&self) -> Instant {
        self.now
    }

    fn deploy(&mut self) -> Result<(), WorldError> {
        Ok(())
    }

    fn apply(&mut self, action: Action, machine: Option<usize>) -> Result<(), WorldError> {
        let index = machine.expect("no story of these tests stops the servers");
        let name = self.names[index].clone();
        self.done.push((self.now, action, name.clone()));
        let boot = Duration::from_millis(100);
        let healthy = What::Healthy {
            cluster_id: self.predicted,
            member_id: self.members[index],
            voters: 2,
        };
        let leased = What::Leased {
            addr: [10, 77, 0, 10 + index as u8].into(),
            hostname: Some(name.clone()),
            lease_secs: 3600,
            renewed: false,
        };
        let named = What::ReversePublished {
            addr: [10, 77, 0, 10 + index as u8].into(),
        };
        let after = if action == Action::PowerOn {
            vec![leased, named, healthy]
        } else if action == Action::Reset {
            vec![leased, healthy]
        } else {
            Vec::new()
        };
        let said = after.into_iter().map(|what| (self.now + boot, what));
        for (at, what) in [(self.now, What::Did(action))].into_iter().chain(said) {
            if self.healthy || !matches!(what, What::Healthy { .. }) {
                self.pending.push_back(Observation {
                    at,
                    machine: Some(name.clone()),
                    what,
                });
            }
        }
        Ok(())
    }

    fn leader(&mut self, _cluster: usize) -> Result<Option<usize>, WorldError> {
        let answer = (self.leaderless == 0).then_some(1);
        self.leaderless = self.leaderless.saturating_sub(1);
        Ok(answer)
    }

    fn observe(&mut self, until: Instant) -> Result<Vec<Observation>, WorldError> {
        match self.pending.pop_front() {
            Some(observation) => {
                self.now = self.now.max(observation.at);
                Ok(vec![observation])
            }
            None => {
                self.now = until;
                Ok(Vec::new())
            }
        }
    }

    fn write(&mut self) -> Result<(), WorldError> {
        self.written.push(self.now);
        Ok(())
    }

    fn collect(&mut self) -> Result<Evidence, WorldError> {
        match self.is_late {
            true => Err(WorldError::Late("the leases".to_owned())),
            false => Ok(Evidence::default()),
        }
    }

    fn starved(&self) -> Option<String> {
        self.starved.clone()
    }
}

fn run(text: &str, healthy: bool) -> (Notes, Outcome) {
    run_with(text, healthy, 2)
}

fn run_with(text: &str, healthy: bool, leaderless: u32) -> (Notes, Outcome) {
    let story = Story::parse("story.toml", text).unwrap();
    let expected = Expected::new(&story, 3, 5);
    let mut world = Notes::new(&story, &expected, healthy);
    world.leaderless = leaderless;
    let outcome = run_to(&mut world, &story, &expected).unwrap();
    (world, outcome)
}

fn run_to(world: &mut Notes, story: &Story, expected: &Expected) -> Result<Outcome, WorldError> {
    drive(world, story, expected, Seed::new(1), |_, _| {})
}

const STORY: &str = r#"
title = "Two"
[etcd]
[[machines]]
name = "n"
count = 2
class = "etcd"
every = "3s"
[[steps]]
after_formed = "1s"
do = "power-off"
machine = "n1"
[[steps]]
after_formed = "2s"
do = "power-on"
machine = "n1"
"#;

#[test]
fn steps_after_formation_wait_for_it() {
    let (world, outcome) = run(STORY, true);
    assert_eq!(
        world.done(),
        [
            "0.0 PowerOn n1",
            "3.0 PowerOn n2",
            "4.1 PowerOff n1",
            "5.1 PowerOn n1"
        ]
    );
    assert_eq!(outcome.formed_at, Some(Instant::from_nanos(3_100_000_000)));
    // It is asked three times who leads, after n1 was away.
    assert_eq!(outcome.ended_at, Instant::from_nanos(5_600_000_000));
}

const STORY_OF_LEADERS: &str = r#"
title = "Two"
[etcd]
[[machines]]
name = "n"
count = 2
class = "etcd"
[[steps]]
after_formed = "1s"
do = "reset"
leader_of = "c1"
[[steps]]
after_formed = "1s"
formation = 2
do = "disk-slow"
leader_of = "c1"
iops = 2
"#;

#[test]
fn a_step_waits_for_a_leader_and_for_the_formation_that_it_counts_from() {
    let (world, outcome) = run(STORY_OF_LEADERS, true);
    // Formed at 0.1; asked for a leader at 1.1, 1.3 and 1.5; formed again at 1.6.
    assert_eq!(
        world.done(),
        [
            "0.0 PowerOn n1",
            "0.0 PowerOn n2",
            "1.5 Reset n2",
            "2.6 DiskSlow { iops: 2 } n2"
        ]
    );
    let undone = |outcome: &Outcome| {
        let findings = outcome.verdict.findings().iter();
        findings
            .filter(|finding| finding.what.contains("never done"))
            .count()
    };
    assert_eq!(undone(&outcome), 0);
    let first = STORY_OF_LEADERS.rfind("[[steps]]").unwrap();
    let at_start = STORY_OF_LEADERS[..first].replace("after_formed", "at");
    let (_, outcome) = run_with(&at_start, false, u32::MAX);
    assert_eq!(undone(&outcome), 1);
}

#[test]
fn what_is_to_be_kept_is_written_once_before_the_steps() {
    let (world, _) = run(STORY, true);
    assert_eq!(world.written, []);
    let story = format!("{STORY}[expect]\ndata_kept = true\n");
    let (world, outcome) = run(&story, true);
    assert_eq!(world.written, [Instant::from_nanos(3_100_000_000)]);
    assert_eq!(Some(world.written[0]), outcome.formed_at);
    let (world, _) = run(&story, false);
    assert_eq!(world.written, []);
}

#[test]
fn a_cluster_that_does_not_form_ends_at_the_deadline() {
    let (_, outcome) = run(STORY, false);
    assert_eq!(outcome.formed_at, None);
    assert_eq!(outcome.ended_at, Instant::from_nanos(33_000_000_000));
    assert_eq!(outcome.verdict.exit_code(), 1);
}

/// The outcome of a world whose servers do not answer at the end.
fn run_late(starved: Option<&str>, change: impl FnOnce(&mut Notes)) -> Result<Outcome, WorldError> {
    let story = Story::parse("story.toml", STORY).unwrap();
    let expected = Expected::new(&story, 3, 5);
    let mut world = Notes::new(&story, &expected, true);
    world.is_late = true;
    world.starved = starved.map(str::to_owned);
    change(&mut world);
    run_to(&mut world, &story, &expected)
}

#[test]
fn a_late_world_is_inconclusive_where_the_host_was_starved() {
    let outcome = run_late(Some("a thread woke up late"), |_| {}).unwrap();
    let Verdict::Inconclusive { why, findings } = outcome.verdict else {
        panic!("{:?}", outcome.verdict);
    };
    assert_eq!(why, "a thread woke up late");
    let found: Vec<_> = findings.iter().map(|finding| &finding.what).collect();
    assert_eq!(
        found,
        ["the leases"],
        "nothing is known of leases and names"
    );
    assert_eq!(outcome.formed_at, Some(Instant::from_nanos(3_100_000_000)));

    let error = run_late(None, |_| {}).unwrap_err();
    assert!(matches!(error, WorldError::Late(_)), "{error}");
}

#[test]
fn a_split_is_one_on_a_starved_host_that_is_late() {
    let wrong = |world: &mut Notes| world.predicted = ClusterId(7);
    let outcome = run_late(Some("a thread woke up late"), wrong).unwrap();
    assert_eq!(outcome.verdict.exit_code(), 1);
    let first = &outcome.verdict.findings()[0];
    assert_eq!(first.link, Link::ClusterId, "{first:?}");
}

#[test]
fn a_limit_holds_whatever_else_is_well() {
    let story = STORY.replace("every = \"3s\"", "");
    let story = &story[..story.find("[[steps]]").unwrap()];
    let (_, outcome) = run(
        &format!("{story}[expect]\nformed_within = \"50ms\"\n"),
        true,
    );
    assert_eq!(outcome.formed_at, None);
    assert_eq!(outcome.verdict.exit_code(), 1, "{:?}", outcome.verdict);
}

#[test]
fn a_cluster_that_has_lost_its_quorum_is_not_waited_for() {
    let (_, outcome) = run(&STORY.replace("power-on\"", "power-off\""), true);
    // Formed at 3.1; off at 4.1 and, as it is off already, at 5.1.
    assert!(
        outcome.ended_at <= Instant::from_nanos(6_200_000_000),
        "{:?}",
        outcome.ended_at
    );
    assert_eq!(outcome.verdict.exit_code(), 1);
}
