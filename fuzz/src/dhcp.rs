//! What clients, relays and strangers send to a DHCP server.

use std::borrow::Cow;
use std::net::Ipv4Addr;

use arbitrary::Arbitrary;
use quorate_core::MacAddr;
use quorate_dhcp::wire::{Message, MessageType, code};

const HEADER_LEN: usize = 240;

/// One message, from nonsense to well formed.
#[derive(Arbitrary, Debug)]
pub enum Sent {
    Raw(Vec<u8>),
    /// With the octets that every BOOTP message on Ethernet has.
    Framed(Vec<u8>),
    Request {
        kind: u8,
        client: u8,
        /// The last octets of ciaddr, giaddr and option 50, which is absent when zero.
        addrs: [u8; 3],
        chose_us: bool,
        options: Vec<(u8, Vec<u8>)>,
    },
}

impl Sent {
    pub fn encode(self) -> Vec<u8> {
        match self {
            Self::Raw(bytes) => bytes,
            Self::Framed(bytes) => framed(bytes),
            Self::Request {
                kind,
                client,
                addrs,
                chose_us,
                options,
            } => {
                let kind = MessageType::ALL[usize::from(kind) % MessageType::ALL.len()];
                // Few clients, so that they meet.
                let mac = MacAddr([2, 0, 0, 0, 0, client % 8]);
                let mut message = Message::request(kind, 1, mac);
                let [ciaddr, giaddr, requested] = addrs.map(addr);
                message.ciaddr = ciaddr.unwrap_or(Ipv4Addr::UNSPECIFIED);
                message.giaddr = giaddr.unwrap_or(Ipv4Addr::UNSPECIFIED);
                for (code, value) in options {
                    if ![code::PAD, code::MESSAGE_TYPE, code::END].contains(&code) {
                        message.options.set(code, Cow::Owned(value));
                    }
                }
                if let Some(requested) = requested {
                    message
                        .options
                        .set_addrs(code::REQUESTED_ADDR, &[requested]);
                }
                if chose_us {
                    message.options.set_addrs(code::SERVER_ID, &[SERVER]);
                }
                message.encode()
            }
        }
    }
}

/// Where the server is.
pub const SERVER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);

/// The bytes, made to pass for a BOOTP request on Ethernet.
pub fn framed(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.resize(bytes.len().max(HEADER_LEN), 0);
    bytes[..3].copy_from_slice(&[1, 1, 6]);
    bytes[HEADER_LEN - 4..HEADER_LEN].copy_from_slice(&[99, 130, 83, 99]);
    bytes
}

fn addr(last: u8) -> Option<Ipv4Addr> {
    (last != 0).then(|| Ipv4Addr::new(10, 77, 0, last))
}
