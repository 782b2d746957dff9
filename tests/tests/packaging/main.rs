//! What packages are made of: units, the example configuration, their metadata; and `quorate
//! serve` run as the unit runs it. With packages that were built, what those do: the Debian one, the
//! container image, the static program.
//!
//! This program is also the `quorate` that it tests.

mod alone;
mod debian;
mod dependencies;
mod image;
mod served;
mod unit;

use std::process::ExitCode;

use libtest_mimic::Arguments;
use quorate_needs::{Need, Test};
use quorate_tests::checks::{self, Check};
use quorate_tests::sandboxed::{self, Case, HIDDEN_VERB};
use quorate_tests::stories::is_command_line;

const CASES: [Case; 5] = [
    Case {
        name: "the_unit_serves_the_example_with_two_capabilities",
        needs: &[
            Need::Program("setpriv"),
            Need::Program("udhcpc"),
            Need::Program("dig"),
        ],
        run: served::as_the_unit_does,
    },
    Case {
        name: "the_package_serves_where_it_is_installed",
        needs: &[
            debian::PACKAGE,
            debian::MMDEBSTRAP,
            Need::Program("setpriv"),
            Need::Program("udhcpc"),
            Need::Program("dig"),
        ],
        run: served::as_installed,
    },
    Case {
        name: "the_static_program_starts_in_an_empty_root",
        needs: &[alone::PROGRAM],
        run: alone::starts,
    },
    Case {
        name: "the_static_program_serves_in_an_empty_root",
        needs: &[
            alone::PROGRAM,
            Need::Program("udhcpc"),
            Need::Program("dig"),
        ],
        run: alone::serves,
    },
    Case {
        name: "the_static_program_is_an_agent_in_an_empty_root",
        needs: &[alone::PROGRAM],
        run: alone::is_an_agent,
    },
];

const SYSTEMD: &[Need] = &[Need::Program("systemd-analyze")];

const CHECKS: [Check; 11] = [
    check("systemd_finds_no_fault", SYSTEMD, unit::verify),
    check(
        "systemd_finds_no_fault_in_etcds_unit",
        SYSTEMD,
        unit::verify_etcd,
    ),
    check("the_unit_is_hardened", SYSTEMD, unit::security),
    check(
        "what_is_linked_is_allowed",
        &[Need::Switch("cargo-deny")],
        dependencies::are_allowed,
    ),
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
    check(
        "the_static_program_has_no_loader",
        &[alone::PROGRAM],
        alone::is_static,
    ),
    check(
        "the_image_says_its_version",
        image::NEEDS,
        image::says_its_version,
    ),
    check("the_image_serves", image::NEEDS, image::serves),
];

fn main() -> ExitCode {
    if is_command_line() {
        return quorate_cli::main();
    }
    if std::env::args()
        .nth(1)
        .is_some_and(|first| first == HIDDEN_VERB)
    {
        return sandboxed::main(&CASES);
    }
    let arguments = Arguments::from_args();
    if !arguments.list {
        debian::install();
    }
    let mut tests: Vec<Test> = sandboxed::tests(&CASES);
    tests.extend(checks::tests(&CHECKS));
    quorate_needs::run(&arguments, tests)
}

const fn check(name: &'static str, needs: &'static [Need], run: fn()) -> Check {
    Check { name, needs, run }
}
