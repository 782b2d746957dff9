//! Steps of the wall clock, and how far its dates can be trusted.
//!
//! A running server counts leases on its monotonic clock, which cannot be set. Dates are for the
//! records, and so for a server that starts later; and dates lie. A host without a battery begins
//! in 1970, a clock that runs on local time is hours away, and then NTP sets it. A lease that seems
//! to have ended because of that would be given to another client while its own still uses it.

use quorate_core::{Instant, Now, Wall};

use super::Server;
use super::event::Event;
use super::lease::{LeaseRecord, LeaseState};

impl Server {
    /// When the wall clock was set, writes down by how much: the dates in earlier records are to be
    /// read so.
    pub(super) fn handle_clock_step(&mut self, now: Now) {
        let offset = offset_secs(now);
        let Some(before) = self.offset_secs else {
            return self.set_offset(offset);
        };
        if offset.abs_diff(before) < STEP_SECS_MIN {
            return;
        }
        self.set_offset(offset);
        let secs = offset - before;
        self.queue.event(Event::ClockSet { secs });
        self.write_step(secs);
    }

    pub(super) fn set_offset(&mut self, secs: i64) {
        self.offset_secs = Some(secs);
        self.database.set_offset(secs);
    }

    /// How long a recorded promise still holds: as long as one of today, if one of the two dates
    /// is none. That is so, too, for a lease whose end is past: either the server was away for so long,
    /// or the clock is ahead, and then the client still uses the address.
    pub(super) fn time_left(&self, record: &LeaseRecord, subnet: usize, now: Now) -> TimeLeft {
        let is_declined = record.state == LeaseState::Declined;
        let are_dates = is_date(now.wall) && is_date(record.lease.end);
        let left = now.wall.secs_until(record.lease.end);
        let is_doubted = are_dates && left == 0 && !is_declined;
        let secs = if are_dates && !is_doubted {
            left
        } else if is_declined {
            u64::from(self.config.limits.decline_secs)
        } else {
            u64::from(self.config.subnets[subnet].lease_secs)
        };
        TimeLeft { secs, is_doubted }
    }
}

/// How long a recorded promise holds after a restart.
pub(super) struct TimeLeft {
    pub(super) secs: u64,
    /// Its end is past, if the clock is right.
    pub(super) is_doubted: bool,
}

/// What the wall clock shows more than the monotonic one.
pub(super) fn offset_secs(now: Now) -> i64 {
    let since = now.instant.since(Instant::ZERO).as_secs();
    now.wall.as_unix_secs().cast_signed() - since.cast_signed()
}

/// Before this program was written no clock has shown a date.
fn is_date(wall: Wall) -> bool {
    wall >= DATES_BEGIN
}

/// 2025-01-01T00:00:00Z.
const DATES_BEGIN: Wall = Wall::from_unix_secs(1_735_689_600);
/// Less is drift, or NTP that slews.
const STEP_SECS_MIN: u64 = 60;
