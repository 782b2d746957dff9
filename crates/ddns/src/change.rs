//! One change to the zones, from its record to its last reply.

use std::time::Duration;

use quorate_core::{Delays, Instant, Random, StreamId, Wall};
use quorate_dns::client::Encoded;

use crate::step::{Aim, Step};

/// How long the first copy of an UPDATE waits for its reply.
pub(crate) const PATIENCE_MIN: Duration = Duration::from_millis(250);
pub(crate) const PATIENCE_MAX: Duration = Duration::from_secs(30);

/// What is wanted, and how far it has come.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) aim: Aim,
    pub(crate) state: State,
    /// Copies and refusals of the present step so far.
    pub(crate) attempt: u32,
    pub(crate) patience: Duration,
    /// When something was last sent for it.
    pub(crate) sent_last: Option<Instant>,
    /// An earlier registrar may have sent something for it.
    is_restored: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum State {
    /// Its record is not on disk.
    Unwritten,
    /// Older changes of the same names come first.
    Queued,
    /// The window is full.
    Ready { step: Step },
    /// Sent, no reply yet.
    AwaitingReply { step: Step, sent: SentUpdate },
    /// Resting, or refused; goes on at `until`.
    Pausing { step: Step, until: Instant },
}

/// An UPDATE without a reply.
#[derive(Clone, Debug)]
pub(crate) struct SentUpdate {
    pub(crate) encoded: Encoded,
    /// The stream it went by; `None` for a datagram.
    pub(crate) stream: Option<StreamId>,
    pub(crate) signed_at: Wall,
    pub(crate) deadline: Instant,
}

impl Change {
    /// A change whose record is yet to be written.
    pub(crate) fn new(aim: Aim) -> Self {
        Self {
            aim,
            state: State::Unwritten,
            attempt: 0,
            patience: PATIENCE_MIN,
            sent_last: None,
            is_restored: false,
        }
    }

    /// A change that an earlier registrar wrote down.
    pub(crate) fn restored(aim: Aim) -> Self {
        Self {
            state: State::Queued,
            is_restored: true,
            ..Self::new(aim)
        }
    }

    /// True when nothing of it has been sent, and nothing is about to be.
    pub(crate) fn is_unsent(&self) -> bool {
        !self.is_restored && matches!(self.state, State::Unwritten | State::Queued)
    }

    /// The next step begins with fresh patience.
    pub(crate) fn progress(&mut self) {
        self.attempt = 0;
        self.patience = PATIENCE_MIN;
    }

    /// How long to wait now, give or take a quarter; twice as long the next time.
    pub(crate) fn next_wait(&mut self, random: &mut Random, delays: &Delays) -> Duration {
        let wait = self.pause(jittered(self.patience, random), delays);
        self.patience = (self.patience * 2).min(PATIENCE_MAX);
        wait
    }

    /// The delay hook decides how long a wait is.
    pub(crate) fn pause(&self, drawn: Duration, delays: &Delays) -> Duration {
        match &self.aim {
            Aim::Publish(binding) | Aim::Withdraw(binding) => {
                let hostname = &binding.hostname;
                delays.decide(format_args!("patience with the name {hostname}"), drawn)
            }
            Aim::Announce { members, .. } => {
                let members = members.join(" ");
                delays.decide(format_args!("patience with SRV {members}"), drawn)
            }
        }
    }
}

/// 75% to 125% of `around`, so that many changes do not come back in step.
pub(crate) fn jittered(around: Duration, random: &mut Random) -> Duration {
    let quarter = around / 4;
    let spread = u64::try_from(quarter.as_nanos() * 2).unwrap_or(u64::MAX);
    around - quarter + Duration::from_nanos(random.below(spread))
}
