//! One TCP connection: connect, ask etcd for its version, read how the answer begins, close.

use std::net::SocketAddrV4;
use std::time::Duration;

use quorate_core::Instant;
use quorate_fabric::frame::{TcpFlags, TcpSegment};

/// A connection under way.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    local: SocketAddrV4,
    peer: SocketAddrV4,
    /// The next octet that we send.
    sequence: u32,
    state: State,
    tries: u32,
    until: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Connecting,
    /// The question is sent; the next octet that we expect.
    Asking {
        expected: u32,
    },
}

/// What has become of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Answered,
    Failed,
}

/// A segment without its frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Out {
    pub(crate) local: SocketAddrV4,
    pub(crate) peer: SocketAddrV4,
    pub(crate) sequence: u32,
    pub(crate) acknowledged: Option<u32>,
    pub(crate) flags: TcpFlags,
    pub(crate) payload: &'static [u8],
}

impl Call {
    /// Begins to connect.
    pub(crate) fn begin(
        local: SocketAddrV4,
        peer: SocketAddrV4,
        sequence: u32,
        now: Instant,
        out: &mut Vec<Out>,
    ) -> Self {
        let call = Self {
            local,
            peer,
            sequence,
            state: State::Connecting,
            tries: 1,
            until: now + RETRY,
        };
        call.say(out);
        call
    }

    pub(crate) const fn until(&self) -> Instant {
        self.until
    }

    /// True for a segment of this connection.
    pub(crate) fn owns(&self, segment: &TcpSegment<'_>) -> bool {
        segment.source == self.peer && segment.destination == self.local
    }

    /// Handles a segment that it owns.
    pub(crate) fn handle(
        &mut self,
        segment: &TcpSegment<'_>,
        now: Instant,
        out: &mut Vec<Out>,
    ) -> Option<Outcome> {
        if segment.flags.rst {
            return Some(Outcome::Failed);
        }
        match self.state {
            State::Connecting => {
                let ours = segment.acknowledged == Some(self.sequence.wrapping_add(1));
                if segment.flags.syn && ours {
                    self.sequence = self.sequence.wrapping_add(1);
                    let expected = segment.sequence.wrapping_add(1);
                    self.state = State::Asking { expected };
                    self.tries = 1;
                    self.until = now + RETRY;
                    self.say(out);
                }
                None
            }
            State::Asking { expected } => {
                if segment.sequence != expected || segment.payload.is_empty() {
                    return None;
                }
                // All of the answer is here, or enough of it: both sides are done.
                let length = u32::try_from(segment.payload.len()).unwrap_or(0);
                let sent = u32::try_from(QUESTION.len()).unwrap_or(0);
                out.push(Out {
                    local: self.local,
                    peer: self.peer,
                    sequence: self.sequence.wrapping_add(sent),
                    acknowledged: Some(expected.wrapping_add(length)),
                    flags: TcpFlags {
                        fin: true,
                        ..TcpFlags::default()
                    },
                    payload: &[],
                });
                let http = segment.payload.starts_with(b"HTTP/1.");
                Some(if http {
                    Outcome::Answered
                } else {
                    Outcome::Failed
                })
            }
        }
    }

    /// Says the last thing again, or gives up.
    pub(crate) fn handle_timeout(&mut self, now: Instant, out: &mut Vec<Out>) -> Option<Outcome> {
        if now < self.until {
            return None;
        }
        if self.tries == TRIES {
            return Some(Outcome::Failed);
        }
        self.until = now + RETRY * (1 << self.tries);
        self.tries += 1;
        self.say(out);
        None
    }

    fn say(&self, out: &mut Vec<Out>) {
        let (acknowledged, flags, payload) = match self.state {
            State::Connecting => {
                let syn = TcpFlags {
                    syn: true,
                    ..TcpFlags::default()
                };
                (None, syn, &[][..])
            }
            State::Asking { expected } => (Some(expected), TcpFlags::default(), QUESTION),
        };
        out.push(Out {
            local: self.local,
            peer: self.peer,
            sequence: self.sequence,
            acknowledged,
            flags,
            payload,
        });
    }
}

const QUESTION: &[u8] = b"GET /version HTTP/1.1\r\nHost: etcd\r\nConnection: close\r\n\r\n";
/// RFC 6298 §2.1; doubles.
const RETRY: Duration = Duration::from_secs(1);
const TRIES: u32 = 4;
