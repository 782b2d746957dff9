//! `kill -9` of `quorate serve`: what it has acknowledged is there when it comes back.
//!
//! A killed process loses what it had in memory; that the disk keeps what was synced is the
//! kernel's part, and the simulated disk of the store's own tests shows the rest.

mod clients;
mod faults;

use std::net::Ipv4Addr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use quorate_core::MacAddr;
use quorate_needs::Need;
use quorate_tests::network::{Daemon, Endpoint, Lab, PATIENCE, SERVER, eventually};
use quorate_tests::sandboxed::{self, Case};
use serde_json::{Value, json};

use clients::{Relay, Updater};

const CASES: [Case; 5] = [
    Case {
        name: "fifty_kills_after_an_acknowledgement",
        needs: &[],
        run: fifty_kills,
    },
    Case {
        name: "kills_in_a_burst_of_updates",
        needs: &[],
        run: kills_in_updates,
    },
    Case {
        name: "kills_in_a_burst_of_leases",
        needs: &[],
        run: kills_in_leases,
    },
    Case {
        name: "some_calls_to_the_disk_fail",
        needs: &[Need::Program("cc")],
        run: faults::some_calls,
    },
    Case {
        name: "two_thousand_calls_to_the_disk_fail",
        needs: &[Need::Program("cc"), Need::Switch("QUORATE_SLOW")],
        run: faults::all_calls,
    },
];

fn main() -> ExitCode {
    sandboxed::main_within(CASE_MAX, &CASES)
}

/// One server that is killed and comes back, again and again.
struct Bench {
    endpoint: Endpoint,
    daemon: Daemon,
    lab: Lab,
}

impl Bench {
    fn new(dir: &Path) -> Self {
        let lab = Lab::new(dir);
        let endpoint = lab.addressed(2);
        let daemon = lab.serve(&config(&lab));
        Self {
            endpoint,
            daemon,
            lab,
        }
    }

    fn kill_and_start(&mut self) {
        self.daemon.kill();
        self.daemon = self.lab.serve(&config(&self.lab));
    }

    fn relay(&self) -> Relay {
        Relay::new(&self.endpoint)
    }

    fn updater(&self) -> Updater {
        Updater::new(&self.endpoint)
    }

    /// Leases as the daemon has them.
    fn leases(&self) -> Vec<(String, String)> {
        let leases = self.daemon.ask("/leases");
        let text = |lease: &Value, key: &str| lease[key].as_str().unwrap_or_default().to_owned();
        let leases = leases.as_array().expect("an array").iter();
        leases
            .map(|lease| (text(lease, "addr"), text(lease, "mac")))
            .collect()
    }
}

fn config(lab: &Lab) -> Value {
    let reverse = "0.77.10.in-addr.arpa";
    json!({
        "state_dir": lab.state_dir(),
        "dhcp": {
            "interface": "eth0",
            "server_id": SERVER,
            "subnets": [{
                "net": "10.77.0.0/24",
                "pools": ["10.77.0.50-10.77.0.249"],
                "dns": [SERVER],
                "domain": "lab.test",
            }],
            "classes": [{ "name": "any", "hostname": "m-{mac}" }],
        },
        "dns": {
            "listen": [format!("{SERVER}:53")],
            "zones": [
                { "name": "lab.test", "bootstrap": true, "primary_ns": "ns" },
                { "name": reverse, "bootstrap": true, "primary_ns": "ns.lab.test." },
            ],
            "update": [{
                "sources": ["10.77.0.0/24"],
                "names": { "subdomain": "lab.test" },
                "types": ["ANY"],
            }],
        },
        "ddns": {
            "server": format!("{SERVER}:53"),
            "forward_zone": "lab.test",
            "reverse_zones": [reverse],
        },
    })
}

/// The long ones are an hour each.
const CASE_MAX: Duration = Duration::from_secs(3 * 3600);

const fn mac(series: u8, n: u8) -> MacAddr {
    MacAddr([2, 0xdd, 0, 0, series, n])
}

