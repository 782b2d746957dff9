//! The client engine: RFC 2131 figure 5, with PROBING between REQUESTING and BOUND.
//!
//! ```text
//!            Start{previous}                    Start
//!   REBOOTING ◄──────────── INIT ◄──────────── STOPPED ◄─── Stop, Release
//!     │  │ NAK, silence      │ ▲                               (from everywhere)
//!     │  └───────────────►   ▼ │ NAK
//!     │                SELECTING ◄──────────────────────────┐
//!     │                      │ OFFER                        │
//!     │                      ▼                              │
//!     │ ACK            REQUESTING ── NAK, silence ──────────┤
//!     │                      │ ACK                          │
//!     └─────────────────► PROBING ── Conflict: DECLINE ──►  INIT
//!                            │ nothing found                ▲
//!                            ▼                              │
//!            ┌───────────► BOUND                            │
//!            │ ACK           │ T1                           │ NAK,
//!            ├─────────── RENEWING ─────────────────────────┤ lease ends:
//!            │ ACK           │ T2                           │ Lost
//!            └─────────── REBINDING ────────────────────────┘
//! ```
//!
//! The client accepts the first acceptable offer. Retransmission: 4, 8, 16, 32, 64 s, each ± a quarter of
//! the first (RFC 2131 §4.1), all scaled by [`ClientConfig::first_retry`].

mod config;
mod event;
mod message;
mod state;

#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use quorate_core::{
    Datagram, Deadline, DelayHook, Delays, Destination, Engine, Instant, Now, OutputOf, Queue,
    Random, Seed, Ticket, Transmit,
};

pub use config::ClientConfig;
pub use event::{Command, Configuration, DropReason, Effect, Event, LostReason};

use state::{Exchange, Held, Next, Offer, State};

use crate::wire::{Message, Op, code};
use crate::{CLIENT_PORT, MessageType, SERVER_PORT};

/// Retransmission delays stop doubling at `first_retry << 4`: 64 s for 4 s.
const DOUBLINGS_MAX: u32 = 4;

/// The client engine.
#[derive(Debug)]
pub struct Client {
    config: ClientConfig,
    random: Random,
    delays: Delays,
    state: State,
    queue: Queue<Effect, Event, Infallible>,
}

impl Client {
    /// A client that waits for [`Command::Start`].
    pub fn new(config: ClientConfig, seed: Seed) -> Self {
        Self {
            config,
            random: seed.child("dhcp-client").random(),
            delays: Delays::default(),
            state: State::Stopped,
            queue: Queue::default(),
        }
    }

    /// From now on `hook` is asked how long to wait.
    pub fn set_delay_hook(&mut self, hook: Arc<dyn DelayHook>) {
        self.delays.set_delay_hook(hook);
    }

