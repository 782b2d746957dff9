//! What a frame is a part of, in words for people who open the capture: the machine and the link
//! of the boot chain. Only guesses from ports and first bytes; nothing is decided by them.

use std::collections::BTreeMap;

use quorate_fabric::pcapng::Direction;
use quorate_scenario::Link;

/// Knows machines by the MAC addresses that were seen on their ports.
#[derive(Debug, Default)]
pub(super) struct Labels {
    machines: BTreeMap<[u8; 6], String>,
}

impl Labels {
    /// `n1, discover: DHCPDISCOVER` for a frame that passed in this direction through `port`; empty for what
    /// belongs to no link.
    pub(super) fn of(&mut self, port: &str, direction: Direction, frame: &[u8]) -> String {
        let (Some(to), Some(from)) = (mac(frame, 0), mac(frame, 6)) else {
            return String::new();
        };
        let is_server = port == SERVERS;
        if direction == Direction::Inbound && !is_server && !self.machines.contains_key(&from) {
            self.machines.insert(from, port.to_owned());
        }
        let Some((link, what)) = purpose(frame) else {
            return String::new();
        };
        // What servers send is for the machine that it is addressed to.
        let machine = match (is_server, direction) {
            (false, _) => Some(port),
            (true, Direction::Inbound) => self.machines.get(&to).map(String::as_str),
            (true, Direction::Outbound) => self.machines.get(&from).map(String::as_str),
        };
        match machine {
            Some(machine) => format!("{machine}, {link}: {what}"),
            None => format!("{link}: {what}"),
        }
    }
}

fn mac(frame: &[u8], at: usize) -> Option<[u8; 6]> {
    frame.get(at..)?.first_chunk().copied()
}

/// The link that a frame serves, and what it is.
fn purpose(frame: &[u8]) -> Option<(Link, &'static str)> {
    if u16_at(frame, 12)? != ETHERTYPE_IPV4 {
        return None;
    }
    let ip = frame.get(14..)?;
    let header_len = usize::from(ip.first()? & 0x0f) * 4;
    let transport = ip.get(header_len..)?;
    let ports = [u16_at(transport, 0)?, u16_at(transport, 2)?];
    match ip.get(9)? {
        17 if ports.contains(&67) && ports.contains(&68) => dhcp(transport.get(8..)?),
        17 if ports.contains(&53) => dns(transport.get(8..)?),
        6 if ports.contains(&53) => Some((Link::Name, "DNS over TCP")),
        6 if ports.contains(&80) => Some((Link::Seed, "HTTP")),
        6 if ports.contains(&2380) => Some((Link::Voter, "etcd, peer to peer")),
        6 if ports.contains(&2379) => Some((Link::Writes, "etcd, client")),
        _ => None,
    }
}

/// The message type is option 53 behind the magic cookie (RFC 2132 §9.6).
fn dhcp(message: &[u8]) -> Option<(Link, &'static str)> {
    let mut options = message.get(240..)?;
    loop {
        match *options.first()? {
            0 => options = options.get(1..)?,
            53 => break,
            255 => return None,
            _ => options = options.get(2 + usize::from(*options.get(1)?)..)?,
        }
    }
    Some(match options.get(2)? {
        1 => (Link::Discover, "DHCPDISCOVER"),
        2 => (Link::Ack, "DHCPOFFER"),
        3 => (Link::Discover, "DHCPREQUEST"),
        4 => (Link::Ack, "DHCPDECLINE"),
        5 => (Link::Ack, "DHCPACK"),
        6 => (Link::Ack, "DHCPNAK"),
        7 => (Link::Ack, "DHCPRELEASE"),
        8 => (Link::Ack, "DHCPINFORM"),
        _ => return None,
    })
}

