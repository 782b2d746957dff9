//! Bytes ↔ [`Message`].
//!
//! The only module that uses dhcproto. dhcproto reads the fixed header; it would panic on
//! `hlen > 16`, skip a wrong magic cookie, stop silently at the first broken option and ignore
//! option overload, so `validate` refuses such packets first, with the reason.
//!
//! Options split over several instances (RFC 3396), also over the `file` and `sname` fields
//! (RFC 2131 §4.1), are joined here: the rest of the crate sees each code once.

mod options;
mod validate;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;
use std::net::Ipv4Addr;

use dhcproto::v4::borrowed;
use quorate_core::MacAddr;

pub(crate) use options::encoded_len as option_len;
pub use options::{Options, code};
pub use validate::Malformed;

/// Octets before the options: the BOOTP header and the magic cookie (RFC 2131 §2).
const HEADER_LEN: usize = 240;
const MAGIC_COOKIE: [u8; 4] = [99, 130, 83, 99];
/// BOOTP receivers may discard shorter messages (RFC 1542 §2.1).
const MESSAGE_LEN_MIN: usize = 300;
const HTYPE_ETHERNET: u8 = 1;
const BROADCAST_FLAG: u16 = 0x8000;

/// Who speaks (the `op` field).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    Request,
    Reply,
}

/// DHCP message type, option 53 (RFC 2132 §9.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MessageType {
    Discover = 1,
    Offer,
    Request,
    Decline,
    Ack,
    Nak,
    Release,
    Inform,
}

impl MessageType {
    /// Every type, in the order of its number.
    pub const ALL: [Self; 8] = [
        Self::Discover,
        Self::Offer,
        Self::Request,
        Self::Decline,
        Self::Ack,
        Self::Nak,
        Self::Release,
        Self::Inform,
    ];

    fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == number)
    }
}

impl fmt::Display for MessageType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Discover => "DISCOVER",
            Self::Offer => "OFFER",
            Self::Request => "REQUEST",
            Self::Decline => "DECLINE",
            Self::Ack => "ACK",
            Self::Nak => "NAK",
            Self::Release => "RELEASE",
            Self::Inform => "INFORM",
        })
    }
}

/// One DHCP message on Ethernet. Option 53 is [`kind`](Self::kind) and never in `options`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    pub op: Op,
    pub kind: MessageType,
    pub hops: u8,
    pub xid: u32,
    pub secs: u16,
    /// The client cannot receive unicast before it is configured.
    pub broadcast: bool,
    pub ciaddr: Ipv4Addr,
    pub yiaddr: Ipv4Addr,
    pub siaddr: Ipv4Addr,
    pub giaddr: Ipv4Addr,
    pub chaddr: MacAddr,
    /// Boot server name; empty when the field carried options.
    pub sname: Cow<'a, [u8]>,
    /// Boot file name; empty when the field carried options.
    pub file: Cow<'a, [u8]>,
    pub options: Options<'a>,
}

impl<'a> Message<'a> {
    /// An empty message of a client.
    pub fn request(kind: MessageType, xid: u32, chaddr: MacAddr) -> Self {
        Self {
            op: Op::Request,
            kind,
            hops: 0,
            xid,
            secs: 0,
            broadcast: false,
            ciaddr: Ipv4Addr::UNSPECIFIED,
            yiaddr: Ipv4Addr::UNSPECIFIED,
            siaddr: Ipv4Addr::UNSPECIFIED,
            giaddr: Ipv4Addr::UNSPECIFIED,
            chaddr,
            sname: Cow::Borrowed(&[]),
            file: Cow::Borrowed(&[]),
            options: Options::default(),
        }
    }

    /// An empty answer to `request`: RFC 2131 table 3, the fields it copies.
    pub fn reply(kind: MessageType, request: &Message<'_>) -> Self {
        Self {
            op: Op::Reply,
            broadcast: request.broadcast,
            giaddr: request.giaddr,
            ..Self::request(kind, request.xid, request.chaddr)
        }
    }

    /// Reads a UDP payload.
    ///
    /// # Errors
    /// With the first rule that `bytes` breaks.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let areas = validate::areas(bytes)?;
        let header = borrowed::Message::new(bytes).map_err(|_| Malformed::TooShort)?;
        let mut options = Options::default();
        for area in areas.iter() {
            options.append_area(area);
        }
        let kind = validate::kind(&mut options)?;
        validate::fixed_lengths(&options)?;
        let chaddr = <[u8; 6]>::try_from(header.chaddr()).map_err(|_| Malformed::HardwareType)?;
        Ok(Self {
            op: validate::op(bytes)?,
            kind,
            hops: header.hops(),
            xid: header.xid(),
            secs: header.secs(),
            broadcast: u16::from(header.flags()) & BROADCAST_FLAG != 0,
            ciaddr: header.ciaddr(),
            yiaddr: header.yiaddr(),
            siaddr: header.siaddr(),
            giaddr: header.giaddr(),
            chaddr: MacAddr(chaddr),
            sname: Cow::Borrowed(if areas.sname.is_some() {
                &[]
            } else {
                header.sname()
            }),
            file: Cow::Borrowed(if areas.file.is_some() {
                &[]
            } else {
                header.fname()
            }),
            options,
        })
    }

    /// The UDP payload: option 53 first, the others ascending, 82 last (RFC 3046 §2.1), padded
    /// to the BOOTP minimum. A `sname` or `file` too long for its field is cut.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(MESSAGE_LEN_MIN + 64);
        let op = match self.op {
            Op::Request => 1,
            Op::Reply => 2,
        };
        bytes.extend([op, HTYPE_ETHERNET, 6, self.hops]);
        bytes.extend(self.xid.to_be_bytes());
        bytes.extend(self.secs.to_be_bytes());
        let flags = if self.broadcast { BROADCAST_FLAG } else { 0 };
        bytes.extend(flags.to_be_bytes());
        for addr in [self.ciaddr, self.yiaddr, self.siaddr, self.giaddr] {
            bytes.extend(addr.octets());
        }
        put_padded(&mut bytes, &self.chaddr.0, 16);
        put_padded(&mut bytes, &self.sname, 64);
        put_padded(&mut bytes, &self.file, 128);
        bytes.extend(MAGIC_COOKIE);
        options::put(&mut bytes, code::MESSAGE_TYPE, &[self.kind as u8]);
        self.options.encode(&mut bytes);
        bytes.push(code::END);
        if bytes.len() < MESSAGE_LEN_MIN {
            bytes.resize(MESSAGE_LEN_MIN, 0);
        }
        bytes
    }

    /// Octets of [`encode`](Self::encode) before padding.
    pub fn encoded_len(&self) -> usize {
        HEADER_LEN + 3 + self.options.encoded_len() + 1
    }
}

/// Writes `field` into `width` octets, filled up with zeros.
fn put_padded(bytes: &mut Vec<u8>, field: &[u8], width: usize) {
    let end = bytes.len() + width;
    bytes.extend(&field[..field.len().min(width)]);
    bytes.resize(end, 0);
}
