//! Replies to addresses that answer no ARP request.

use std::net::UdpSocket;
use std::path::Path;
use std::time::{Duration, Instant};

use quorate_dhcp::{Message, MessageType};
use quorate_tests::network::{Lab, SERVER, addr};

use crate::client::{Client, machine};
use crate::{config, percentile};

/// 1,000 messages a second whose replies go nowhere, half of them to a relay agent that is not
/// there, half to a client that is not; and machines beside them.
pub(crate) fn blocked(dir: &Path) {
    const SECS: u64 = 4;
    let lab = Lab::new(dir);
    let (stranger, relay) = (lab.addressed(2), lab.addressed(3));
    let _daemon = lab.serve(&config(&lab));
    let bind = || UdpSocket::bind((addr(2), 0));
    let socket = stranger.ns.run(bind).expect("the namespace is there");
    let socket = socket.expect("the address is ours");
    let flood = std::thread::spawn(move || {
        let begun = Instant::now();
        let mut sent = 0u32;
        while begun.elapsed() < Duration::from_secs(SECS) {
            let absent = addr(200 + (sent / 2 % 50) as u8);
            let message = if sent.is_multiple_of(2) {
                Message {
                    giaddr: absent,
                    hops: 1,
                    ..Message::request(MessageType::Discover, sent, machine(5_000))
                }
            } else {
                Message {
                    ciaddr: absent,
                    ..Message::request(MessageType::Inform, sent, machine(5_001))
                }
            };
            socket
                .send_to(&message.encode(), (SERVER, 67))
                .expect("the port is open");
            sent += 1;
            let due = begun + Duration::from_millis(sent.into());
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        sent
    });
    let mut client = Client::new(&relay, addr(3));
    let mut took = Vec::new();
    let mut asked = 0;
    while !flood.is_finished() {
        took.extend(client.lease(machine(asked % 100)).map(|(_, took)| took));
        asked += 1;
        std::thread::sleep(Duration::from_millis(20));
    }
    let sent = flood.join().expect("it sends");
    assert!(sent > 500 * SECS as u32, "{sent} sent");
    assert_eq!(
        took.len(),
        usize::from(asked),
        "answered of those that asked"
    );
    let p99 = percentile(&mut took, 99);
    assert!(p99 < Duration::from_millis(500), "{p99:?}");
}
