//! A set of numbers as disjoint intervals: a free /8 takes the room of one entry, and every
//! operation is logarithmic in the number of gaps.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// Numbers that are not in use: addresses as bits, or ordinals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct FreeSet {
    /// First → last of each interval; no two touch.
    intervals: BTreeMap<u32, u32>,
}

impl FreeSet {
    pub(super) fn from_ranges(ranges: impl IntoIterator<Item = RangeInclusive<u32>>) -> Self {
        let mut set = Self::default();
        for range in ranges {
            set.insert_range(*range.start(), *range.end());
        }
        set
    }

    /// The lowest number.
    pub(super) fn first(&self) -> Option<u32> {
        self.intervals.first_key_value().map(|(first, _)| *first)
    }

    /// How many numbers there are; as costly as there are gaps.
    pub(super) fn len(&self) -> u64 {
        let lens = self.intervals.iter();
        lens.map(|(first, last)| u64::from(last - first) + 1).sum()
    }

    pub(super) fn contains(&self, number: u32) -> bool {
        self.interval_of(number).is_some()
    }

    /// Removes `number`; false when it was not in the set.
    pub(super) fn remove(&mut self, number: u32) -> bool {
        let Some((first, last)) = self.interval_of(number) else {
            return false;
        };
        self.intervals.remove(&first);
        if first < number {
            self.intervals.insert(first, number - 1);
        }
        if number < last {
            self.intervals.insert(number + 1, last);
        }
        true
    }

    /// Removes every number of `range`.
    pub(super) fn remove_range(&mut self, range: RangeInclusive<u32>) {
        let (from, to) = (*range.start(), *range.end());
        while let Some((&first, &last)) = self.intervals.range(..=to).next_back() {
            if last < from {
                return;
            }
            self.intervals.remove(&first);
            if to < last {
                self.intervals.insert(to + 1, last);
            }
            if first < from {
                self.intervals.insert(first, from - 1);
            }
        }
    }

    /// Inserts `number`.
    pub(super) fn insert(&mut self, number: u32) {
        if !self.contains(number) {
            self.insert_range(number, number);
        }
    }

    /// The intervals, ascending.
    #[cfg(test)]
    pub(super) fn ranges(&self) -> impl Iterator<Item = (u32, u32)> {
        self.intervals.iter().map(|(first, last)| (*first, *last))
    }

    /// Joins `first..=last` with the intervals it overlaps or touches.
    fn insert_range(&mut self, mut first: u32, mut last: u32) {
        let reach = last.saturating_add(1);
        while let Some((&start, &end)) = self.intervals.range(..=reach).next_back() {
            if end.saturating_add(1) < first {
                break;
            }
            self.intervals.remove(&start);
            first = first.min(start);
            last = last.max(end);
        }
        self.intervals.insert(first, last);
    }

    fn interval_of(&self, number: u32) -> Option<(u32, u32)> {
        let (first, last) = self.intervals.range(..=number).next_back()?;
        (number <= *last).then_some((*first, *last))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_the_set_that_a_plain_set_is(
            steps in proptest::collection::vec((any::<bool>(), 0u32..40), 0..200),
        ) {
            let mut model: BTreeSet<u32> = (10..=20).collect();
            let mut set = FreeSet::from_ranges([5..=14, 15..=25, 12..=13]);
            set.remove_range(0..=9);
            set.remove_range(21..=25);
            for (insert, number) in steps {
                if insert {
                    set.insert(number);
                    model.insert(number);
                } else {
                    prop_assert_eq!(set.remove(number), model.remove(&number));
                }
                prop_assert_eq!(set.first(), model.first().copied());
                let all: Vec<u32> = set.ranges().flat_map(|(a, b)| a..=b).collect();
                prop_assert_eq!(&all, &model.iter().copied().collect::<Vec<_>>());
                let touching = set.ranges().zip(set.ranges().skip(1)).any(|(a, b)| a.1 + 1 >= b.0);
                prop_assert!(!touching, "{:?}", set);
            }
        }
    }

    #[test]
    fn the_ends_of_the_number_line_do_not_wrap() {
        let mut set = FreeSet::from_ranges([0..=u32::MAX]);
        assert!(set.remove(u32::MAX) && set.remove(0));
        set.insert(u32::MAX);
        set.insert(0);
        assert_eq!(set, FreeSet::from_ranges([0..=u32::MAX]));
    }
}
