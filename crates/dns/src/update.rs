//! RFC 2136 on the server: from an UPDATE message to the change it makes, or why it makes none.
//!
//! ```text
//! zone section ─ permission at all ─ prerequisites ─ prescan ─ permission per record ─ changes
//!     §3.1             §3.3              §3.2         §3.4.1           §3.3             §3.4.2
//! ```
//!
//! Everything is checked before anything changes, and changes are made to copies of the nodes
//! they touch (`changeset`), so an UPDATE applies whole or not at all. The RFC asks for
//! permission after the prerequisites; we ask "may this one change anything here" before, or
//! prerequisites would let strangers read the zone.

mod changeset;
mod prerequisite;
mod prescan;
#[cfg(test)]
mod tests;

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{DNSClass, Name, RecordType};

use crate::policy::{Policy, Requester};
use crate::zone::{Diff, Zone};
use changeset::Changeset;
use prescan::Change;

/// How large a zone may grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Records in one RRset (against CVE-2024-1737). BIND's default of 100 would refuse the
    /// SRV set of a larger cluster.
    pub rrset_len_max: usize,
    /// Names in one zone.
    pub names_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            rrset_len_max: 4096,
            names_max: 1_000_000,
        }
    }
}

/// Why an UPDATE changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rejection {
    pub rcode: ResponseCode,
    pub reason: &'static str,
}

impl Rejection {
    const fn new(rcode: ResponseCode, reason: &'static str) -> Self {
        Self { rcode, reason }
    }

    const fn malformed(reason: &'static str) -> Self {
        Self::new(ResponseCode::FormErr, reason)
    }
}

/// The zone that the UPDATE names (RFC 2136 §3.1.1).
///
/// # Errors
/// FORMERR unless there is one, of type SOA; NOTAUTH for a class that is not ours.
pub(crate) fn zone_section(message: &Message) -> Result<&Name, Rejection> {
    let [zone] = message.queries.as_slice() else {
        return Err(Rejection::malformed("zone count is not 1"));
    };
    if zone.query_type != RecordType::SOA {
        return Err(Rejection::malformed("zone type is not SOA"));
    }
    if zone.query_class != DNSClass::IN {
        return Err(Rejection::new(
            ResponseCode::NotAuth,
            "zone class is not IN",
        ));
    }
    Ok(&zone.name)
}

/// What the UPDATE changes in `zone`; an empty diff when it changes nothing.
///
/// # Errors
/// The first rule of RFC 2136 §3 that it breaks. The zone is as it was in any case.
pub(crate) fn evaluate(
    zone: &Zone,
    message: &Message,
    requester: Requester<'_>,
    policy: &Policy,
    limits: Limits,
) -> Result<Diff, Rejection> {
    if !policy.knows(requester, zone.origin()) {
        return Err(Rejection::new(
            ResponseCode::Refused,
            "no permission in this zone",
        ));
    }
    prerequisite::check(zone, &message.answers)?;
    let changes = prescan::scan(zone.origin(), &message.authorities)?;
    if !changes
        .iter()
        .all(|change| is_permitted(change, zone, requester, policy))
    {
        return Err(Rejection::new(
            ResponseCode::Refused,
            "no permission for this name and type",
        ));
    }
    let mut changeset = Changeset::new(zone);
    for change in changes {
        changeset.make(change);
    }
    changeset.check(limits)?;
    Ok(changeset.into_diff())
}

/// RFC 2136 §3.3. Deleting a whole name needs permission for every type that it owns.
fn is_permitted(
    change: &Change<'_>,
    zone: &Zone,
    requester: Requester<'_>,
    policy: &Policy,
) -> bool {
    let permits = |name: &Name, kind| policy.permits(requester, name, kind);
    match change {
        Change::Add { name, data, .. } => permits(name, data.record_type()),
        Change::DeleteRrset { name, kind } => permits(name, *kind),
        Change::DeleteRecord { name, data } => permits(name, data.record_type()),
        Change::DeleteName { name } => match zone.node(name) {
            Some(node) => node.keys().all(|kind| permits(name, *kind)),
            None => permits(name, RecordType::ANY),
        },
    }
}
