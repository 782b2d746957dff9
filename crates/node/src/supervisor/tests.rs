use std::convert::Infallible;

use quorate_core::Output;

use super::*;

type Said = Output<Effect, Event, Infallible>;

const UNIT: &str = "a.service";
const EXIT_0: ExitStatus = ExitStatus::Code { code: 0 };
const EXIT_1: ExitStatus = ExitStatus::Code { code: 1 };
const KILLED: ExitStatus = ExitStatus::Signal { signal: 9 };
const TERMED: ExitStatus = ExitStatus::Signal { signal: 15 };

fn at(millis: u64) -> Instant {
    Instant::ZERO + Duration::from_millis(millis)
}

fn unit(lines: &str) -> Unit {
    let text = format!("[Service]\nExecStart=/a\n{lines}");
    crate::unit::parse(UNIT, &text, "n1").unwrap().0
}

/// A supervisor whose one unit runs, and the events so far dropped.
fn up(lines: &str) -> Supervisor {
    let mut supervisor = Supervisor::default();
    let mut out = Outbox::default();
    supervisor.start(unit(lines), at(0), &mut out);
    supervisor.handle_started(UNIT, Some(7), &mut out);
    supervisor
}

fn state(supervisor: &Supervisor) -> UnitState {
    supervisor.states().next().unwrap().1.clone()
}

fn exited(supervisor: &mut Supervisor, status: ExitStatus, millis: u64) -> Vec<Said> {
    let mut out = Outbox::default();
    supervisor.handle_exited(UNIT, status, at(millis), &mut out);
    drain(&mut out)
}

fn drain(out: &mut Outbox) -> Vec<Said> {
    std::iter::from_fn(|| out.pop()).collect()
}

fn is_start(said: &Said) -> bool {
    matches!(said, Said::Effect(Effect::StartUnit { .. }))
}

#[test]
fn every_policy_meets_every_end() {
    let not_started = ExitStatus::NotStarted { why: "no".into() };
    let ends = [EXIT_0, EXIT_1, KILLED, TERMED, not_started];
    for (policy, restarts) in [
        ("no", [false; 5]),
        ("always", [true; 5]),
        ("on-success", [true, false, false, true, false]),
        ("on-failure", [false, true, true, false, true]),
        ("on-abnormal", [false, false, true, false, false]),
        ("on-abort", [false, false, true, false, false]),
    ] {
        for (end, restarts) in ends.iter().zip(restarts) {
            let mut supervisor = up(&format!("Restart={policy}\nRestartSec=1s"));
            let said = exited(&mut supervisor, end.clone(), 500);
            let clean = [EXIT_0, TERMED].contains(end);
            let expected = match (restarts, clean) {
                (true, _) => UnitState::Backoff { until: at(1_500) },
                (false, true) => UnitState::Down,
                (false, false) => UnitState::Failed,
            };
            assert_eq!(state(&supervisor), expected, "{policy}, {end:?}");
            let delay = restarts.then_some(1_000);
            assert!(
                matches!(&said[0], Said::Event(Event::UnitExited { restart_in_ms, .. }) if *restart_in_ms == delay)
            );
            let gave_up = said
                .iter()
                .any(|said| matches!(said, Said::Event(Event::UnitGaveUp { .. })));
            assert_eq!(gave_up, !restarts && !clean, "{policy}, {end:?}");
        }
    }
}

#[test]
fn a_unit_is_started_again_when_its_delay_is_over() {
    let mut supervisor = up("Restart=always\nRestartSec=1s");
    exited(&mut supervisor, EXIT_1, 0);
    let mut out = Outbox::default();
    supervisor.handle_timeout(at(999), &mut out);
    assert_eq!(drain(&mut out), []);
    assert_eq!(supervisor.poll_timeout().unwrap().at, at(1_000));
    supervisor.handle_timeout(at(1_000), &mut out);
    assert!(matches!(
        &drain(&mut out)[..],
        [
            Said::Event(Event::UnitStarting { attempt: 2, .. }),
            Said::Effect(Effect::StartUnit { attempt: 2, .. })
        ]
    ));
    assert_eq!(supervisor.poll_timeout(), None);
}

