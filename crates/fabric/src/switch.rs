//! A learning Ethernet switch (IEEE 802.1D, without spanning tree) as a pure state machine.
//!
//! Its ports may be in several segments, as those of a switch with port-based VLANs (IEEE
//! 802.1Q): frames stay in the segment that they came into.
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
//! driver meets together are handled in their order and each at its own time.

mod counters;
mod fate;
mod in_transit;
mod passage;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use quorate_core::{Deadline, Instant, MacAddr, Seed};

use crate::frame;
use crate::link::{Faults, Pipe, Transit};
pub use crate::port::{Direction, PortId, SegmentId};
use crate::rule::{self, Rule, RuleId, Rules, Verdict};
pub use counters::Counters;
pub use fate::FatePolicy;
use fate::{AsDrawn, Course};
use in_transit::{Body, InTransit, Leg, Stage};
pub use passage::{DropReason, Passage};

/// The most frames that may be under way at once.
pub const IN_FLIGHT_MAX: usize = 1 << 16;

/// How long an address stays learned without being heard of (IEEE 802.1D §7.9.2).
pub const AGEING: Duration = Duration::from_secs(300);

/// The switch.
#[derive(Debug)]
pub struct Switch {
    seed: Seed,
    ports: Vec<Port>,
    segments: Vec<Segment>,
    /// Where in `segments` each of them is.
    by_id: BTreeMap<SegmentId, usize>,
    rules: Rules,
    rule_pipes: BTreeMap<(RuleId, PortId, PortId), Pipe>,
    /// DHCP clients are heard by DHCP servers only.
    snoops_dhcp: bool,
    in_transit: InTransit,
    ready: VecDeque<(PortId, Arc<[u8]>)>,
    counters: Counters,
}

/// The ports between which frames pass.
#[derive(Debug, Default)]
struct Segment {
    ports: Vec<PortId>,
    /// Those at which a DHCP server is, or a relay agent.
    dhcp_servers: BTreeSet<PortId>,
    /// Each segment learns by itself.
    learned: BTreeMap<MacAddr, Learned>,
}

#[derive(Debug)]
struct Port {
    /// Its place among the segments.
    segment: usize,
    up: bool,
    to_switch: Pipe,
    from_switch: Pipe,
}

/// Where an address was last heard, and when.
#[derive(Clone, Copy, Debug)]
struct Learned {
    port: PortId,
    heard: Instant,
}

impl Switch {
    /// A switch without ports. Everything that it draws comes from `seed`.
    pub fn new(seed: Seed) -> Self {
        Self {
            seed,
            ports: Vec::new(),
            segments: Vec::new(),
            by_id: BTreeMap::new(),
            rules: Rules::default(),
            rule_pipes: BTreeMap::new(),
            snoops_dhcp: false,
            in_transit: InTransit::default(),
            ready: VecDeque::new(),
            counters: Counters::default(),
        }
    }

    /// Adds a port whose link is up and perfect.
    pub fn add_port(&mut self) -> PortId {
        self.add_port_in(SegmentId::default())
    }

    /// Adds such a port to a segment; [`add_port`](Self::add_port) has segment 0.
    pub fn add_port_in(&mut self, segment: SegmentId) -> PortId {
        let id = PortId(u32::try_from(self.ports.len()).expect("fewer ports than 2^32"));
        let pipe = |direction: &str| {
            let stream = self.seed.child(&format!("port {} {direction}", id.0));
            Pipe::new(Faults::default(), stream.random())
        };
        let (to_switch, from_switch) = (pipe("to switch"), pipe("from switch"));
        let next = self.segments.len();
        let segment = *self.by_id.entry(segment).or_insert(next);
        if segment == next {
            self.segments.push(Segment::default());
        }
        self.segments[segment].ports.push(id);
        self.ports.push(Port {
            segment,
            up: true,
            to_switch,
            from_switch,
        });
        id
    }

