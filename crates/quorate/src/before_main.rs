//! Any program that links this library can be started again as a part of a run.
//!
//! The world `host` is made of processes that start the running program again: the sandbox, the
//! servers, each machine. Namespaces can only be made by a process with one thread, and a test
//! program of the standard harness has several by the time a test runs. So those processes do
//! not get as far as `main`: they take their part when the program is loaded.
//!
//! Only programs that tell stories by [`Scenario::run`](crate::Scenario::run) need this;
//! `quorate` itself takes its parts in [`main`](crate::main), and says so to its children by not
//! setting the variable.

use std::ffi::OsStr;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Parser as _;
use quorate_host::machine::{self, BEFORE_MAIN};

use crate::cli::{Cli, Verb};
use crate::{agent, inside, serve};

/// True once [`main`](crate::main) was called: then it is called in every process of a run.
static HAS_MAIN: AtomicBool = AtomicBool::new(false);

pub(crate) fn main_was_called() {
    HAS_MAIN.store(true, Ordering::Relaxed);
}

/// Tells a process of a run, and all that it starts, where to take its part.
pub(crate) fn prepare(child: &mut Command) {
    if !HAS_MAIN.load(Ordering::Relaxed) {
        child.env(BEFORE_MAIN, "1");
    }
}

// The loader calls what it finds in this section, before `main`. The C library of GNU passes
// the arguments, which is how `std::env::args` works here; musl does not, and there `main` has
// to be called (see `is_part_of_run`).
#[expect(unsafe_code, reason = "names a section of the program")]
#[used]
#[unsafe(link_section = ".init_array")]
static TAKE_PART: extern "C" fn() = take_part;

/// Takes the part that this process was started for, if any, and ends with it.
extern "C" fn take_part() {
    if std::env::var_os(BEFORE_MAIN).is_none() {
        return;
    }
    let verb = std::env::args_os().nth(1).unwrap_or_default();
    let is = |part: &str| verb.as_os_str() == OsStr::new(part);
    // Rust's own start, which has not been, ignores SIGPIPE; so does whoever has a handler.
    let _ = signal_hook::flag::register(signal_hook::consts::SIGPIPE, Arc::default());
    let code: u8 = if is(machine::HIDDEN_VERB) {
        machine::main(agent)
    } else if is(quorate_container::HIDDEN_VERB) {
        quorate_container::main(agent)
    } else if is(inside::HIDDEN_VERB) {
        inside::main()
    } else if is("serve") {
        let Verb::Serve(args) = Cli::parse().verb else {
            unreachable!("that is the verb");
        };
        serve::run(&args)
    } else {
        return;
    };
    std::process::exit(code.into());
}
