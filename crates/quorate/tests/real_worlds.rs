//! Scenarios with real etcd, as other people's tests run them.
#![expect(clippy::unwrap_used, reason = "these are tests")]

mod block_on;

use std::path::Path;
use std::process::ExitCode;
use std::task::Context;
use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::Arguments;
use quorate::{Group, Scenario, Verdict, World};
use quorate_needs::{Need, Test};

use block_on::block_on;

quorate::before_main!();

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // The runs of this process are counted.
    arguments.test_threads.get_or_insert(1);
    let etcd = Need::Etcd("3.5");
    let host = [Need::Host, etcd];
    let container = [Need::Host, etcd, Need::Docker];
    quorate_needs::run(
        &arguments,
        [
            Test::new("a_scenario_file_runs_with_real_etcd", &host, with_real_etcd),
            Test::new("containers_are_one_word_away", &container, in_a_container),
            Test::new("a_dropped_run_is_killed", &host, a_dropped_run_is_killed),
        ],
    )
}

fn with_real_etcd() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios/one-machine.toml");
    let outcome = Scenario::load(file).unwrap().run_blocking().unwrap();
    assert_eq!(outcome.verdict, Verdict::Pass);
    assert!(outcome.formed_at.is_some());
    assert_eq!(outcome.evidence.members[0].voters, ["solo"]);
    assert!(
        outcome
            .progress
            .iter()
            .all(|machine| machine.voters == Some(1))
    );
}

fn in_a_container() {
    let run = Scenario::builder("one machine, a container")
        .machines(Group::etcd("solo"))
        .world(World::Container)
        .run();
    let outcome = block_on(run).unwrap();
    assert_eq!(outcome.verdict, Verdict::Pass);
    assert_eq!(outcome.evidence.members[0].voters, ["solo"]);
}

/// The runs of this process that are alive.
fn runs() -> usize {
    let ours = format!("/proc/{}/task", std::process::id());
    let tasks = std::fs::read_dir(ours).unwrap();
    let children =
        tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("children")).ok());
    let children: Vec<String> = children
        .flat_map(|line| {
            line.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .collect();
    let is_run = |pid: &&String| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains("__inside")
    };
    children.iter().filter(is_run).count()
}

fn a_dropped_run_is_killed() {
    // No etcd can form it: it would go on for a minute.
    let scenario = Scenario::builder("forever")
        .machines(Group::etcd("n").count(3).every(Duration::from_secs(60)))
        .build()
        .unwrap();
    let began = Instant::now();
    {
        let mut run = Box::pin(scenario.run());
        let waker = std::task::Waker::noop();
        let mut context = Context::from_waker(waker);
        while runs() == 0 {
            assert!(run.as_mut().poll(&mut context).is_pending(), "it has ended");
            assert!(began.elapsed() < Duration::from_secs(60), "no run began");
            thread::yield_now();
        }
    }
    let end = Instant::now() + Duration::from_secs(10);
    while runs() > 0 {
        assert!(Instant::now() < end, "the run goes on");
        thread::yield_now();
    }
}