    /// The state's name in RFC 2131 figure 5.
    pub fn state_name(&self) -> &'static str {
        self.state.name()
    }

    /// What the client uses now; nothing while it still probes.
    pub fn configuration(&self) -> Option<&Configuration> {
        if matches!(self.state, State::Probing { .. }) {
            return None;
        }
        Some(&self.state.held()?.configuration)
    }

    fn start(&mut self, previous: Option<Ipv4Addr>, now: Instant) {
        let next = match previous {
            Some(addr) => Next::Reboot { addr },
            None => Next::Discover,
        };
        let delay = match self.config.initial_delay_max {
            Duration::ZERO => Duration::ZERO,
            most => {
                let drawn = self.random_up_to(most);
                let what = format_args!("before the first DHCP message");
                self.delays.decide(what, drawn)
            }
        };
        self.enter_init(delay, next, now);
    }

    fn enter_init(&mut self, delay: Duration, next: Next, now: Instant) {
        if delay.is_zero() {
            return self.leave_init(next, now);
        }
        let until = now + delay;
        self.state = State::Init { until, next };
    }

    fn leave_init(&mut self, next: Next, now: Instant) {
        let exchange = self.begin(now);
        self.state = match next {
            Next::Discover => State::Selecting { exchange },
            Next::Reboot { addr } => State::Rebooting { exchange, addr },
        };
        self.send_request(now);
    }

    fn discover(&mut self, now: Instant) {
        self.leave_init(Next::Discover, now);
    }

    /// A new transaction; its first message is yet to be sent.
    fn begin(&mut self, now: Instant) -> Exchange {
        Exchange {
            xid: self.random.next_u32(),
            begun: now,
            sent: now,
            attempt: 0,
            retry_at: now,
        }
    }

    /// Sends the message of this state's exchange, again or for the first time.
    fn send_request(&mut self, now: Instant) {
        let doublings = self
            .state
            .exchange()
            .map_or(0, |e| e.attempt.min(DOUBLINGS_MAX));
        let backoff = self.jittered(self.config.first_retry * (1 << doublings));
        let renew_min = self.config.renew_retry_min;
        // Half of the time that is left, but not less than a minute (RFC 2131 §4.4.5).
        let half_until = |end: Instant| (end.since(now) / 2).max(renew_min);
        let (exchange, delay) = match &mut self.state {
            State::Selecting { exchange }
            | State::Requesting { exchange, .. }
            | State::Rebooting { exchange, .. } => (exchange, backoff),
            State::Renewing { exchange, held } => (exchange, half_until(held.t2_at)),
            State::Rebinding { exchange, held } => (exchange, half_until(held.end_at)),
            State::Stopped | State::Init { .. } | State::Probing { .. } | State::Bound { .. } => {
                return;
            }
        };
        exchange.attempt = exchange.attempt.saturating_add(1);
        exchange.sent = now;
        // Never at once, whatever is configured: the engine must not spin.
        exchange.retry_at = now + delay.max(Duration::from_millis(1));
        let attempt = exchange.attempt;
        if let Some((message, destination)) = message::of_state(&self.config, &self.state, now) {
            self.send(&message, destination, attempt);
        }
    }

    fn send(&mut self, message: &Message<'_>, destination: Destination, attempt: u32) {
        let source = SocketAddr::from((message.ciaddr, CLIENT_PORT));
        self.queue.transmit(Transmit {
            source,
            destination,
            payload: message.encode(),
        });
        let kind = message.kind;
        self.queue.event(Event::Sent { kind, attempt });
    }

    /// `delay` ± a quarter of the first delay (RFC 2131 §4.1: ± 1 s of 4).
    fn jittered(&mut self, delay: Duration) -> Duration {
        let spread = self.config.first_retry / 4;
        let drawn = delay.saturating_sub(spread) + self.random_up_to(spread * 2);
        let what = format_args!("DHCP patience while {}", self.state.name());
        self.delays.decide(what, drawn)
    }

    fn random_up_to(&mut self, bound: Duration) -> Duration {
        let nanos = u64::try_from(bound.as_nanos()).unwrap_or(u64::MAX);
        match nanos {
            0 => Duration::ZERO,
            nanos => Duration::from_nanos(self.random.below(nanos.saturating_add(1))),
        }
    }

    fn on_offer(&mut self, message: &Message<'_>, now: Instant) -> Result<(), DropReason> {
        let State::Selecting { exchange } = &self.state else {
            return Err(DropReason::Unexpected);
        };
        let server = message
            .options
            .addr(code::SERVER_ID)
            .ok_or(DropReason::Incomplete)?;
        let lease_secs = message.options.u32(code::LEASE_SECS).unwrap_or(0);
        if message.yiaddr == Ipv4Addr::UNSPECIFIED || lease_secs == 0 {
            return Err(DropReason::Incomplete);
        }
        // The REQUEST goes on with the xid and the `secs` of the DISCOVER (RFC 2131 table 5).
        let exchange = Exchange {
            attempt: 0,
            ..*exchange
        };
        let addr = message.yiaddr;
        let offer = Offer { server, addr };
        self.state = State::Requesting { exchange, offer };
        self.send_request(now);
        Ok(())
    }

    fn on_ack(&mut self, message: &Message<'_>, now: Instant) -> Result<(), DropReason> {
        let configuration = message::configuration(message).ok_or(DropReason::Incomplete)?;
        let (expected, server) = match &self.state {
            State::Requesting { offer, .. } => (offer.addr, Some(offer.server)),
            State::Rebooting { addr, .. } => (*addr, None),
            // A server may answer a renewal in another's place (RFC 2131 §4.4.5).
            State::Renewing { held, .. } | State::Rebinding { held, .. } => {
                (held.configuration.addr, None)
            }
            State::Stopped
            | State::Init { .. }
            | State::Selecting { .. }
            | State::Probing { .. }
            | State::Bound { .. } => return Err(DropReason::Unexpected),
        };
        if configuration.addr != expected {
            return Err(DropReason::OtherAddress);
        }
        if server.is_some_and(|server| server != configuration.server) {
            return Err(DropReason::OtherServer);
        }
        let sent = self.state.exchange().map_or(now, |exchange| exchange.sent);
        let held = Held::new(configuration.clone(), sent);
        match self.state.held().map(|held| held.configuration.clone()) {
            Some(before) => {
                self.state = State::Bound { held };
                self.queue
                    .event(if before.differs_only_in_time(&configuration) {
                        Event::Renewed(configuration)
                    } else {
                        Event::Configured(configuration)
                    });
            }
            None if self.config.probe.is_zero() => {
                self.state = State::Bound { held };
                self.queue.event(Event::Configured(configuration));
            }
            None => {
                let until = now + self.config.probe;
                let addr = configuration.addr;
                self.state = State::Probing { held, until };
                self.queue.effect(Effect::Probe { addr });
            }
        }
        Ok(())
    }

    fn on_nak(&mut self, message: &Message<'_>, now: Instant) -> Result<(), DropReason> {
        let server = message
            .options
            .addr(code::SERVER_ID)
            .ok_or(DropReason::Incomplete)?;
        match &self.state {
            State::Requesting { offer, .. } if offer.server != server => {
                return Err(DropReason::OtherServer);
            }
            State::Requesting { .. } | State::Rebooting { .. } => {}
            State::Renewing { .. } | State::Rebinding { .. } => {
                let reason = LostReason::Nak;
                self.queue.event(Event::Lost { reason });
            }
            State::Stopped
            | State::Init { .. }
            | State::Selecting { .. }
            | State::Probing { .. }
            | State::Bound { .. } => return Err(DropReason::Unexpected),
        }
        // A server that refuses all it offers must not make a busy loop of us.
        let delay = self.jittered(self.config.first_retry / 4);
        self.enter_init(delay, Next::Discover, now);
        Ok(())
    }

    fn conflict(&mut self, now: Instant) {
        let probing = matches!(self.state, State::Probing { .. });
        let Some(held) = self.state.held().cloned() else {
            return;
        };
        let xid = self.random.next_u32();
        let decline = message::decline(&self.config, &held, xid);
        self.send(&decline, Destination::Broadcast { port: SERVER_PORT }, 1);
        let addr = held.configuration.addr;
        if !probing {
            let reason = LostReason::Conflict;
            self.queue.event(Event::Lost { reason });
        }
        self.queue.event(Event::Declined { addr });
        let delay = self.config.decline_wait.max(Duration::from_millis(1));
        self.enter_init(delay, Next::Discover, now);
    }

    fn stop(&mut self, reason: LostReason) {
        let used = self.configuration().is_some();
        self.state = State::Stopped;
        if used {
            self.queue.event(Event::Lost { reason });
        }
    }

    fn release(&mut self) {
        if let Some(held) = self.state.held().cloned() {
            let xid = self.random.next_u32();
            let release = message::release(&self.config, &held, xid);
            let server = SocketAddr::from((held.configuration.server, SERVER_PORT));
            self.send(&release, Destination::Udp(server), 1);
        }
        self.stop(LostReason::Released);
    }

    /// Moves a lease on to where its times say it should be, once.
    fn advance_lease(&mut self, held: Held, now: Instant) {
        if now >= held.end_at {
            if self.configuration().is_some() {
                let reason = LostReason::Expired;
                self.queue.event(Event::Lost { reason });
            }
            return self.discover(now);
        }
        let exchange = self.begin(now);
        match &self.state {
            State::Bound { .. } | State::Renewing { .. } if now >= held.t2_at => {
                self.state = State::Rebinding { held, exchange };
            }
            State::Bound { .. } => self.state = State::Renewing { held, exchange },
            State::Renewing { .. }
            | State::Rebinding { .. }
            | State::Stopped
            | State::Init { .. }
            | State::Selecting { .. }
            | State::Requesting { .. }
            | State::Rebooting { .. }
            | State::Probing { .. } => {}
        }
        self.send_request(now);
    }
}

