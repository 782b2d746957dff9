//! A learning Ethernet switch (IEEE 802.1D, without spanning tree) as a pure state machine.
//!
//! After [`Switch::handle_frame`], [`Switch::pass_frame`] and [`Switch::handle_timeout`] the
//! driver drains [`Switch::poll`] until it answers `None`, and then looks at
//! [`Switch::poll_timeout`].
//!
//! A frame that meets no fault is never copied: [`Switch::pass_frame`] names the ports that
//! the driver's own bytes go to, at once and as they are. Only what is delayed, doubled or
//! damaged is kept here and comes out of `poll`.
//!
//! The passage of a frame has three legs, and each may take time or lose it: the link of the
//! sender, the rules between the two ports, the link of the receiver. Deadlines that a late
//! driver meets together are worked off in their order and each at its own time.

mod flight;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use quorate_core::{Deadline, Instant, MacAddr, Seed};

use crate::frame;
use crate::link::{Faults, Pipe, Transit};
use crate::rule::{self, Rule, RuleId, Rules, Verdict};
use flight::{Body, Flights, Leg, Stage};

/// One port of one switch, numbered from zero in the order they were added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortId(pub u32);

/// One direction of the link at a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the machine into the switch.
    ToSwitch,
    /// Out of the switch to the machine.
    FromSwitch,
}

/// Why a frame, or one copy of it, goes no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DropReason {
    /// Too short to have addresses.
    Malformed,
    /// The link of the sender or of the receiver is down.
    LinkDown,
    /// A link or a rule lost it by chance.
    Lost,
    /// A slow link has too much waiting.
    QueueFull,
    /// A rule cuts the two ports off from each other.
    Rule(RuleId),
    /// More than [`IN_FLIGHT_MAX`] frames are under way.
    Overflow,
}

/// What becomes of one frame at once.
#[derive(Clone, Debug, Default)]
pub struct Passage {
    /// The ports that this very frame goes to now (twice where it was duplicated).
    pub ports: Vec<PortId>,
    /// The copies that were dropped now, with the port each was meant for; `None` when it was
    /// lost before the switch knew.
    pub drops: Vec<(Option<PortId>, DropReason)>,
}

/// What a switch has done so far. At any moment
/// `received + copied + duplicated = delivered + dropped() + filtered + in flight`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Frames taken from ports.
    pub received: u64,
    /// Copies made because a frame went to several ports.
    pub copied: u64,
    /// Copies made by a fault.
    pub duplicated: u64,
    /// Frames with a bit flipped by a fault.
    pub corrupted: u64,
    /// Frames given to ports.
    pub delivered: u64,
    /// Frames with no port to go to but the one they came from.
    pub filtered: u64,
    pub malformed: u64,
    pub link_down: u64,
    pub lost: u64,
    pub queue_full: u64,
    pub cut_off: u64,
    pub overflowed: u64,
}

/// The most frames that may be under way at once.
pub const IN_FLIGHT_MAX: usize = 1 << 16;

/// How long an address stays learned without being heard of (IEEE 802.1D §7.9.2).
pub const AGEING: Duration = Duration::from_secs(300);

/// The switch.
#[derive(Debug)]
pub struct Switch {
    seed: Seed,
    ports: Vec<Port>,
    stations: BTreeMap<MacAddr, Station>,
    rules: Rules,
    rule_pipes: BTreeMap<(RuleId, PortId, PortId), Pipe>,
    /// Where DHCP servers are, when only they hear DHCP clients.
    dhcp_servers: Option<BTreeSet<PortId>>,
    flights: Flights,
    ready: VecDeque<(PortId, Arc<[u8]>)>,
    counters: Counters,
}

#[derive(Debug)]
struct Port {
    up: bool,
    to_switch: Pipe,
    from_switch: Pipe,
}

/// Where an address was last heard, and when.
#[derive(Clone, Copy, Debug)]
struct Station {
    port: PortId,
    heard: Instant,
}

impl Switch {
    /// A switch without ports. Everything that it draws comes from `seed`.
    pub fn new(seed: Seed) -> Self {
        Self {
            seed,
            ports: Vec::new(),
            stations: BTreeMap::new(),
            rules: Rules::default(),
            rule_pipes: BTreeMap::new(),
            dhcp_servers: None,
            flights: Flights::default(),
            ready: VecDeque::new(),
            counters: Counters::default(),
        }
    }

    /// Adds a port whose link is up and perfect.
    pub fn add_port(&mut self) -> PortId {
        let id = PortId(u32::try_from(self.ports.len()).expect("fewer ports than 2^32"));
        let pipe = |direction: &str| {
            let stream = self.seed.child(&format!("port {} {direction}", id.0));
            Pipe::new(Faults::default(), stream.random())
        };
        let (to_switch, from_switch) = (pipe("to switch"), pipe("from switch"));
        self.ports.push(Port {
            up: true,
            to_switch,
            from_switch,
        });
        id
    }

