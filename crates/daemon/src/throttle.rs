//! Lines that strangers cause: one for each reason and second, and a count of the others.
//!
//! A flood of packets that are refused would fill the disk that the log is on, which may be the
//! disk that the leases are on.

use std::collections::BTreeMap;
use std::time::Duration;

use quorate_core::Instant;
use quorate_server::Event;

/// Counts what is held back.
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    /// Since the first event of the present second; `None` while nothing was counted.
    since: Option<Instant>,
    seen: BTreeMap<Reason, Seen>,
}

/// What events have in common of which one line is enough: the service, and the words without
/// what differs from message to message.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Reason {
    service: String,
    why: String,
}

#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    lines: u64,
    held_back: u64,
}

impl Throttle {
    /// `event`, unless there were enough lines with its reason within this second.
    pub(crate) fn admit(&mut self, event: Event, now: Instant) -> Option<Event> {
        let Some((mut reason, lines_max)) = reason(&event) else {
            return Some(event);
        };
        self.since.get_or_insert(now);
        if self.seen.len() >= REASONS_MAX && !self.seen.contains_key(&reason) {
            OTHER_REASONS.clone_into(&mut reason.why);
        }
        let seen = self.seen.entry(reason).or_default();
        if seen.lines < lines_max {
            seen.lines += 1;
            return Some(event);
        }
        seen.held_back += 1;
        None
    }

    /// When [`flush`](Self::flush) has something to do.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.since.map(|since| since + SECOND)
    }

    /// The counts of the second that has passed, if it has.
    pub(crate) fn flush(&mut self, now: Instant) -> Vec<Event> {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return Vec::new();
        }
        self.since = None;
        let seen = std::mem::take(&mut self.seen).into_iter();
        seen.filter(|(_, seen)| seen.held_back > 0)
            .map(|(reason, seen)| Event::Repeated {
                service: reason.service,
                why: reason.why,
                count: seen.held_back,
            })
            .collect()
    }
}

/// The reason of `event`, and how many lines of it a second may have; `None` for an event that
/// no stranger causes as often as it likes.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "a new event is no flood until somebody says so"
)]
fn reason(event: &Event) -> Option<(Reason, u64)> {
    let (service, why, lines_max) = match event {
        Event::Refused { service, why, .. } => (service.as_str(), without_values(why), 1),
        Event::Nak { why, .. }
        | Event::DhcpDropped { why, .. }
        | Event::DhcpOmitted { why, .. } => ("dhcp", without_values(why), 1),
        Event::Offered { .. } => ("dhcp", "offered".to_owned(), SERVED_MAX),
        Event::SeedServed { .. } => ("http", "seed served".to_owned(), SERVED_MAX),
        Event::BootServed { .. } => ("boot", "file served".to_owned(), SERVED_MAX),
        _ => return None,
    };
    let service = service.to_owned();
    Some((Reason { service, why }, lines_max))
}

/// Words without digits and without what stands in quotes.
fn without_values(why: &str) -> String {
    let mut is_quoted = false;
    let is_word = |letter: &char| {
        is_quoted ^= *letter == '"';
        !is_quoted && *letter != '"' && !letter.is_ascii_digit()
    };
    why.chars().take(REASON_CHARS_MAX).filter(is_word).collect()
}

const SECOND: Duration = Duration::from_secs(1);
/// More than a rack that boots needs in a second, and few enough to write.
const SERVED_MAX: u64 = 1_000;
/// Of all services; what a stranger writes into a message may become part of a reason.
const REASONS_MAX: usize = 64;
const REASON_CHARS_MAX: usize = 256;
const OTHER_REASONS: &str = "other reasons";

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(why: &str) -> Event {
        Event::Refused {
            service: "dhcp".to_owned(),
            source: None,
            why: why.to_owned(),
        }
    }

    fn at(millis: u64) -> Instant {
        Instant::from_nanos(millis * 1_000_000)
    }

    #[test]
    fn a_flood_is_one_line_a_reason_and_second_and_a_count() {
        let mut throttle = Throttle::default();
        let mut lines = 0;
        for millis in 0..3_000 {
            lines += throttle.flush(at(millis)).len();
            lines += usize::from(
                throttle
                    .admit(refused("no address is left"), at(millis))
                    .is_some(),
            );
        }
        assert_eq!(
            lines,
            3 + 2,
            "a line a second, and the counts of two that passed"
        );
        let counts = throttle.flush(at(3_000));
        let [Event::Repeated { count: 999, .. }] = counts[..] else {
            panic!("{counts:?}");
        };
        assert_eq!(throttle.flush(at(9_000)), [], "counted once");
        assert_eq!(throttle.deadline(), None);
    }

    #[test]
    fn another_reason_has_its_own_line_and_another_value_has_not() {
        let mut throttle = Throttle::default();
        let mut admit = |why| throttle.admit(refused(why), at(0)).is_some();
        assert!(admit("no file \"a\", 17"));
        assert!(!admit("no file \"b\", 18"));
        assert!(admit("no subnet"));
    }

    #[test]
    fn reasons_made_up_by_a_stranger_take_no_memory_and_few_lines() {
        let mut throttle = Throttle::default();
        let words = (0..10_000u32).map(|n| {
            let digits = n.to_string();
            digits
                .chars()
                .map(|digit| (digit as u8 + 40) as char)
                .collect::<String>()
        });
        let lines = words
            .filter(|why| throttle.admit(refused(why), at(0)).is_some())
            .count();
        assert!(lines <= REASONS_MAX + 1, "{lines}");
        assert!(throttle.seen.len() <= REASONS_MAX + 1);
    }

    #[test]
    fn what_no_stranger_causes_is_never_held_back() {
        let mut throttle = Throttle::default();
        for _ in 0..5_000 {
            assert!(throttle.admit(Event::Ready { leases: 1 }, at(0)).is_some());
        }
    }
}
