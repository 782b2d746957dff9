//! Each call of the real daemon to its disk fails once: a preloaded shim makes the n-th write, sync,
//! open, rename or truncation under the state directory fail. After each: nothing acknowledged is
//! lost, no serial goes back, and the service goes on.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::Ipv4Addr;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use quorate_core::MacAddr;
use quorate_tests::network::{Endpoint, Lab, eventually, foreign};

use super::clients::{Relay, Updater};
use super::{config, mac};

const SHIM: &str = include_str!("faults.c");
/// What the kernel says: an I/O error, no space left, a read-only file system.
const ERRNOS: [u64; 3] = [5, 28, 30];

/// A few of them, in a minute.
pub(crate) fn some_calls(dir: &Path) {
    faults(dir, 24);
}

/// As many as a release is tested with.
pub(crate) fn all_calls(dir: &Path) {
    faults(dir, 2000);
}

fn faults(dir: &Path, points: u64) {
    let lab = Lab::new(dir);
    let shim = Shim::build(dir);
    let endpoint = lab.addressed(2);
    let environment = shim.environment(&lab);
    let mut daemon = lab.serve_in(&config(&lab), &environment);
    let mut clients = Clients::new(&endpoint);
    for point in 0..points {
        shim.fail_in(1 + point * 7 % 23, ERRNOS[point as usize % ERRNOS.len()]);
        let is_hit = || shim.read(3) > point;
        // The load goes on until the call has failed.
        for n in 0..400 {
            clients.load(point, n);
            if is_hit() {
                break;
            }
        }
        assert!(is_hit(), "point {point}: nothing was written");
        eventually("the service to go on", || {
            clients.load(point, 900).then_some(())
        });
        if point % 8 == 7 {
            daemon.kill();
            shim.fail_in(u64::from(u32::MAX), 5);
            daemon = lab.serve_in(&config(&lab), &environment);
        }
        clients.check(&daemon.ask("/leases"), point);
    }
}

/// What was acknowledged, and who asks for more.
struct Clients {
    relay: Relay,
    updater: Updater,
    leases: BTreeMap<MacAddr, Ipv4Addr>,
    names: Vec<String>,
    serial: u32,
}

impl Clients {
    fn new(endpoint: &Endpoint) -> Self {
        Self {
            relay: Relay::new(endpoint),
            updater: Updater::new(endpoint),
            leases: BTreeMap::new(),
            names: Vec::new(),
            serial: 0,
        }
    }

    /// A lease and an UPDATE; true when both are acknowledged.
    fn load(&mut self, point: u64, n: u64) -> bool {
        let client = mac(50, ((point * 5 + n) % 120) as u8);
        let lease = self.relay.try_lease(client, PATIENCE_SHORT);
        if let Some(addr) = lease {
            let before = self.leases.insert(client, addr);
            assert!(
                before.is_none_or(|before| before == addr),
                "{client}: {before:?}, {addr}"
            );
        }
        let name = format!("p{point}-{n}-{}.lab.test", self.names.len());
        let is_added = self.updater.try_add(&name, PATIENCE_SHORT);
        if is_added {
            self.names.push(name);
        }
        lease.is_some() && is_added
    }

    fn check(&mut self, leases: &serde_json::Value, point: u64) {
        for (mac, addr) in &self.leases {
            let (mac, addr) = (mac.to_string(), addr.to_string());
            let mut leases = leases.as_array().expect("an array").iter();
            let is_there = leases.any(|lease| lease["mac"] == mac && lease["addr"] == addr);
            assert!(is_there, "point {point}: {mac} at {addr}");
        }
        let recent = self.names.len().saturating_sub(40);
        for name in &self.names[recent..] {
            assert!(self.updater.has_text(name), "point {point}: {name}");
        }
        let serial = self.updater.serial();
        assert!(
            serial >= self.serial,
            "point {point}: {serial} after {}",
            self.serial
        );
        self.serial = serial;
    }
}

/// The preloaded library, and the page that it reads.
struct Shim {
    library: PathBuf,
    page: PathBuf,
    shared: File,
}

impl Shim {
    fn build(dir: &Path) -> Self {
        let (source, library) = (dir.join("faults.c"), dir.join("faults.so"));
        let page = dir.join("page");
        fs::write(&source, SHIM).expect("the test's directory is writable");
        fs::write(&page, [0; 4096]).expect("the test's directory is writable");
        let mut compile: Command = foreign("cc");
        compile
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .arg(&library)
            .arg(&source)
            .arg("-ldl");
        assert!(
            compile.status().expect("cc starts").success(),
            "the shim compiles"
        );
        let shared = File::options().read(true).write(true).open(&page);
        Self {
            library,
            shared: shared.expect("it was written"),
            page,
        }
    }

    fn environment(&self, lab: &Lab) -> Vec<(&'static str, String)> {
        let text = |path: &Path| path.display().to_string();
        vec![
            ("LD_PRELOAD", text(&self.library)),
            ("QUORATE_FAULT_PAGE", text(&self.page)),
            ("QUORATE_FAULT_DIR", text(&lab.state_dir().join("state"))),
            ("QUORATE_COMPACTION_BYTES_MIN", "65536".to_owned()),
        ]
    }

    /// The call after so many fails.
    fn fail_in(&self, calls: u64, errno: u64) {
        self.write(2, errno);
        self.write(1, self.read(0) + calls);
    }

    fn read(&self, word: u64) -> u64 {
        let mut bytes = [0; 8];
        let read = self.shared.read_exact_at(&mut bytes, word * 8);
        read.expect("the page is there");
        u64::from_ne_bytes(bytes)
    }

    fn write(&self, word: u64, value: u64) {
        let written = self.shared.write_all_at(&value.to_ne_bytes(), word * 8);
        written.expect("the page is there");
    }
}

/// Less than a log that failed rests.
const PATIENCE_SHORT: Duration = Duration::from_millis(400);