    /// Sets the link at a port up or down. What is under way to a port whose link is down is
    /// lost, and the addresses behind it are forgotten.
    pub fn set_link(&mut self, port: PortId, up: bool) {
        self.port(port).up = up;
        if !up {
            self.stations.retain(|_, station| station.port != port);
        }
    }

    /// Changes what befalls frames in one direction of the link at a port.
    pub fn set_faults(&mut self, port: PortId, direction: Direction, faults: Faults) {
        let port = self.port(port);
        match direction {
            Direction::ToSwitch => port.to_switch.set_faults(faults),
            Direction::FromSwitch => port.from_switch.set_faults(faults),
        }
    }

    /// Adds a rule, newest last.
    pub fn add_rule(&mut self, rule: Rule) -> RuleId {
        self.rules.add(rule)
    }

    /// Removes a rule; false when there is none of that name.
    pub fn remove_rule(&mut self, id: RuleId) -> bool {
        self.rule_pipes.retain(|(rule, _, _), _| *rule != id);
        self.rules.remove(id)
    }

    /// Removes all rules.
    pub fn clear_rules(&mut self) {
        self.rule_pipes.clear();
        self.rules.clear();
    }

    /// Sends what DHCP clients broadcast to these ports only, as a switch with DHCP snooping
    /// does: n machines that all ask at once cost n frames and not n².
    pub fn snoop_dhcp(&mut self, servers: impl IntoIterator<Item = PortId>) {
        self.dhcp_servers = Some(servers.into_iter().collect());
    }

    /// Takes a frame that arrived at a port. All that comes of it comes out of
    /// [`poll`](Self::poll).
    pub fn handle_frame(&mut self, from: PortId, frame: &[u8], now: Instant) {
        let mut passage = Passage::default();
        self.pass_frame(from, frame, now, &mut passage);
        if !passage.ports.is_empty() {
            let kept: Arc<[u8]> = Arc::from(frame);
            let copies = passage.ports.iter().map(|to| (*to, Arc::clone(&kept)));
            self.ready.extend(copies);
        }
    }

    /// Takes a frame that arrived at a port and overwrites `passage` with what becomes of it
    /// at once. The driver sends what [`poll`](Self::poll) has, which is older, and then this
    /// frame to `passage.ports`.
    pub fn pass_frame(&mut self, from: PortId, frame: &[u8], now: Instant, passage: &mut Passage) {
        self.handle_timeout(now);
        passage.ports.clear();
        passage.drops.clear();
        self.counters.received += 1;
        if frame.len() < frame::ETHERNET_HEADER_LEN {
            return self.drop(None, DropReason::Malformed, passage);
        }
        let port = self.port(from);
        if !port.up {
            return self.drop(None, DropReason::LinkDown, passage);
        }
        let transit = port.to_switch.admit(frame.len(), now);
        let leg = Leg {
            from,
            next: Stage::Lookup,
            body: Body::Passing(frame),
        };
        self.travel(transit, leg, now, passage);
    }

