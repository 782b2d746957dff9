//! What messages are called in a decision log.
//!
//! A name says what a message is for. Numbers that a program draws (message IDs, ports) and
//! addresses, which depend on who asked first, are not in it.

use quorate_core::MacAddr;
use quorate_dhcp::Message as Dhcp;
use quorate_fabric::frame::{self, UdpFrame, parse_udp};

/// `DHCP REQUEST`, `DNS query A n1.lab.test`, `DNS answer A n1.lab.test`. A frame that the
/// card at hand neither sends nor is meant to hear is `overheard`.
pub(crate) fn of_frame(bytes: &[u8], card: MacAddr) -> String {
    let name = parse_udp(bytes).map_or_else(|| "damaged frame".to_owned(), |udp| of_udp(&udp));
    let involved = frame::addresses(bytes).is_none_or(|(source, destination)| {
        source == card || destination == card || destination.is_group()
    });
    if involved {
        name
    } else {
        format!("overheard {name}")
    }
}

fn of_udp(udp: &UdpFrame<'_>) -> String {
    let ports = [udp.source.port(), udp.destination.port()];
    if ports.contains(&DNS_PORT) {
        of_dns(udp.payload)
    } else if let Ok(message) = Dhcp::decode(udp.payload) {
        format!("DHCP {}", message.kind)
    } else {
        "UDP".to_owned()
    }
}

/// `DNS query SRV _etcd-server._tcp.lab.test`, `UPDATE n1.lab.test`, `reply to an UPDATE`.
pub(crate) fn of_dns(payload: &[u8]) -> String {
    let (Some(flags), Some((owner, kind, rest))) = (payload.get(2), question(payload)) else {
        return "DNS".to_owned();
    };
    let is_reply = flags & 0x80 != 0;
    match (flags >> 3 & 0x0f, is_reply) {
        // The first record behind the zone names what is changed.
        (OPCODE_UPDATE, false) => match name(payload, rest) {
            Some((first, _)) => format!("UPDATE {first}"),
            None => "UPDATE".to_owned(),
        },
        (OPCODE_UPDATE, true) => "reply to an UPDATE".to_owned(),
        (_, false) => format!("DNS query {} {owner}", kind_name(kind)),
        (_, true) => format!("DNS answer {} {owner}", kind_name(kind)),
    }
}

fn kind_name(kind: u16) -> String {
    match kind {
        1 => "A".to_owned(),
        12 => "PTR".to_owned(),
        28 => "AAAA".to_owned(),
        33 => "SRV".to_owned(),
        other => format!("TYPE{other}"),
    }
}

/// Name, type, and where the rest begins, of the first question or zone (RFC 1035 §4.1.2).
fn question(payload: &[u8]) -> Option<(String, u16, usize)> {
    let (owner, at) = name(payload, HEADER_LEN)?;
    let kind = payload.get(at..at + 2)?;
    Some((owner, u16::from_be_bytes([kind[0], kind[1]]), at + 4))
}

/// A name, perhaps compressed (RFC 1035 §4.1.4), and where it ends.
fn name(payload: &[u8], start: usize) -> Option<(String, usize)> {
    let (mut at, mut end, mut labels) = (start, None, Vec::new());
    // Every label and every pointer takes an octet at least.
    for _ in 0..NAME_LEN_MAX {
        let length = usize::from(*payload.get(at)?);
        match length {
            0 => return Some((labels.join("."), end.unwrap_or(at + 1))),
            1..=63 => {
                let label = payload.get(at + 1..at + 1 + length)?;
                labels.push(String::from_utf8_lossy(label).to_ascii_lowercase());
                at += 1 + length;
            }
            _ => {
                end = end.or(Some(at + 2));
                at = (length & 0x3f) << 8 | usize::from(*payload.get(at + 1)?);
            }
        }
    }
    None
}

const DNS_PORT: u16 = 53;
const HEADER_LEN: usize = 12;
const NAME_LEN_MAX: usize = 255;
const OPCODE_UPDATE: u8 = 5;
