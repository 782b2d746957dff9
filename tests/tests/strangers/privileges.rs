//! What the daemon may do once it serves; and that it needs no more than its unit gives it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use quorate_tests::network::{Daemon, Lab, addr};

use crate::client::{Client, machine};
use crate::http::get_from;
use crate::{boot_dir, config};

/// Started as root: no capability, no way to get one, and another user where there is one.
pub(crate) fn given_up(dir: &Path) {
    let lab = Lab::new(dir);
    let relay = lab.addressed(2);
    // Another user can come to the state directory.
    open(dir);
    let boot = boot_dir(dir);
    open(&boot);
    fs::write(boot.join("kernel"), "kernel").expect("the test's directory is writable");
    let daemon = lab.serve(&config(&lab));
    let status = status(&daemon);
    assert_eq!(status["CapEff"], NONE, "{status:?}");
    assert_eq!(status["CapPrm"], NONE, "{status:?}");
    assert_eq!(status["CapInh"], NONE, "{status:?}");
    assert_eq!(status["NoNewPrivs"], "1", "{status:?}");
    let uid = status["Uid"].split_whitespace().next().unwrap_or_default();
    let map = fs::read_to_string("/proc/self/uid_map").expect("the kernel has user namespaces");
    let has_others = map.split_whitespace().last() != Some("1");
    assert_eq!(uid != "0", has_others, "{status:?} in {map}");
    serves(&lab, &relay);
    // It writes to its log as who it is now.
    let mut client = Client::new(&lab.addressed(3), addr(3));
    assert!((0..50).all(|n| client.lease(machine(n)).is_some()));
}

/// With the unit's two capabilities as the only ones that there are.
pub(crate) fn as_in_the_unit(dir: &Path) {
    let lab = Lab::new(dir);
    let relay = lab.addressed(2);
    fs::write(boot_dir(dir).join("kernel"), "kernel").expect("the test's directory is writable");
    let unit = quorate_tests::read("packaging/quorate.service");
    let names = unit
        .lines()
        .find_map(|line| line.strip_prefix("CapabilityBoundingSet="));
    let names = names.expect("the unit bounds its capabilities");
    let only: String = names
        .split_whitespace()
        .map(|name| format!(",+{}", name.trim_start_matches("CAP_").to_lowercase()))
        .collect();
    let only = format!("-all{only}");
    let bounds = [
        "--bounding-set",
        &only,
        "--inh-caps",
        &only,
        "--ambient-caps",
        &only,
        "--no-new-privs",
    ];
    let daemon = lab.serve_by("setpriv", &bounds, &config(&lab));
    let status = status(&daemon);
    assert_eq!(status["CapEff"], NONE, "{status:?}");
    serves(&lab, &relay);
}

fn serves(lab: &Lab, relay: &quorate_tests::network::Endpoint) {
    let mut client = Client::new(relay, addr(2));
    let (leased, _) = client.lease(machine(1)).expect("DHCP is served");
    let endpoint = lab.endpoint(9);
    endpoint.set_address(leased);
    let kernel = get_from(&endpoint, leased, "/boot/kernel");
    assert_eq!(kernel, (200, "kernel".to_owned()));
    let path = format!("/seed/{}/meta-data", machine(1));
    assert_eq!(get_from(&endpoint, leased, &path).0, 200);
}

fn open(dir: &Path) {
    let mode = fs::Permissions::from_mode(0o755);
    fs::set_permissions(dir, mode).expect("it is ours");
}

fn status(daemon: &Daemon) -> BTreeMap<String, String> {
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.pid()));
    let status = status.expect("it runs");
    let fields = status.lines().filter_map(|line| line.split_once(":\t"));
    fields
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

const NONE: &str = "0000000000000000";
