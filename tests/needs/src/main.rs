//! `cargo run -q -p quorate-needs`: what tests need and whether it is here; and the tests that are
//! off, with how to run each.
#![expect(clippy::print_stdout, reason = "this is a command line")]

use quorate_needs::need::{DEBIAN, PYPI};
use quorate_needs::switches;
use quorate_needs::{Need, Resource};

fn main() {
    println!("Needs that QUORATE_REQUIRE may name; `all` is every one:\n");
    for resource in Resource::ALL {
        let state = missing(resource).unwrap_or_else(|| "here".to_owned());
        println!("  {:8} {state}", resource.name());
    }
    println!("\nSwitches; tests that are off, also under `all`, until theirs is set:\n");
    for switch in switches::ALL {
        let state = match Need::Switch(switch.name).missing() {
            None => "on",
            Some(_) => "off",
        };
        println!("  {:15} {state:4} {}", switch.name, switch.tests);
        println!("  {:20} {}", "", switch.how);
    }
}

/// Why tests that need this do not run here.
fn missing(resource: Resource) -> Option<String> {
    let needs: &[Need] = match resource {
        Resource::Host => &[Need::Host],
        Resource::Etcd => &[Need::Etcd("3.4"), Need::Etcd("3.5")],
        Resource::Docker => &[Need::Docker],
        Resource::Qemu => &[Need::Qemu],
        Resource::Clients => &CLIENTS,
        Resource::Network => &[Need::Network(DEBIAN), Need::Network(PYPI)],
    };
    let missing: Vec<_> = needs.iter().filter_map(|need| need.missing()).collect();
    (!missing.is_empty()).then(|| missing.join("; "))
}

/// The foreign programs that tests name.
const CLIENTS: [Need; 14] = [
    Need::Program("busybox"),
    Need::Program("cloud-init"),
    Need::Program("cpio"),
    Need::Program("curl"),
    Need::Program("dhclient"),
    Need::Program("dig"),
    Need::Program("nix-instantiate"),
    Need::Program("nsupdate"),
    Need::Program("python3"),
    Need::Program("setpriv"),
    Need::Program("systemd-analyze"),
    Need::Program("tcpdump"),
    Need::Program("tftp"),
    Need::Program("udhcpc"),
];
