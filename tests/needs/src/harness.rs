//! Tests that say what they need, and the `main` of their programs.

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};

use crate::need::Need;
use crate::require::Required;

type Body = Box<dyn FnOnce() -> Result<(), Failed> + Send>;

/// One test.
pub struct Test {
    name: String,
    needs: Vec<Need>,
    body: Body,
}

impl Test {
    /// A test that panics when what it tests is broken.
    pub fn new(
        name: impl Into<String>,
        needs: &[Need],
        run: impl FnOnce() + Send + 'static,
    ) -> Self {
        Self::fallible(name, needs, || {
            run();
            Ok(())
        })
    }

    /// One that may also answer how it failed.
    pub fn fallible(
        name: impl Into<String>,
        needs: &[Need],
        run: impl FnOnce() -> Result<(), Failed> + Send + 'static,
    ) -> Self {
        Self {
            name: name.into(),
            needs: needs.to_vec(),
            body: Box::new(run),
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// The trial: ignored, with the reason, when something is missing; a failure when that is
    /// required. The needs of a test that is filtered out are not probed.
    fn trial(self, arguments: &Arguments, required: &Required) -> Trial {
        let Self { name, needs, body } = self;
        let is_filtered_out = arguments.is_filtered_out(&Trial::test(name.as_str(), || Ok(())));
        let missing = |need: &Need| Some((*need, need.missing()?));
        let missing = needs.iter().find_map(missing).filter(|_| !is_filtered_out);
        let Some((need, reason)) = missing else {
            return Trial::test(name, body);
        };
        if let Some(failure) = required.failure(need, &reason) {
            return Trial::test(name, || Err(failure.into()));
        }
        let trial = Trial::test(name, || Err("what it needs is missing".into()));
        let trial = trial.with_ignored_flag(true);
        if arguments.list {
            // nextest reads lists, and takes a kind for a part of the name.
            return trial;
        }
        let line = reason.lines().next().unwrap_or_default();
        trial.with_kind(format!("not run: {line}"))
    }
}

/// The `main` of a test program that has these tests.
pub fn main(tests: impl IntoIterator<Item = Test>) -> ExitCode {
    run(&Arguments::from_args(), tests)
}

/// The same, with arguments that were read already.
#[expect(clippy::print_stderr, reason = "this is a harness")]
pub fn run(arguments: &Arguments, tests: impl IntoIterator<Item = Test>) -> ExitCode {
    let required = match Required::from_env() {
        Ok(required) => required,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    let trials = tests
        .into_iter()
        .map(|test| test.trial(arguments, &required));
    libtest_mimic::run(arguments, trials.collect()).exit_code()
}

impl std::fmt::Debug for Test {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("Test");
        shown.field("name", &self.name).field("needs", &self.needs);
        shown.finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
