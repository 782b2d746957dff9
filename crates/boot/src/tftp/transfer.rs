//! The transfer of one file to one client.

use std::convert::Infallible;
use std::fmt::Debug;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use quorate_core::{
    Datagram, Deadline, Destination, Engine, Instant, Now, OutputOf, Queue, Ticket, Transmit,
};

use super::wire::{self, ErrorCode, Mode, Reply, Request};

/// Sends one file. Ends with exactly one of the events [`Sent`](Event::Sent),
/// [`Refused`](Event::Refused) and [`Unanswered`](Event::Unanswered).
#[derive(Debug)]
pub struct Transfer {
    client: SocketAddr,
    content: Arc<dyn Content>,
    block_octets: u64,
    window_blocks: u64,
    timeout: Duration,
    state: State,
    is_answered: bool,
    out: Queue<Infallible, Event, Infallible>,
}

/// What is sent. It is read a block at a time, so that a transfer takes no more room than a block.
pub trait Content: Debug + Send + Sync {
    /// In octets.
    fn octets(&self) -> u64;

    /// Fills `block` with what is at `offset`; false when it cannot be read any more.
    fn read(&self, offset: u64, block: &mut [u8]) -> bool;
}

impl Content for Vec<u8> {
    fn octets(&self) -> u64 {
        self.as_slice().len() as u64
    }

    fn read(&self, offset: u64, block: &mut [u8]) -> bool {
        let start = usize::try_from(offset).ok();
        let rest = start.and_then(|start| self.get(start..));
        let found = rest.and_then(|rest| rest.get(..block.len()));
        found.is_some_and(|found| {
            block.copy_from_slice(found);
            true
        })
    }
}

#[derive(Debug)]
enum State {
    /// The options are proposed; the client answers with ACK 0, or not at all.
    Offering {
        oack: Vec<u8>,
        waiting: Waiting,
    },
    Sending {
        /// Blocks that the client has.
        acked: u64,
        waiting: Waiting,
    },
    Ended,
}

/// For an answer.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    until: Instant,
    tries: u32,
    /// The transfer is over then.
    gives_up: Instant,
}

/// What became of a transfer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The client has everything.
    Sent { octets: usize },
    /// The client wants no more. Code 8 is a client that only asked for the size.
    Refused { code: u16, message: String },
    /// The client has said nothing for too long.
    Unanswered { tries: u32 },
    /// The file could not be read any more; the client got an error.
    Unreadable,
    /// Another host sent to the port of this transfer, and got an error.
    Stranger(SocketAddr),
    /// The client sent what makes no sense here.
    Dropped,
}

impl Transfer {
    /// Begins to send `content` to the client at `client`. As text it is kept in memory, twice as
    /// large at most: whoever has large files sends them as they are.
    pub fn new(client: SocketAddr, request: &Request, content: Arc<dyn Content>, now: Now) -> Self {
        let content = match request.mode {
            Mode::Octet => content,
            Mode::Netascii => Arc::new(netascii(&whole(&*content))),
        };
        let options = request.options;
        let block_octets = options
            .block_octets
            .map_or(BLOCK_OCTETS, |octets| octets.min(BLOCK_OCTETS_MAX));
        let window_blocks = options
            .window_blocks
            .map_or(1, |blocks| blocks.min(WINDOW_BLOCKS_MAX));
        let mut agreed = Vec::new();
        let mut agree = |there, name, value| {
            if there {
                agreed.push((name, value));
            }
        };
        let timeout_secs = options.timeout_secs.unwrap_or(TIMEOUT_SECS);
        agree(
            options.block_octets.is_some(),
            "blksize",
            block_octets.into(),
        );
        agree(
            options.timeout_secs.is_some(),
            "timeout",
            timeout_secs.into(),
        );
        agree(options.size, "tsize", content.octets());
        agree(
            options.window_blocks.is_some(),
            "windowsize",
            window_blocks.into(),
        );
        let mut transfer = Self {
            client,
            content,
            block_octets: block_octets.into(),
            window_blocks: window_blocks.into(),
            timeout: Duration::from_secs(timeout_secs.into()),
            state: State::Ended,
            is_answered: false,
            out: Queue::default(),
        };
        let waiting = transfer.waiting(now);
        transfer.state = if agreed.is_empty() {
            State::sending(0, waiting)
        } else {
            let oack = wire::oack(&agreed);
            State::Offering { oack, waiting }
        };
        transfer.send();
        transfer
    }

    /// True when nothing more will be sent.
    pub fn has_ended(&self) -> bool {
        matches!(self.state, State::Ended)
    }

    /// True when the client has acknowledged anything: it exists, and waits.
    pub const fn is_answered(&self) -> bool {
        self.is_answered
    }

    /// Sends what the state has outstanding.
    fn send(&mut self) {
        match &self.state {
            State::Offering { oack, .. } => self.transmit(self.client, oack.clone()),
            State::Sending { acked, .. } => {
                let first = acked + 1;
                for number in first..=self.window_end(*acked) {
                    let Some(block) = self.block(number) else {
                        let words = "the file cannot be read any more";
                        self.transmit(self.client, wire::error(ErrorCode::NotDefined, words));
                        return self.end(Event::Unreadable);
                    };
                    self.transmit(self.client, wire::data(number, &block));
                }
            }
            State::Ended => {}
        }
    }

    /// The last block that may be sent after `acked`.
    fn window_end(&self, acked: u64) -> u64 {
        (acked + self.window_blocks).min(self.blocks())
    }

    /// The last block is the first that is not full; it may be empty (RFC 1350 §6).
    fn blocks(&self) -> u64 {
        self.content.octets() / self.block_octets + 1
    }

