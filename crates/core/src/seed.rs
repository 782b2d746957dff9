//! One seed, many independent streams.
//!
//! Each consumer draws from a child named after it, so that adding a machine or a draw in one
//! place never shifts the draws of another.

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use sha2::{Digest, Sha256};

/// The root of a tree of named random streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seed([u8; 32]);

impl Seed {
    /// The root seed for the number that people write on a command line.
    pub fn new(number: u64) -> Self {
        Self(Sha256::digest(number.to_le_bytes()).into())
    }

    /// The child with this name. The same name always answers the same child.
    #[must_use]
    pub fn child(self, name: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(self.0);
        hash.update(name.as_bytes());
        Self(hash.finalize().into())
    }

    /// The stream of random numbers at this point of the tree.
    pub fn random(self) -> Random {
        Random(ChaCha8Rng::from_seed(self.0))
    }
}

/// A reproducible stream of random numbers (ChaCha8, the same on every platform).
#[derive(Clone, Debug)]
pub struct Random(ChaCha8Rng);

impl Random {
    /// A number drawn uniformly from all of `u32`.
    pub fn next_u32(&mut self) -> u32 {
        self.0.next_u32()
    }

    /// A number drawn uniformly from all of `u64`.
    pub fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number drawn from `0..bound`; 0 when `bound` is 0. The bias is below `bound / 2^64`.
    pub fn below(&mut self, bound: u64) -> u64 {
        let wide = u128::from(self.next_u64()) * u128::from(bound);
        (wide >> 64) as u64
    }

    /// Puts `items` into a uniformly random order (Fisher–Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.below(last as u64 + 1) as usize;
            items.swap(last, other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_always_draws_the_same_and_another_name_does_not() {
        let seed = Seed::new(7);
        let draw = |name: &str| seed.child(name).random().next_u64();
        assert_eq!(draw("n1"), draw("n1"));
        assert_ne!(draw("n1"), draw("n2"));
        assert_ne!(Seed::new(8).child("n1").random().next_u64(), draw("n1"));
    }

    #[test]
    fn below_stays_below() {
        let mut random = Seed::new(1).random();
        assert!((0..1_000).all(|_| random.below(10) < 10));
        assert_eq!(random.below(0), 0);
    }
}
