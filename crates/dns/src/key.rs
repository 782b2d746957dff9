//! Names as keys of ordered maps: comparing two is comparing octets.
//!
//! A key is the name's labels from the root down, lowercased, each followed by a zero octet;
//! within a label 0 becomes `1 1` and 1 becomes `1 2`, so that nothing else is zero. The order of
//! such octet strings is the canonical one (RFC 4034 §6.1), and the key of an ancestor is a
//! prefix of the keys of all names below it.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;

use hickory_proto::rr::Name;

/// The key of one name. In any case of letters a name has the same key.
#[derive(Clone)]
pub(crate) enum Key {
    /// In place, as nearly all names of machines are: to compare it is not to look elsewhere.
    Short(u8, [u8; SHORT_LEN_MAX]),
    Long(Box<[u8]>),
}

impl Key {
    pub(crate) fn of(name: &Name) -> Self {
        let mut octets = Octets::default();
        for label in name.iter().rev() {
            for octet in label {
                match octet {
                    0 | 1 => octets.push(&[1, octet + 1]),
                    other => octets.push(&[other.to_ascii_lowercase()]),
                }
            }
            octets.push(&[0]);
        }
        octets.key()
    }

    /// The key of `*` below the name with this key.
    pub(crate) fn wildcard(parent: &[u8]) -> Self {
        let mut octets = Octets::default();
        octets.push(parent);
        octets.push(b"*\0");
        octets.key()
    }

    pub(crate) fn octets(&self) -> &[u8] {
        match self {
            Self::Short(len, octets) => &octets[..usize::from(*len)],
            Self::Long(octets) => octets,
        }
    }

    /// The keys of the name itself and of all names above it, the longest first, the root last.
    pub(crate) fn ancestry(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        let octets = self.octets();
        let ends = (1..=octets.len()).rev();
        let ends = ends.filter(|end| octets[end - 1] == 0).chain([0]);
        ends.map(|end| &octets[..end])
    }
}

/// A key in the making.
struct Octets {
    len: usize,
    octets: [u8; LEN_MAX],
}

impl Default for Octets {
    fn default() -> Self {
        Self {
            len: 0,
            octets: [0; LEN_MAX],
        }
    }
}

impl Octets {
    fn push(&mut self, octets: &[u8]) {
        let end = self.len + octets.len();
        self.octets[self.len..end].copy_from_slice(octets);
        self.len = end;
    }

    fn key(&self) -> Key {
        let octets = &self.octets[..self.len];
        match u8::try_from(self.len) {
            Ok(len) if self.len <= SHORT_LEN_MAX => {
                let mut short = [0; SHORT_LEN_MAX];
                short[..self.len].copy_from_slice(octets);
                Key::Short(len, short)
            }
            Ok(_) | Err(_) => Key::Long(octets.into()),
        }
    }
}

impl Borrow<[u8]> for Key {
    fn borrow(&self) -> &[u8] {
        self.octets()
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.octets() == other.octets()
    }
}

impl Eq for Key {}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        self.octets().cmp(other.octets())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.octets().escape_ascii())
    }
}

/// A name in `in-addr.arpa` takes up to 29.
const SHORT_LEN_MAX: usize = 30;
/// A name has 255 octets at most (RFC 1035 §2.3.4), each of which becomes two at most; and the
/// wildcard.
const LEN_MAX: usize = 2 * 255 + 2;

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// Few octets, so that labels often have something in common.
    fn any_name() -> impl Strategy<Value = Name> {
        let octet = prop::sample::select(&b"\x00\x01\x02-aAzZ\xff"[..]);
        let label = vec(octet, 1..4);
        vec(label, 0..5).prop_map(|labels| {
            let mut name = Name::from_labels(labels).unwrap();
            name.set_fqdn(true);
            name
        })
    }

    proptest! {
        #[test]
        fn keys_have_the_order_of_their_names(one in any_name(), other in any_name()) {
            let keys = (Key::of(&one), Key::of(&other));
            prop_assert_eq!(keys.0.cmp(&keys.1), one.cmp(&other));
            prop_assert_eq!(keys.1.octets().starts_with(keys.0.octets()), one.zone_of(&other));
        }

        #[test]
        fn the_ancestry_is_that_of_the_name(name in any_name()) {
            let key = Key::of(&name);
            let mut ancestor = name;
            for octets in key.ancestry() {
                let expected = Key::of(&ancestor);
                prop_assert_eq!(octets, expected.octets());
                ancestor = ancestor.base_name();
            }
            prop_assert!(ancestor.is_root());
        }
    }

    #[test]
    fn the_longest_name_has_a_key() {
        let label = [1; 63];
        let labels = [&label[..], &label, &label, &label[..61]];
        let name = Name::from_labels(labels).unwrap();
        let key = Key::of(&name);
        assert_eq!(key.octets().len(), 2 * (63 * 3 + 61) + 4);
        assert!(Key::wildcard(key.octets()) > key);
    }
}
