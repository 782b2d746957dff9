//! Steps of the wall clock, and how far its dates can be trusted.
//!
//! A running server counts leases on its monotonic clock, which cannot be set. Dates are for the
//! records, and so for a server that starts later; and dates lie. A host without a battery begins
//! in 1970, a clock that runs on local time is hours away, and then NTP sets it. A lease that seems
//! to have ended because of that would be given to another client while its own still uses it.

use std::time::Duration;

use quorate_core::{Instant, Now, Wall};

use super::Server;
use super::database::Phase;
use super::event::Event;
use super::lease::{LeaseRecord, LeaseState};

impl Server {
    /// When the wall clock was set, writes every promise again with its end on the new one.
    pub(super) fn handle_clock_step(&mut self, now: Now) {
        let offset = offset_secs(now);
        let before = *self.offset_secs.get_or_insert(offset);
        if offset.abs_diff(before) < STEP_SECS_MIN {
            return;
        }
        self.offset_secs = Some(offset);
        self.queue.event(Event::ClockSet {
            secs: offset - before,
        });
        for (phase, lease) in self.database.promises_mut() {
            let (state, until) = match phase {
                Phase::Bound { until } => (LeaseState::Bound, until),
                Phase::Declined { until } => (LeaseState::Declined, until),
                Phase::Offered { .. } | Phase::Lapsed { .. } | Phase::Revoked { .. } => continue,
            };
            let left = until.since(now.instant) + Duration::from_millis(999);
            lease.end = now.wall.plus_secs(left.as_secs());
            let lease = lease.clone();
            self.queue.write(LeaseRecord { state, lease });
        }
    }

    /// How long a recorded promise still holds: as long as one of today, if one of the two dates
    /// is none.
    pub(super) fn secs_left(&self, record: &LeaseRecord, subnet: usize, now: Now) -> u64 {
        if is_date(now.wall) && is_date(record.lease.end) {
            return now.wall.secs_until(record.lease.end);
        }
        u64::from(if record.state == LeaseState::Declined {
            self.config.limits.decline_secs
        } else {
            self.config.subnets[subnet].lease_secs
        })
    }
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