    /// Sets the link at a port up or down. What is under way to a port whose link is down is
    /// lost, and the addresses behind it are forgotten.
    pub fn set_link(&mut self, port: PortId, up: bool) {
        let changed = self.port(port);
        changed.up = up;
        let segment = changed.segment;
        if !up {
            let learned = &mut self.segments[segment].learned;
            learned.retain(|_, entry| entry.port != port);
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
        self.snoops_dhcp = true;
        for server in servers {
            let segment = self.port(server).segment;
            self.segments[segment].dhcp_servers.insert(server);
        }
    }

    /// Handles a frame that arrived at a port. All that comes of it comes out of
    /// [`poll`](Self::poll).
    pub fn handle_frame(&mut self, from: PortId, frame: &[u8], now: Instant) {
        self.handle_frame_with(from, frame, now, &mut AsDrawn);
    }

    /// [`handle_frame`](Self::handle_frame), with a policy that has the last word.
    pub fn handle_frame_with(
        &mut self,
        from: PortId,
        frame: &[u8],
        now: Instant,
        policy: &mut dyn FatePolicy,
    ) {
        let mut passage = Passage::default();
        let mut course = Course {
            passage: &mut passage,
            policy,
        };
        self.enter(from, frame, now, &mut course);
        if !passage.ports.is_empty() {
            let kept: Arc<[u8]> = Arc::from(frame);
            let copies = passage.ports.iter().map(|to| (*to, Arc::clone(&kept)));
            self.ready.extend(copies);
        }
    }

    /// Handles a frame that arrived at a port and overwrites `passage` with what becomes of it
    /// at once. The driver sends what [`poll`](Self::poll) has, which is older, and then this
    /// frame to `passage.ports`.
    pub fn pass_frame(&mut self, from: PortId, frame: &[u8], now: Instant, passage: &mut Passage) {
        passage.ports.clear();
        passage.drops.clear();
        let policy = &mut AsDrawn;
        self.enter(from, frame, now, &mut Course { passage, policy });
    }

    fn enter(&mut self, from: PortId, frame: &[u8], now: Instant, course: &mut Course<'_>) {
        self.handle_timeout_with(now, course.policy);
        self.counters.received += 1;
        if frame.len() < frame::ETHERNET_HEADER_LEN {
            return self.drop(None, DropReason::Malformed, course);
        }
        let port = self.port(from);
        if !port.up {
            return self.drop(None, DropReason::LinkDown, course);
        }
        let drawn = port.to_switch.admit(frame.len(), now);
        let there = (from, Direction::ToSwitch);
        let transit = course.policy.decide(there, frame, now, drawn);
        let leg = Leg {
            from,
            next: Stage::Lookup,
            body: Body::Passing(frame),
        };
        self.travel(transit, leg, now, course);
    }

    /// Moves every frame on whose time has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.handle_timeout_with(now, &mut AsDrawn);
    }

    /// [`handle_timeout`](Self::handle_timeout), with a policy that has the last word.
    pub fn handle_timeout_with(&mut self, now: Instant, policy: &mut dyn FatePolicy) {
        while let Some(frame) = self.in_transit.pop_due(now) {
            // Nothing passes here: a frame that was under way is kept, and goes to `ready`.
            let mut passage = Passage::default();
            let leg = Leg {
                from: frame.from,
                next: frame.next,
                body: Body::Kept(frame.frame),
            };
            let mut course = Course {
                passage: &mut passage,
                policy: &mut *policy,
            };
            self.advance(leg, frame.at, &mut course);
        }
    }

    /// The next frame to send, and to which port.
    pub fn poll(&mut self) -> Option<(PortId, Arc<[u8]>)> {
        self.ready.pop_front()
    }

    /// When the next frame that is under way arrives.
    pub fn poll_timeout(&self) -> Option<Deadline> {
        let at = self.in_transit.next_arrival()?;
        Some(Deadline::new(at, "a frame under way arrives"))
    }