/// A lease and a record each round, in both orders, and a kill a little later than the later
/// one: at once, or while the registrar publishes the name, or after.
fn fifty_kills(dir: &Path) {
    const ROUNDS: u8 = 50;
    let mut bench = Bench::new(dir);
    let mut held: Vec<(Ipv4Addr, MacAddr)> = Vec::new();
    for round in 0..ROUNDS {
        let (mut relay, mut updater) = (bench.relay(), bench.updater());
        let client = mac(1, round);
        let name = format!("round-{round}.lab.test");
        let publish = |updater: &mut Updater| assert!(updater.add(&name, PATIENCE), "{name}");
        if round % 2 == 0 {
            publish(&mut updater);
        }
        let addr = relay.lease(client);
        if round % 2 == 1 {
            publish(&mut updater);
        }
        let serial = updater.serial();
        held.push((addr, client));
        // Not to wait for anything: the kill comes at a moment of its own each round.
        thread::sleep(Duration::from_micros(u64::from(round % 10) * 400));
        bench.kill_and_start();

        let leases = bench.leases();
        for (addr, mac) in &held {
            let lease = (addr.to_string(), mac.to_string());
            assert!(
                leases.contains(&lease),
                "round {round}: {lease:?} in {leases:?}"
            );
        }
        assert!(updater.serial() >= serial, "round {round}: from {serial}");
        for round in 0..=round {
            let name = format!("round-{round}.lab.test");
            assert!(updater.has_text(&name), "{name}");
        }
        // The same client gets the same address; another asks for it in vain.
        assert_eq!(relay.offer(client, None), addr, "round {round}");
        assert_ne!(
            relay.offer(mac(2, round), Some(addr)),
            addr,
            "round {round}"
        );
        assert_eq!(relay.lease(client), addr, "round {round}");
    }
    // What the registrar had still to do when it was killed it has done, too.
    let mut updater = bench.updater();
    for (addr, mac) in held {
        let name = format!("m-{mac}.lab.test").replace(':', "");
        eventually(&name, || {
            (updater.address(&name) == Some(addr)).then_some(())
        });
    }
}

/// Four clients update as fast as they are answered; the kill comes in the middle.
fn kills_in_updates(dir: &Path) {
    const ROUNDS: usize = 5;
    let mut bench = Bench::new(dir);
    let mut acknowledged: Vec<String> = Vec::new();
    for round in 0..ROUNDS {
        let serial = bench.updater().serial();
        let new = burst(&mut bench, round, 20 + 31 * round);
        bench.kill_and_start();
        let mut updater = bench.updater();
        // One version for each, and perhaps some that no client had an answer for.
        let versions = updater.serial().wrapping_sub(serial) as usize;
        assert!(versions >= new.len(), "{versions} for {}", new.len());
        acknowledged.extend(new);
        for name in &acknowledged {
            assert!(updater.has_text(name), "round {round}: {name}");
        }
    }
}

/// The names that were acknowledged until the kill, which comes after `count` of them.
fn burst(bench: &mut Bench, round: usize, count: usize) -> Vec<String> {
    const WRITERS: usize = 4;
    let updaters: Vec<Updater> = (0..WRITERS).map(|_| bench.updater()).collect();
    let is_killed = &AtomicBool::new(false);
    let (sender, receiver) = channel();
    thread::scope(|scope| {
        for (writer, mut updater) in updaters.into_iter().enumerate() {
            let sender = sender.clone();
            scope.spawn(move || {
                let names = (0..).map(|n| format!("w{writer}-{round}-{n}.lab.test"));
                for name in names {
                    if !updater.add_while(&name, PATIENCE, is_killed) {
                        return;
                    }
                    sender.send(name).expect("the test listens");
                }
            });
        }
        drop(sender);
        let mut names: Vec<String> = receiver.iter().take(count).collect();
        assert_eq!(names.len(), count, "a writer was not answered");
        bench.daemon.kill();
        is_killed.store(true, Ordering::Relaxed);
        names.extend(receiver);
        names
    })
}

/// The same with leases.
fn kills_in_leases(dir: &Path) {
    const ROUNDS: u8 = 4;
    const CLIENTS: u8 = 40;
    let mut bench = Bench::new(dir);
    let mut held: Vec<(Ipv4Addr, MacAddr)> = Vec::new();
    for round in 0..ROUNDS {
        let mut relay = bench.relay();
        // All at once, as after a power cut: what is acknowledged shares a sync with others.
        let clients: Vec<_> = (0..CLIENTS).map(|n| mac(10 + round, n)).collect();
        let offers = relay.offers(&clients);
        assert_eq!(offers.len(), clients.len());
        let acks =
            relay.request_until(&offers, usize::from(round) * 10 + 1, || bench.daemon.kill());
        assert!(!acks.is_empty());
        held.extend(acks);
        bench.kill_and_start();
        let leases = bench.leases();
        for (addr, mac) in &held {
            let lease = (addr.to_string(), mac.to_string());
            assert!(
                leases.contains(&lease),
                "round {round}: {lease:?} in {leases:?}"
            );
        }
        let mut addresses: Vec<_> = leases.iter().map(|(addr, _)| addr).collect();
        addresses.sort();
        addresses.dedup();
        assert_eq!(addresses.len(), leases.len(), "one lease an address");
        for (addr, mac) in &held {
            assert_eq!(relay.offer(*mac, None), *addr, "round {round}");
        }
    }
}
