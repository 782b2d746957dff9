//! DNS requests that wait for the engine's answer.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use quorate_core::{Channel, Destination, Instant, StreamId, Transmit};
use tokio::sync::oneshot;

use crate::dns_listener::DnsRequest;

/// Where the answers to requests go, and since when each request waits.
#[derive(Debug)]
pub(crate) struct Answers {
    waiting: BTreeMap<Waiter, (Instant, oneshot::Sender<Vec<u8>>)>,
    swept: Instant,
}

impl Answers {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            waiting: BTreeMap::new(),
            swept: now,
        }
    }

    /// Keeps the way to answer `request` and returns its message.
    pub(crate) fn expect(&mut self, request: DnsRequest, now: Instant) -> Vec<u8> {
        if now - self.swept > ANSWER_MAX {
            self.swept = now;
            // What the engine left without an answer gets none.
            self.waiting
                .retain(|_, (since, _)| now - *since <= ANSWER_MAX);
        }
        // A second request under the same key is a retransmission: one answer serves both.
        let waiter = Waiter::of_request(&request);
        self.waiting.insert(waiter, (now, request.reply));
        request.payload
    }

    /// Hands an answer to the request that waits for it.
    pub(crate) fn send(&mut self, transmit: Transmit) {
        let waiter = Waiter::of_answer(&transmit);
        if let Some((_, reply)) = waiter.and_then(|waiter| self.waiting.remove(&waiter)) {
            // The client may have gone meanwhile.
            let _ = reply.send(transmit.payload);
        }
    }
}

/// Identifies a request that waits for its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Waiter {
    /// Source and message ID.
    Udp(SocketAddr, [u8; 2]),
    Stream(StreamId),
}

impl Waiter {
    fn of_request(request: &DnsRequest) -> Self {
        match request.channel {
            Channel::Udp => Self::Udp(request.source, message_id(&request.payload)),
            Channel::Stream(id) => Self::Stream(id),
        }
    }

    fn of_answer(transmit: &Transmit) -> Option<Self> {
        match transmit.destination {
            Destination::Udp(to) => Some(Self::Udp(to, message_id(&transmit.payload))),
            Destination::Stream(id) => Some(Self::Stream(id)),
            Destination::Broadcast { .. } | Destination::Link { .. } => None,
        }
    }
}

/// The first two octets of a DNS message (RFC 1035 §4.1.1).
fn message_id(payload: &[u8]) -> [u8; 2] {
    payload.first_chunk().copied().unwrap_or_default()
}

/// How long a request may wait for the disk, and how often those that waited longer go.
const ANSWER_MAX: Duration = Duration::from_secs(5);
