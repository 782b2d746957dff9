//! One zone in memory: names, their RRsets, and how a name is found in them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use hickory_proto::rr::rdata::SOA;
use hickory_proto::rr::{Name, RData, Record, RecordData, RecordType};

use crate::key::Key;
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
    apex: Key,
    is_bootstrap: bool,
    /// The order of keys is canonical (RFC 4034 §6.1), so the descendants of a name follow it
    /// directly. Versions of a zone share what did not change from one to the other.
    names: BTreeMap<Key, Arc<Owner>>,
    /// Names below the apex that own NS records.
    cuts: BTreeSet<Key>,
}

/// A name and what it owns.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Owner {
    /// Lowercased.
    name: Name,
    node: Node,
}

/// Some names as they are in the next version of a zone; `None` for those that own nothing.
#[derive(Clone, Debug)]
pub(crate) struct Touched(Vec<(Key, Option<Arc<Owner>>)>);

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
            apex: Key::of(origin),
            is_bootstrap,
            names: BTreeMap::new(),
            cuts: BTreeSet::new(),
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
        let apex = self.owned(&self.apex);
        let set = apex
            .and_then(|node| node.get(&RecordType::SOA))
            .expect("a zone has an SOA");
        let soa = set.data().find_map(SOA::try_borrow);
        (soa.expect("an SOA set holds one SOA"), set.ttl_secs())
    }

    pub fn serial(&self) -> Serial {
        Serial(self.soa().0.serial)
    }

    /// The RRset that `name` itself owns; wildcards and aliases do not matter here.
    pub fn rrset(&self, name: &Name, kind: RecordType) -> Option<&Rrset> {
        self.node(name)?.get(&kind)
    }

    /// Everything that `name` itself owns.
    pub fn node(&self, name: &Name) -> Option<&Node> {
        self.owned(&Key::of(name))
    }

    fn owned(&self, key: &Key) -> Option<&Node> {
        self.names.get(key).map(|owner| &owner.node)
    }

    /// Looks a name up as a query does. The name must lie in the zone.
    pub fn find(&self, name: &Name) -> Found<'_> {
        let key = Key::of(name);
        if let Some(delegated) = self.delegation(&key) {
            return delegated;
        }
        if let Some(node) = self.owned(&key) {
            return Found::Node(node);
        }
        let mut ancestry = key.ancestry();
        if ancestry.next().is_some_and(|own| self.has_at_or_below(own)) {
            return Found::Empty;
        }
        // RFC 4592 §3.3.1: only the closest encloser's wildcard counts.
        let encloser = ancestry
            .find(|ancestor| self.has_at_or_below(ancestor))
            .unwrap_or(self.apex.octets());
        self.owned(&Key::wildcard(encloser))
            .map_or(Found::Missing, Found::Wildcard)
    }

    /// Every record, names in canonical order, the apex SOA first.
    pub fn records(&self) -> impl Iterator<Item = Record> + '_ {
        let (soa, ttl_secs) = self.soa();
        let soa = Record::from_rdata(self.origin.clone(), ttl_secs, RData::SOA(soa.clone()));
        let others = self.names.values().flat_map(|owner| {
            let sets = owner.node.iter();
            sets.filter(|(kind, _)| **kind != RecordType::SOA)
                .flat_map(|(_, set)| set.records(&owner.name))
        });
        std::iter::once(soa).chain(others)
    }

    /// The records of names behind `after`, or of all; whole names, until there are `count`
    /// records. Nothing is left when it is empty.
    pub fn records_page(&self, after: Option<&Name>, count: usize) -> Vec<Record> {
        let from = after.map(Key::of);
        let from = from.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
        let mut records = Vec::new();
        for owner in self
            .names
            .range::<Key, _>((from, Bound::Unbounded))
            .map(|(_, owner)| owner)
        {
            if records.len() >= count {
                break;
            }
            let is_soa = |(kind, _): &(&RecordType, _)| **kind == RecordType::SOA;
            let (soa, others): (Vec<_>, Vec<_>) = owner.node.iter().partition(is_soa);
            for (_, set) in soa.into_iter().chain(others) {
                records.extend(set.records(&owner.name));
            }
        }
        records
    }

    /// Goes to the next version. Answers the names that it changes, as they are now.
    pub(crate) fn apply(&mut self, diff: &Diff) -> Touched {
        let mut touched = BTreeSet::new();
        for record in &diff.removed {
            touched.insert(self.remove(record));
        }
        for record in &diff.added {
            touched.insert(self.insert(record.clone()));
        }
        let now = |key: Key| {
            let owner = self.names.get(&key).cloned();
            (key, owner)
        };
        Touched(touched.into_iter().map(now).collect())
    }

    /// The names that changed there, as they are here.
    pub(crate) fn touched(&self, there: &Touched) -> Touched {
        let here = |(key, _): &(Key, _)| (key.clone(), self.names.get(key).cloned());
        Touched(there.0.iter().map(here).collect())
    }

    /// What leads to the same zone, `steps` versions on.
    pub(crate) fn skip_diff(&self, steps: u32) -> Diff {
        let (soa, ttl_secs) = self.soa();
        let record = |soa| Record::from_rdata(self.origin.clone(), ttl_secs, RData::SOA(soa));
        let mut next = soa.clone();
        next.serial = soa.serial.wrapping_add(steps);
        Diff {
            removed: vec![record(soa.clone())],
            added: vec![record(next)],
        }
    }

    /// Moves to the version that another copy of the zone has already, by what changed there.
    pub(crate) fn adopt(&mut self, touched: Touched) {
        for (key, owner) in touched.0 {
            let node = owner.as_ref().map(|owner| &owner.node);
            self.note_cut(&key, node.is_some_and(has_servers));
            match owner {
                Some(owner) => self.names.insert(key, owner),
                None => self.names.remove(&key),
            };
        }
    }

    fn insert(&mut self, record: Record) -> Key {
        let kind = record.record_type();
        let key = Key::of(&record.name);
        let owner = self.names.entry(key.clone()).or_insert_with(|| {
            Arc::new(Owner {
                name: record.name.to_lowercase(),
                node: Node::new(),
            })
        });
        let set = Arc::make_mut(owner).node.entry(kind).or_default();
        if kind == RecordType::SOA {
            // A journal written under another configuration does not remove today's SOA.
            *set = Rrset::default();
        }
        set.insert(record.ttl, record.data);
        if kind == RecordType::NS {
            self.note_cut(&key, true);
        }
        key
    }

    fn remove(&mut self, record: &Record) -> Key {
        let key = Key::of(&record.name);
        let Some(owner) = self.names.get_mut(&key) else {
            return key;
        };
        let kind = record.record_type();
        let node = &mut Arc::make_mut(owner).node;
        if let Some(set) = node.get_mut(&kind) {
            set.remove(&record.data);
            if set.is_empty() {
                node.remove(&kind);
            }
        }
        let (is_cut, is_empty) = (has_servers(node), node.is_empty());
        if kind == RecordType::NS {
            self.note_cut(&key, is_cut);
        }
        if is_empty {
            self.names.remove(&key);
        }
        key
    }

    fn note_cut(&mut self, key: &Key, is_cut: bool) {
        if !is_cut {
            self.cuts.remove(key);
        } else if *key != self.apex {
            self.cuts.insert(key.clone());
        }
    }

    /// The topmost delegation at or above the name with this key, below the apex.
    fn delegation(&self, key: &Key) -> Option<Found<'_>> {
        if self.cuts.is_empty() {
            return None;
        }
        let cut = key.ancestry().rev().find_map(|top| self.cuts.get(top))?;
        let owner = self.names.get(cut)?;
        let servers = owner.node.get(&RecordType::NS)?;
        let cut = &owner.name;
        Some(Found::Delegated { cut, servers })
    }

    /// True when the name with this key or one below it owns something.
    fn has_at_or_below(&self, key: &[u8]) -> bool {
        let from_there = (Bound::Included(key), Bound::Unbounded);
        let mut names = self.names.range::<[u8], _>(from_there);
        names
            .next()
            .is_some_and(|(first, _)| first.octets().starts_with(key))
    }
}

fn has_servers(node: &Node) -> bool {
    node.contains_key(&RecordType::NS)
}

/// Appends what leads from `old` to `new`, both of `name`.
pub(crate) fn diff_node(name: &Name, old: &Node, new: &Node, diff: &mut Diff) {
    let empty = Rrset::default();
    let record = |ttl_secs, data: &RData| Record::from_rdata(name.clone(), ttl_secs, data.clone());
    for (kind, old_set) in old {
        let new_set = new.get(kind).unwrap_or(&empty);
        // A new TTL replaces the whole set, so that the diff alone determines the new version.
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
