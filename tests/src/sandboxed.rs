//! Test programs whose cases run in a sandbox of their own: namespaces, the switch and daemons,
//! without root and without a trace.
//!
//! Namespaces can be made by a process with one thread only, and a test harness has several. So
//! a test program with `harness = false` hands its cases to [`main`], which starts the program
//! again for each:
//!
//! ```text
//!   interop_dns                       libtest-mimic: names, filters, report
//!     └ interop_dns __case NAME DIR   enters the sandbox, runs the case
//!         └ interop_dns serve …       the daemons, when a case starts them
//! ```
//!
//! A case needs namespaces beside what it says: see [`quorate_needs`].

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use libtest_mimic::Failed;
use quorate_host::sandbox;
use quorate_needs::{Need, Test};

/// One test that runs in a sandbox.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    pub name: &'static str,
    pub needs: &'static [Need],
    /// Panics when what it tests is broken. Its argument is an empty directory, which is
    /// removed afterwards.
    pub run: fn(&Path),
}

/// The `main` of a test program that has these cases. Call it before the first thread starts.
pub fn main(cases: &[Case]) -> ExitCode {
    main_within(CASE_MAX, cases)
}

/// The same for cases that may take as long as this.
pub fn main_within(case_max: Duration, cases: &[Case]) -> ExitCode {
    if quorate_cli::is_part_of_run() {
        return quorate_cli::main();
    }
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    if let [HIDDEN_VERB, name, dir] = words[..] {
        let case = cases.iter().find(|case| case.name == name);
        return inside(name, case.map(|case| case.run), Path::new(dir), case_max);
    }
    quorate_needs::main(tests(cases))
}

/// Tests for a program that has others beside them; it calls [`main`] with `cases` when its first
/// argument is [`HIDDEN_VERB`].
pub fn tests(cases: &[Case]) -> Vec<Test> {
    cases.iter().map(|case| test(case, || Ok(()))).collect()
}

/// One of them, with work to do before it, outside of the sandbox.
pub fn test(case: &Case, prepare: impl FnOnce() -> Result<(), Failed> + Send + 'static) -> Test {
    let name = case.name;
    let needs = [&[Need::Host], case.needs].concat();
    Test::fallible(name, &needs, move || {
        prepare()?;
        outside(name)
    })
}

/// Runs one case to its end.
fn outside(name: &str) -> Result<(), Failed> {
    let dir = tempfile::tempdir()?;
    let output = start_inside(name, dir.path()).output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    Err(format!("{}\n{said}", output.status).into())
}

fn start_inside(name: &str, dir: &Path) -> Command {
    let mut command = Command::new("/proc/self/exe");
    command.args([HIDDEN_VERB, name]).arg(dir);
    command.stdin(Stdio::null());
    command
}

/// One case, in its sandbox.
#[expect(clippy::print_stderr, reason = "the harness shows it")]
fn inside(name: &str, run: Option<fn(&Path)>, dir: &Path, max: Duration) -> ExitCode {
    if let Err(error) = sandbox::enter() {
        eprintln!("{error}");
        if let Some(remedy) = error.remedy() {
            eprintln!("{remedy}");
        }
        return ExitCode::FAILURE;
    }
    let run = run.unwrap_or_else(|| panic!("no case is called {name}"));
    let (_ended, end) = channel::<()>();
    thread::spawn(move || give_up_late(&end, max));
    run(dir);
    ExitCode::SUCCESS
}

/// Ends a case that hangs; the sandbox takes all its processes with it.
#[expect(clippy::print_stderr, reason = "the harness shows it")]
fn give_up_late(end: &Receiver<()>, max: Duration) {
    if end.recv_timeout(max) == Err(RecvTimeoutError::Timeout) {
        eprintln!("the case did not end within {max:?}");
        std::process::exit(1);
    }
}

/// The first argument under which this program runs a case, which is the second.
pub const HIDDEN_VERB: &str = "__case";
const CASE_MAX: Duration = Duration::from_secs(180);