/// The opcode, and the type of the first question (RFC 1035 §4.1).
fn dns(message: &[u8]) -> Option<(Link, &'static str)> {
    let is_answer = message.get(2)? & 0x80 != 0;
    if message[2] >> 3 & 0x0f == OPCODE_UPDATE {
        return Some((Link::Name, "DNS UPDATE"));
    }
    let mut at = 12;
    loop {
        match *message.get(at)? {
            0 => break,
            length @ 1..=63 => at += 1 + usize::from(length),
            _ => return None,
        }
    }
    Some(match (u16_at(message, at + 1)?, is_answer) {
        (1, false) => (Link::Name, "asks for A"),
        (1, true) => (Link::Name, "answer with A"),
        (12, false) => (Link::Name, "asks for PTR"),
        (12, true) => (Link::Name, "answer with PTR"),
        (28, false) => (Link::Name, "asks for AAAA"),
        (28, true) => (Link::Name, "answer with AAAA"),
        (33, false) => (Link::Srv, "asks for SRV"),
        (33, true) => (Link::Srv, "answer with SRV"),
        (_, false) => (Link::Name, "asks the DNS"),
        (_, true) => (Link::Name, "answer of the DNS"),
    })
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

const ETHERTYPE_IPV4: u16 = 0x0800;
/// RFC 2136 §1.3.
const OPCODE_UPDATE: u8 = 5;
/// What the port of the servers is called.
pub(crate) const SERVERS: &str = "servers";

#[cfg(test)]
mod tests {
    use std::net::SocketAddrV4;

    use quorate_core::MacAddr;
    use quorate_fabric::frame::udp_frame;

    use super::*;

    const N1: MacAddr = MacAddr([2, 0x71, 0, 0, 0, 1]);
    const ALL: MacAddr = MacAddr([0xff; 6]);
    const SERVER: MacAddr = MacAddr([2, 0, 0, 0, 0, 9]);

    fn frame(from: (MacAddr, u16), to: (MacAddr, u16), payload: &[u8]) -> Vec<u8> {
        let (source, destination) = (
            SocketAddrV4::new([10, 0, 0, 1].into(), from.1),
            SocketAddrV4::new([10, 0, 0, 2].into(), to.1),
        );
        udp_frame(from.0, to.0, source, destination, payload)
    }

    fn dhcp(kind: u8) -> Vec<u8> {
        let mut message = vec![0; 240];
        message.extend([0, 12, 2, b'n', b'1', 53, 1, kind, 255]);
        message
    }

    fn question(kind: u8) -> Vec<u8> {
        let mut message = vec![0; 12];
        message.extend([2, b'n', b'1', 0, 0, kind, 0, 1]);
        message
    }

    #[test]
    fn a_label_names_the_machine_and_the_link() {
        let mut labels = Labels::default();
        let discover = frame((N1, 68), (ALL, 67), &dhcp(1));
        let offer = frame((SERVER, 67), (N1, 68), &dhcp(2));
        let asks = frame((N1, 4_000), (SERVER, 53), &question(33));
        let mut said = |port, frame: &[u8]| labels.of(port, Direction::Inbound, frame);
        assert_eq!(said(SERVERS, &offer), "ack: DHCPOFFER");
        assert_eq!(said("n1", &discover), "n1, discover: DHCPDISCOVER");
        assert_eq!(said(SERVERS, &offer), "n1, ack: DHCPOFFER");
        assert_eq!(said("n1", &asks), "n1, srv: asks for SRV");
        let other = frame((N1, 9), (SERVER, 9), b"x");
        assert_eq!(said("n1", &other), "");
    }

    #[test]
    fn whatever_is_cut_off_has_at_most_a_label_less() {
        let whole = [
            frame((N1, 68), (ALL, 67), &dhcp(1)),
            frame((N1, 4_000), (SERVER, 53), &question(1)),
        ];
        for frame in &whole {
            for length in 0..frame.len() {
                let _ = Labels::default().of("n1", Direction::Inbound, &frame[..length]);
            }
            let mut wild = frame.clone();
            for at in 12..wild.len() {
                wild[at] = 0xff;
                let _ = Labels::default().of("n1", Direction::Inbound, &wild);
                wild[at] = frame[at];
            }
        }
    }
}
