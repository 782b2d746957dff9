//! Floods of each kind, and machines beside them that are served as without.

use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use quorate_core::MacAddr;
use quorate_dhcp::{Message, MessageType};
use quorate_tests::network::{Daemon, Endpoint, Lab, SERVER, addr};
use serde_json::json;

use crate::client::{Client, machine};
use crate::{boot_dir, config, memory_mib, percentile};

/// What a stranger sends, so many a second.
#[derive(Clone, Copy)]
struct Flood {
    name: &'static str,
    a_second: u64,
    send: fn(&Stranger, u32),
}

struct Stranger {
    udp: UdpSocket,
    endpoint: Endpoint,
}

const FLOODS: [Flood; 5] = [
    Flood {
        name: "DISCOVERs of machines that are never seen again",
        a_second: 2_000,
        send: |stranger, n| {
            let [_, a, b, c] = n.to_be_bytes();
            let mac = MacAddr([2, 0xbb, 0, a, b, c]);
            let discover = Message {
                giaddr: addr(2),
                hops: 1,
                ..Message::request(MessageType::Discover, n, mac)
            };
            stranger.send(&discover.encode(), 67);
        },
    },
    Flood {
        name: "INFORMs of addresses that answer no ARP",
        a_second: 1_000,
        send: |stranger, n| {
            let inform = Message {
                ciaddr: addr(150 + (n % 100) as u8),
                ..Message::request(MessageType::Inform, n, machine(9_000))
            };
            stranger.send(&inform.encode(), 67);
        },
    },
    Flood {
        name: "questions",
        a_second: 4_000,
        send: |stranger, n| {
            let mut query = b"\0\0\0\0\0\x01\0\0\0\0\0\0\x03lab\x04test\0\0\x06\0\x01".to_vec();
            query[..2].copy_from_slice(&(n as u16).to_be_bytes());
            stranger.send(&query, 53);
        },
    },
    Flood {
        name: "TFTP requests",
        a_second: 1_000,
        send: |stranger, _| stranger.send(b"\0\x01kernel\0octet\0timeout\x0010\0", 69),
    },
    Flood {
        name: "connections that ask for nothing",
        a_second: 200,
        send: |stranger, _| {
            let server = SocketAddr::new(SERVER.into(), 80);
            let open = || TcpStream::connect_timeout(&server, Duration::from_millis(200));
            // Refused or not: the next one comes.
            drop(stranger.endpoint.ns.run(open));
        },
    },
];

impl Stranger {
    fn send(&self, payload: &[u8], port: u16) {
        // What the kernel has no room for is a packet less.
        let _ = self.udp.send_to(payload, (SERVER, port));
    }
}

/// A second or two of each.
pub(crate) fn short(dir: &Path) {
    beside_each(dir, 1, Duration::from_secs(2), Duration::from_millis(500));
}

/// Twenty seconds of each, at four times the rates: for a release build and a machine that does
/// nothing else.
pub(crate) fn long(dir: &Path) {
    beside_each(dir, 4, Duration::from_secs(20), Duration::from_millis(50));
}

fn beside_each(dir: &Path, factor: u64, time: Duration, p99_max: Duration) {
    let lab = Lab::new(dir);
    std::fs::write(boot_dir(dir).join("kernel"), vec![7; 1 << 20]).expect("it is writable");
    let mut config = config(&lab);
    config["dhcp"]["hosts"] =
        json!([{ "mac": RESERVED, "addr": addr(20), "hostname": "reserved" }]);
    let (relay, stranger) = (lab.addressed(3), lab.addressed(2));
    let daemon = lab.serve(&config);
    let mut client = Client::new(&relay, addr(3));
    let bind = || UdpSocket::bind((addr(2), 0));
    let udp = stranger.ns.run(bind).expect("the namespace is there");
    let stranger = Arc::new(Stranger {
        udp: udp.expect("the address is ours"),
        endpoint: stranger,
    });
    let before = memory_mib(&daemon);
    for (series, flood) in (0u16..).zip(FLOODS) {
        let sent = Arc::new(AtomicU64::new(0));
        let stop = Arc::new(AtomicBool::new(false));
        let sender = {
            let (stranger, sent, stop) =
                (Arc::clone(&stranger), Arc::clone(&sent), Arc::clone(&stop));
            thread::spawn(move || run(&stranger, flood, factor, &sent, &stop))
        };
        let (asked, mut took) = serve_beside(&mut client, series, time);
        stop.store(true, Ordering::Relaxed);
        sender.join().expect("it sends");
        let rate = sent.load(Ordering::Relaxed) * 1_000 / time.as_millis() as u64;
        let (name, served) = (flood.name, took.len());
        let (p50, p99) = (percentile(&mut took, 50), percentile(&mut took, 99));
        show(
            &daemon,
            &format!("{rate}/s {name}: {served} of {asked}, p50 {p50:?}, p99 {p99:?}"),
        );
        assert_eq!(served, asked, "{rate}/s {name}");
        assert!(p99 <= p99_max, "{rate}/s {name}: {p99:?}");
    }
    let after = memory_mib(&daemon);
    assert!(after < before + 64, "{before} MiB, then {after} MiB");
}

/// Sends at its rate, as far as the machine has time for it.
fn run(stranger: &Stranger, flood: Flood, factor: u64, sent: &AtomicU64, stop: &AtomicBool) {
    let begun = Instant::now();
    let gap = Duration::from_secs(1) / (flood.a_second * factor) as u32;
    let mut n = 0;
    while !stop.load(Ordering::Relaxed) {
        (flood.send)(stranger, n);
        n += 1;
        sent.store(n.into(), Ordering::Relaxed);
        thread::sleep((begun + gap * n).saturating_duration_since(Instant::now()));
    }
}

/// Fresh machines and one with a reservation, 50 leases a second: how many asked, and what each that
/// was served took.
fn serve_beside(client: &mut Client, series: u16, time: Duration) -> (usize, Vec<Duration>) {
    let begun = Instant::now();
    let (mut asked, mut took) = (0, Vec::new());
    while begun.elapsed() < time {
        let mac = if asked % 5 == 0 {
            RESERVED.parse().expect("the constant is an address")
        } else {
            // Few enough for the pool to have room for all series.
            machine(series * 30 + (asked % 30) as u16)
        };
        let lease = client.lease(mac);
        if let Some((addr_, _)) = lease
            && asked % 5 == 0
        {
            assert_eq!(addr_, addr(20));
        }
        took.extend(lease.map(|(_, took)| took));
        asked += 1;
        thread::sleep(Duration::from_millis(20));
    }
    (asked, took)
}

#[expect(
    clippy::print_stderr,
    reason = "the figures are what a long run is for"
)]
fn show(daemon: &Daemon, line: &str) {
    eprintln!("{line}, {} MiB", memory_mib(daemon));
}

const RESERVED: &str = "02:dd:00:02:00:01";
