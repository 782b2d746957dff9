//! Who may change what: key × name × type (RFC 3007 §3), nothing by default.

use std::net::IpAddr;
use std::str::FromStr;

use hickory_proto::rr::{Name, RecordType};
use serde::{Deserialize, Serialize};

use crate::text;

/// One permission as written in the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawGrant {
    /// The TSIG key that must have signed; without one the request must be unsigned, and
    /// `sources` must say from where.
    pub key: Option<String>,
    /// Prefixes (`10.0.0.0/8`) that the request must come from; empty allows any.
    #[serde(default)]
    pub sources: Vec<String>,
    pub names: RawNames,
    /// Record types, or `ANY` for all.
    pub types: Vec<String>,
}

/// Which owner names a permission covers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum RawNames {
    /// Just this name.
    Exact(String),
    /// This name and all below it.
    Subdomain(String),
    /// The name that the key has.
    #[serde(rename = "self")]
    Itself,
}

/// Who may transfer zones, as written in the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawPeer {
    pub key: Option<String>,
    #[serde(default)]
    pub sources: Vec<String>,
}

/// What is wrong with a permission.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    #[error("{0:?} is not a domain name")]
    Name(String),
    #[error("{0:?} is not a record type")]
    Type(String),
    #[error("{0:?} is not an address prefix such as 10.0.0.0/8")]
    Prefix(String),
    #[error("a permission without a key must name the sources it trusts")]
    Anybody,
    #[error("`self` names the key, and this permission has none")]
    NoSelf,
}

/// Who sent a request: from where, and with which key if its signature held.
#[derive(Clone, Copy, Debug)]
pub struct Requester<'a> {
    pub source: IpAddr,
    pub key: Option<&'a Name>,
}

/// Permissions to change zones. Empty, it refuses everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    grants: Vec<Grant>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Grant {
    peer: Peer,
    names: Names,
    /// None covers every type.
    types: Option<Vec<RecordType>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Names {
    Exact(Name),
    Subdomain(Name),
}

impl Policy {
    /// # Errors
    /// The first permission that is wrong.
    pub fn new(raw: &[RawGrant]) -> Result<Self, PolicyError> {
        let grants = raw.iter().map(Grant::new).collect::<Result<_, _>>()?;
        Ok(Self { grants })
    }

    /// True when the requester may change records of this type at this name.
    pub fn permits(&self, requester: Requester<'_>, name: &Name, kind: RecordType) -> bool {
        self.grants.iter().any(|grant| {
            grant.peer.is(requester)
                && grant.names.cover(name)
                && grant
                    .types
                    .as_ref()
                    .is_none_or(|types| types.contains(&kind))
        })
    }

    /// True when the requester may change *something* in the zone. A requester who may not does not
    /// get to ask prerequisites either, which would read the zone for them.
    pub fn knows(&self, requester: Requester<'_>, origin: &Name) -> bool {
        self.grants
            .iter()
            .any(|grant| grant.peer.is(requester) && grant.names.touch(origin))
    }
}

/// Permissions to transfer zones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TransferPolicy {
    peers: Vec<Peer>,
}

impl TransferPolicy {
    /// # Errors
    /// The first peer that is wrong.
    pub fn new(raw: &[RawPeer]) -> Result<Self, PolicyError> {
        let peers = raw
            .iter()
            .map(|peer| Peer::new(peer.key.as_deref(), &peer.sources))
            .collect::<Result<_, _>>()?;
        Ok(Self { peers })
    }

    pub fn permits(&self, requester: Requester<'_>) -> bool {
        self.peers.iter().any(|peer| peer.is(requester))
    }
}

impl Grant {
    fn new(raw: &RawGrant) -> Result<Self, PolicyError> {
        let peer = Peer::new(raw.key.as_deref(), &raw.sources)?;
        let names = match &raw.names {
            RawNames::Exact(name) => Names::Exact(parse_name(name)?),
            RawNames::Subdomain(name) => Names::Subdomain(parse_name(name)?),
            RawNames::Itself => Names::Exact(peer.key.clone().ok_or(PolicyError::NoSelf)?),
        };
        let parse =
            |text: &String| text::parse_type(text).ok_or_else(|| PolicyError::Type(text.clone()));
        let types: Vec<_> = raw.types.iter().map(parse).collect::<Result<_, _>>()?;
        let types = (!types.contains(&RecordType::ANY)).then_some(types);
        Ok(Self { peer, names, types })
    }
}

impl Names {
    fn cover(&self, name: &Name) -> bool {
        match self {
            Self::Exact(exact) => exact == name,
            Self::Subdomain(top) => top.zone_of(name),
        }
    }