    fn block(&self, number: u64) -> Option<Vec<u8>> {
        let start = (number - 1) * self.block_octets;
        let end = (start + self.block_octets).min(self.content.octets());
        let mut block = vec![0; (end - start) as usize];
        self.content.read(start, &mut block).then_some(block)
    }

    fn handle_ack(&mut self, number: u16, now: Now) {
        let waiting = self.waiting(now);
        match &mut self.state {
            State::Offering { .. } if number == 0 => {
                self.is_answered = true;
                self.state = State::sending(0, waiting);
                self.send();
            }
            State::Sending { acked, .. } => {
                // One that repeats `acked` is ignored: each window that it calls for would
                // call for another one, and double what is in flight (RFC 1123 §4.2.3.1).
                let (before, ahead) = (*acked, number.wrapping_sub(*acked as u16));
                if ahead > 0 && before + u64::from(ahead) <= self.window_end(before) {
                    self.advance(before + u64::from(ahead), waiting);
                } else {
                    self.out.event(Event::Dropped);
                }
            }
            State::Offering { .. } | State::Ended => self.out.event(Event::Dropped),
        }
    }

    fn advance(&mut self, acked: u64, waiting: Waiting) {
        self.is_answered = true;
        if acked == self.blocks() {
            self.end(Event::Sent {
                octets: self.content.octets() as usize,
            });
        } else {
            self.state = State::sending(acked, waiting);
            self.send();
        }
    }

    fn end(&mut self, event: Event) {
        self.state = State::Ended;
        self.out.event(event);
    }

    fn transmit(&mut self, to: SocketAddr, payload: Vec<u8>) {
        let any = match to {
            SocketAddr::V4(_) => SocketAddr::from(([0; 4], 0)),
            SocketAddr::V6(_) => SocketAddr::from(([0u16; 8], 0)),
        };
        self.out.transmit(Transmit {
            source: any,
            destination: Destination::Udp(to),
            payload,
        });
    }

    /// For the answer to what is sent for the first time.
    fn waiting(&self, now: Now) -> Waiting {
        Waiting {
            until: now.instant + self.timeout,
            tries: 1,
            gives_up: now.instant + SILENCE_MAX,
        }
    }
}

impl Waiting {
    fn deadline(&self) -> Instant {
        self.until.min(self.gives_up)
    }
}

impl State {
    const fn sending(acked: u64, waiting: Waiting) -> Self {
        Self::Sending { acked, waiting }
    }

    fn waiting(&mut self) -> Option<&mut Waiting> {
        match self {
            Self::Offering { waiting, .. } | Self::Sending { waiting, .. } => Some(waiting),
            Self::Ended => None,
        }
    }
}

impl Engine for Transfer {
    type Command = Infallible;
    type Effect = Infallible;
    type Event = Event;
    type Write = Infallible;

    fn command(&mut self, command: Infallible, _now: Now) {
        match command {}
    }

    fn handle_datagram(&mut self, datagram: Datagram<'_>, now: Now) {
        if datagram.source != self.client {
            // RFC 1350 §4: the stranger gets an error, and the transfer goes on.
            let words = "this transfer is somebody else's";
            self.transmit(
                datagram.source,
                wire::error(ErrorCode::UnknownTransfer, words),
            );
            self.out.event(Event::Stranger(datagram.source));
            return;
        }
        match Reply::parse(datagram.payload) {
            Some(Reply::Ack(number)) => self.handle_ack(number, now),
            Some(Reply::Error { code, message }) if !self.has_ended() => {
                self.end(Event::Refused { code, message });
            }
            Some(Reply::Error { .. }) | None => self.out.event(Event::Dropped),
        }
    }

    fn handle_written(&mut self, _ticket: Ticket, _now: Now) {}

    fn handle_write_failed(&mut self, _ticket: Ticket, _now: Now) {}

    fn handle_timeout(&mut self, now: Now) {
        let Some(waiting) = self.state.waiting() else {
            return;
        };
        if now.instant < waiting.deadline() {
            return;
        }
        let tries = waiting.tries;
        if tries == TRIES_MAX || now.instant >= waiting.gives_up {
            return self.end(Event::Unanswered { tries });
        }
        waiting.tries += 1;
        waiting.until = now.instant + self.timeout;
        self.send();
    }

    fn poll(&mut self) -> Option<OutputOf<Self>> {
        self.out.pop()
    }

    fn poll_timeout(&self) -> Option<Deadline> {
        match &self.state {
            State::Offering { waiting, .. } => {
                Some(Deadline::new(waiting.deadline(), "TFTP options"))
            }
            State::Sending { waiting, .. } => Some(Deadline::new(waiting.deadline(), "TFTP block")),
            State::Ended => None,
        }
    }
}

fn whole(content: &dyn Content) -> Vec<u8> {
    let mut all = vec![0; content.octets() as usize];
    // What cannot be read is an empty text.
    if !content.read(0, &mut all) {
        all.clear();
    }
    all
}

/// LF → CR LF, CR → CR NUL (RFC 764).
fn netascii(content: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(content.len());
    for octet in content {
        match octet {
            b'\n' => text.extend(b"\r\n"),
            b'\r' => text.extend(b"\r\0"),
            other => text.push(*other),
        }
    }
    text
}

/// RFC 1350 §2.
const BLOCK_OCTETS: u16 = 512;
/// What fits into an Ethernet frame with IPv4, UDP and TFTP headers: firmware seldom reassembles.
const BLOCK_OCTETS_MAX: u16 = 1_468;
/// Enough for any LAN, and little enough for a card's receive ring.
const WINDOW_BLOCKS_MAX: u16 = 64;
const TIMEOUT_SECS: u8 = 1;
const TRIES_MAX: u32 = 6;
/// Who acknowledges nothing for so long has gone, or was never there.
const SILENCE_MAX: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests;