    /// Lands what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(flight) = self.flights.land(now) {
            // Nothing passes here: a frame that was under way is kept, and goes to `ready`.
            let mut passage = Passage::default();
            let leg = Leg {
                from: flight.from,
                next: flight.next,
                body: Body::Kept(flight.frame),
            };
            self.advance(leg, flight.at, &mut passage);
        }
    }

    /// The next frame to send, and to which port.
    pub fn poll(&mut self) -> Option<(PortId, Arc<[u8]>)> {
        self.ready.pop_front()
    }

    /// When the next frame that is under way lands.
    pub fn poll_timeout(&self) -> Option<Deadline> {
        let at = self.flights.next()?;
        Some(Deadline::new(at, "a frame under way arrives"))
    }

    /// What the switch has done so far.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// How many frames are under way.
    pub fn in_flight(&self) -> usize {
        self.flights.len()
    }

    /// The ports, down ones too.
    pub fn ports(&self) -> impl Iterator<Item = PortId> + use<> {
        (0..self.ports.len() as u32).map(PortId)
    }

    fn port(&mut self, id: PortId) -> &mut Port {
        self.ports
            .get_mut(id.0 as usize)
            .expect("ports come from add_port and are never removed")
    }

    /// Carries out what a pipe decided about one leg of a frame.
    fn travel(&mut self, transit: Transit, leg: Leg<'_>, now: Instant, passage: &mut Passage) {
        let (at, twice, flipped_bit) = match transit {
            Transit::Lost => return self.drop(leg.next.port(), DropReason::Lost, passage),
            Transit::QueueFull => {
                return self.drop(leg.next.port(), DropReason::QueueFull, passage);
            }
            Transit::Arrives {
                at,
                twice,
                flipped_bit,
            } => (at, twice, flipped_bit),
        };
        let leg = match flipped_bit {
            Some(bit) => {
                self.counters.corrupted += 1;
                leg.with_flipped_bit(bit)
            }
            None => leg,
        };
        if twice {
            self.counters.duplicated += 1;
            self.arrive(at, leg.clone(), now, passage);
        }
        self.arrive(at, leg, now, passage);
    }

    fn arrive(&mut self, at: Instant, leg: Leg<'_>, now: Instant, passage: &mut Passage) {
        if at <= now {
            self.advance(leg, now, passage);
        } else if self.flights.len() >= IN_FLIGHT_MAX {
            self.drop(leg.next.port(), DropReason::Overflow, passage);
        } else {
            self.flights.launch(at, leg);
        }
    }

    fn advance(&mut self, leg: Leg<'_>, now: Instant, passage: &mut Passage) {
        match leg.next {
            Stage::Lookup => self.look_up(&leg, now, passage),
            Stage::Leave { to } => self.leave(leg, to, now, passage),
            Stage::Deliver { to } => self.deliver(leg.body, to, passage),
        }
    }

    /// Learns the sender and finds the receivers.
    fn look_up(&mut self, leg: &Leg<'_>, now: Instant, passage: &mut Passage) {
        let from = leg.from;
        let (source, destination) =
            frame::addresses(leg.body.bytes()).expect("the length was checked on the way in");
        if !source.is_group() {
            let heard = Station {
                port: from,
                heard: now,
            };
            self.stations.insert(source, heard);
        }
        let known = self
            .stations
            .get(&destination)
            .filter(|station| !destination.is_group() && now.since(station.heard) < AGEING)
            .map(|station| station.port);
        match known {
            Some(to) if to == from => self.counters.filtered += 1,
            Some(to) => self.cross(leg.clone(), to, now, passage),
            None => self.flood(leg, now, passage),
        }
    }

    /// Sends to every port that is up and may hear it, but the one it came from.
    fn flood(&mut self, leg: &Leg<'_>, now: Instant, passage: &mut Passage) {
        let ports: Vec<PortId> = match &self.dhcp_servers {
            Some(servers) if rule::is_to_dhcp_server(leg.body.bytes()) => {
                servers.iter().copied().collect()
            }
            Some(_) | None => self.ports().collect(),
        };
        let mut targets = 0;
        for to in ports {
            if to != leg.from && self.ports[to.0 as usize].up {
                targets += 1;
                self.cross(leg.clone(), to, now, passage);
            }
        }
        match targets {
            0 => self.counters.filtered += 1,
            n => self.counters.copied += n - 1,
        }
    }

    /// Asks the rules about one pair of ports.
    fn cross(&mut self, leg: Leg<'_>, to: PortId, now: Instant, passage: &mut Passage) {
        let from = leg.from;
        let leg = leg.towards(Stage::Leave { to });
        match self.rules.verdict(from, to, leg.body.bytes()) {
            Verdict::Pass => self.leave(leg, to, now, passage),
            Verdict::Drop(rule) => self.drop(Some(to), DropReason::Rule(rule), passage),
            Verdict::Impair(rule, faults) => {
                let seed = self.seed;
                let pipe = self.rule_pipes.entry((rule, from, to)).or_insert_with(|| {
                    let name = format!("rule {} from port {} to {}", rule.0, from.0, to.0);
                    Pipe::new(faults, seed.child(&name).random())
                });
                let transit = pipe.admit(leg.body.bytes().len(), now);
                self.travel(transit, leg, now, passage);
            }
        }
    }

    fn leave(&mut self, leg: Leg<'_>, to: PortId, now: Instant, passage: &mut Passage) {
        let leg = leg.towards(Stage::Deliver { to });
        let length = leg.body.bytes().len();
        let transit = self.port(to).from_switch.admit(length, now);
        self.travel(transit, leg, now, passage);
    }

    fn deliver(&mut self, body: Body<'_>, to: PortId, passage: &mut Passage) {
        if !self.port(to).up {
            return self.drop(Some(to), DropReason::LinkDown, passage);
        }
        self.counters.delivered += 1;
        match body {
            Body::Passing(_) => passage.ports.push(to),
            Body::Kept(frame) => self.ready.push_back((to, frame)),
        }
    }

    fn drop(&mut self, to: Option<PortId>, reason: DropReason, passage: &mut Passage) {
        let counters = &mut self.counters;
        let count = match reason {
            DropReason::Malformed => &mut counters.malformed,
            DropReason::LinkDown => &mut counters.link_down,
            DropReason::Lost => &mut counters.lost,
            DropReason::QueueFull => &mut counters.queue_full,
            DropReason::Rule(_) => &mut counters.cut_off,
            DropReason::Overflow => &mut counters.overflowed,
        };
        *count += 1;
        passage.drops.push((to, reason));
    }
}

impl Counters {
    /// Frames and copies that went no further, for whatever reason.
    pub fn dropped(&self) -> u64 {
        self.malformed
            + self.link_down
            + self.lost
            + self.queue_full
            + self.cut_off
            + self.overflowed
    }
}

#[cfg(test)]
mod tests;
