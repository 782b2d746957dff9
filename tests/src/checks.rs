//! Checks that need foreign programs, and no sandbox.

use std::process::{Command, Output};

use quorate_needs::{Need, Test};

/// One test.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    pub name: &'static str,
    pub needs: &'static [Need],
    /// Panics when what it tests is broken.
    pub run: fn(),
}

/// The tests of a harness.
pub fn tests(checks: &[Check]) -> Vec<Test> {
    let test = |check: &Check| Test::new(check.name, check.needs, check.run);
    checks.iter().map(test).collect()
}

/// A command for a program whose need the check declared.
pub fn foreign(name: &str) -> Command {
    crate::network::foreign(name)
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
