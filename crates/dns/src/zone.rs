//! One zone in memory: names, their RRsets, and how a name is found in them.

use std::collections::BTreeMap;
use std::ops::Bound;

use hickory_proto::rr::rdata::SOA;
use hickory_proto::rr::{Name, RData, Record, RecordData, RecordType};

use crate::rrset::Rrset;
use crate::serial::Serial;

/// Everything that one name owns. Never empty inside a zone.
pub type Node = BTreeMap<RecordType, Rrset>;

/// A change from one version of a zone to the next: exactly what must be taken away and put
/// in, the SOA among it.
#[derive(Clone, Debug, Default)]
pub struct Diff {
    pub removed: Vec<Record>,
    pub added: Vec<Record>,
}

impl Diff {
    pub fn is_empty(&self) -> bool {
        self.removed.is_empty() && self.added.is_empty()
    }
}

/// One zone. Its apex always owns exactly one SOA and at least one NS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    origin: Name,
    is_bootstrap: bool,
    /// By lowercased name; [`Name`]'s order is canonical (RFC 4034 §6.1), so the descendants
    /// of a name follow it directly.
    names: BTreeMap<Name, Node>,
}

/// What a zone knows of a name (RFC 1034 §4.3.2, RFC 4592).
#[derive(Clone, Copy, Debug)]
pub enum Found<'a> {
    /// The name owns records.
    Node(&'a Node),
    /// It does not, but a wildcard covers it.
    Wildcard(&'a Node),
    /// It owns nothing, but names below it do (an empty non-terminal).
    Empty,
    /// It lies at or below a delegation to other servers.
    Delegated { cut: &'a Name, servers: &'a Rrset },
    /// There is nothing.
    Missing,
}

impl Zone {
    /// A zone of these records, the apex SOA and NS among them (the configuration checks it).
    pub(crate) fn new(origin: &Name, is_bootstrap: bool, records: Vec<Record>) -> Self {
        let mut zone = Self {
            origin: origin.to_lowercase(),
            is_bootstrap,
            names: BTreeMap::new(),
        };
        for record in records {
            zone.insert(record);
        }
        assert!(
            zone.rrset(origin, RecordType::NS).is_some(),
            "a zone has an apex NS"
        );
        zone.soa();
        zone
    }

    /// The apex, lowercased.
    pub fn origin(&self) -> &Name {
        &self.origin
    }

    /// True for zones whose negative answers may be cached for one second at most.
    pub fn is_bootstrap(&self) -> bool {
        self.is_bootstrap
    }

    /// How many names own records.
    pub fn name_count(&self) -> usize {
        self.names.len()
    }

    /// The SOA and its TTL.
    pub fn soa(&self) -> (&SOA, u32) {
        let set = self
            .rrset(&self.origin, RecordType::SOA)
            .expect("a zone has an SOA");
        let soa = set.data().find_map(SOA::try_borrow);
        (soa.expect("an SOA set holds one SOA"), set.ttl_secs())
    }

    pub fn serial(&self) -> Serial {
        Serial(self.soa().0.serial)
    }

    /// The RRset that `name` itself owns; wildcards and aliases do not matter here.
    pub fn rrset(&self, name: &Name, kind: RecordType) -> Option<&Rrset> {
        self.names.get(name)?.get(&kind)
    }

    /// Everything that `name` itself owns.
    pub fn node(&self, name: &Name) -> Option<&Node> {
        self.names.get(name)
    }

    /// Looks a name up as a query does. The name must lie in the zone.
    pub fn find(&self, name: &Name) -> Found<'_> {
        if let Some(delegated) = self.delegation(name) {
            return delegated;
        }
        if let Some(node) = self.names.get(name) {
            return Found::Node(node);
        }
        if self.has_descendants(name) {
            return Found::Empty;
        }
        // RFC 4592 §3.3.1: only the closest encloser's wildcard counts.
        let encloser = self.closest_encloser(name);
        let wildcard = encloser
            .prepend_label("*")
            .ok()
            .and_then(|wildcard| self.names.get(&wildcard));
        wildcard.map_or(Found::Missing, Found::Wildcard)
    }

    /// Every record, names in canonical order, the apex SOA first.
    pub fn records(&self) -> impl Iterator<Item = Record> + '_ {
        let (soa, ttl_secs) = self.soa();
        let soa = Record::from_rdata(self.origin.clone(), ttl_secs, RData::SOA(soa.clone()));
        let others = self.names.iter().flat_map(|(name, node)| {
            node.iter()
                .filter(|(kind, _)| **kind != RecordType::SOA)
                .flat_map(|(_, set)| set.records(name))
        });
        std::iter::once(soa).chain(others)
    }

    /// What leads from `self` to `next`.
    pub fn diff(&self, next: &Self) -> Diff {
        let mut diff = Diff::default();
        let empty = Node::new();
        for (name, old) in &self.names {
            let new = next.names.get(name).unwrap_or(&empty);
            diff_node(name, old, new, &mut diff);
        }
        for (name, new) in &next.names {
            if !self.names.contains_key(name) {
                diff_node(name, &empty, new, &mut diff);
            }
        }
        diff
    }

    /// Goes to the next version.
    pub(crate) fn apply(&mut self, diff: &Diff) {
        for record in &diff.removed {
            self.remove(record);
        }
        for record in &diff.added {
            self.insert(record.clone());
        }
    }

    fn insert(&mut self, record: Record) {
        let kind = record.record_type();
        let node = self.names.entry(record.name.to_lowercase()).or_default();
        let set = node.entry(kind).or_default();
        if kind == RecordType::SOA {
            // A journal written under another configuration does not remove today's SOA.
            *set = Rrset::default();
        }
        set.insert(record.ttl, record.data);
    }

    fn remove(&mut self, record: &Record) {
        let Some(node) = self.names.get_mut(&record.name) else {
            return;
        };
        if let Some(set) = node.get_mut(&record.record_type()) {
            set.remove(&record.data);
            if set.is_empty() {
                node.remove(&record.record_type());
            }
        }
        if node.is_empty() {
            self.names.remove(&record.name);
        }
    }

    /// The topmost delegation at or above `name`, below the apex.
    fn delegation(&self, name: &Name) -> Option<Found<'_>> {
        let mut cut = None;
        let mut ancestor = name.clone();
        while ancestor != self.origin && !ancestor.is_root() {
            if let Some((owner, node)) = self.names.get_key_value(&ancestor)
                && let Some(servers) = node.get(&RecordType::NS)
            {
                cut = Some(Found::Delegated {
                    cut: owner,
                    servers,
                });
            }
            ancestor = ancestor.base_name();
        }
        cut
    }

    fn closest_encloser(&self, name: &Name) -> Name {
        let mut ancestor = name.base_name();
        while ancestor != self.origin
            && !ancestor.is_root()
            && !self.names.contains_key(&ancestor)
            && !self.has_descendants(&ancestor)
        {
            ancestor = ancestor.base_name();
        }
        ancestor
    }

    fn has_descendants(&self, name: &Name) -> bool {
        self.names
            .range::<Name, _>((Bound::Excluded(name), Bound::Unbounded))
            .next()
            .is_some_and(|(next, _)| name.zone_of(next))
    }
}

/// Appends what leads from `old` to `new`, both of `name`.
pub(crate) fn diff_node(name: &Name, old: &Node, new: &Node, diff: &mut Diff) {
    let empty = Rrset::default();
    let record = |ttl_secs, data: &RData| Record::from_rdata(name.clone(), ttl_secs, data.clone());
    for (kind, old_set) in old {
        let new_set = new.get(kind).unwrap_or(&empty);
        // A new TTL replaces the whole set, so that the diff alone tells the new version.
        let kept = if new_set.ttl_secs() == old_set.ttl_secs() {
            new_set
        } else {
            &empty
        };
        let gone = old_set.without(kept);
        diff.removed
            .extend(gone.map(|data| record(old_set.ttl_secs(), data)));
    }
    for (kind, new_set) in new {
        let old_set = old.get(kind).unwrap_or(&empty);
        let kept = if new_set.ttl_secs() == old_set.ttl_secs() {
            old_set
        } else {
            &empty
        };
        let fresh = new_set.without(kept);
        diff.added
            .extend(fresh.map(|data| record(new_set.ttl_secs(), data)));
    }
}
