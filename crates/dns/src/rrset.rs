//! One RRset: data of one owner and type, under one TTL.

use hickory_proto::rr::{Name, RData, Record};

use crate::wire;

/// The data of one owner and type.
///
/// Kept by canonical RDATA (RFC 4034 §6.2), so that equality is that of RFC 2136 §1.1.1 (names
/// in any case), the order on the wire never depends on history, and a record is found in a set
/// of thousands by halving it. One TTL serves the whole set (RFC 2181 §5.2): adding a record,
/// even one that is there already, gives the whole set the new record's TTL.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rrset {
    ttl_secs: u32,
    /// A list, because nearly every set has one record: a tree has room for eleven.
    data: Vec<Datum>,
}

/// One record's data.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Datum {
    canonical: Box<[u8]>,
    data: RData,
}

impl Rrset {
    /// The TTL of every record.
    pub fn ttl_secs(&self) -> u32 {
        self.ttl_secs
    }

    /// How many records.
    pub fn len(&self) -> usize {
        self.data.len()
    }

    /// True when no record is left, which ends the set.
    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// The data in canonical order.
    pub fn data(&self) -> impl Iterator<Item = &RData> {
        self.data.iter().map(|datum| &datum.data)
    }

    /// The set as records of `owner`, with the owner spelled as given.
    pub fn records<'a>(&'a self, owner: &'a Name) -> impl Iterator<Item = Record> + 'a {
        self.data()
            .map(|data| Record::from_rdata(owner.clone(), self.ttl_secs, data.clone()))
    }

    pub(crate) fn insert(&mut self, ttl_secs: u32, data: RData) {
        let Some(canonical) = wire::canonical_rdata(&data) else {
            return;
        };
        self.ttl_secs = ttl_secs;
        if let Err(place) = self.place(&canonical) {
            let canonical = canonical.into_boxed_slice();
            self.data.reserve_exact(usize::from(self.data.is_empty()));
            self.data.insert(place, Datum { canonical, data });
        }
    }

    pub(crate) fn remove(&mut self, data: &RData) {
        let canonical = wire::canonical_rdata(data);
        if let Some(Ok(place)) = canonical.map(|canonical| self.place(&canonical)) {
            self.data.remove(place);
        }
    }

    /// True when both hold the same data; TTLs do not matter (RFC 2136 §2.4.2).
    pub(crate) fn has_same_data(&self, other: &Self) -> bool {
        self.keys().eq(other.keys())
    }

    /// The data that `self` has and `other` has not.
    pub(crate) fn without<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = &'a RData> {
        self.data
            .iter()
            .filter(|datum| other.place(&datum.canonical).is_err())
            .map(|datum| &datum.data)
    }

    fn keys(&self) -> impl Iterator<Item = &[u8]> {
        self.data.iter().map(|datum| &*datum.canonical)
    }

    /// Where the data with this canonical form is, or where it would be.
    fn place(&self, canonical: &[u8]) -> Result<usize, usize> {
        self.data
            .binary_search_by(|datum| (*datum.canonical).cmp(canonical))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hickory_proto::rr::rdata::PTR;

    fn ptr(name: &str) -> RData {
        RData::PTR(PTR(Name::from_ascii(name).unwrap()))
    }

    #[test]
    fn data_that_differs_only_in_case_is_one_record() {
        let mut set = Rrset::default();
        set.insert(60, ptr("N1.lab.example."));
        set.insert(30, ptr("n1.LAB.example."));
        assert_eq!((set.len(), set.ttl_secs()), (1, 30));
        assert_eq!(set.data().next(), Some(&ptr("N1.lab.example.")));
        set.remove(&ptr("n1.lab.EXAMPLE."));
        assert!(set.is_empty());
    }

    #[test]
    fn the_order_does_not_tell_the_history() {
        let (mut one, mut other) = (Rrset::default(), Rrset::default());
        for name in ["a.", "b.", "c."] {
            one.insert(1, ptr(name));
        }
        for name in ["c.", "a.", "b."] {
            other.insert(1, ptr(name));
        }
        assert!(one.data().eq(other.data()));
        assert!(one.has_same_data(&other));
    }
}
