//! A Debian with its own systemd and cloud-init, booted over the network by `quorate serve` on an
//! emulated machine: what our seed says, it does.
//!
//! It takes minutes, so it runs only when `$QUORATE_SLOW` is set. This program is also the
//! `quorate` that serves, and the one that the machine has.

mod root;
mod story;

use std::process::ExitCode;
use std::time::Duration;

use libtest_mimic::Arguments;
use quorate_needs::Need;
use quorate_needs::need::DEBIAN;
use quorate_tests::sandboxed::{self, Case, HIDDEN_VERB};
use quorate_tests::stories::is_command_line;

use crate::root::Root;

/// As Debian's installer sets a server up.
const IFUPDOWN: Root = Root {
    name: "ifupdown",
    packages: "ifupdown,isc-dhcp-client",
    finish: "true",
    fqdn: "ash.lab.test",
    harmless: &[
        "Running ['ifup', 'ens3'] resulted in stderr output: ifup: interface ens3 already configured",
    ],
};
/// As Debian's images for clouds are.
const NETWORKD: Root = Root {
    name: "networkd",
    packages: "netplan.io,systemd-resolved",
    finish: r#"chroot "$1" systemctl enable systemd-networkd"#,
    // networkd takes no search domain from a lease unless it is configured to.
    fqdn: "ash",
    harmless: &["Running ['netplan', 'apply'] resulted in stderr output:"],
};

const NEEDS: &[Need] = &[
    Need::Switch("QUORATE_SLOW"),
    root::NEEDS[0],
    Need::Qemu,
    Need::Program("dig"),
    Need::Program("curl"),
    Need::Etcd("3.5"),
    Need::Network(DEBIAN),
];

const CASES: [Case; 3] = [
    Case {
        name: "ifupdown_and_dhclient",
        needs: NEEDS,
        run: |dir| story::from_power_to_etcd(&IFUPDOWN, dir),
    },
    Case {
        name: "netplan_networkd_and_resolved",
        needs: NEEDS,
        run: |dir| story::from_power_to_etcd(&NETWORKD, dir),
    },
    Case {
        name: "one_member_of_three",
        needs: NEEDS,
        run: |dir| story::one_of_three(&IFUPDOWN, dir),
    },
];

fn main() -> ExitCode {
    let is_case = std::env::args()
        .nth(1)
        .is_some_and(|first| first == HIDDEN_VERB);
    if is_command_line() || is_case {
        return sandboxed::main_within(CASE_MAX, &CASES);
    }
    let mut arguments = Arguments::from_args();
    // An emulated machine keeps a processor busy, and its cloud-init has timeouts of its own.
    arguments.test_threads.get_or_insert(1);
    let tests = CASES.iter().zip(ROOTS).map(|(case, root)| {
        // Outside of the sandbox, in which only one user would have files.
        sandboxed::test(case, move || Ok(root.make()?))
    });
    quorate_needs::run(&arguments, tests)
}

/// The root of each case.
const ROOTS: [&Root; 3] = [&IFUPDOWN, &NETWORKD, &IFUPDOWN];

/// Longer than the machine's own patience, whose message says more.
const CASE_MAX: Duration = Duration::from_secs(30 * 60);
