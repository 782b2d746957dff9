//! DNS requests that wait for the engine's answer.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use quorate_core::{Channel, Destination, Instant, StreamId, Transmit};
use tokio::sync::oneshot;

use crate::dns_request::DnsRequest;

/// Where the answers to requests go, and since when each request waits.
#[derive(Debug)]
pub(crate) struct Answers {
    /// Those that look the same from here are answered in their order.
    waiting: BTreeMap<Waiter, VecDeque<Waiting>>,
    /// In all of them.
    count: usize,
    swept: Instant,
}

type Waiting = (Instant, oneshot::Sender<Vec<u8>>);

impl Answers {
    pub(crate) const fn new(now: Instant) -> Self {
        Self {
            waiting: BTreeMap::new(),
            count: 0,
            swept: now,
        }
    }

    /// Keeps the way to answer `request` and returns its message.
    pub(crate) fn expect(&mut self, request: DnsRequest, now: Instant) -> Vec<u8> {
        let since = now - self.swept;
        let is_full = self.count >= WAITING_MAX;
        // Not at each request: to look at all that wait takes a millisecond.
        if since > ANSWER_MAX || (is_full && since > SWEEP_AGAIN) {
            self.sweep(now);
        }
        if self.count < WAITING_MAX {
            self.count += 1;
            let waiter = Waiter::of_request(&request);
            let waiting = self.waiting.entry(waiter).or_default();
            waiting.push_back((now, request.reply));
        }
        request.payload
    }

    /// What the engine left without an answer gets none.
    fn sweep(&mut self, now: Instant) {
        self.swept = now;
        let may_wait = if self.count < WAITING_MAX {
            ANSWER_MAX
        } else {
            ANSWER_MAX / 5
        };
        self.waiting.retain(|_, waiting| {
            waiting.retain(|(since, _)| now - *since <= may_wait);
            !waiting.is_empty()
        });
        self.count = self.waiting.values().map(VecDeque::len).sum();
    }

    /// Hands an answer to the request that waits for it.
    pub(crate) fn send(&mut self, transmit: Transmit) {
        let Some(waiter) = Waiter::of_answer(&transmit) else {
            return;
        };
        let Some(waiting) = self.waiting.get_mut(&waiter) else {
            return;
        };
        if let Some((_, reply)) = waiting.pop_front() {
            self.count -= 1;
            // The client may have gone meanwhile.
            let _ = reply.send(transmit.payload);
        }
        if waiting.is_empty() {
            self.waiting.remove(&waiter);
        }
    }
}

/// Identifies a request that waits for its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Waiter {
    /// Source, message ID and opcode. Two questions with one ID are two questions: both answers go
    /// to the same place, so it does not matter which of the two waits for which.
    Udp(SocketAddr, [u8; 2], u8),
    Stream(StreamId),
}

impl Waiter {
    fn of_request(request: &DnsRequest) -> Self {
        match request.channel {
            Channel::Udp => Self::udp(request.source, &request.payload),
            Channel::Stream(id) => Self::Stream(id),
        }
    }

    fn of_answer(transmit: &Transmit) -> Option<Self> {
        match transmit.destination {
            Destination::Udp(to) => Some(Self::udp(to, &transmit.payload)),
            Destination::Stream(id) => Some(Self::Stream(id)),
            Destination::Broadcast { .. } | Destination::Link { .. } => None,
        }
    }

    /// RFC 1035 §4.1.1: the ID, then a bit, then four bits of opcode. An answer repeats them.
    fn udp(client: SocketAddr, message: &[u8]) -> Self {
        let id = message.first_chunk().copied().unwrap_or_default();
        let flags = message.get(2).copied().unwrap_or_default();
        Self::Udp(client, id, flags >> 3 & 0xf)
    }
}

/// How long a request may wait for the disk, and how often those that waited longer go.
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// How often those that waited for long go while there are too many.
const SWEEP_AGAIN: Duration = Duration::from_millis(500);
/// More than wait for any disk; what the engine drops waits here in vain for a while.
const WAITING_MAX: usize = 16_384;

#[cfg(test)]
mod tests {
    use super::*;

    fn request(reply: oneshot::Sender<Vec<u8>>, opcode: u8) -> DnsRequest {
        DnsRequest {
            source: ([10, 0, 0, 1], 5_000).into(),
            channel: Channel::Udp,
            payload: vec![0x12, 0x34, opcode << 3, 0],
            reply,
        }
    }

    fn answer(opcode: u8, rcode: u8) -> Transmit {
        Transmit {
            source: ([0, 0, 0, 0], 0).into(),
            destination: Destination::Udp(([10, 0, 0, 1], 5_000).into()),
            payload: vec![0x12, 0x34, 0x80 | opcode << 3, rcode],
        }
    }

    #[test]
    fn two_questions_with_one_id_have_two_answers() {
        let mut answers = Answers::new(Instant::ZERO);
        let [(first, mut one), (second, mut two), (update, mut three)] =
            [(); 3].map(|()| oneshot::channel());
        answers.expect(request(first, 0), Instant::ZERO);
        answers.expect(request(update, 5), Instant::ZERO);
        answers.expect(request(second, 0), Instant::ZERO);
        answers.send(answer(0, 0));
        answers.send(answer(0, 3));
        assert_eq!(one.try_recv().unwrap()[3], 0);
        assert_eq!(two.try_recv().unwrap()[3], 3);
        assert!(three.try_recv().is_err(), "the disk is not done");
        answers.send(answer(5, 0));
        assert_eq!(three.try_recv().unwrap()[2], 0x80 | 5 << 3);
        assert!(answers.waiting.is_empty());
        assert_eq!(answers.count, 0);
    }

    #[test]
    fn what_is_never_answered_is_forgotten_and_takes_little() {
        let mut answers = Answers::new(Instant::ZERO);
        for millis in 0..100_000u64 {
            let (reply, _) = oneshot::channel();
            answers.expect(request(reply, 0), Instant::from_nanos(millis * 50_000));
            assert!(answers.count <= WAITING_MAX);
        }
        let (reply, _) = oneshot::channel();
        answers.expect(request(reply, 0), Instant::from_nanos(30_000_000_000));
        assert_eq!(answers.count, 1);
    }
}
