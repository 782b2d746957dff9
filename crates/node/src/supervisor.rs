//! Runs units by their restart policies (systemd.service(5) `Restart=`, systemd.unit(5)
//! `StartLimitIntervalSec=`), through effects that the owner of the processes carries out.
//!
//! ```text
//!            start                 started                 exited, policy says restart
//!   Down ───────────► Starting ───────────────► Up ──────────────────────► Backoff
//!    ▲                 │   ▲  (ExecStartPre steps, │ exited, policy says no    │ delay over
//!    │                 │   │   one by one)         ▼                           │
//!    │ exited          │   └──────────────────── Down / Failed ◄───────────────┤ too many
//!  Stopping ◄──────────┴──── stop (TERM, KILL after STOP_TIMEOUT)              │ starts
//!                      ▲───────────────────────────────────────────────────────┘
//! ```

use std::collections::BTreeMap;
use std::time::Duration;

use quorate_core::{Deadline, Instant};

use crate::effect::{Effect, Outbox, StopSignal};
use crate::event::{Event, ExitStatus, Step};
use crate::unit::{Restart, StartLimit, Unit};

/// What systemd gives a service that asks for no `PATH` of its own (systemd.exec(5)).
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// How long a process may take to end after `SIGTERM`.
pub const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// SIGHUP, SIGINT, SIGPIPE and SIGTERM: ends that systemd counts as success.
const CLEAN_SIGNALS: [i32; 4] = [1, 2, 13, 15];

/// What a unit is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UnitState {
    /// Not started, stopped, or ended without a restart after success.
    Down,
    /// The driver was asked for a process, which has not been reported to run.
    Starting {
        step: Step,
    },
    Up {
        step: Step,
        pid: Option<u32>,
    },
    /// Waits before the next start.
    Backoff {
        until: Instant,
    },
    /// Asked to stop; killed at `kill_at` unless that has happened.
    Stopping {
        step: Step,
        kill_at: Option<Instant>,
        then_start: bool,
    },
    /// Ended, and stays down.
    Failed,
}

/// The units of one machine.
#[derive(Clone, Debug, Default)]
pub struct Supervisor {
    /// Boxed: a map has room for eleven entries and more, and a machine has one unit.
    units: BTreeMap<String, Box<Supervised>>,
}

#[derive(Clone, Debug)]
struct Supervised {
    unit: Unit,
    state: UnitState,
    attempt: u32,
    starts: StartCount,
}

/// The starts in the window that began at `since`.
#[derive(Clone, Copy, Debug, Default)]
struct StartCount {
    since: Option<Instant>,
    count: u32,
}

impl Supervisor {
    /// Each unit and what it does, in order of their names.
    pub fn states(&self) -> impl Iterator<Item = (&str, &UnitState)> {
        self.units
            .iter()
            .map(|(name, supervised)| (name.as_str(), &supervised.state))
    }

    /// Starts `unit`, unless it runs or is about to; its new text counts from its next start.
    pub fn start(&mut self, unit: Unit, now: Instant, out: &mut Outbox) {
        let supervised = self.hold(unit);
        match &mut supervised.state {
            UnitState::Starting { .. } | UnitState::Up { .. } => {}
            UnitState::Stopping { then_start, .. } => *then_start = true,
            UnitState::Down | UnitState::Failed | UnitState::Backoff { .. } => {
                supervised.launch(now, out);
            }
        }
    }

    /// Stops `unit` if it runs, and starts it.
    pub fn restart(&mut self, unit: Unit, now: Instant, out: &mut Outbox) {
        let supervised = self.hold(unit);
        supervised.stop(true, now, out);
        if matches!(supervised.state, UnitState::Down) {
            supervised.launch(now, out);
        }
    }

    /// Asks every unit to stop.
    pub fn stop_all(&mut self, now: Instant, out: &mut Outbox) {
        for supervised in self.units.values_mut() {
            supervised.stop(false, now, out);
        }
    }

    /// True when no process of any unit runs and none will be started.
    pub fn is_at_rest(&self) -> bool {
        self.units
            .values()
            .all(|supervised| match supervised.state {
                UnitState::Down | UnitState::Failed => true,
                UnitState::Starting { .. }
                | UnitState::Up { .. }
                | UnitState::Backoff { .. }
                | UnitState::Stopping { .. } => false,
            })
    }