#[test]
fn too_many_starts_in_the_interval_end_it_and_a_new_interval_does_not() {
    let crash = |supervisor: &mut Supervisor, millis| {
        let mut said = exited(supervisor, EXIT_1, millis);
        let mut out = Outbox::default();
        supervisor.handle_started(UNIT, None, &mut out);
        said.extend(drain(&mut out));
        said
    };
    let lines = "Restart=always\nRestartSec=0\nStartLimitIntervalSec=10s\nStartLimitBurst=3";
    let mut supervisor = up(lines);
    assert!(crash(&mut supervisor, 1).iter().any(is_start));
    assert!(crash(&mut supervisor, 2).iter().any(is_start));
    assert!(!crash(&mut supervisor, 3).iter().any(is_start));
    assert_eq!(state(&supervisor), UnitState::Failed);

    let mut supervisor = up(lines);
    for millis in [1, 2, 10_001, 10_002, 10_003] {
        assert!(
            crash(&mut supervisor, millis).iter().any(is_start),
            "{millis}"
        );
    }

    let mut supervisor = up("Restart=always\nRestartSec=0\nStartLimitIntervalSec=0");
    assert!((0..100).all(|millis| crash(&mut supervisor, millis).iter().any(is_start)));
}

#[test]
fn the_steps_before_run_one_by_one_and_a_failing_one_ends_the_start() {
    let lines = "ExecStartPre=-/may-fail\nExecStartPre=/must-pass\nEnvironment=A=b";
    let mut supervisor = Supervisor::default();
    let mut out = Outbox::default();
    supervisor.start(unit(lines), at(0), &mut out);
    supervisor.handle_started(UNIT, None, &mut out);
    supervisor.handle_exited(UNIT, EXIT_1, at(1), &mut out);
    supervisor.handle_started(UNIT, None, &mut out);
    supervisor.handle_exited(UNIT, EXIT_0, at(2), &mut out);
    supervisor.handle_started(UNIT, Some(9), &mut out);
    let said = drain(&mut out);
    let programs: Vec<&str> = said
        .iter()
        .filter_map(|said| {
            let Said::Effect(Effect::StartUnit { argv, env, .. }) = said else {
                return None;
            };
            let expected = [("A".into(), "b".into()), ("PATH".into(), PATH.into())];
            assert_eq!(env, &expected);
            Some(argv[0].as_str())
        })
        .collect();
    assert_eq!(programs, ["/may-fail", "/must-pass", "/a"]);
    assert_eq!(
        state(&supervisor),
        UnitState::Up {
            step: Step::Main,
            pid: Some(9)
        }
    );

    let mut supervisor = Supervisor::default();
    supervisor.start(unit("ExecStartPre=/must-pass"), at(0), &mut out);
    supervisor.handle_started(UNIT, None, &mut out);
    exited(&mut supervisor, EXIT_1, 1);
    assert_eq!(state(&supervisor), UnitState::Failed);
}

#[test]
fn stopping_terminates_then_kills_and_never_restarts() {
    let mut supervisor = up("Restart=always");
    let mut out = Outbox::default();
    supervisor.stop_all(at(0), &mut out);
    let stop = |signal| {
        let unit = UNIT.into();
        Said::Effect(Effect::StopUnit { unit, signal })
    };
    assert_eq!(drain(&mut out), [stop(StopSignal::Term)]);
    assert!(!supervisor.is_at_rest());
    supervisor.handle_timeout(at(5_000), &mut out);
    assert_eq!(drain(&mut out), [stop(StopSignal::Kill)]);
    assert_eq!(supervisor.poll_timeout(), None);
    exited(&mut supervisor, KILLED, 5_001);
    assert!(supervisor.is_at_rest());
    assert_eq!(state(&supervisor), UnitState::Down);
}

#[test]
fn stopping_cancels_a_restart_that_waits() {
    let mut supervisor = up("Restart=always");
    exited(&mut supervisor, EXIT_1, 0);
    supervisor.stop_all(at(1), &mut Outbox::default());
    assert!(supervisor.is_at_rest());
    assert_eq!(supervisor.poll_timeout(), None);
}

#[test]
fn restart_waits_for_the_old_process() {
    let mut supervisor = up("");
    let mut out = Outbox::default();
    supervisor.restart(unit(""), at(0), &mut out);
    assert!(!drain(&mut out).iter().any(is_start));
    assert!(exited(&mut supervisor, TERMED, 1).iter().any(is_start));

    let mut supervisor = Supervisor::default();
    supervisor.restart(unit(""), at(0), &mut out);
    assert!(drain(&mut out).iter().any(is_start));
}

#[test]
fn starting_what_runs_and_stale_reports_change_nothing() {
    let mut supervisor = up("");
    let mut out = Outbox::default();
    supervisor.start(unit(""), at(1), &mut out);
    supervisor.handle_started(UNIT, Some(8), &mut out);
    supervisor.handle_exited("other.service", EXIT_1, at(1), &mut out);
    assert_eq!(drain(&mut out), []);
    exited(&mut supervisor, EXIT_0, 2);
    assert_eq!(exited(&mut supervisor, EXIT_1, 3), []);
    assert_eq!(state(&supervisor), UnitState::Down);
}
