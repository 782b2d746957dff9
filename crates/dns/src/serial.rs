//! SOA serials, which wrap (RFC 1982).

use std::fmt;

use serde::{Deserialize, Serialize};

/// A zone's serial number.
///
/// Deliberately not `Ord`: in serial arithmetic two numbers exactly 2^31 apart have no order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Serial(pub u32);

impl Serial {
    /// True when `self` comes after `other` (RFC 1982 §3.2); false for a pair without order.
    pub const fn is_newer_than(self, other: Self) -> bool {
        let ahead = self.0.wrapping_sub(other.0);
        ahead != 0 && ahead < 1 << 31
    }

    /// The serial of the next version.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serials_compare_around_the_circle() {
        for (newer, older) in [
            (1, 0),
            (44, 0),
            (100, 44),
            (200, 100),
            (0, 255),
            (0, u32::MAX),
        ] {
            let around = older > newer;
            let older = if around {
                u32::MAX - 255 + (older & 255)
            } else {
                older
            };
            assert!(
                Serial(newer).is_newer_than(Serial(older)),
                "{newer} {older}"
            );
            assert!(
                !Serial(older).is_newer_than(Serial(newer)),
                "{newer} {older}"
            );
        }
        assert!(!Serial(7).is_newer_than(Serial(7)));
    }

    #[test]
    fn half_the_circle_apart_neither_is_newer() {
        let (one, other) = (Serial(5), Serial(5 + (1 << 31)));
        assert!(!one.is_newer_than(other) && !other.is_newer_than(one));
    }

    #[test]
    fn the_next_serial_is_newer_even_at_the_seam() {
        for serial in [0, 1, (1 << 31) - 1, 1 << 31, u32::MAX] {
            assert!(Serial(serial).next().is_newer_than(Serial(serial)));
        }
    }
}
