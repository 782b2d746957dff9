//! Scenarios in tests of the standard harness, as other people's tests are.
#![expect(clippy::unwrap_used, reason = "these are tests")]

use std::path::Path;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use quorate::{Group, Outcome, RunError, Scenario, Step, Verdict, World};

quorate::before_main!();

fn scenario(name: &str) -> Scenario {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios");
    Scenario::load(dir.join(name)).unwrap()
}

/// The outcome in the world `host`; `None` where that cannot run, with the reason printed.
#[expect(clippy::print_stderr, reason = "a test that did not run says so")]
fn on_host(told: Result<Outcome, RunError>) -> Option<Outcome> {
    match told {
        Ok(outcome) => Some(outcome),
        Err(RunError::CannotRun(why)) if why.contains("the world `host` cannot run here") => {
            eprintln!("not run: {why}");
            None
        }
        Err(RunError::Etcd(why)) => {
            eprintln!("not run: no etcd: {why}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// The same for the world `container`.
#[expect(clippy::print_stderr, reason = "a test that did not run says so")]
fn on_engine(told: Result<Outcome, RunError>) -> Option<Outcome> {
    match told {
        Ok(outcome) => Some(outcome),
        Err(RunError::CannotRun(why))
            if why.contains("the world `container` cannot run here")
                || why.contains("no Docker engine answers") =>
        {
            eprintln!("not run: {why}");
            None
        }
        Err(RunError::Etcd(why)) => {
            eprintln!("not run: no etcd: {why}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// Held by whoever has a run in the world `host`.
static HOST: Mutex<()> = Mutex::new(());

/// Runs a future on this thread, which sleeps until it is woken.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Arc::new(Unpark(thread::current())).into();
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(done) = future.as_mut().poll(&mut context) {
            return done;
        }
        thread::park();
    }
}

#[test]
fn a_scenario_file_runs_with_real_etcd_in_a_plain_test() {
    let _alone = HOST.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(outcome) = on_host(scenario("one-machine.toml").run_blocking()) else {
        return;
    };
    assert_eq!(outcome.verdict, Verdict::Pass);
    assert!(outcome.formed_at.is_some());
    assert_eq!(outcome.evidence.members[0].voters, ["solo"]);
    assert!(outcome.progress.iter().all(|lane| lane.voters == Some(1)));
}

#[test]
fn containers_are_one_word_away() {
    let _alone = HOST.lock().unwrap_or_else(PoisonError::into_inner);
    let run = Scenario::builder("one machine, a container")
        .machines(Group::etcd("solo"))
        .world(World::Container)
        .run();
    let Some(outcome) = on_engine(block_on(run)) else {
        return;
    };
    assert_eq!(outcome.verdict, Verdict::Pass);
    assert_eq!(outcome.evidence.members[0].voters, ["solo"]);
}

#[test]
fn a_built_scenario_is_awaited() {
    let run = Scenario::builder("two and a latecomer")
        .machines(Group::etcd("n").count(3).every(Duration::from_millis(300)))
        .formed_within(Duration::from_secs(20))
        .world(World::Sim)
        .run();
    assert_eq!(block_on(run).unwrap().verdict, Verdict::Pass);
}

#[test]
fn a_story_that_fails_is_an_outcome() {
    let scenario = scenario("gradual-records.toml").world(World::Sim);
    let outcome = scenario.run_blocking().unwrap();
    let first = &outcome.verdict.findings()[0];
    assert!(first.what.contains("the cluster split into 3"), "{first:?}");
}

#[test]
fn what_is_built_wrong_says_what_to_write() {
    let error = Scenario::builder("none")
        .machines(Group::etcd("7"))
        .step(Step::at(Duration::ZERO, "power-off").machine("n9"))
        .build()
        .unwrap_err();
    let problems: Vec<String> = error.problems.iter().map(ToString::to_string).collect();
    assert!(
        problems
            .iter()
            .any(|p| p.contains("\"7\" cannot be the name")),
        "{problems:?}"
    );
    assert!(
        problems
            .iter()
            .any(|p| p.contains("no machine is called \"n9\"")),
        "{problems:?}"
    );
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

#[test]
fn a_dropped_run_is_killed() {
    let _alone = HOST.lock().unwrap_or_else(PoisonError::into_inner);
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
            if let Poll::Ready(told) = run.as_mut().poll(&mut context) {
                on_host(told);
                return;
            }
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
