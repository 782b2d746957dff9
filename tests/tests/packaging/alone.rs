//! The static program, in the path `$QUORATE_STATIC`: in a root where nothing else is.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use quorate_elf::Program;
use quorate_needs::Need;
use quorate_tests::checks::succeed;
use quorate_tests::network::{Lab, SERVER, eventually, foreign};
use quorate_tests::read;
use quorate_tests::stories::text;
use serde_json::json;

use crate::served;
use crate::unit::EXAMPLE;

pub(crate) const PROGRAM: Need = Need::Switch("QUORATE_STATIC");

/// No interpreter, so no library either.
pub(crate) fn is_static() {
    let path = program();
    let program = Program::read(&path).expect("it is a program");
    assert_eq!(program.dynamic, None, "{}", path.display());
}

/// Every role that a machine or an image has for it begins.
pub(crate) fn starts(dir: &Path) {
    let root = root(dir);
    for verb in ["node", "await-peers", "serve", "install"] {
        let output = succeed(alone(&root).args([verb, "--help"]));
        let said = text(&output.stdout);
        assert!(said.contains(&format!("quorate {verb}")), "{said}");
    }
}

/// The servers need no C library's files, no devices, and no file systems of the kernel's.
pub(crate) fn serves(dir: &Path) {
    let root = root(dir);
    served::in_root(dir, &root, &read(EXAMPLE), |config| {
        let mut command = alone(&root);
        command.args(["serve", "--config", config]);
        command
    });
}

/// The agent finds its seed by a name, which it asks the name server of its lease for.
pub(crate) fn is_an_agent(dir: &Path) {
    let lab = Lab::new(dir);
    let seeds = json!({ "name": "any", "boot_file": "http://seeds.lab.test/seed/{mac}/" });
    let _daemon = lab.serve(&json!({
        "state_dir": lab.state_dir(),
        "dhcp": {
            "interface": "eth0",
            "server_id": SERVER,
            "subnets": [{
                "net": "10.77.0.0/24",
                "pools": ["10.77.0.100-10.77.0.109"],
                "dns": [SERVER],
                "domain": "lab.test",
            }],
            "classes": [seeds],
        },
        "dns": {
            "listen": [format!("{SERVER}:53")],
            "zones": [{
                "name": "lab.test",
                "primary_ns": "seeds",
                "records": [format!("seeds 60 IN A {SERVER}")],
            }],
        },
        "seed": { "listen": format!("{SERVER}:80") },
    }));
    let root = root(dir);
    // A module that nobody has, and no way around it: only who asks for none gets past it.
    fs::create_dir(root.join("etc"))
        .and_then(|()| fs::write(root.join("etc/nsswitch.conf"), MODULES))
        .expect("the root is writable");
    let endpoint = lab.endpoint(20);
    let mut node = alone(&root);
    node.args(["node", "--events", "/events", "--first-retry-ms", "100"]);
    let node = Running(endpoint.spawn(&mut node));
    eventually("a seed", || {
        let events = fs::read_to_string(root.join("events")).unwrap_or_default();
        events.contains("\"seed_applied\"").then_some(())
    });
    drop(node);
}

/// A root with the program and nothing else; not even a directory beside it.
fn root(dir: &Path) -> PathBuf {
    let root = dir.join("root");
    fs::create_dir(&root)
        .and_then(|()| fs::copy(program(), root.join("quorate")))
        .expect("the test's directory is writable");
    root
}

fn alone(root: &Path) -> Command {
    let mut command = foreign("chroot");
    command.arg(root).arg("/quorate").env_clear();
    command
}

fn program() -> PathBuf {
    let path = std::env::var_os("QUORATE_STATIC").expect("the need is met");
    quorate_tests::root().join(path)
}

const MODULES: &str = "hosts: foreign [UNAVAIL=return] dns\n";

/// Killed when dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already, which the test then finds out.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
