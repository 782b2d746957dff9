//! `quorate serve` without sockets: engines, a disk that takes its time, loopback.

mod disk;
mod outputs;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::Duration;

use quorate_core::{
    Channel, Datagram, Deadline, Destination, Mutant, Now, Random, Seed, StreamId, Transmit,
};
use quorate_fabric::Chance;
use quorate_scenario::decision::SERVERS;
use quorate_server::{
    Config, Directory, Engines, Event, Keys, SeedAnswer, Seeds, Service, Setup, setup,
};

use crate::chance::choice_log::ChoiceLog;
use crate::lan::Target;
use crate::servers::disk::Disk;

/// The machine with the servers.
#[derive(Debug)]
pub(crate) struct Servers {
    config: Config,
    addr: Ipv4Addr,
    seed: Seed,
    syncs: Random,
    tape: Option<ChoiceLog>,
    /// Counts starts, each of which draws its own.
    starts: u32,
    pub(crate) mutant: Mutant,
    state: State,
    pub(crate) out: Vec<ServerOutput>,
}

#[derive(Debug)]
enum State {
    Up(Box<Daemon>),
    /// The disk is there until a process takes it.
    Down(Option<Box<Disk>>),
}

/// The process while it runs.
#[derive(Debug)]
struct Daemon {
    engines: Engines<Disk>,
    seeds: Option<Seeds>,
    /// What arrived while the disk was waited for.
    inbox: VecDeque<Message>,
    syncing: bool,
}

/// One message to a service.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) service: Service,
    pub(crate) source: SocketAddr,
    pub(crate) destination: SocketAddr,
    pub(crate) channel: Channel,
    pub(crate) payload: Vec<u8>,
}

/// What the servers want done.
#[derive(Debug)]
pub(crate) enum ServerOutput {
    /// A datagram to the wire, from this port.
    Wire(u16, Target, Vec<u8>),
    /// A message between two of our own services.
    Loopback(Message),
    /// An answer on a stream that a machine opened.
    Stream(StreamId, Vec<u8>),
    /// The disk is done after so long, for the process of this start.
    Sync(u32, Duration),
    Event(Event),
}

impl Servers {
    /// Servers that are switched off, with an empty disk.
    pub(crate) fn new(config: Config, addr: Ipv4Addr, seed: Seed) -> Self {
        Self {
            config,
            addr,
            seed,
            syncs: seed.child("sync").random(),
            tape: None,
            starts: 0,
            mutant: Mutant::default(),
            state: State::Down(Some(Box::new(Disk::new(seed.child("disk").random())))),
            out: Vec::new(),
        }
    }

    /// From now on the times of the servers go by this tape. They do not run yet.
    pub(crate) fn follow(&mut self, tape: &ChoiceLog) {
        self.tape = Some(tape.clone());
        if let State::Down(Some(disk)) = &mut self.state {
            disk.follow(tape.clone());
        }
    }

    /// How often the disk says that it has written, and has not.
    pub(crate) fn set_disk_lies(&mut self, lies: Chance) {
        match &mut self.state {
            State::Up(daemon) => daemon.engines.journal_mut().set_lies(lies),
            State::Down(Some(disk)) => disk.set_lies(lies),
            State::Down(None) => {}
        }
    }

    /// Starts the process on what the disk holds.
    ///
    /// # Errors
    /// When the configuration, which a story made, configures nothing.
    pub(crate) fn start(&mut self, now: Now) -> Result<(), String> {
        let State::Down(disk) = &mut self.state else {
            return Ok(());
        };
        let mut disk = disk
            .take()
            .ok_or("the disk is gone with an earlier start")?;
        let records = disk.crash();
        let log = (*disk, records);
        self.starts += 1;
        let mut setup =
            Setup::new(&self.config, keys(self.seed)).map_err(|error| error.to_string())?;
        setup.set_mutant(self.mutant);
        let directory = Directory::default();
        let seed = self.seed.child(&format!("start {}", self.starts));
        let mut engines = Engines::restore(setup, log, seed, directory.clone(), now)
            .map_err(|error| error.to_string())?;
        if let Some(tape) = &self.tape {
            engines.set_delay_hook(tape.delay_hook(SERVERS));
        }
        let serves = self.config.seed().is_some();
        let seeds = serves.then(|| Seeds::new(&self.config, directory));
        let leases = engines.leases().count();
        self.state = State::Up(Box::new(Daemon {
            engines,
            seeds,
            inbox: VecDeque::new(),
            syncing: false,
        }));
        self.out.push(ServerOutput::Event(Event::Ready { leases }));
        // What the registrar wants to say about the leases that it found.
        self.tick(now);
        Ok(())
    }

