//! The faults of one direction of a link.

use std::num::NonZeroU64;
use std::time::Duration;

use quorate_core::{Instant, Random};

/// How likely something is, in parts per million.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Chance(u32);

impl Chance {
    /// It does not happen.
    pub const NEVER: Self = Self(0);
    /// It always happens.
    pub const ALWAYS: Self = Self(MILLION);

    /// `parts` in a million; more than a million is always.
    pub const fn from_ppm(parts: u32) -> Self {
        Self(if parts > MILLION { MILLION } else { parts })
    }

    /// Draws. The impossible and the certain draw nothing, so that a fault that is switched
    /// off does not shift the draws of the others.
    pub fn strikes(self, random: &mut Random) -> bool {
        match self.0 {
            0 => false,
            MILLION => true,
            parts => random.below(MILLION.into()) < parts.into(),
        }
    }
}

/// What befalls the frames of one direction. The default is a perfect wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Faults {
    /// Every frame takes at least so long.
    pub delay: Duration,
    /// And up to so much longer, drawn for each frame. Order is kept: a frame never overtakes
    /// an earlier one because of its jitter.
    pub jitter: Duration,
    /// A frame is lost.
    pub loss: Chance,
    /// A frame arrives twice.
    pub duplicate: Chance,
    /// A frame is held back by [`REORDER_HOLD`], so that later ones overtake it.
    pub reorder: Chance,
    /// One bit of a frame flips.
    pub corrupt: Chance,
    /// Frames leave at this pace, in bits per second, and queue for up to [`QUEUE_DELAY_MAX`].
    pub rate_bits_per_sec: Option<NonZeroU64>,
}

/// How long a reordered frame is held back.
pub const REORDER_HOLD: Duration = Duration::from_millis(10);

/// How long a frame waits for a slow link before it is dropped instead.
pub const QUEUE_DELAY_MAX: Duration = Duration::from_millis(500);

/// What a direction does with one frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transit {
    /// It never arrives.
    Lost,
    /// The queue for the slow link is full.
    QueueFull,
    /// It arrives at `at`, once more at `at` when `duplicated`, with this bit flipped (counted from
    /// the front of the frame).
    Arrives {
        at: Instant,
        duplicated: bool,
        flipped_bit: Option<u64>,
    },
}

/// One direction at work: its faults, its draws, and what is still under way.
#[derive(Clone, Debug)]
pub(crate) struct Pipe {
    faults: Faults,
    random: Random,
    /// The transmitter is busy until then.
    free_at: Instant,
    /// The last arrival that later frames may not overtake.
    last_arrival: Instant,
}

impl Pipe {
    pub(crate) fn new(faults: Faults, random: Random) -> Self {
        Self {
            faults,
            random,
            free_at: Instant::ZERO,
            last_arrival: Instant::ZERO,
        }
    }

    /// Changes the faults for frames to come; those under way arrive as they were going to.
    pub(crate) fn set_faults(&mut self, faults: Faults) {
        self.faults = faults;
    }

    /// Decides about a frame of `length` bytes that enters at `now`.
    pub(crate) fn admit(&mut self, length: usize, now: Instant) -> Transit {
        let faults = self.faults;
        if faults.loss.strikes(&mut self.random) {
            return Transit::Lost;
        }
        let Some(sent) = self.transmit(length, now) else {
            return Transit::QueueFull;
        };
        let duplicated = faults.duplicate.strikes(&mut self.random);
        let flipped_bit = faults
            .corrupt
            .strikes(&mut self.random)
            .then(|| self.random.below(length as u64 * 8));
        let jitter = nanos(faults.jitter);
        let jitter = match jitter {
            0 => 0,
            most => self.random.below(most.saturating_add(1)),
        };
        let mut at = (sent + faults.delay + Duration::from_nanos(jitter)).max(self.last_arrival);
        if faults.reorder.strikes(&mut self.random) {
            at = at + REORDER_HOLD;
        } else {
            self.last_arrival = at;
        }
        Transit::Arrives {
            at,
            duplicated,
            flipped_bit,
        }
    }

