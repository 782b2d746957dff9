//! Which members a member lets go first.
//!
//! A starting etcd asks the others for their members in the order of their URLs, and is content
//! with the first that answers. So one member must serve before the others begin; these may then
//! begin together. The first of the set goes at once. The others go as soon as
//! one before them serves, and anyhow when those have had their time: a machine that is dead
//! holds up the rest by no more than that.

use std::net::SocketAddr;
use std::time::Duration;

use quorate_core::{Deadline, Instant};

/// What a look at a peer's port found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe {
    /// It answers questions.
    Serves,
    /// It accepts connections; whether it answers cannot be seen (https).
    Open,
    /// It refuses connections, or does not answer.
    Closed,
}

/// One member's wait for those before it.
#[derive(Debug)]
pub(crate) struct Turn {
    until: Instant,
    /// Each that is watched, and when it is looked at again; `None` while that is under way.
    watched: Vec<(SocketAddr, Option<Instant>)>,
}

impl Turn {
    /// A wait for `earlier`, the members before this one in the order of the set; `None` for the
    /// first member. The peers to look at go into `out`.
    pub(crate) fn begin(
        earlier: &[SocketAddr],
        now: Instant,
        out: &mut Vec<SocketAddr>,
    ) -> Option<Self> {
        let watched = &earlier[..earlier.len().min(WATCHED_MAX)];
        let slots = u32::try_from(watched.len()).unwrap_or(u32::MAX);
        out.extend(watched);
        (slots > 0).then(|| Self {
            until: now + SLOT * slots,
            watched: watched.iter().map(|peer| (*peer, None)).collect(),
        })
    }

    /// Handles what a look at a peer found.
    pub(crate) fn handle_probed(&mut self, peer: SocketAddr, found: Probe, now: Instant) {
        let Some((_, again)) = self
            .watched
            .iter_mut()
            .find(|(watched, again)| *watched == peer && again.is_none())
        else {
            return;
        };
        match found {
            Probe::Serves => self.until = now,
            Probe::Open => self.until = self.until.min(now + OPEN_TO_SERVING),
            Probe::Closed => *again = Some(now + PAUSE),
        }
    }

    /// True when the wait is over; otherwise the peers to look at now go into `out`.
    pub(crate) fn is_over(&mut self, now: Instant, out: &mut Vec<SocketAddr>) -> bool {
        if self.until <= now {
            return true;
        }
        for (peer, again) in &mut self.watched {
            if again.take_if(|at| *at <= now).is_some() {
                out.push(*peer);
            }
        }
        false
    }

    pub(crate) fn poll_timeout(&self) -> Deadline {
        let over = Deadline::new(self.until, "earlier members have had their time");
        let looks = self.watched.iter().filter_map(|(_, again)| *again).min();
        match looks {
            Some(at) if at < self.until => Deadline::new(at, "look at an earlier member again"),
            Some(_) | None => over,
        }
    }
}

/// The time of one earlier member. From its turn to its first answer an idle host takes 0.1 s.
const SLOT: Duration = Duration::from_millis(600);
/// All behind the third wait alike: together no longer than three slots.
const WATCHED_MAX: usize = 3;
const PAUSE: Duration = Duration::from_millis(20);
/// From an open port to answers.
const OPEN_TO_SERVING: Duration = Duration::from_millis(250);