    /// The power goes in the middle of whatever the process does.
    pub(crate) fn crash(&mut self) {
        let state = std::mem::replace(&mut self.state, State::Down(None));
        self.state = match state {
            State::Up(daemon) => State::Down(Some(Box::new(daemon.engines.into_journal()))),
            down @ State::Down(_) => down,
        };
    }

    /// A message arrived. While the disk is waited for it waits too, as in a socket.
    pub(crate) fn take(&mut self, message: Message, now: Now) {
        let State::Up(daemon) = &mut self.state else {
            return;
        };
        if daemon.syncing {
            daemon.inbox.push_back(message);
        } else {
            daemon.hand_over(&message, now);
            self.settle(now);
        }
    }

    /// A deadline may have come.
    pub(crate) fn tick(&mut self, now: Now) {
        if let State::Up(daemon) = &mut self.state
            && !daemon.syncing
        {
            let Ok(()) = daemon.engines.tick(now);
            self.settle(now);
        }
    }

    /// The disk is done: what waited for it leaves, and what has arrived meanwhile is one batch.
    pub(crate) fn synced(&mut self, start: u32, now: Now) {
        let State::Up(daemon) = &mut self.state else {
            return;
        };
        // The process that waited for it is gone.
        if start != self.starts {
            return;
        }
        daemon.syncing = false;
        let Ok(()) = daemon.engines.commit(now);
        self.release();
        let State::Up(daemon) = &mut self.state else {
            return;
        };
        while let Some(message) = daemon.inbox.pop_front() {
            daemon.hand_over(&message, now);
        }
        self.settle(now);
    }

    pub(crate) fn poll_timeout(&self) -> Option<Deadline> {
        match &self.state {
            State::Up(daemon) if !daemon.syncing => daemon.engines.deadline(),
            State::Up(_) | State::Down(_) => None,
        }
    }

    /// Answers a GET; `None` when nobody listens.
    pub(crate) fn get(&mut self, path: &str, source: Ipv4Addr) -> Option<SeedAnswer> {
        let State::Up(daemon) = &self.state else {
            return None;
        };
        let answer = daemon.seeds.as_ref()?.answer(path, source.into());
        self.out
            .extend(answer.event.clone().map(ServerOutput::Event));
        Some(answer)
    }

    /// Answers a DNS question at once, for those who watch and are not part of the story.
    pub(crate) fn ask(&mut self, query: &[u8], now: Now) -> Option<Vec<u8>> {
        let State::Up(daemon) = &mut self.state else {
            return None;
        };
        let channel = Channel::Stream(WATCHER);
        let message = Message {
            service: Service::Dns,
            source: SocketAddr::new(self.addr.into(), WATCHER_PORT),
            destination: SocketAddr::new(self.addr.into(), DNS_PORT),
            channel,
            payload: query.to_vec(),
        };
        daemon.hand_over(&message, now);
        let to_us = Destination::Stream(WATCHER);
        let transmits = &mut daemon.engines.transmits;
        let index = transmits
            .iter()
            .position(|(_, transmit)| transmit.destination == to_us)?;
        Some(transmits.remove(index).1.payload)
    }

    /// The active leases.
    pub(crate) fn leases(&self) -> Vec<quorate_dhcp::Lease> {
        match &self.state {
            State::Up(daemon) => daemon.engines.leases().cloned().collect(),
            State::Down(_) => Vec::new(),
        }
    }

    /// Waits for the disk if something was promised. What engines say meanwhile leaves at once:
    /// `serve` sends it after the sync, and an engine must not count on that.
    fn settle(&mut self, now: Now) {
        let State::Up(daemon) = &mut self.state else {
            return;
        };
        if daemon.engines.awaits_disk() {
            daemon.syncing = true;
            let nanos = SYNC_MAX.as_nanos() - SYNC_MIN.as_nanos();
            let drawn = self.syncs.below(nanos as u64);
            let drawn = SYNC_MIN + Duration::from_nanos(drawn);
            let time = match &self.tape {
                Some(tape) => tape.time(SERVERS, "sync", drawn),
                None => drawn,
            };
            self.out.push(ServerOutput::Sync(self.starts, time));
            self.release();
        } else {
            let Ok(()) = daemon.engines.commit(now);
            self.release();
        }
    }