    /// The process that was asked for runs.
    pub fn handle_started(&mut self, unit: &str, pid: Option<u32>, out: &mut Outbox) {
        let Some(supervised) = self.units.get_mut(unit) else {
            return;
        };
        if let UnitState::Starting { step } = supervised.state {
            supervised.state = UnitState::Up { step, pid };
            if step == Step::Main {
                out.event(Event::UnitUp {
                    unit: unit.into(),
                    pid,
                });
            }
        }
    }

    /// The process of `unit` has ended. A report for a unit that has no process is stale.
    pub fn handle_exited(
        &mut self,
        unit: &str,
        status: ExitStatus,
        now: Instant,
        out: &mut Outbox,
    ) {
        if let Some(supervised) = self.units.get_mut(unit) {
            supervised.handle_exited(status, now, out);
        }
    }

    /// Starts what has waited long enough, and kills what has taken too long to stop.
    pub fn handle_timeout(&mut self, now: Instant, out: &mut Outbox) {
        for supervised in self.units.values_mut() {
            match &mut supervised.state {
                UnitState::Backoff { until } if *until <= now => supervised.launch(now, out),
                UnitState::Stopping { kill_at, .. } if kill_at.is_some_and(|at| at <= now) => {
                    *kill_at = None;
                    out.effect(Effect::StopUnit {
                        unit: supervised.unit.name.clone(),
                        signal: StopSignal::Kill,
                    });
                }
                UnitState::Down
                | UnitState::Starting { .. }
                | UnitState::Up { .. }
                | UnitState::Backoff { .. }
                | UnitState::Stopping { .. }
                | UnitState::Failed => {}
            }
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to do.
    pub fn poll_timeout(&self) -> Option<Deadline> {
        self.units
            .values()
            .map(|supervised| match supervised.state {
                UnitState::Backoff { until } => Some(Deadline::new(until, "restart a unit")),
                UnitState::Stopping { kill_at, .. } => {
                    kill_at.map(|at| Deadline::new(at, "kill a unit that does not stop"))
                }
                UnitState::Down
                | UnitState::Starting { .. }
                | UnitState::Up { .. }
                | UnitState::Failed => None,
            })
            .fold(None, Deadline::earliest)
    }

    fn hold(&mut self, unit: Unit) -> &mut Supervised {
        let supervised = self.units.entry(unit.name.clone()).or_insert_with(|| {
            Box::new(Supervised {
                unit: unit.clone(),
                state: UnitState::Down,
                attempt: 0,
                starts: StartCount::default(),
            })
        });
        supervised.unit = unit;
        supervised
    }
}

impl Supervised {
    /// Begins a start with the unit's first step, if its limit allows one.
    fn launch(&mut self, now: Instant, out: &mut Outbox) {
        if !self.starts.allow(self.unit.start_limit, now) {
            let StartLimit { interval, burst } = self.unit.start_limit;
            return self.give_up(format!("started {burst} times in {interval:?}"), out);
        }
        self.attempt += 1;
        self.start_step(self.step_from(0), out);
    }

    fn start_step(&mut self, step: Step, out: &mut Outbox) {
        self.state = UnitState::Starting { step };
        let mut env = BTreeMap::from([("PATH".to_owned(), PATH.to_owned())]);
        env.extend(self.unit.environment.clone());
        out.event(Event::UnitStarting {
            unit: self.unit.name.clone(),
            step,
            attempt: self.attempt,
        });
        out.effect(Effect::StartUnit {
            unit: self.unit.name.clone(),
            step,
            argv: self.exec(step).argv.clone(),
            env: env.into_iter().collect(),
            env_files: self.unit.environment_files.clone(),
            open_files: self.unit.open_files,
            attempt: self.attempt,
        });
    }

    fn handle_exited(&mut self, status: ExitStatus, now: Instant, out: &mut Outbox) {
        let (step, stopping) = match self.state {
            UnitState::Starting { step } | UnitState::Up { step, .. } => (step, None),
            UnitState::Stopping {
                step, then_start, ..
            } => (step, Some(then_start)),
            UnitState::Down | UnitState::Backoff { .. } | UnitState::Failed => return,
        };
        let delay = match stopping {
            Some(_) => None,
            None if self.next_step(step, &status).is_some() => None,
            None => restarts(self.unit.restart, &status).then_some(self.unit.restart_delay),
        };
        out.event(Event::UnitExited {
            unit: self.unit.name.clone(),
            step,
            status: status.clone(),
            restart_in_ms: delay.map(|delay| u64::try_from(delay.as_millis()).unwrap_or(u64::MAX)),
        });
        if let Some(then_start) = stopping {
            self.state = UnitState::Down;
            if then_start {
                self.launch(now, out);
            }
        } else if let Some(next) = self.next_step(step, &status) {
            self.start_step(next, out);
        } else if let Some(delay) = delay {
            self.back_off(delay, now, out);
        } else if is_clean(&status) {
            self.state = UnitState::Down;
        } else {
            self.give_up("its restart policy says no".into(), out);
        }
    }

    /// A delay of zero starts again at once, so that no deadline lies in the present.
    fn back_off(&mut self, delay: Duration, now: Instant, out: &mut Outbox) {
        if delay.is_zero() {
            self.launch(now, out);
        } else {
            self.state = UnitState::Backoff { until: now + delay };
        }
    }

    fn give_up(&mut self, why: String, out: &mut Outbox) {
        self.state = UnitState::Failed;
        out.event(Event::UnitGaveUp {
            unit: self.unit.name.clone(),
            why,
        });
    }

    fn stop(&mut self, start_again: bool, now: Instant, out: &mut Outbox) {
        match &mut self.state {
            UnitState::Down | UnitState::Failed | UnitState::Backoff { .. } => {
                self.state = UnitState::Down;
            }
            UnitState::Stopping { then_start, .. } => *then_start = start_again,
            UnitState::Starting { step } | UnitState::Up { step, .. } => {
                self.state = UnitState::Stopping {
                    step: *step,
                    kill_at: Some(now + STOP_TIMEOUT),
                    then_start: start_again,
                };
                out.effect(Effect::StopUnit {
                    unit: self.unit.name.clone(),
                    signal: StopSignal::Term,
                });
            }
        }
    }

    /// The step after `step` has ended so, when that is not the end of the unit.
    fn next_step(&self, step: Step, status: &ExitStatus) -> Option<Step> {
        match step {
            Step::Pre { index } => {
                let passed =
                    *status == (ExitStatus::Code { code: 0 }) || self.exec(step).ignore_failure;
                passed.then(|| self.step_from(index + 1))
            }
            Step::Main => None,
        }
    }

    fn step_from(&self, index: usize) -> Step {
        if index < self.unit.exec_start_pre.len() {
            Step::Pre { index }
        } else {
            Step::Main
        }
    }

    /// A unit whose text has changed while a step ran may have fewer steps now.
    fn exec(&self, step: Step) -> &crate::unit::Exec {
        match step {
            Step::Pre { index } => self
                .unit
                .exec_start_pre
                .get(index)
                .unwrap_or(&self.unit.exec_start),
            Step::Main => &self.unit.exec_start,
        }
    }
}

impl StartCount {
    /// Counts a start, unless there have been too many (systemd's `ratelimit_below`: windows
    /// follow each other and do not slide).
    fn allow(&mut self, limit: StartLimit, now: Instant) -> bool {
        if limit.interval.is_zero() || limit.burst == 0 {
            return true;
        }
        match self.since {
            Some(since) if now.since(since) <= limit.interval => {
                let below = self.count < limit.burst;
                self.count = self.count.saturating_add(1);
                below
            }
            Some(_) | None => {
                *self = Self {
                    since: Some(now),
                    count: 1,
                };
                true
            }
        }
    }
}

/// systemd.service(5), the table under `Restart=`.
fn restarts(policy: Restart, status: &ExitStatus) -> bool {
    let clean = is_clean(status);
    match policy {
        Restart::No => false,
        Restart::Always => true,
        Restart::OnSuccess => clean,
        Restart::OnFailure => !clean,
        // A program that cannot be started ends with an exit code (203/EXEC), not abnormally.
        Restart::OnAbnormal | Restart::OnAbort => {
            !clean && matches!(status, ExitStatus::Signal { .. })
        }
    }
}

fn is_clean(status: &ExitStatus) -> bool {
    match status {
        ExitStatus::Code { code } => *code == 0,
        ExitStatus::Signal { signal } => CLEAN_SIGNALS.contains(signal),
        ExitStatus::NotStarted { .. } => false,
    }
}

#[cfg(test)]
mod tests;
