//! What zones answer to one question (RFC 1034 §4.3.2): pure, no packet, no clock.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use hickory_proto::op::{Query, ResponseCode};
use hickory_proto::rr::rdata::{CNAME, NS};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};

use crate::config::BOOTSTRAP_NEGATIVE_TTL_SECS;
use crate::rrset::Rrset;
use crate::zone::{Found, Node, Zone};
use crate::zones::Zones;

/// The longest chain of aliases followed within our zones.
const ALIASES_MAX: usize = 16;

/// How a question came, as far as it matters for transfers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Asker {
    pub(crate) is_stream: bool,
    pub(crate) may_transfer: bool,
}

/// The sections of an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Body {
    pub(crate) rcode: ResponseCode,
    pub(crate) is_authoritative: bool,
    /// A zone transfer: of no use in part.
    pub(crate) is_transfer: bool,
    pub(crate) answers: Vec<Record>,
    pub(crate) authorities: Vec<Record>,
    pub(crate) additionals: Vec<Record>,
}

impl Body {
    pub(crate) fn error(rcode: ResponseCode) -> Self {
        Self {
            rcode,
            ..Self::default()
        }
    }
}

/// Answers one question.
pub(crate) fn answer(zones: &Zones, question: &Query, asker: Asker) -> Body {
    if question.query_class != DNSClass::IN {
        return Body::error(ResponseCode::Refused);
    }
    let kind = question.query_type;
    if kind == RecordType::OPT || kind == RecordType::TSIG {
        return Body::error(ResponseCode::FormErr);
    }
    if kind == RecordType::AXFR || kind == RecordType::IXFR {
        return transfer(zones, &question.name, kind, asker);
    }
    // 128–255 are question types (RFC 6895 §3.1); ANY is the only one left that we know.
    if kind != RecordType::ANY && matches!(u16::from(kind), 128..=255) {
        return Body::error(ResponseCode::NotImp);
    }
    if zones.find(&question.name).is_none() {
        return Body::error(ResponseCode::Refused);
    }
    let mut body = Body {
        is_authoritative: true,
        ..Body::default()
    };
    resolve(zones, &question.name, kind, &mut body);
    body.additionals = addresses(zones, &body);
    body
}

/// Follows aliases from `name` to what it owns, as far as our zones go.
fn resolve(zones: &Zones, name: &Name, kind: RecordType, body: &mut Body) {
    let mut owner = name.clone();
    let mut seen: Vec<Name> = Vec::new();
    while seen.len() < ALIASES_MAX && !seen.contains(&owner) {
        // An alias may lead out of our zones; the resolver goes on from there.
        let Some(zone) = zones.find(&owner) else {
            return;
        };
        let node = match zone.find(&owner) {
            Found::Node(node) | Found::Wildcard(node) => node,
            // The parent side of a cut answers for DS (RFC 4035 §3.1.4.1).
            Found::Delegated { cut, .. } if kind == RecordType::DS && *cut == owner => {
                match zone.node(&owner) {
                    Some(node) => node,
                    None => return negative(zone, ResponseCode::NoError, body),
                }
            }
            Found::Delegated { cut, servers } => {
                // Ours is the alias, if there was one, but not what lies below the cut.
                body.is_authoritative = !body.answers.is_empty();
                body.authorities.extend(servers.records(cut));
                return;
            }
            Found::Empty => return negative(zone, ResponseCode::NoError, body),
            Found::Missing => return negative(zone, ResponseCode::NXDomain, body),
        };
        if let Some((kind, set)) = pick(node, kind) {
            body.answers.extend(set.records(&owner));
            let alias = match set.data().next() {
                Some(RData::CNAME(CNAME(target))) => Some(target.clone()),
                Some(_) | None => None,
            };
            match alias.filter(|_| kind == Picked::Alias) {
                Some(target) => seen.push(std::mem::replace(&mut owner, target)),
                None => return,
            }
        } else {
            return negative(zone, ResponseCode::NoError, body);
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Picked {
    Asked,
    /// The name is an alias, and not for the alias itself was asked.
    Alias,
}

fn pick(node: &Node, kind: RecordType) -> Option<(Picked, &Rrset)> {
    if kind == RecordType::ANY {
        // RFC 8482 §4.1: one RRset is answer enough, and no amplifier.
        return node.values().next().map(|set| (Picked::Asked, set));
    }
    let asked = node.get(&kind).map(|set| (Picked::Asked, set));
    let alias = || node.get(&RecordType::CNAME).map(|set| (Picked::Alias, set));
    asked.or_else(alias)
}

/// RFC 2308 §3: the SOA limits how long the absence may be cached.
fn negative(zone: &Zone, rcode: ResponseCode, body: &mut Body) {
    let (soa, ttl_secs) = zone.soa();
    let mut ttl_secs = soa.minimum.min(ttl_secs);
    if zone.is_bootstrap() {
        ttl_secs = ttl_secs.min(BOOTSTRAP_NEGATIVE_TTL_SECS);
    }
    // RFC 6604 §2.1: after aliases the rcode is that of the last name.
    body.rcode = rcode;
    let origin = zone.origin().clone();
    let soa = RData::SOA(soa.clone());
    body.authorities
        .push(Record::from_rdata(origin, ttl_secs, soa));
}

/// A and AAAA of every host that the answer or a referral names (RFC 2782: of *all* SRV
/// targets, or a cluster's members are found one look-up each).
fn addresses(zones: &Zones, body: &Body) -> Vec<Record> {
    let mut seen = BTreeSet::new();
    let mut additionals = Vec::new();
    for record in body.answers.iter().chain(&body.authorities) {
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "only these three name a host to connect to"
        )]
        let host = match &record.data {
            RData::SRV(srv) => &srv.target,
            RData::NS(NS(host)) => host,
            RData::MX(mx) => &mx.exchange,
            _ => continue,
        };
        if !seen.insert(host) {
            continue;
        }
        let Some(zone) = zones.find(host) else {
            continue;
        };
        let node = match zone.find(host) {
            Found::Node(node) | Found::Wildcard(node) => Some(node),
            // Glue lies below the cut it serves.
            Found::Delegated { .. } => zone.node(host),
            Found::Empty | Found::Missing => None,
        };
        for kind in [RecordType::A, RecordType::AAAA] {
            if let Some(set) = node.and_then(|node| node.get(&kind)) {
                additionals.extend(set.records(host));
            }
        }
    }
    additionals
}

/// RFC 5936, in one message. An IXFR gets the whole zone (RFC 1995 §4), or by UDP the SOA,
/// on which the client comes back by TCP (§2).
fn transfer(zones: &Zones, name: &Name, kind: RecordType, asker: Asker) -> Body {
    let Some(zone) = zones.get(name) else {
        return Body::error(ResponseCode::NotAuth);
    };
    if !asker.may_transfer || (kind == RecordType::AXFR && !asker.is_stream) {
        return Body::error(ResponseCode::Refused);
    }
    let records = zone.records();
    let answers: Vec<Record> = if asker.is_stream {
        records.chain(zone.records().take(1)).collect()
    } else {
        records.take(1).collect()
    };
    Body {
        is_authoritative: true,
        is_transfer: true,
        answers,
        ..Body::default()
    }
}
