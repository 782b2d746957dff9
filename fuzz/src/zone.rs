//! A zone, UPDATEs of it that mean anything, and a registrar that keeps its names there.

use std::net::Ipv4Addr;

use arbitrary::Arbitrary;
use quorate_ddns::{Binding, RawConfig as RawRegistrar};
use quorate_dns::client::UpdateRequest;
use quorate_dns::policy::{RawGrant, RawNames};
use quorate_dns::tsig::Key;
use quorate_dns::{Config, Name, RawConfig, RawZone, Record, RecordType, text};

const ORIGIN: &str = "lab.example.";

/// What records are about: few names, so that UPDATEs meet, and each type that has rules.
const RECORDS: [&str; 16] = [
    "n1 A 10.0.0.1",
    "n1 A 10.0.0.2",
    "n1 AAAA ::1",
    "n1 CNAME n2",
    "n2 CNAME n1",
    "n2 TXT one",
    "n2 TXT two",
    "a.b.n1 A 10.0.0.3",
    "*.n1 A 10.0.0.4",
    "_etcd-server._tcp SRV 0 0 2380 n1",
    "@ NS ns",
    "@ NS ns2",
    "@ SOA ns hostmaster 1 1 1 1 1",
    "@ SOA ns hostmaster 2147483648 1 1 1 1",
    "@ SOA ns hostmaster 4294967295 1 1 1 1",
    "n1.elsewhere. A 10.0.0.1",
];

/// One part of an UPDATE; the number chooses from [`RECORDS`].
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Part {
    NameAbsent(u8),
    NameExists(u8),
    RrsetAbsent(u8),
    RrsetExists(u8),
    Equals(u8),
    Add(u8),
    DeleteRecord(u8),
    DeleteRrset(u8),
    DeleteName(u8),
}

/// One UPDATE, signed or not.
#[derive(Arbitrary, Debug)]
pub struct Update {
    id: u16,
    is_signed: bool,
    parts: Vec<Part>,
}

impl Update {
    /// As it travels.
    pub fn encode(self) -> Vec<u8> {
        let mut equals = Vec::new();
        let mut request = UpdateRequest::new(name(ORIGIN), self.id);
        // As many as surely fit into one message.
        for part in self.parts.into_iter().take(200) {
            request = part.put(request, &mut equals);
        }
        let key = key();
        let signature = self
            .is_signed
            .then_some((&key, quorate_core::laws::WALL_EPOCH));
        request.require_rrset_equals(equals).encode(signature).bytes
    }
}

impl Part {
    fn put(self, request: UpdateRequest, equals: &mut Vec<Record>) -> UpdateRequest {
        let of = |number: u8| {
            let record = RECORDS[usize::from(number) % RECORDS.len()];
            text::parse_record(record, &name(ORIGIN), number.into()).expect("it is well formed")
        };
        let owner = |number| of(number).name;
        let both = |number| (of(number).name.clone(), of(number).record_type());
        let rrset =
            |request: UpdateRequest,
             number: u8,
             what: fn(UpdateRequest, Name, RecordType) -> UpdateRequest| {
                let (name, kind) = both(number);
                what(request, name, kind)
            };
        match self {
            Self::NameAbsent(n) => request.require_name_absent(owner(n)),
            Self::NameExists(n) => request.require_name_exists(owner(n)),
            Self::RrsetAbsent(n) => rrset(request, n, UpdateRequest::require_rrset_absent),
            Self::RrsetExists(n) => rrset(request, n, UpdateRequest::require_rrset_exists),
            Self::Equals(n) => {
                equals.push(of(n));
                request
            }
            Self::Add(n) => request.add(of(n)),
            Self::DeleteRecord(n) => request.delete_record(of(n)),
            Self::DeleteRrset(n) => rrset(request, n, UpdateRequest::delete_rrset),
            Self::DeleteName(n) => request.delete_name(owner(n)),
        }
    }
}

/// One zone that loopback and [`key`] may change.
pub fn config() -> Config {
    let grant = |key: Option<&str>, source: Option<&str>| RawGrant {
        key: key.map(str::to_owned),
        sources: source.map(str::to_owned).into_iter().collect(),
        names: RawNames::Subdomain(ORIGIN.to_owned()),
        types: vec!["ANY".to_owned()],
    };
    let raw = RawConfig {
        zones: vec![RawZone {
            name: ORIGIN.to_owned(),
            bootstrap: true,
            default_ttl_secs: None,
            primary_ns: "ns".to_owned(),
            records: vec!["ns A 10.0.0.53".to_owned(), "n1 A 10.0.0.1".to_owned()],
        }],
        update: vec![grant(None, Some("127.0.0.0/8")), grant(Some("ddns."), None)],
        rrset_len_max: Some(3),
        ..RawConfig::default()
    };
    Config::new(&raw, vec![key()]).expect("a valid configuration")
}

/// The key that may change the zone.
pub fn key() -> Key {
    let secret = "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0";
    Key::from_base64("ddns.", "hmac-sha256", secret).expect("a valid key")
}

/// A registrar for the zone.
pub fn registrar() -> RawRegistrar {
    RawRegistrar {
        server: "127.0.0.1:53".parse().expect("an address"),
        forward_zone: ORIGIN.to_owned(),
        reverse_zones: vec!["0.77.10.in-addr.arpa".to_owned()],
        ttl_secs: 60,
        services: Vec::new(),
    }
}

/// A lease whose name is to be published.
pub fn binding() -> Binding {
    Binding {
        addr: Ipv4Addr::new(10, 77, 0, 10),
        hostname: "n1".to_owned(),
        class: None,
        dhcid_kind: 0,
        dhcid_id: vec![1, 2, 0, 0x5e, 0x10, 0, 1],
        forward: true,
        reverse: true,
    }
}

fn name(text: &str) -> Name {
    text::parse_name(text, &Name::root()).expect("a name")
}
