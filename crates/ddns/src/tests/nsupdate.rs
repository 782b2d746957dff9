//! Reads an UPDATE off the wire and says it in nsupdate's words (an independent reader: what
//! the registrar sent is not looked at with the code that built it).

use std::net::Ipv4Addr;

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

struct Entry {
    owner: String,
    kind: u16,
    class: u16,
    ttl: u32,
    data: String,
}

/// One line for the zone, one for each prerequisite and each change.
pub(super) fn lines(bytes: &[u8]) -> Vec<String> {
    let mut reader = Reader { bytes, at: 2 };
    assert_eq!(reader.word() >> 11 & 0xf, 5, "opcode UPDATE");
    let [zones, prerequisites, changes, _] = [(); 4].map(|()| reader.word());
    assert_eq!(zones, 1);
    let mut lines = vec![format!("zone {}", reader.name())];
    assert_eq!((reader.word(), reader.word()), (6, 1), "SOA IN");
    for _ in 0..prerequisites {
        lines.push(prerequisite(&reader.entry()));
    }
    for _ in 0..changes {
        lines.push(change(&reader.entry()));
    }
    lines
}

fn prerequisite(entry: &Entry) -> String {
    assert_eq!(entry.ttl, 0);
    let (owner, kind) = (&entry.owner, kind(entry.kind));
    match (entry.class, entry.kind) {
        (254, 255) => format!("  prereq nxdomain {owner}"),
        (255, 255) => format!("  prereq yxdomain {owner}"),
        (254, _) => format!("  prereq nxrrset {owner} {kind}"),
        (255, _) => format!("  prereq yxrrset {owner} {kind}"),
        _ => format!("  prereq yxrrset {owner} {kind} {}", entry.data),
    }
}

fn change(entry: &Entry) -> String {
    let (owner, kind) = (&entry.owner, kind(entry.kind));
    match entry.class {
        255 => format!("  delete {owner} {kind}"),
        254 => format!("  delete {owner} {kind} {}", entry.data),
        _ => format!("  add {owner} {} {kind} {}", entry.ttl, entry.data),
    }
}

fn kind(code: u16) -> &'static str {
    match code {
        1 => "A",
        12 => "PTR",
        28 => "AAAA",
        33 => "SRV",
        49 => "DHCID",
        255 => "ANY",
        _ => panic!("type {code}"),
    }
}

impl Reader<'_> {
    fn octet(&mut self) -> u8 {
        self.at += 1;
        self.bytes[self.at - 1]
    }

    fn word(&mut self) -> u16 {
        u16::from_be_bytes([self.octet(), self.octet()])
    }

    fn name(&mut self) -> String {
        let mut name = String::new();
        loop {
            let len = self.octet();
            if len >= 0xc0 {
                let target = usize::from(u16::from_be_bytes([len & 0x3f, self.octet()]));
                let rest = Reader {
                    bytes: self.bytes,
                    at: target,
                }
                .name();
                return name + &rest;
            }
            if len == 0 {
                return name;
            }
            for _ in 0..len {
                name.push(char::from(self.octet()));
            }
            name.push('.');
        }
    }

    fn entry(&mut self) -> Entry {
        let owner = self.name();
        let (kind, class) = (self.word(), self.word());
        let ttl = u32::from(self.word()) << 16 | u32::from(self.word());
        let end = usize::from(self.word()) + self.at;
        let data = match (kind, end - self.at) {
            (_, 0) => String::new(),
            (1, _) => Ipv4Addr::from([(); 4].map(|()| self.octet())).to_string(),
            (12, _) => self.name(),
            (33, _) => {
                let [priority, weight, port] = [(); 3].map(|()| self.word());
                format!("{priority} {weight} {port} {}", self.name())
            }
            (49, len) => {
                let octets: Vec<u8> = (0..len).map(|_| self.octet()).collect();
                let (head, digest) = octets.split_at(3);
                format!("{head:02x?} + {} octets", digest.len())
            }
            _ => panic!("data of type {kind}"),
        };
        assert_eq!(self.at, end, "the data is read to its end");
        Entry {
            owner,
            kind,
            class,
            ttl,
            data,
        }
    }
}
