//! Test programs whose cases need foreign programs, and no sandbox.
//!
//! As in [`sandboxed`](crate::sandboxed), a case that lacks what it needs is reported as ignored,
//! with the reason in its line.

use std::process::{Command, Output};

use libtest_mimic::Trial;

use crate::sandboxed::{Need, program};

/// One test.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    pub name: &'static str,
    pub needs: &'static [Need],
    /// Panics when what it tests is broken.
    pub run: fn(),
}

/// Trials for a harness.
pub fn trials(checks: &[Check]) -> Vec<Trial> {
    let trial = |check: &Check| {
        let run = check.run;
        let trial = Trial::test(check.name, move || {
            run();
            Ok(())
        });
        match check.needs.iter().find_map(|need| need.missing()) {
            None => trial,
            Some(reason) => trial
                .with_kind(format!("not run: {reason}"))
                .with_ignored_flag(true),
        }
    };
    checks.iter().map(trial).collect()
}

/// A command for a program whose need the check declared.
pub fn foreign(name: &str) -> Command {
    crate::lab::foreign(name)
}

/// Runs a command to its end; the answer is what it said on both streams.
///
/// # Panics
/// When it does not start, or fails.
#[track_caller]
pub fn succeed(command: &mut Command) -> Output {
    let output = command.output();
    let output = output.unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    output
}

/// True when there is such a program.
pub fn has(name: &str) -> bool {
    program(name).is_some()
}
