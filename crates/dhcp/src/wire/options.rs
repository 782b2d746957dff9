//! The options of one message, each code once, ascending.

use std::borrow::Cow;
use std::net::Ipv4Addr;

use dhcproto::v4::borrowed::DhcpOptionIterator;

/// Option codes that quorate reads or writes (RFC 2132, unless named).
pub mod code {
    pub const PAD: u8 = 0;
    pub const SUBNET_MASK: u8 = 1;
    pub const ROUTERS: u8 = 3;
    pub const DNS_SERVERS: u8 = 6;
    pub const HOSTNAME: u8 = 12;
    pub const DOMAIN: u8 = 15;
    pub const REQUESTED_ADDR: u8 = 50;
    pub const LEASE_SECS: u8 = 51;
    pub const OVERLOAD: u8 = 52;
    pub const MESSAGE_TYPE: u8 = 53;
    pub const SERVER_ID: u8 = 54;
    pub const PARAMETERS: u8 = 55;
    pub const TEXT: u8 = 56;
    pub const MESSAGE_LEN_MAX: u8 = 57;
    pub const T1_SECS: u8 = 58;
    pub const T2_SECS: u8 = 59;
    pub const VENDOR_CLASS: u8 = 60;
    pub const CLIENT_ID: u8 = 61;
    pub const TFTP_SERVER: u8 = 66;
    pub const BOOT_FILE: u8 = 67;
    /// RFC 3004.
    pub const USER_CLASS: u8 = 77;
    /// RFC 4702.
    pub const FQDN: u8 = 81;
    /// RFC 4578 §2.1.
    pub const ARCHITECTURE: u8 = 93;
    /// RFC 3046.
    pub const RELAY_AGENT: u8 = 82;
    pub const END: u8 = 255;
}

/// Option codes with their values, each code once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options<'a> {
    /// Ascending by code.
    entries: Vec<(u8, Cow<'a, [u8]>)>,
}

impl<'a> Options<'a> {
    /// The value of `code`.
    pub fn bytes(&self, code: u8) -> Option<&[u8]> {
        let at = self.position(code).ok()?;
        Some(&self.entries[at].1)
    }

    /// The value of `code` as one address.
    pub fn addr(&self, code: u8) -> Option<Ipv4Addr> {
        let octets: [u8; 4] = self.bytes(code)?.try_into().ok()?;
        Some(octets.into())
    }

    /// The value of `code` as addresses; what is left over at the end is not one.
    pub fn addrs(&self, code: u8) -> Vec<Ipv4Addr> {
        let (chunks, _) = self.bytes(code).unwrap_or_default().as_chunks::<4>();
        chunks
            .iter()
            .map(|octets| Ipv4Addr::from(*octets))
            .collect()
    }

    /// The value of `code` as a 32-bit number.
    pub fn u32(&self, code: u8) -> Option<u32> {
        Some(u32::from_be_bytes(self.bytes(code)?.try_into().ok()?))
    }

    /// The value of `code` as a 16-bit number.
    pub fn u16(&self, code: u8) -> Option<u16> {
        Some(u16::from_be_bytes(self.bytes(code)?.try_into().ok()?))
    }

    /// The value of `code` as text without trailing NULs (RFC 2132 §2), when it is UTF-8.
    pub fn text(&self, code: u8) -> Option<&str> {
        let text = std::str::from_utf8(self.bytes(code)?).ok()?;
        Some(text.trim_end_matches('\0'))
    }

    /// True when `code` is present.
    pub fn contains(&self, code: u8) -> bool {
        self.position(code).is_ok()
    }

    /// Every code with its value, ascending.
    pub fn iter(&self) -> impl Iterator<Item = (u8, &[u8])> {
        self.entries.iter().map(|(code, value)| (*code, &**value))
    }

    /// Puts `value` in the place of whatever `code` had.
    pub fn set(&mut self, code: u8, value: impl Into<Cow<'a, [u8]>>) {
        debug_assert!(
            code != code::PAD && code != code::END,
            "no value can follow"
        );
        match self.position(code) {
            Ok(at) => self.entries[at].1 = value.into(),
            Err(at) => self.entries.insert(at, (code, value.into())),
        }
    }

    /// [`set`](Self::set) with addresses.
    pub fn set_addrs(&mut self, code: u8, addrs: &[Ipv4Addr]) {
        let octets: Vec<u8> = addrs.iter().flat_map(Ipv4Addr::octets).collect();
        self.set(code, octets);
    }

    /// [`set`](Self::set) with a 32-bit number.
    pub fn set_u32(&mut self, code: u8, number: u32) {
        self.set(code, number.to_be_bytes().to_vec());
    }

    /// Removes `code`.
    pub fn remove(&mut self, code: u8) -> Option<Cow<'a, [u8]>> {
        let at = self.position(code).ok()?;
        Some(self.entries.remove(at).1)
    }

    /// Reads one validated options area; a code that is already here grows (RFC 3396 §5).
    pub(super) fn append_area(&mut self, area: &'a [u8]) {
        for option in DhcpOptionIterator::new(area) {
            let code = u8::from(option.code());
            match self.position(code) {
                Ok(at) => self.entries[at].1.to_mut().extend(option.data()),
                Err(at) => {
                    let value = option.data().to_vec();
                    self.entries.insert(at, (code, Cow::Owned(value)));
                }
            }
        }
    }

    /// Writes all options, 82 last (RFC 3046 §2.1), without END.
    pub(super) fn encode(&self, bytes: &mut Vec<u8>) {
        for (code, value) in self.iter().filter(|(code, _)| *code != code::RELAY_AGENT) {
            put(bytes, code, value);
        }
        if let Some(value) = self.bytes(code::RELAY_AGENT) {
            put(bytes, code::RELAY_AGENT, value);
        }
    }

    /// Octets that [`encode`](Self::encode) writes.
    pub(super) fn encoded_len(&self) -> usize {
        self.iter().map(|(_, value)| encoded_len(value)).sum()
    }

    fn position(&self, code: u8) -> Result<usize, usize> {
        self.entries.binary_search_by_key(&code, |(code, _)| *code)
    }
}

/// Octets of one option on the wire.
pub(crate) fn encoded_len(value: &[u8]) -> usize {
    value.len() + 2 * value.len().div_ceil(255).max(1)
}

/// Writes one option; a value over 255 octets as adjacent pieces (RFC 3396 §6).
pub(super) fn put(bytes: &mut Vec<u8>, code: u8, value: &[u8]) {
    if value.is_empty() {
        bytes.extend([code, 0]);
    }
    for piece in value.chunks(255) {
        bytes.extend([code, piece.len() as u8]);
        bytes.extend(piece);
    }
}