    /// True when some name of the zone is covered.
    fn touch(&self, origin: &Name) -> bool {
        match self {
            Self::Exact(exact) => origin.zone_of(exact),
            Self::Subdomain(top) => top.zone_of(origin) || origin.zone_of(top),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Peer {
    key: Option<Name>,
    sources: Vec<Prefix>,
}

impl Peer {
    fn new(key: Option<&str>, sources: &[String]) -> Result<Self, PolicyError> {
        if key.is_none() && sources.is_empty() {
            return Err(PolicyError::Anybody);
        }
        Ok(Self {
            key: key.map(parse_name).transpose()?,
            sources: sources
                .iter()
                .map(|source| source.parse())
                .collect::<Result<_, _>>()?,
        })
    }

    fn is(&self, requester: Requester<'_>) -> bool {
        let from_there = |prefix: &Prefix| prefix.contains(requester.source);
        self.key.as_ref() == requester.key
            && (self.sources.is_empty() || self.sources.iter().any(from_there))
    }
}

fn parse_name(text: &str) -> Result<Name, PolicyError> {
    text::parse_name(text, &Name::root())
        .map(|name| name.to_lowercase())
        .map_err(|_| PolicyError::Name(text.to_owned()))
}

/// An address prefix, as in `192.0.2.0/24`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefix {
    addr: IpAddr,
    len: u8,
}

impl Prefix {
    pub fn contains(self, addr: IpAddr) -> bool {
        // A dual-stack socket names IPv4 peers ::ffff:a.b.c.d.
        match (self.addr, addr.to_canonical()) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => {
                let differing = ours.to_bits() ^ theirs.to_bits();
                differing.leading_zeros() >= u32::from(self.len)
            }
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => {
                let differing = ours.to_bits() ^ theirs.to_bits();
                differing.leading_zeros() >= u32::from(self.len)
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

impl FromStr for Prefix {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Self, PolicyError> {
        let wrong = || PolicyError::Prefix(text.to_owned());
        let (addr, len) = match text.split_once('/') {
            Some((addr, len)) => (addr, Some(len)),
            None => (text, None),
        };
        let addr: IpAddr = addr.parse().map_err(|_| wrong())?;
        let len_max = if addr.is_ipv4() { 32 } else { 128 };
        let len = len.map_or(Ok(len_max), |len| len.parse().map_err(|_| wrong()))?;
        if len > len_max {
            return Err(wrong());
        }
        Ok(Self { addr, len })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::from_ascii(text).unwrap()
    }

    fn grant(key: Option<&str>, sources: &[&str], names: RawNames, types: &[&str]) -> RawGrant {
        RawGrant {
            key: key.map(str::to_owned),
            sources: sources.iter().map(|s| (*s).to_owned()).collect(),
            names,
            types: types.iter().map(|s| (*s).to_owned()).collect(),
        }
    }

    #[test]
    fn a_permission_is_key_times_name_times_type() {
        let policy = Policy::new(&[
            grant(
                Some("ddns."),
                &[],
                RawNames::Subdomain("lab.example".into()),
                &["A", "DHCID"],
            ),
            grant(Some("n1.lab.example."), &[], RawNames::Itself, &["ANY"]),
            grant(
                None,
                &["10.0.0.0/8"],
                RawNames::Exact("open.lab.example.".into()),
                &["TXT"],
            ),
        ])
        .unwrap();
        let (ddns, n1) = (name("ddns."), name("n1.lab.example."));
        let [near, far] = ["10.1.2.3", "192.0.2.1"].map(|addr| addr.parse().unwrap());
        for (source, key, owner, kind, expected) in [
            (far, Some(&ddns), "x.LAB.example.", RecordType::A, true),
            (
                far,
                Some(&ddns),
                "lab.example.",
                RecordType::Unknown(49),
                true,
            ),
            (far, Some(&ddns), "x.lab.example.", RecordType::SRV, false),
            (far, Some(&ddns), "lab.example.com.", RecordType::A, false),
            (far, Some(&ddns), "xlab.example.", RecordType::A, false),
            (far, Some(&n1), "n1.lab.example.", RecordType::SRV, true),
            // CVE-2020-8624: one key's permission must not cover another's subtree.
            (far, Some(&n1), "x.n1.lab.example.", RecordType::A, false),
            (far, Some(&n1), "n2.lab.example.", RecordType::A, false),
            (near, None, "open.lab.example.", RecordType::TXT, true),
            (far, None, "open.lab.example.", RecordType::TXT, false),
            (
                near,
                Some(&ddns),
                "open.lab.example.",
                RecordType::TXT,
                false,
            ),
            (near, None, "x.lab.example.", RecordType::A, false),
        ] {
            let requester = Requester { source, key };
            let found = policy.permits(requester, &name(owner), kind);
            assert_eq!(found, expected, "{key:?} {source} {owner} {kind}");
        }
        let stranger = Requester {
            source: far,
            key: None,
        };
        assert!(!policy.knows(stranger, &name("lab.example.")));
        let known = Requester {
            source: far,
            key: Some(&n1),
        };
        assert!(policy.knows(known, &name("lab.example.")));
        assert!(!policy.knows(known, &name("other.example.")));
        assert!(!Policy::default().permits(known, &n1, RecordType::A));
    }

    #[test]
    fn wrong_permissions_are_refused() {
        let exact = || RawNames::Exact("x.".into());
        for (raw, error) in [
            (grant(None, &[], exact(), &["A"]), PolicyError::Anybody),
            (
                grant(None, &["10.0.0.0/33"], exact(), &["A"]),
                PolicyError::Prefix("10.0.0.0/33".into()),
            ),
            (
                grant(None, &["::/0"], RawNames::Itself, &["A"]),
                PolicyError::NoSelf,
            ),
            (
                grant(Some("k."), &[], exact(), &["BLA"]),
                PolicyError::Type("BLA".into()),
            ),
            (
                grant(Some("k."), &[], RawNames::Exact("a..b".into()), &["A"]),
                PolicyError::Name("a..b".into()),
            ),
        ] {
            assert_eq!(Policy::new(&[raw]), Err(error));
        }
    }

    #[test]
    fn a_prefix_also_covers_mapped_addresses() {
        let prefix: Prefix = "10.0.0.0/8".parse().unwrap();
        assert!(prefix.contains("::ffff:10.9.9.9".parse().unwrap()));
        assert!(!prefix.contains("11.0.0.0".parse().unwrap()));
        let everyone: Prefix = "::/0".parse().unwrap();
        assert!(everyone.contains("2001:db8::1".parse().unwrap()));
        assert!(!everyone.contains("10.0.0.1".parse().unwrap()));
    }
}