impl Engine for Client {
    type Command = Command;
    type Effect = Effect;
    type Event = Event;
    type Write = Infallible;

    fn command(&mut self, command: Command, now: Now) {
        let now = now.instant;
        match command {
            Command::Start { previous } => {
                self.stop(LostReason::Stopped);
                self.start(previous, now);
            }
            Command::Release => self.release(),
            Command::Conflict => self.conflict(now),
            Command::Stop => self.stop(LostReason::Stopped),
        }
    }

    fn handle_datagram(&mut self, datagram: Datagram<'_>, now: Now) {
        if self.state == State::Stopped {
            return;
        }
        let source = datagram.source;
        let handled = match Message::decode(datagram.payload) {
            Err(malformed) => Err(DropReason::Malformed(malformed)),
            // On a shared link most broadcasts are for other clients: not worth an event.
            Ok(message) if message.op != Op::Reply || message.chaddr != self.config.mac => Ok(()),
            Ok(message) => {
                let exchange = self.state.exchange();
                if exchange.is_none_or(|exchange| exchange.xid != message.xid) {
                    Err(DropReason::OtherTransaction)
                } else {
                    match message.kind {
                        MessageType::Offer => self.on_offer(&message, now.instant),
                        MessageType::Ack => self.on_ack(&message, now.instant),
                        MessageType::Nak => self.on_nak(&message, now.instant),
                        MessageType::Discover
                        | MessageType::Request
                        | MessageType::Decline
                        | MessageType::Release
                        | MessageType::Inform => Err(DropReason::Unexpected),
                    }
                }
            }
        };
        if let Err(reason) = handled {
            self.queue.event(Event::Dropped { source, reason });
        }
    }