    /// When the last bit of the frame is on the wire, or `None` when too much waits already.
    fn transmit(&mut self, length: usize, now: Instant) -> Option<Instant> {
        let Some(rate) = self.faults.rate_bits_per_sec else {
            return Some(now);
        };
        let start = self.free_at.max(now);
        if start.since(now) > QUEUE_DELAY_MAX {
            return None;
        }
        let bits = length as u128 * 8;
        let took = bits * u128::from(NANOS_PER_SEC) / u128::from(rate.get());
        self.free_at = start + Duration::from_nanos(u64::try_from(took).unwrap_or(u64::MAX));
        Some(self.free_at)
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

const MILLION: u32 = 1_000_000;
const NANOS_PER_SEC: u64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use quorate_core::Seed;

    use super::*;

    fn pipe(faults: Faults) -> Pipe {
        Pipe::new(faults, Seed::new(1).random())
    }

    fn arrival(transit: Transit) -> Instant {
        match transit {
            Transit::Arrives { at, .. } => at,
            Transit::Lost | Transit::QueueFull => panic!("{transit:?}"),
        }
    }

    #[test]
    fn a_perfect_wire_takes_no_time() {
        let now = Instant::from_nanos(5);
        let untouched = Transit::Arrives {
            at: now,
            duplicated: false,
            flipped_bit: None,
        };
        assert_eq!(pipe(Faults::default()).admit(1500, now), untouched);
    }

    #[test]
    fn a_third_of_the_frames_is_lost_when_told_so() {
        let mut pipe = pipe(Faults {
            loss: Chance::from_ppm(333_333),
            ..Faults::default()
        });
        let lost = (0..30_000)
            .filter(|_| pipe.admit(100, Instant::ZERO) == Transit::Lost)
            .count();
        assert!((9_700..10_300).contains(&lost), "{lost}");
    }

    #[test]
    fn frames_leave_at_the_rate_and_the_queue_ends() {
        let mut pipe = pipe(Faults {
            rate_bits_per_sec: NonZeroU64::new(8_000_000),
            ..Faults::default()
        });
        // 1,000 bytes at 1 MB/s take a millisecond.
        let millis = |n: u64| Instant::from_nanos(n * 1_000_000);
        let sent: Vec<_> = (0..600).map(|_| pipe.admit(1_000, Instant::ZERO)).collect();
        assert_eq!(arrival(sent[0]), millis(1));
        assert_eq!(arrival(sent[500]), millis(501));
        assert_eq!(sent[501], Transit::QueueFull);
        assert_eq!(arrival(pipe.admit(1_000, millis(900))), millis(901));
    }

    #[test]
    fn jitter_varies_the_delay_and_keeps_the_order() {
        let mut pipe = pipe(Faults {
            delay: Duration::from_micros(100),
            jitter: Duration::from_micros(900),
            ..Faults::default()
        });
        let sent = (0..1_000).map(|n| Instant::from_nanos(n * 200_000));
        let sent: Vec<_> = sent.map(|at| (at, arrival(pipe.admit(64, at)))).collect();
        assert!(sent.is_sorted_by_key(|(_, arrived)| *arrived));
        let times: Vec<_> = sent.iter().map(|(sent, at)| at.since(*sent)).collect();
        let (least, most) = (times.iter().min().unwrap(), times.iter().max().unwrap());
        assert!(*least >= Duration::from_micros(100) && *most <= Duration::from_millis(1));
        assert!(
            *most - *least > Duration::from_micros(400),
            "{least:?} {most:?}"
        );
    }

    #[test]
    fn a_reordered_frame_is_overtaken() {
        let mut pipe = pipe(Faults {
            reorder: Chance::ALWAYS,
            ..Faults::default()
        });
        let held = arrival(pipe.admit(64, Instant::ZERO));
        pipe.set_faults(Faults::default());
        let next = arrival(pipe.admit(64, Instant::from_nanos(1)));
        assert!(next < held);
    }
}
