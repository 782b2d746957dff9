//! What packages are made of: units, the example configuration, their metadata; and `quorate
//! serve` run as the unit runs it.
//!
//! This program is also the `quorate` that it tests: under [`AS_CLI`] it is the command line.

mod debian;
mod served;
mod unit;

use std::process::{Command, ExitCode};

use libtest_mimic::Arguments;
use quorate_tests::checks::{self, Check};
use quorate_tests::sandboxed::{self, Case, HIDDEN_VERB, Need};

const CASES: [Case; 1] = [Case {
    name: "the_unit_serves_the_example_with_two_capabilities",
    needs: &[
        Need::Program("setpriv"),
        Need::Program("udhcpc"),
        Need::Program("dig"),
    ],
    run: served::as_the_unit_does,
}];

const SYSTEMD: &[Need] = &[Need::Program("systemd-analyze")];

const CHECKS: [Check; 6] = [
    check("systemd_finds_no_fault", SYSTEMD, unit::verify),
    check("the_unit_is_hardened", SYSTEMD, unit::security),
    check(
        "a_wrong_key_would_be_found",
        SYSTEMD,
        unit::verify_finds_faults,
    ),
    check("the_example_is_the_readmes", &[], unit::example),
    check("the_example_would_be_served", &[], unit::example_is_valid),
    check(
        "the_package_has_what_its_list_says",
        &[],
        debian::assets_exist,
    ),
];

/// Set for a child that shall be the command line.
const AS_CLI: &str = "QUORATE_TEST_AS_CLI";

fn main() -> ExitCode {
    if std::env::var_os(AS_CLI).is_some() {
        return quorate::main();
    }
    let first = std::env::args().nth(1).unwrap_or_default();
    if quorate::is_part_of_run() || first == HIDDEN_VERB {
        return sandboxed::main(&CASES);
    }
    let arguments = Arguments::from_args();
    let mut trials = sandboxed::trials(&CASES, arguments.list);
    trials.extend(checks::trials(&CHECKS));
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// The command line.
fn cli() -> Command {
    let mut command = Command::new("/proc/self/exe");
    command.env(AS_CLI, "yes");
    command
}

const fn check(name: &'static str, needs: &'static [Need], run: fn()) -> Check {
    Check { name, needs, run }
}
