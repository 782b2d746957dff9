//! All machines behind one port, and which of them a frame concerns.
//!
//! No frame is shown to every machine, so that n machines which all ask at once cost n frames
//! and not n². A unicast frame goes to the machine with its hardware address, a DHCP broadcast
//! to the one that it names (`chaddr`), a question of ARP to the one whose address it asks for.
//! Nothing else that is broadcast concerns any of them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::Ipv4Addr;
use std::time::Duration;

use quorate_core::{Deadline, Instant, MacAddr, Now, Seed};
use quorate_fabric::frame::{addresses, parse_arp, parse_tcp, parse_udp};

use crate::client::Services;
use crate::event::Event;
use crate::machine::{Machine, Outbox};

/// The machines.
#[derive(Debug)]
pub struct Row {
    seed: Seed,
    first_retry: Duration,
    machines: Vec<Machine>,
    by_mac: BTreeMap<MacAddr, usize>,
    by_addr: BTreeMap<Ipv4Addr, usize>,
    due: BTreeSet<(Instant, usize)>,
    /// What `due` says of each machine, and its address in `by_addr`.
    known: Vec<(Option<Instant>, Option<Ipv4Addr>)>,
    /// Machines that hang, with the frames that have come for them.
    frozen: BTreeMap<usize, Vec<Vec<u8>>>,
    frames: VecDeque<Vec<u8>>,
    events: VecDeque<Event>,
}

impl Row {
    /// A row without machines. They send their first DISCOVER again after about `first_retry`
    /// (RFC 2131 §4.1 has 4 s).
    pub const fn new(seed: Seed, first_retry: Duration) -> Self {
        Self {
            seed,
            first_retry,
            machines: Vec::new(),
            by_mac: BTreeMap::new(),
            by_addr: BTreeMap::new(),
            due: BTreeSet::new(),
            known: Vec::new(),
            frozen: BTreeMap::new(),
            frames: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// Puts a machine in, off; answers its number. It uses the cluster of `services`, if any.
    pub fn add(&mut self, mac: MacAddr, services: Option<Services>) -> usize {
        let number = self.machines.len();
        let seed = self.seed.child(&mac.to_string());
        self.machines
            .push(Machine::new(mac, number, services, seed));
        self.known.push((None, None));
        self.by_mac.insert(mac, number);
        number
    }

    /// How many machines there are.
    pub fn len(&self) -> usize {
        self.machines.len()
    }

    pub fn is_empty(&self) -> bool {
        self.machines.is_empty()
    }

    /// Gives a machine power. Ignored when it has.
    pub fn power_on(&mut self, machine: usize, now: Now) {
        let first_retry = self.first_retry;
        self.with(machine, |machine, out| {
            machine.power_on(first_retry, now, out);
        });
    }

    /// Cuts its power: its memory is lost.
    pub fn power_off(&mut self, machine: usize) {
        self.frozen.remove(&machine);
        self.with(machine, |machine, _| machine.power_off());
    }

    /// Pulls its cable, or plugs it in again.
    pub fn set_link(&mut self, machine: usize, up: bool) {
        self.with(machine, |machine, _| machine.set_link(up));
    }

    /// It hangs: it does nothing, and what comes for it waits. One that is off has nothing that
    /// could.
    pub fn freeze(&mut self, machine: usize) {
        if self.machines[machine].is_on() {
            self.frozen.entry(machine).or_default();
            self.with(machine, |_, _| {});
        }
    }

    /// It goes on where it stood, late for all that was due.
    pub fn thaw(&mut self, machine: usize, now: Now) {
        let Some(frames) = self.frozen.remove(&machine) else {
            return;
        };
        self.with(machine, |_, _| {});
        for frame in frames {
            self.handle_frame(&frame, now);
        }
    }

    /// Handles a frame that left the switch at the row's port.
    pub fn handle_frame(&mut self, frame: &[u8], now: Now) {
        let Some(number) = self.addressee(frame) else {
            return;
        };
        if let Some(kept) = self.frozen.get_mut(&number) {
            if kept.len() < FRAMES_MAX {
                kept.push(frame.to_owned());
            }
            return;
        }
        self.with(number, |machine, out| {
            if let Some(udp) = parse_udp(frame) {
                machine.handle_udp(&udp, now, out);
            } else if let Some(arp) = parse_arp(frame) {
                machine.handle_arp(&arp, now, out);
            } else if let Some(segment) = parse_tcp(frame) {
                machine.handle_tcp(&segment, now, out);
            }
        });
    }

    /// Which machine a frame concerns.
    fn addressee(&self, frame: &[u8]) -> Option<usize> {
        let (_, destination) = addresses(frame)?;
        if let Some(machine) = self.by_mac.get(&destination) {
            return Some(*machine);
        }
        if !destination.is_group() {
            return None;
        }
        if let Some(udp) = parse_udp(frame) {
            let chaddr = udp.payload.get(CHADDR..)?.first_chunk()?;
            return self.by_mac.get(&MacAddr(*chaddr)).copied();
        }
        let arp = parse_arp(frame)?;
        self.by_addr.get(&arp.target).copied()
    }

    /// Meets the deadlines that have come.
    pub fn handle_timeout(&mut self, now: Now) {
        while let Some((at, machine)) = self.due.first().copied()
            && at <= now.instant
        {
            self.with(machine, |machine, out| machine.handle_timeout(now, out));
            // Whatever it does, it does it later.
            if self.due.first() == Some(&(at, machine)) {
                break;
            }
        }
    }

    pub fn poll_timeout(&self) -> Option<Deadline> {
        let (at, _) = self.due.first()?;
        Some(Deadline::new(*at, "a hollow machine"))
    }

    /// The next frame to send. Drain [`poll_event`](Self::poll_event) first.
    pub fn poll_frame(&mut self) -> Option<Vec<u8>> {
        self.frames.pop_front()
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    fn with(&mut self, number: usize, act: impl FnOnce(&mut Machine, &mut Outbox)) {
        let mut out = Outbox::default();
        let machine = &mut self.machines[number];
        act(machine, &mut out);
        let deadline = machine.poll_timeout();
        let deadline = deadline.filter(|_| !self.frozen.contains_key(&number));
        let addr = machine.addr();
        let before = std::mem::replace(&mut self.known[number], (deadline, addr));
        if before.0 != deadline {
            if let Some(at) = before.0 {
                self.due.remove(&(at, number));
            }
            self.due.extend(deadline.map(|at| (at, number)));
        }
        if before.1 != addr {
            if let Some(old) = before
                .1
                .filter(|old| self.by_addr.get(old) == Some(&number))
            {
                self.by_addr.remove(&old);
            }
            self.by_addr.extend(addr.map(|addr| (addr, number)));
        }
        self.frames.extend(out.frames);
        self.events.extend(out.events);
    }
}

/// Where a DHCP message names its client (RFC 2131 §2).
const CHADDR: usize = 28;
/// A socket's receive buffer has no room for more.
const FRAMES_MAX: usize = 256;

#[cfg(test)]
mod tests;
