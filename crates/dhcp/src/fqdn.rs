//! Client FQDN, option 81 (RFC 4702).

use serde::{Deserialize, Serialize};

/// A domain name's longest wire form (RFC 1035 §2.3.4).
const NAME_LEN_MAX: usize = 255;
const LABEL_LEN_MAX: usize = 63;
/// RCODE1 and RCODE2 of a server that did not wait for the DNS (RFC 4702 §2.2).
const RCODE_PENDING: u8 = 255;

const S: u8 = 1;
const O: u8 = 2;
const E: u8 = 4;
const N: u8 = 8;

/// Who updates the DNS (RFC 4702 §2.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FqdnFlags {
    /// S: the server shall (in a reply: will) update the A record.
    pub server_updates: bool,
    /// O, only in replies: S is not what the client asked for.
    pub overridden: bool,
    /// E: the name is in DNS wire form, not in deprecated ASCII.
    pub encoded: bool,
    /// N: the server shall (in a reply: will) not update anything.
    pub no_updates: bool,
}

impl FqdnFlags {
    fn from_bits(bits: u8) -> Self {
        Self {
            server_updates: bits & S != 0,
            overridden: bits & O != 0,
            encoded: bits & E != 0,
            no_updates: bits & N != 0,
        }
    }

    fn bits(self) -> u8 {
        let bit = |set: bool, bit| if set { bit } else { 0 };
        bit(self.server_updates, S)
            | bit(self.overridden, O)
            | bit(self.encoded, E)
            | bit(self.no_updates, N)
    }
}

/// Option 81.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientFqdn {
    pub flags: FqdnFlags,
    /// Dotted, without the final dot; empty when the client leaves the name to the server.
    pub name: String,
}

impl ClientFqdn {
    /// Reads the option; `None` when its name is no name, which costs a client only its hostname hint.
    pub fn decode(value: &[u8]) -> Option<Self> {
        let [bits, _rcode1, _rcode2, name @ ..] = value else {
            return None;
        };
        let flags = FqdnFlags::from_bits(*bits);
        let name = if flags.encoded {
            labels(name)?
        } else {
            let text = std::str::from_utf8(name).ok()?.trim_end_matches('\0');
            let plain = text.len() <= NAME_LEN_MAX && text.bytes().all(|b| b.is_ascii_graphic());
            plain.then(|| text.trim_end_matches('.').to_owned())?
        };
        Some(Self { flags, name })
    }

    /// Writes the option with the RCODE fields of a server (RFC 4702 §4).
    pub fn encode_reply(&self) -> Vec<u8> {
        self.encode_with(RCODE_PENDING)
    }

    /// Writes the option with the RCODE fields of a client (RFC 4702 §3).
    pub fn encode_request(&self) -> Vec<u8> {
        self.encode_with(0)
    }

    fn encode_with(&self, rcode: u8) -> Vec<u8> {
        let mut value = vec![self.flags.bits(), rcode, rcode];
        if !self.flags.encoded {
            value.extend(self.name.as_bytes());
            return value;
        }
        for label in self.name.split('.').filter(|label| !label.is_empty()) {
            let label = &label.as_bytes()[..label.len().min(LABEL_LEN_MAX)];
            value.push(label.len() as u8);
            value.extend(label);
        }
        // A name of one label is partial: it has no root (RFC 4702 §2.3.1).
        if self.name.contains('.') {
            value.push(0);
        }
        value
    }
}

/// Reads uncompressed labels, with or without the root label at the end.
fn labels(mut wire: &[u8]) -> Option<String> {
    if wire.len() > NAME_LEN_MAX {
        return None;
    }
    let mut name = String::new();
    while let [len, rest @ ..] = wire {
        let len = usize::from(*len);
        if len == 0 {
            return rest.is_empty().then_some(name);
        }
        // Also refuses compression pointers: their length octet is above 63.
        if len > LABEL_LEN_MAX {
            return None;
        }
        let label = rest.get(..len)?;
        let plain = label.iter().all(|b| b.is_ascii_graphic() && *b != b'.');
        if !plain {
            return None;
        }
        if !name.is_empty() {
            name.push('.');
        }
        name.extend(label.iter().map(|b| char::from(*b)));
        wire = &rest[len..];
    }
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENCODED: FqdnFlags = FqdnFlags {
        server_updates: true,
        overridden: false,
        encoded: true,
        no_updates: false,
    };

    #[test]
    fn both_encodings_read_what_they_write() {
        for encoded in [true, false] {
            for name in ["", "n1", "n1.lab.example"] {
                let fqdn = ClientFqdn {
                    flags: FqdnFlags { encoded, ..ENCODED },
                    name: name.to_owned(),
                };
                assert_eq!(ClientFqdn::decode(&fqdn.encode_request()), Some(fqdn));
            }
        }
    }

    #[test]
    fn the_wire_form_is_that_of_rfc_4702() {
        let fqdn = ClientFqdn {
            flags: ENCODED,
            name: "n1.lab".to_owned(),
        };
        assert_eq!(fqdn.encode_reply(), b"\x05\xff\xff\x02n1\x03lab\x00");
    }

    #[test]
    fn what_is_no_name_is_none() {
        let long = [&[4, 0, 0][..], &[63; 64].repeat(5)].concat();
        let bad: [&[u8]; 8] = [
            b"",
            b"\x04\x00",
            b"\x04\x00\x00\x05n1",
            b"\x04\x00\x00\xc0\x00",
            b"\x04\x00\x00\x00\x02n1",
            b"\x04\x00\x00\x03a.b",
            b"\x00\x00\x00n1;rm -rf",
            &long,
        ];
        for value in bad {
            assert_eq!(ClientFqdn::decode(value), None, "{value:?}");
        }
    }
}