    /// What the switch has done so far.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// How many frames are under way.
    pub fn in_flight(&self) -> usize {
        self.in_transit.len()
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
    fn travel(&mut self, transit: Transit, leg: Leg<'_>, now: Instant, course: &mut Course<'_>) {
        let (at, duplicated, flipped_bit) = match transit {
            Transit::Lost => return self.drop(leg.next.port(), DropReason::Lost, course),
            Transit::QueueFull => {
                return self.drop(leg.next.port(), DropReason::QueueFull, course);
            }
            Transit::Arrives {
                at,
                duplicated,
                flipped_bit,
            } => (at, duplicated, flipped_bit),
        };
        let leg = match flipped_bit {
            Some(bit) => {
                self.counters.corrupted += 1;
                leg.with_flipped_bit(bit)
            }
            None => leg,
        };
        if duplicated {
            self.counters.duplicated += 1;
            self.arrive(at, leg.clone(), now, course);
        }
        self.arrive(at, leg, now, course);
    }

    fn arrive(&mut self, at: Instant, leg: Leg<'_>, now: Instant, course: &mut Course<'_>) {
        if at <= now {
            self.advance(leg, now, course);
        } else if self.in_transit.len() >= IN_FLIGHT_MAX {
            self.drop(leg.next.port(), DropReason::Overflow, course);
        } else {
            self.in_transit.push(at, leg);
        }
    }

    fn advance(&mut self, leg: Leg<'_>, now: Instant, course: &mut Course<'_>) {
        match leg.next {
            Stage::Lookup => self.look_up(&leg, now, course),
            Stage::Leave { to } => self.leave(leg, to, now, course),
            Stage::Deliver { to } => self.deliver(leg.body, to, course),
        }
    }

    /// Learns the sender and finds the receivers.
    fn look_up(&mut self, leg: &Leg<'_>, now: Instant, course: &mut Course<'_>) {
        let from = leg.from;
        let segment = self.port(from).segment;
        let learned = &mut self.segments[segment].learned;
        let (source, destination) =
            frame::addresses(leg.body.bytes()).expect("the length was checked on the way in");
        if !source.is_group() {
            let heard = Learned {
                port: from,
                heard: now,
            };
            learned.insert(source, heard);
        }
        let known = learned
            .get(&destination)
            .filter(|entry| !destination.is_group() && now.since(entry.heard) < AGEING)
            .map(|entry| entry.port);
        match known {
            Some(to) if to == from => self.counters.filtered += 1,
            Some(to) => self.cross(leg.clone(), to, now, course),
            None => self.flood(leg, now, course),
        }
    }

    /// Sends to every port of the segment that is up and may hear it, but the one it came from.
    fn flood(&mut self, leg: &Leg<'_>, now: Instant, course: &mut Course<'_>) {
        let segment = &self.segments[self.ports[leg.from.0 as usize].segment];
        let is_snooped = self.snoops_dhcp && rule::is_to_dhcp_server(leg.body.bytes());
        let ports: Vec<PortId> = if is_snooped {
            segment.dhcp_servers.iter().copied().collect()
        } else {
            segment.ports.clone()
        };
        let mut targets = 0;
        for to in ports {
            if to != leg.from && self.ports[to.0 as usize].up {
                targets += 1;
                self.cross(leg.clone(), to, now, course);
            }
        }
        match targets {
            0 => self.counters.filtered += 1,
            n => self.counters.copied += n - 1,
        }
    }

    /// Asks the rules about one pair of ports.
    fn cross(&mut self, leg: Leg<'_>, to: PortId, now: Instant, course: &mut Course<'_>) {
        let from = leg.from;
        let leg = leg.towards(Stage::Leave { to });
        match self.rules.verdict(from, to, leg.body.bytes()) {
            Verdict::Pass => self.leave(leg, to, now, course),
            Verdict::Drop(rule) => self.drop(Some(to), DropReason::Rule(rule), course),
            Verdict::Impair(rule, faults) => {
                let seed = self.seed;
                let pipe = self.rule_pipes.entry((rule, from, to)).or_insert_with(|| {
                    let name = format!("rule {} from port {} to {}", rule.0, from.0, to.0);
                    Pipe::new(faults, seed.child(&name).random())
                });
                let transit = pipe.admit(leg.body.bytes().len(), now);
                self.travel(transit, leg, now, course);
            }
        }
    }

    fn leave(&mut self, leg: Leg<'_>, to: PortId, now: Instant, course: &mut Course<'_>) {
        let leg = leg.towards(Stage::Deliver { to });
        let length = leg.body.bytes().len();
        let drawn = self.port(to).from_switch.admit(length, now);
        let there = (to, Direction::FromSwitch);
        let transit = course.policy.decide(there, leg.body.bytes(), now, drawn);
        self.travel(transit, leg, now, course);
    }

    fn deliver(&mut self, body: Body<'_>, to: PortId, course: &mut Course<'_>) {
        if !self.port(to).up {
            return self.drop(Some(to), DropReason::LinkDown, course);
        }
        self.counters.delivered += 1;
        match body {
            Body::Passing(_) => course.passage.ports.push(to),
            Body::Kept(frame) => self.ready.push_back((to, frame)),
        }
    }

    fn drop(&mut self, to: Option<PortId>, reason: DropReason, course: &mut Course<'_>) {
        *self.counters.of(reason) += 1;
        course.passage.drops.push((to, reason));
    }
}

#[cfg(test)]
mod tests;
