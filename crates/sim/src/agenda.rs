//! The one queue of everything that will happen, and the budget of what may.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;

use quorate_core::{Deadline, Instant};

/// Whom a wake concerns, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    Lan,
    Servers,
    /// By its index in the story.
    Machine(usize),
    Cluster,
    World,
}

/// Names one entry, so that it can be taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token((Instant, u64));

/// What will happen, ordered by time and, at one time, by when it was put in.
#[derive(Debug)]
pub(crate) struct Agenda<W> {
    /// Boxed: the map moves its entries about.
    queue: BTreeMap<(Instant, u64), Box<Entry<W>>>,
    next_sequence: u64,
    steps_left: u64,
    last: VecDeque<Step>,
}

#[derive(Debug)]
struct Entry<W> {
    who: Who,
    reason: &'static str,
    wake: W,
}

#[derive(Clone, Copy, Debug)]
struct Step {
    at: Instant,
    who: Who,
    reason: &'static str,
}

/// The world did not come to rest within its budget.
#[derive(Debug)]
pub(crate) struct Restless {
    last: Vec<Step>,
}

impl<W> Agenda<W> {
    /// An empty queue that gives out at most `steps` entries.
    pub(crate) fn new(steps: u64) -> Self {
        Self {
            queue: BTreeMap::new(),
            next_sequence: 0,
            steps_left: steps,
            last: VecDeque::new(),
        }
    }

    /// Puts `wake` in.
    pub(crate) fn put(&mut self, at: Instant, who: Who, reason: &'static str, wake: W) -> Token {
        let key = (at, self.next_sequence);
        self.next_sequence += 1;
        self.queue
            .insert(key, Box::new(Entry { who, reason, wake }));
        Token(key)
    }

    /// Takes an entry back; nothing when it has been given out.
    pub(crate) fn cancel(&mut self, token: Token) {
        self.queue.remove(&token.0);
    }

    /// Moves the entry of an engine's deadline to where the deadline is now.
    pub(crate) fn renew(
        &mut self,
        slot: &mut Option<Token>,
        deadline: Option<Deadline>,
        who: Who,
        wake: impl FnOnce() -> W,
    ) {
        if let (Some(token), Some(deadline)) = (*slot, deadline)
            && token.0.0 == deadline.at
        {
            return;
        }
        if let Some(token) = slot.take() {
            self.cancel(token);
        }
        *slot = deadline.map(|deadline| self.put(deadline.at, who, deadline.reason, wake()));
    }

    /// The next entry, if it is not after `until`.
    ///
    /// # Errors
    /// When the budget is used up.
    pub(crate) fn next(&mut self, until: Instant) -> Result<Option<(Instant, W)>, Restless> {
        let Some(first) = self.queue.first_entry() else {
            return Ok(None);
        };
        let (at, _) = *first.key();
        if at > until {
            return Ok(None);
        }
        let Entry { who, reason, wake } = *first.remove();
        if self.last.len() == LAST_STEPS {
            self.last.pop_front();
        }
        self.last.push_back(Step { at, who, reason });
        let Some(left) = self.steps_left.checked_sub(1) else {
            let last = self.last.iter().copied().collect();
            return Err(Restless { last });
        };
        self.steps_left = left;
        Ok(Some((at, wake)))
    }
}

impl fmt::Display for Restless {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the world does not come to rest; the last wakes were:")?;
        for Step { at, who, reason } in &self.last {
            write!(f, "\n  {at:?}  {who:?}: {reason}")?;
        }
        Ok(())
    }
}

/// How many wakes an exhausted budget shows.
const LAST_STEPS: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(nanos: u64) -> Instant {
        Instant::from_nanos(nanos)
    }

    #[test]
    fn entries_come_by_time_and_then_in_the_order_they_were_put_in() {
        let mut agenda = Agenda::new(10);
        for (when, name) in [(2, "c"), (1, "a"), (1, "b"), (3, "late")] {
            agenda.put(at(when), Who::Lan, "test", name);
        }
        let mut out = Vec::new();
        while let Some((_, name)) = agenda.next(at(2)).unwrap() {
            out.push(name);
        }
        assert_eq!(out, ["a", "b", "c"]);
    }

    #[test]
    fn a_deadline_that_moves_has_one_entry() {
        let mut agenda = Agenda::new(10);
        let mut slot = None;
        for when in [5, 3, 7] {
            let deadline = Some(Deadline::new(at(when), "moved"));
            agenda.renew(&mut slot, deadline, Who::Servers, || when);
        }
        assert_eq!(agenda.next(at(9)).unwrap(), Some((at(7), 7)));
        assert_eq!(agenda.next(at(9)).unwrap(), None);
    }

    #[test]
    fn an_exhausted_budget_tells_the_last_reasons() {
        let mut agenda = Agenda::new(2);
        for _ in 0..3 {
            agenda.put(at(1), Who::Machine(4), "spins", ());
        }
        assert!(agenda.next(at(1)).unwrap().is_some());
        assert!(agenda.next(at(1)).unwrap().is_some());
        let told = agenda.next(at(1)).unwrap_err().to_string();
        assert!(told.contains("Machine(4): spins"), "{told}");
    }
}
