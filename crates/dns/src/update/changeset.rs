//! A zone's next version in the making: copies of the nodes that an UPDATE touches.

use std::collections::BTreeMap;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::rdata::SOA;
use hickory_proto::rr::{Name, RData, RecordData, RecordType};

use super::prescan::Change;
use super::{Limits, Rejection};
use crate::rrset::Rrset;
use crate::serial::Serial;
use crate::zone::{Diff, Node, Zone, diff_node};

/// The nodes as they will be; the zone itself stays as it is.
#[derive(Debug)]
pub(super) struct Changeset<'z> {
    zone: &'z Zone,
    touched: BTreeMap<Name, Node>,
}

impl<'z> Changeset<'z> {
    pub(super) fn new(zone: &'z Zone) -> Self {
        Self {
            zone,
            touched: BTreeMap::new(),
        }
    }

    /// RFC 2136 §3.4.2.
    pub(super) fn make(&mut self, change: Change<'_>) {
        match change {
            Change::Add {
                name,
                ttl_secs,
                data,
            } => self.add(name, ttl_secs, data),
            Change::DeleteRrset { name, kind } => self.delete_rrset(name, kind),
            Change::DeleteName { name } => self.delete_name(name),
            Change::DeleteRecord { name, data } => self.delete_record(name, data),
        }
    }

    /// # Errors
    /// REFUSED when a set or the zone would grow beyond its limit.
    pub(super) fn check(&self, limits: Limits) -> Result<(), Rejection> {
        let sets = || self.touched.values().flat_map(BTreeMap::values);
        if sets().any(|set| set.len() > limits.rrset_len_max) {
            return Err(Rejection::new(ResponseCode::Refused, "RRset is full"));
        }
        let was_owner = |name: &&Name| self.zone.node(name).is_some();
        let before = self.touched.keys().filter(was_owner).count();
        let after = self.touched.values().filter(|node| !node.is_empty());
        let names = self.zone.name_count() - before + after.count();
        if names > limits.names_max && names > self.zone.name_count() {
            return Err(Rejection::new(ResponseCode::Refused, "zone is full"));
        }
        Ok(())
    }

    /// What changed, with the serial of the next version if anything did (RFC 2136 §3.6).
    pub(super) fn into_diff(mut self) -> Diff {
        let diff = self.diff();
        if diff.is_empty() {
            return diff;
        }
        let (soa, ttl_secs) = self.zone.soa();
        let origin = self.zone.origin();
        let mut next = soa.clone();
        next.serial = Serial(soa.serial).next().0;
        let apex = self.node(origin);
        if soa_serial(apex) == Some(Serial(soa.serial)) {
            let mut set = Rrset::default();
            set.insert(ttl_secs, RData::SOA(next));
            apex.insert(RecordType::SOA, set);
        }
        self.diff()
    }

    fn diff(&self) -> Diff {
        let mut diff = Diff::default();
        let empty = Node::new();
        for (name, new) in &self.touched {
            let old = self.zone.node(name).unwrap_or(&empty);
            diff_node(name, old, new, &mut diff);
        }
        diff
    }

    /// §3.4.2.2.
    fn add(&mut self, name: &Name, ttl_secs: u32, data: &RData) {
        let kind = data.record_type();
        let node = self.node(name);
        // An alias and other data never share a name, whichever came first.
        let conflicts = if kind == RecordType::CNAME {
            node.keys().any(|other| *other != RecordType::CNAME)
        } else {
            node.contains_key(&RecordType::CNAME)
        };
        if conflicts {
            return;
        }
        if let RData::SOA(new) = data {
            // Only the apex owns an SOA, and only a newer one replaces it.
            let is_newer =
                soa_serial(node).is_some_and(|old| Serial(new.serial).is_newer_than(old));
            if !is_newer {
                return;
            }
        }
        let set = node.entry(kind).or_default();
        if matches!(kind, RecordType::CNAME | RecordType::SOA) {
            *set = Rrset::default();
        }
        set.insert(ttl_secs, data.clone());
    }

    /// §3.4.2.3.
    fn delete_rrset(&mut self, name: &Name, kind: RecordType) {
        let is_apex = name == self.zone.origin();
        if !(is_apex && belongs_to_apex(kind)) {
            self.node(name).remove(&kind);
        }
    }

    /// §3.4.2.3.
    fn delete_name(&mut self, name: &Name) {
        let is_apex = name == self.zone.origin();
        self.node(name)
            .retain(|kind, _| is_apex && belongs_to_apex(*kind));
    }

    /// §3.4.2.4.
    fn delete_record(&mut self, name: &Name, data: &RData) {
        let is_apex = name == self.zone.origin();
        let kind = data.record_type();
        let node = self.node(name);
        let Some(set) = node.get_mut(&kind) else {
            return;
        };
        let is_last_server = is_apex && kind == RecordType::NS && set.len() == 1;
        if kind == RecordType::SOA || is_last_server {
            return;
        }
        set.remove(data);
        if set.is_empty() {
            node.remove(&kind);
        }
    }

    fn node(&mut self, name: &Name) -> &mut Node {
        self.touched
            .entry(name.to_lowercase())
            .or_insert_with(|| self.zone.node(name).cloned().unwrap_or_default())
    }
}

fn soa_serial(node: &Node) -> Option<Serial> {
    let data = node.get(&RecordType::SOA)?.data().next()?;
    SOA::try_borrow(data).map(|soa| Serial(soa.serial))
}

fn belongs_to_apex(kind: RecordType) -> bool {
    matches!(kind, RecordType::SOA | RecordType::NS)
}