    fn handle_written(&mut self, _ticket: Ticket, _now: Now) {}

    fn handle_write_failed(&mut self, _ticket: Ticket, _now: Now) {}

    fn handle_timeout(&mut self, now: Now) {
        let now = now.instant;
        if self
            .state
            .deadline()
            .is_none_or(|deadline| deadline.at > now)
        {
            return;
        }
        match self.state.clone() {
            State::Stopped => {}
            State::Init { next, .. } => self.leave_init(next, now),
            State::Selecting { .. } => self.send_request(now),
            State::Requesting { exchange, .. } if exchange.attempt >= self.config.requests_max => {
                self.discover(now);
            }
            State::Rebooting { exchange, .. } if exchange.attempt >= self.config.reboots_max => {
                self.discover(now);
            }
            State::Requesting { .. } | State::Rebooting { .. } => self.send_request(now),
            State::Probing { held, .. } if now < held.end_at => {
                let configuration = held.configuration.clone();
                self.state = State::Bound { held };
                self.queue.event(Event::Configured(configuration));
                // The probe may have taken longer than T1.
                if let State::Bound { held } = self.state.clone()
                    && held.t1_at <= now
                {
                    self.advance_lease(held, now);
                }
            }
            State::Probing { held, .. }
            | State::Bound { held }
            | State::Renewing { held, .. }
            | State::Rebinding { held, .. } => self.advance_lease(held, now),
        }
    }

    fn poll(&mut self) -> Option<OutputOf<Self>> {
        self.queue.pop()
    }

    fn poll_timeout(&self) -> Option<Deadline> {
        self.state.deadline()
    }
}
