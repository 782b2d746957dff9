//! The clocks of one host: a monotonic one that is right, and one on the wall that may not be.

use quorate_core::{Instant, Now, Wall};

/// What is wrong with the wall clock of one host. The default is a clock that is right.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clock {
    pub(crate) ahead_secs: i64,
    /// Since when it gains, and how many parts per million.
    pub(crate) gains: Vec<(Instant, i64)>,
    /// Since when it counts from 1970.
    pub(crate) dead_since: Option<Instant>,
}

impl Clock {
    /// Both clocks of the host, when the world's is at `now`.
    pub(crate) fn read(&self, now: Instant) -> Now {
        let secs = |since| i128::from(now.since(since).as_secs());
        let mut wall = match self.dead_since {
            None => i128::from(STORY_BEGINS.as_unix_secs()) + secs(Instant::ZERO),
            Some(since) => secs(since),
        };
        wall += i128::from(self.ahead_secs);
        for (since, ppm) in &self.gains {
            let nanos = now.since(*since).as_nanos() as i128 * i128::from(*ppm) / 1_000_000;
            wall += nanos / 1_000_000_000;
        }
        let wall = u64::try_from(wall.max(0)).unwrap_or(u64::MAX);
        Now::new(now, Wall::from_unix_secs(wall))
    }
}

/// 2026-01-01T00:00:00Z.
const STORY_BEGINS: Wall = Wall::from_unix_secs(1_767_225_600);

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(secs: u64) -> Instant {
        Instant::from_nanos(secs * 1_000_000_000)
    }

    fn shows(clock: &Clock, now: Instant) -> i64 {
        let wall = clock.read(now).wall.as_unix_secs();
        wall.cast_signed() - STORY_BEGINS.as_unix_secs().cast_signed()
    }

    #[test]
    fn a_clock_is_right_ahead_fast_or_dead() {
        let mut clock = Clock::default();
        assert_eq!(shows(&clock, at(7)), 7);
        clock.ahead_secs = -400;
        assert_eq!(shows(&clock, at(7)), -393);
        clock.gains = vec![(at(5), 500_000), (at(6), -1_000_000)];
        assert_eq!(shows(&clock, at(9)), -400 + 9 + 2 - 3);
        let dead = Clock {
            dead_since: Some(at(5)),
            ahead_secs: -1,
            ..Clock::default()
        };
        assert_eq!(dead.read(at(5)).wall, Wall::from_unix_secs(0));
        assert_eq!(dead.read(at(9)).wall, Wall::from_unix_secs(3));
        assert_eq!(dead.read(at(9)).instant, at(9));
    }
}
