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
pub(crate) struct Token(Key);

/// A deadline with a place of its own beside the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Lan,
    Servers,
}

/// When, and the how manieth that was put in.
type Key = (Instant, u64);

/// What will happen, ordered by time and, at one time, by when it was put in.
#[derive(Debug)]
pub(crate) struct Agenda<W> {
    /// Boxed: the map moves its entries about.
    queue: BTreeMap<Key, Box<Entry<W>>>,
    /// Deadlines that nearly every step moves.
    places: [Option<(Key, Entry<W>)>; 2],
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
pub(crate) struct BudgetExhausted {
    last: Vec<Step>,
}

impl<W> Agenda<W> {
    /// An empty queue that gives out at most `steps` entries.
    pub(crate) fn new(steps: u64) -> Self {
        Self {
            queue: BTreeMap::new(),
            places: [None, None],
            next_sequence: 0,
            steps_left: steps,
            last: VecDeque::new(),
        }
    }

    /// Puts `wake` in.
    pub(crate) fn put(&mut self, at: Instant, who: Who, reason: &'static str, wake: W) -> Token {
        let key = self.key(at);
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

    /// Moves a deadline that has a place of its own.
    pub(crate) fn set_deadline(&mut self, place: Place, deadline: Option<Deadline>, wake: W) {
        let before = self.places[place as usize].as_ref();
        if before.map(|((at, _), _)| *at) == deadline.map(|deadline| deadline.at) {
            return;
        }
        let who = match place {
            Place::Lan => Who::Lan,
            Place::Servers => Who::Servers,
        };
        self.places[place as usize] = deadline.map(|Deadline { at, reason }| {
            let entry = Entry { who, reason, wake };
            (self.key(at), entry)
        });
    }

    fn key(&mut self, at: Instant) -> Key {
        let key = (at, self.next_sequence);
        self.next_sequence += 1;
        key
    }

    /// The next entry, if it is not after `until`.
    ///
    /// # Errors
    /// When the budget is used up.
    pub(crate) fn next(&mut self, until: Instant) -> Result<Option<(Instant, W)>, BudgetExhausted> {
        let Some((at, Entry { who, reason, wake })) = self.pop(until) else {
            return Ok(None);
        };
        if self.last.len() == LAST_STEPS {
            self.last.pop_front();
        }
        self.last.push_back(Step { at, who, reason });
        let Some(left) = self.steps_left.checked_sub(1) else {
            let last = self.last.iter().copied().collect();
            return Err(BudgetExhausted { last });
        };
        self.steps_left = left;
        Ok(Some((at, wake)))
    }

    /// Takes the first entry out, if it is not after `until`.
    fn pop(&mut self, until: Instant) -> Option<(Instant, Entry<W>)> {
        let queued = self.queue.first_key_value().map(|(key, _)| *key);
        let placed = self.places.iter_mut().filter(|place| place.is_some());
        let placed = placed.min_by_key(|place| place.as_ref().map(|(key, _)| *key));
        let first = |(at, _): &Key| *at <= until;
        match placed {
            Some(place)
                if queued.is_none_or(|queued| place.as_ref().is_some_and(|p| p.0 < queued)) =>
            {
                let ((at, _), entry) = place.take_if(|(key, _)| first(key))?;
                Some((at, entry))
            }
            Some(_) | None => {
                let (at, _) = queued.filter(first)?;
                let (_, entry) = self.queue.pop_first()?;
                Some((at, *entry))
            }
        }
    }
}

impl fmt::Display for BudgetExhausted {
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
    fn a_deadline_with_a_place_takes_its_turn_among_the_others() {
        let mut agenda = Agenda::new(10);
        agenda.put(at(1), Who::World, "test", "first");
        agenda.set_deadline(Place::Lan, Some(Deadline::new(at(1), "moved")), "second");
        agenda.put(at(1), Who::World, "test", "third");
        agenda.set_deadline(Place::Servers, Some(Deadline::new(at(5), "moved")), "-");
        // Moved to where it was it keeps its turn, to elsewhere it is the last.
        agenda.set_deadline(Place::Lan, Some(Deadline::new(at(1), "moved")), "-");
        agenda.set_deadline(
            Place::Servers,
            Some(Deadline::new(at(1), "moved")),
            "fourth",
        );
        let mut out = Vec::new();
        while let Some((_, name)) = agenda.next(at(1)).unwrap() {
            out.push(name);
        }
        assert_eq!(out, ["first", "second", "third", "fourth"]);
        agenda.set_deadline(Place::Lan, Some(Deadline::new(at(3), "moved")), "-");
        agenda.set_deadline(Place::Lan, None, "-");
        assert_eq!(agenda.next(at(9)).unwrap(), None);
    }

    #[test]
    fn an_exhausted_budget_shows_the_last_reasons() {
        let mut agenda = Agenda::new(2);
        for _ in 0..3 {
            agenda.put(at(1), Who::Machine(4), "spins", ());
        }
        assert!(agenda.next(at(1)).unwrap().is_some());
        assert!(agenda.next(at(1)).unwrap().is_some());
        let shown = agenda.next(at(1)).unwrap_err().to_string();
        assert!(shown.contains("Machine(4): spins"), "{shown}");
    }
}
