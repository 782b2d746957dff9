//! All zones of one authority, and which of them a name belongs to.

use std::collections::BTreeMap;

use hickory_proto::rr::Name;

use crate::key::Key;
use crate::zone::Zone;

/// Zones by origin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Zones(BTreeMap<Key, Zone>);

impl Zones {
    pub(crate) fn new(zones: impl IntoIterator<Item = Zone>) -> Self {
        let by_origin = |zone: Zone| (Key::of(zone.origin()), zone);
        Self(zones.into_iter().map(by_origin).collect())
    }

    /// The zone with exactly this apex.
    pub(crate) fn get(&self, origin: &Name) -> Option<&Zone> {
        self.0.get(&Key::of(origin))
    }

    pub(crate) fn get_mut(&mut self, origin: &Name) -> Option<&mut Zone> {
        self.0.get_mut(&Key::of(origin))
    }

    /// The zone nearest above `name`.
    pub(crate) fn find(&self, name: &Name) -> Option<&Zone> {
        let key = Key::of(name);
        key.ancestry().find_map(|ancestor| self.0.get(ancestor))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Zone> {
        self.0.values()
    }
}
