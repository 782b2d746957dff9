//! Signals, and lines that nobody reads or that are too many.

use std::path::Path;
use std::time::Duration;

use quorate_daemon::Event;
use quorate_dhcp::{Message, MessageType};
use quorate_tests::network::{Lab, addr, within};
use rustix::process::{Pid, Signal, kill_process};

use crate::client::{Client, machine};
use crate::config;

/// SIGHUP while it starts, while it serves, and often.
pub(crate) fn hangup(dir: &Path) {
    let lab = Lab::new(dir);
    let relay = lab.addressed(2);
    let mut daemon = lab.serve(&config(&lab));
    let pid = i32::try_from(daemon.pid()).ok().and_then(Pid::from_raw);
    let pid = pid.expect("it has a pid");
    let mut client = Client::new(&relay, addr(2));
    for n in 0..20 {
        kill_process(pid, Signal::HUP).expect("it runs");
        assert!(client.lease(machine(n)).is_some(), "after {n} signals");
    }
    daemon.wait_for("a lease", |event| matches!(event, Event::Leased { .. }));
}

/// More lines than a pipe holds, and nobody at its other end who reads.
pub(crate) fn unread(dir: &Path) {
    let lab = Lab::new(dir);
    let relay = lab.addressed(2);
    let mut config = config(&lab);
    config["dhcp"]["subnets"][0]["net"] = "10.77.0.0/16".into();
    config["dhcp"]["subnets"][0]["pools"] = ["10.77.1.0-10.77.20.255"].into();
    let mut child = lab.start(&config);
    let mut client = Client::new(&relay, addr(2));
    within(Duration::from_secs(20), "the server to answer", || {
        client.lease(machine(0))
    });
    // A lease is more than 100 octets of lines, a pipe has room for 65,536.
    let served = (1..1_500)
        .filter(|n| client.lease(machine(*n)).is_some())
        .count();
    // Without a reader nobody can have read them.
    assert!(child.stdout.is_some());
    assert_eq!(served, 1_499);
    child.kill().expect("it runs");
    child.wait().expect("it was killed");
}

/// Thousands of packets with one fault; what is written of them, and who is served beside it.
pub(crate) fn refused_flood(dir: &Path) {
    const PACKETS: u32 = 20_000;
    let lab = Lab::new(dir);
    let relay = lab.addressed(2);
    let daemon = lab.serve(&config(&lab));
    let mut client = Client::new(&relay, addr(2));
    for n in 0..PACKETS {
        // From a subnet that nobody has configured.
        let message = Message {
            giaddr: [172, 16, 0, 1].into(),
            hops: 1,
            ..Message::request(MessageType::Discover, n, machine(9_999))
        };
        client.send(&message);
        if n % 1_000 == 0 {
            // Enough for the server to keep up: what its socket drops is no line either.
            assert!(client.lease(machine((n / 1_000) as u16)).is_some());
        }
    }
    std::thread::sleep(Duration::from_millis(1_500));
    assert!(client.lease(machine(100)).is_some());
    std::thread::sleep(Duration::from_millis(500));
    let events = daemon.new_events();
    let is_refusal = |event: &Event| matches!(event, Event::DhcpDropped { .. });
    let refusals = events.iter().filter(|line| is_refusal(&line.event)).count();
    let counted: u64 = events
        .iter()
        .map(|line| {
            if let Event::Repeated { count, .. } = line.event {
                count
            } else {
                0
            }
        })
        .sum();
    let last = events.last().map_or(0, |line| line.mono_ns);
    let first = events.first().map_or(0, |line| line.mono_ns);
    let secs = (last - first) / 1_000_000_000 + 2;
    assert!(
        (1..=secs).contains(&(refusals as u64)),
        "{refusals} in {secs} s"
    );
    assert_eq!(refusals as u64 + counted, u64::from(PACKETS));
}
