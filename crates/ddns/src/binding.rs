//! One lease with a name, and the identity that owns the name.

use std::net::Ipv4Addr;

use quorate_dns::rdata::{A, PTR};
use quorate_dns::{Name, RData, Record, dhcid, text};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The only digest type there is (RFC 4701 §3.4): SHA-256.
const DIGEST_TYPE_SHA_256: u8 = 1;
const LABEL_LEN_MAX: usize = 63;

/// An address, the name it goes by, and who holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Binding {
    pub addr: Ipv4Addr,
    /// One label; the forward zone completes it. Case does not matter.
    pub hostname: String,
    /// Which services the machine is a member of.
    pub class: Option<String>,
    /// What `dhcid_id` is (RFC 4701 §3.3): 0 htype and chaddr, 1 client identifier, 2 DUID.
    pub dhcid_kind: u16,
    pub dhcid_id: Vec<u8>,
    /// Publish the A record.
    pub forward: bool,
    /// Publish the PTR record.
    pub reverse: bool,
}

impl Binding {
    /// The same binding with its hostname lowercased.
    ///
    /// # Errors
    /// When the hostname is not one label of letters, digits and inner hyphens: etcd throws
    /// away a whole SRV set for one name that is not.
    pub(crate) fn normalized(mut self) -> Result<Self, (Self, &'static str)> {
        self.hostname.make_ascii_lowercase();
        let octets = self.hostname.as_bytes();
        let is_ldh = |octet: &u8| octet.is_ascii_alphanumeric() || *octet == b'-';
        let is_label = (1..=LABEL_LEN_MAX).contains(&octets.len())
            && octets.iter().all(is_ldh)
            && octets.first() != Some(&b'-')
            && octets.last() != Some(&b'-');
        if is_label {
            Ok(self)
        } else {
            Err((self, "not a hostname"))
        }
    }

    /// True when publishing `next` replaces all that `self` put into the zones, so that
    /// nothing needs to be withdrawn before it. A name that is yet to be claimed may be
    /// somebody else's, and a PTR to it must not stay.
    pub(crate) fn is_covered_by(&self, next: &Self) -> bool {
        self.addr == next.addr
            && self.hostname == next.hostname
            && self.has_owner_of(next)
            && self.forward == next.forward
            && (next.reverse || !self.reverse)
    }

    /// True when both belong to the same client.
    pub(crate) fn has_owner_of(&self, other: &Self) -> bool {
        self.dhcid_kind == other.dhcid_kind && self.dhcid_id == other.dhcid_id
    }

    pub(crate) fn a_record(&self, owner: &Name, ttl_secs: u32) -> Record {
        Record::from_rdata(owner.clone(), ttl_secs, RData::A(A(self.addr)))
    }

    /// Who owns the name (RFC 4701 §3): identifier type, digest type, and the digest of
    /// identifier and name.
    pub(crate) fn dhcid_record(&self, owner: &Name, ttl_secs: u32) -> Record {
        let mut hash = Sha256::new();
        hash.update(&self.dhcid_id);
        hash.update(canonical_wire(owner));
        let mut octets = self.dhcid_kind.to_be_bytes().to_vec();
        octets.push(DIGEST_TYPE_SHA_256);
        octets.extend_from_slice(&hash.finalize());
        Record::from_rdata(owner.clone(), ttl_secs, dhcid(octets))
    }

    pub(crate) fn ptr_record(&self, target: &Name, ttl_secs: u32) -> Record {
        let owner = reverse_name(self.addr);
        Record::from_rdata(owner, ttl_secs, RData::PTR(PTR(target.clone())))
    }
}

/// `d.c.b.a.in-addr.arpa.` (RFC 1035 §3.5).
pub(crate) fn reverse_name(addr: Ipv4Addr) -> Name {
    let [a, b, c, d] = addr.octets();
    text::parse_name(&format!("{d}.{c}.{b}.{a}.in-addr.arpa."), &Name::root())
        .expect("four numbers below in-addr.arpa are a name")
}

/// The name lowercased, uncompressed, with the root's zero octet (RFC 4034 §6.2).
fn canonical_wire(name: &Name) -> Vec<u8> {
    let mut octets = Vec::new();
    for label in name.to_lowercase().iter() {
        octets.push(u8::try_from(label.len()).expect("a label has at most 63 octets"));
        octets.extend_from_slice(label);
    }
    octets.push(0);
    octets
}

#[cfg(test)]
mod tests {
    use data_encoding::BASE64;

    use super::*;

    fn binding(dhcid_kind: u16, dhcid_id: &[u8]) -> Binding {
        Binding {
            addr: Ipv4Addr::new(10, 77, 0, 11),
            hostname: "n1".to_owned(),
            class: None,
            dhcid_kind,
            dhcid_id: dhcid_id.to_vec(),
            forward: true,
            reverse: true,
        }
    }

    /// The three examples of RFC 4701 §3.6.
    #[test]
    fn identities_are_digested_as_the_rfc_shows() {
        let duid = [0, 1, 0, 6, 0x41, 0x2d, 0xf1, 0x66, 1, 2, 3, 4, 5, 6];
        for (kind, id, owner, expected) in [
            (
                2,
                duid.as_slice(),
                "chi6.example.com.",
                "AAIBY2/AuCccgoJbsaxcQc9TUapptP69lOjxfNuVAA2kjEA=",
            ),
            (
                1,
                &[1, 7, 8, 9, 0xa, 0xb, 0xc],
                "chi.example.com.",
                "AAEBOSD+XR3Os/0LozeXVqcNc7FwCfQdWL3b/NaiUDlW2No=",
            ),
            (
                0,
                &[1, 1, 2, 3, 4, 5, 6],
                "CLIENT.example.com.",
                "AAABxLmlskllE0MVjd57zHcWmEH3pCQ6VytcKD//7es/deY=",
            ),
        ] {
            let owner = text::parse_name(owner, &Name::root()).unwrap();
            let record = binding(kind, id).dhcid_record(&owner, 60);
            assert_eq!(text::data(&record.data), expected);
            assert_eq!(BASE64.decode(expected.as_bytes()).unwrap().len(), 35);
        }
    }

    #[test]
    fn only_hostnames_become_names() {
        for (hostname, expected) in [
            ("n1", Ok("n1")),
            ("N1-Rack2", Ok("n1-rack2")),
            ("7", Ok("7")),
            ("", Err(())),
            ("n1.lab", Err(())),
            ("-n1", Err(())),
            ("n1-", Err(())),
            ("n_1", Err(())),
            ("größe", Err(())),
            (&"x".repeat(64), Err(())),
        ] {
            let mut wanted = binding(1, &[1]);
            wanted.hostname = hostname.to_owned();
            let found = wanted.normalized();
            let found = found.as_ref().map(|binding| binding.hostname.as_str());
            assert_eq!(found.map_err(|_| ()), expected, "{hostname:?}");
        }
    }

    #[test]
    fn an_address_has_its_octets_backwards() {
        let name = reverse_name(Ipv4Addr::new(10, 77, 0, 11));
        assert_eq!(text::name(&name), "11.0.77.10.in-addr.arpa.");
    }
}