    fn release(&mut self) {
        let State::Up(daemon) = &mut self.state else {
            return;
        };
        let engines = &mut daemon.engines;
        self.out
            .extend(engines.events.drain(..).map(ServerOutput::Event));
        let transmits = engines.transmits.drain(..);
        let routed =
            transmits.filter_map(|(service, transmit)| route(self.addr, service, transmit));
        self.out.extend(routed);
    }

    /// The service behind a port, and how a datagram reaches it.
    pub(crate) fn door(
        source: SocketAddrV4,
        destination: SocketAddrV4,
        payload: &[u8],
    ) -> Option<Message> {
        let service = match destination.port() {
            DHCP_PORT => Service::Dhcp,
            DNS_PORT => Service::Dns,
            _ => return None,
        };
        Some(Message {
            service,
            source: SocketAddr::V4(source),
            destination: SocketAddr::V4(destination),
            channel: Channel::Udp,
            payload: payload.to_vec(),
        })
    }
}

impl Daemon {
    fn hand_over(&mut self, message: &Message, now: Now) {
        let datagram = Datagram {
            source: message.source,
            destination: message.destination,
            channel: message.channel,
            payload: &message.payload,
        };
        let taken: Result<(), Infallible> =
            self.engines.handle_datagram(message.service, datagram, now);
        let Ok(()) = taken;
    }
}

/// Where a message goes: to the wire, or to another service on this machine.
fn route(addr: Ipv4Addr, service: Service, transmit: Transmit) -> Option<ServerOutput> {
    let ours = |port| SocketAddr::new(addr.into(), port);
    let loopback = |service, (from, to), channel, payload| {
        Some(ServerOutput::Loopback(Message {
            service,
            source: ours(from),
            destination: ours(to),
            channel,
            payload,
        }))
    };
    let (to_dns, to_ddns) = ((DDNS_PORT, DNS_PORT), (DNS_PORT, DDNS_PORT));
    match (service, transmit.destination) {
        (Service::Ddns, Destination::Stream(StreamId(id))) => {
            let channel = Channel::Stream(StreamId(id | DDNS_STREAMS));
            loopback(Service::Dns, to_dns, channel, transmit.payload)
        }
        (Service::Dns, Destination::Stream(StreamId(id))) if id & DDNS_STREAMS != 0 => {
            let channel = Channel::Stream(StreamId(id & !DDNS_STREAMS));
            loopback(Service::Ddns, to_ddns, channel, transmit.payload)
        }
        (Service::Dns, Destination::Stream(id)) => Some(ServerOutput::Stream(id, transmit.payload)),
        (Service::Ddns, Destination::Udp(_)) => {
            loopback(Service::Dns, to_dns, Channel::Udp, transmit.payload)
        }
        (Service::Dns, Destination::Udp(to)) if to == ours(DDNS_PORT) => {
            loopback(Service::Ddns, to_ddns, Channel::Udp, transmit.payload)
        }
        (Service::Dns, _) => wire(DNS_PORT, transmit),
        (Service::Dhcp, _) => wire(DHCP_PORT, transmit),
        (Service::Ddns, _) => None,
    }
}

fn wire(port: u16, transmit: Transmit) -> Option<ServerOutput> {
    let target = Target::of(&transmit)?;
    Some(ServerOutput::Wire(port, target, transmit.payload))
}

/// The key between registrar and DNS server, which `serve` makes at its first start.
fn keys(seed: Seed) -> Keys {
    let mut random = seed.child("ddns key").random();
    let secret = (0..setup::OWN_KEY_LEN)
        .map(|_| random.next_u32().to_le_bytes()[0])
        .collect();
    Keys {
        ddns: Some(setup::own_key(secret).expect("the secret has the length it must have")),
        made: true,
        ..Keys::default()
    }
}

pub(crate) const DNS_PORT: u16 = 53;
const DHCP_PORT: u16 = 67;
/// Where the registrar hears replies.
const DDNS_PORT: u16 = 40_053;
const WATCHER_PORT: u16 = 40_054;
/// The stream of those who watch, above all that are opened.
const WATCHER: StreamId = StreamId(DDNS_STREAMS - 1);
/// Set in the names of streams that the registrar opened.
const DDNS_STREAMS: u64 = 1 << 63;
/// One fdatasync of an SSD.
const SYNC_MIN: Duration = Duration::from_micros(100);
const SYNC_MAX: Duration = Duration::from_millis(2);
