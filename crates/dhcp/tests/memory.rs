//! What a lease costs. In a process of its own: other tests' memory would be counted too.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
#![expect(clippy::print_stderr, reason = "people run it for the figures")]

use std::net::Ipv4Addr;

use quorate_core::{Channel, Datagram, Engine, Instant, MacAddr, Now, Output, Seed, Ticket, Wall};
use quorate_dhcp::server::{RawServerConfig, RawSubnet, ServerRecord};
use quorate_dhcp::wire::code;
use quorate_dhcp::{Message, MessageType, Server, ServerConfig};

const LEASES: u32 = 100_000;
const LEASE_OCTETS_MAX: u64 = 700;
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const NOW: Now = Now::new(Instant::ZERO, Wall::from_unix_secs(1_767_225_600));

fn config() -> ServerConfig {
    let pool = "10.1.0.0-10.4.255.255".parse().unwrap();
    let mut subnet = RawSubnet::new("10.0.0.0/8".parse().unwrap(), pool);
    subnet.domain = Some("lab.example".to_owned());
    ServerConfig::validate(RawServerConfig::new(SERVER, subnet)).unwrap()
}

fn rss_octets() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib: u64 = line
        .unwrap()
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .unwrap();
    kib * 1024
}

/// Client `n` asks for the address of its number, and has an identifier as systems have one.
fn request(n: u32) -> Vec<u8> {
    let [a, b, c, d] = n.to_be_bytes();
    let mac = MacAddr([2, 0, a, b, c, d]);
    let addr = Ipv4Addr::from_bits(Ipv4Addr::new(10, 1, 0, 0).to_bits() + n);
    let mut message = Message::request(MessageType::Request, n, mac);
    message.options.set_addrs(code::SERVER_ID, &[SERVER]);
    message.options.set_addrs(code::REQUESTED_ADDR, &[addr]);
    let id = [255, a, b, c, d, 0, 1, 0, 1, 0x2d, 0, 0, 0, 2, 0, a, b, c, d];
    message.options.set(code::CLIENT_ID, id.to_vec());
    message.encode()
}

/// Gives `LEASES` leases, and `keep` every record.
fn lease_all(server: &mut Server, mut keep: impl FnMut(ServerRecord)) {
    for n in 0..LEASES {
        let datagram = Datagram {
            source: ([0, 0, 0, 0], 68).into(),
            destination: ([255, 255, 255, 255], 67).into(),
            channel: Channel::Udp,
            payload: &request(n),
        };
        server.handle_datagram(datagram, NOW);
        let mut last = Ticket(0);
        while let Some(output) = server.poll() {
            if let Output::Write { ticket, write } = output {
                last = ticket;
                keep(write);
            }
        }
        server.handle_written(last, NOW);
        while server.poll().is_some() {}
    }
    assert_eq!(server.leases_len(), LEASES as usize);
}

#[test]
fn a_lease_costs_little() {
    let before = rss_octets();
    let mut server = Server::new(config(), Seed::new(1));
    lease_all(&mut server, drop);
    let each = (rss_octets() - before) / u64::from(LEASES);
    eprintln!("{each} octets a lease");
    assert!(each <= LEASE_OCTETS_MAX, "{each} octets a lease");

    // And a restart, which sees every record before it is done.
    let records = server.records().into_iter().map(ServerRecord::from);
    let lines: Vec<Vec<u8>> = records
        .map(|record| match record {
            ServerRecord::Lease(lease) => serde_json::to_vec(&lease).unwrap(),
            ServerRecord::ClockSet { .. } => unreachable!("nobody set the clock"),
        })
        .collect();
    drop(server);
    let before = rss_octets();
    let records = lines
        .iter()
        .map(|line| ServerRecord::Lease(serde_json::from_slice(line).unwrap()));
    let restored = Server::restore(config(), Seed::new(2), records, NOW);
    assert_eq!(restored.leases_len(), LEASES as usize);
    let each = rss_octets().saturating_sub(before) / u64::from(LEASES);
    eprintln!("{each} octets a lease more after a restart");
    assert!(each <= LEASE_OCTETS_MAX, "{each} octets a lease");
}
