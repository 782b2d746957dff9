//! Tests that are off by default: they take long, or need what no package manager
//! has.

use std::env;
use std::fs::OpenOptions;

use crate::probe::program;

/// One switch.
#[derive(Clone, Copy, Debug)]
pub struct Switch {
    /// A variable, a program, or a device.
    pub name: &'static str,
    /// What is tested with it.
    pub tests: &'static str,
    /// How to run that.
    pub how: &'static str,
}

/// Every switch. A test cannot name another one.
pub const ALL: [Switch; 9] = [
    Switch {
        name: "QUORATE_SLOW",
        tests: "Debian's systemd and cloud-init on an emulated machine; 20 minutes",
        how: "apt-get install mmdebstrap; \
              QUORATE_SLOW=1 cargo test -p quorate-tests --test debian",
    },
    Switch {
        name: "QUORATE_SLOW",
        tests: "2,000 calls of the servers to their disk that fail, in an hour",
        how: "QUORATE_SLOW=1 cargo test -p quorate-tests --test durability",
    },
    Switch {
        name: "NIXPKGS",
        tests: "the flake's modules against a tree of nixpkgs, with Nix 2.18 or later",
        how: "NIXPKGS=PATH cargo test -p quorate-tests --test nix",
    },
    Switch {
        name: "QUORATE_DEB",
        tests: "the Debian package, installed on a clean Debian",
        how: "apt-get install mmdebstrap; \
              QUORATE_DEB=$(packaging/deb) cargo test -p quorate-tests --test packaging",
    },
    Switch {
        name: "QUORATE_STATIC",
        tests: "the static program, in an empty root",
        how: "QUORATE_STATIC=$(packaging/static) cargo test -p quorate-tests --test packaging",
    },
    Switch {
        name: "QUORATE_IMAGE",
        tests: "the container image, on a network of Docker's",
        how: "packaging/image TAG; \
              QUORATE_IMAGE=TAG cargo test -p quorate-tests --test packaging",
    },
    Switch {
        name: "cargo-deny",
        tests: "licences, sources and bans of what is linked",
        how: "cargo install --locked cargo-deny; \
              cargo test -p quorate-tests --test packaging what_is_linked",
    },
    Switch {
        name: "ruff",
        tests: "the style of the scripts in NixOS tests",
        how: "pip install ruff; cargo test -p quorate-tests --test nix test_scripts_are_clean",
    },
    Switch {
        name: "/dev/kvm",
        tests: "KVM as QEMU's accelerator, on a processor that has it",
        how: "cargo test -p quorate-tests --test metal kvm",
    },
];

/// Why a test with this switch does not run.
///
/// # Panics
/// When there is no such switch.
pub(crate) fn off(name: &str) -> Option<String> {
    let switch = ALL.iter().find(|switch| switch.name == name);
    assert!(switch.is_some(), "{name} is not in the list of switches");
    let is_on = match name {
        _ if name.starts_with("/dev/") => {
            let mut open = OpenOptions::new();
            open.read(true).write(true).open(name).is_ok()
        }
        _ if is_variable(name) => env::var_os(name).is_some(),
        _ => program(name).is_some(),
    };
    let what = if is_variable(name) {
        format!("${name} is not set")
    } else {
        format!("{name} is not here")
    };
    (!is_on).then_some(what)
}

fn is_variable(name: &str) -> bool {
    name.bytes()
        .all(|byte| byte.is_ascii_uppercase() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_switch_that_is_off_says_what_is_missing() {
        // Whatever the machine has, the reason has one of these forms.
        for switch in ALL {
            let reason = off(switch.name);
            let forms = ["is not set", "is not here"];
            assert!(reason.is_none_or(|reason| forms.iter().any(|form| reason.ends_with(form))));
        }
    }

    #[test]
    #[should_panic(expected = "not in the list of switches")]
    fn a_switch_that_is_not_listed_cannot_be_used() {
        off("QUORATE_SECRET");
    }
}
