//! The systemd unit, as systemd's own tools see it; and the configuration that goes with it.

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;

use quorate_boot::{EtcdUnit, Facts};
use quorate_core::MacAddr;
use quorate_tests::checks::{foreign, succeed};
use quorate_tests::read;
use quorate_tests::stories::cli;

pub(crate) const UNIT: &str = "packaging/quorate.service";
pub(crate) const EXAMPLE: &str = "packaging/quorate.toml";

/// Where packages put the program.
pub(crate) const PROGRAM: &str = "/usr/bin/quorate";

/// The highest exposure that is accepted, in tenths: 2.0 of 10.
const EXPOSURE_MAX: &str = "--threshold=20";

/// The values of a key, in the order of the file.
pub(crate) fn values(unit: &str, key: &str) -> Vec<String> {
    let start = format!("{key}=");
    unit.lines()
        .filter_map(|line| line.strip_prefix(&start))
        .map(str::to_owned)
        .collect()
}

pub(crate) fn verify() {
    let said = verified(&read(UNIT));
    assert!(said.is_empty(), "{said}");
}

/// The tool says nothing about a good unit; this is how it says something.
pub(crate) fn verify_finds_faults() {
    let wrong = read(UNIT).replace("PrivateTmp=", "PrivateTemp=");
    let said = verified(&wrong);
    assert!(said.contains("PrivateTemp"), "{said:?}");
}

/// The other unit that we write: what seeds install on machines whose systemd starts etcd.
pub(crate) fn verify_etcd() {
    let waits = EtcdUnit {
        binary: PROGRAM.to_owned(),
        discovery_srv: "closet.example".to_owned(),
        await_peers: Some(PROGRAM.to_owned()),
        ..EtcdUnit::default()
    };
    let facts = Facts {
        mac: MacAddr([2, 0, 0, 0, 0, 1]),
        addr: Ipv4Addr::new(10, 20, 0, 11),
        prefix_len: 24,
        hostname: "ash".to_owned(),
        domain: "closet.example".to_owned(),
        gateway: None,
        dns: Vec::new(),
        instance_id: "i-1".to_owned(),
        class: None,
    };
    let unit = waits.render(&facts).expect("it says how peers are found");
    assert!(unit.contains("await-peers"), "{unit}");
    let said = verified(&unit);
    assert!(said.is_empty(), "{said}");
    let wrong = unit.replace("Restart=always", "Restart=ever");
    let said = verified(&wrong);
    assert!(said.contains("ignoring: ever"), "{said}");
}

/// What `systemd-analyze verify` says. The program that the unit names is not installed here, so
/// this one stands in.
fn verified(unit: &str) -> String {
    let (_dir, path) = install(unit);
    let mut command = foreign("systemd-analyze");
    let output = command.args(["verify", "--man=no"]).arg(path).output();
    let output = output.expect("the need was declared");
    let said = [output.stdout, output.stderr].concat();
    String::from_utf8_lossy(&said).into_owned()
}

pub(crate) fn security() {
    let (_dir, path) = install(&read(UNIT));
    let fixed = ["security", "--no-pager", "--offline=true", EXPOSURE_MAX];
    succeed(foreign("systemd-analyze").args(fixed).arg(path));
}

fn install(unit: &str) -> (tempfile::TempDir, std::path::PathBuf) {
    let dir = tempfile::tempdir().expect("a directory for temporary files");
    let name = Path::new(UNIT).file_name().expect("it is a file");
    let path = dir.path().join(name);
    let this = std::env::current_exe().expect("it is running");
    let this = this.to_str().expect("cargo names it so");
    assert!(unit.contains(PROGRAM), "the unit starts {PROGRAM}");
    fs::write(&path, unit.replace(PROGRAM, this)).expect("the directory is writable");
    (dir, path)
}

/// People compare the two.
pub(crate) fn example() {
    let block = format!("```toml\n{}```", read(EXAMPLE));
    assert!(
        read("README.md").contains(&block),
        "{EXAMPLE} is not the example of README.md"
    );
}

pub(crate) fn example_is_valid() {
    let check = ["serve", "--check", "--config"];
    let path = quorate_tests::root().join(EXAMPLE);
    let output = succeed(cli().args(check).arg(path));
    assert!(output.stderr.is_empty(), "{output:?}");
}
