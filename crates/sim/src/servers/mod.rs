//! `quorate serve` without sockets: engines, a disk that takes its time, loopback.

mod disk;
mod message;
mod start;

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use quorate_core::{
    Channel, Datagram, Deadline, Destination, Instant, Mutant, Now, Random, Seed, StreamId,
};
use quorate_fabric::Chance;
use quorate_fabric::frame::parse_udp;
use quorate_scenario::Fate;
use quorate_scenario::decision::SERVERS;
use quorate_server::{Config, Engines, SeedAnswer, Seeds, Service};

use crate::chance::choice_log::ChoiceLog;
use crate::chance::naming;
use crate::lan::SERVER_MAC;
use crate::machine::Clock;
use disk::Disk;
use message::{DDNS_STREAMS, route};

pub(crate) use message::{DNS_PORT, Message, ServerOutput};

/// The machine with the servers.
#[derive(Debug)]
pub(crate) struct Servers {
    config: Config,
    addr: Ipv4Addr,
    seed: Seed,
    clock: Clock,
    syncs: Random,
    /// How often an UPDATE or its reply is lost.
    update_loss: Chance,
    losses: Random,
    choices: Option<ChoiceLog>,
    /// Counts starts, each of which draws its own.
    starts: u32,
    mutant: Mutant,
    state: State,
    /// Which life of which machine opened which stream: by position.
    streams: Vec<(usize, u32)>,
    outputs: VecDeque<ServerOutput>,
}

#[derive(Debug)]
enum State {
    Up(Box<Daemon>),
    /// The disk is there until a process opens it.
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

impl Servers {
    /// Servers that are switched off, with an empty disk. Which UPDATEs are lost is drawn from
    /// `losses`.
    pub(crate) fn new(config: Config, addr: Ipv4Addr, seed: Seed, losses: Random) -> Self {
        Self {
            config,
            addr,
            seed,
            clock: Clock::default(),
            syncs: seed.child("sync").random(),
            update_loss: Chance::NEVER,
            losses,
            choices: None,
            starts: 0,
            mutant: Mutant::default(),
            state: State::Down(Some(Box::new(Disk::new(seed.child("disk").random())))),
            streams: Vec::new(),
            outputs: VecDeque::new(),
        }
    }

    /// From now on the times of the servers go by this choice log. They do not run yet.
    pub(crate) fn set_choices(&mut self, choices: &ChoiceLog) {
        self.choices = Some(choices.clone());
        if let State::Down(Some(disk)) = &mut self.state {
            disk.set_choices(choices.clone());
        }
    }

    /// The engines of later starts have this bug.
    pub(crate) const fn set_mutant(&mut self, mutant: Mutant) {
        self.mutant = mutant;
    }

    /// How often the disk says that it has written, and has not.
    pub(crate) fn set_disk_lies(&mut self, lies: Chance) {
        match &mut self.state {
            State::Up(daemon) => daemon.engines.journal_mut().set_lies(lies),
            State::Down(Some(disk)) => disk.set_lies(lies),
            State::Down(None) => {}
        }
    }

    pub(crate) const fn set_update_loss(&mut self, loss: Chance) {
        self.update_loss = loss;
    }

    /// The clock of their host is set; the kernel informs the daemon.
    pub(crate) fn set_clock(&mut self, clock: Clock, now: Instant) {
        self.clock = clock;
        self.handle_timeout(now);
    }

    /// The power goes in the middle of whatever the process does.
    pub(crate) fn crash(&mut self) {
        let state = std::mem::replace(&mut self.state, State::Down(None));
        self.state = match state {
            State::Up(daemon) => State::Down(Some(Box::new(daemon.engines.into_journal()))),
            down @ State::Down(_) => down,
        };
    }

    pub(crate) fn handle_frame(&mut self, frame: &[u8], now: Instant) {
        let Some(udp) = parse_udp(frame) else { return };
        let ours = udp.destination_mac == SERVER_MAC || udp.destination_mac.is_group();
        if ours && let Some(message) = Message::from_wire(udp.source, udp.destination, udp.payload)
        {
            self.handle_message(message, now);
        }
    }

    /// A machine asks the DNS by TCP.
    pub(crate) fn handle_stream(
        &mut self,
        stream: StreamId,
        source: Ipv4Addr,
        payload: Vec<u8>,
        now: Instant,
    ) {
        let message = Message {
            service: Service::Dns,
            source: SocketAddr::new(source.into(), STREAM_PORT),
            destination: SocketAddr::new(self.addr.into(), DNS_PORT),
            channel: Channel::Stream(stream),
            payload,
        };
        self.handle_message(message, now);
    }

    /// A message arrived. While the disk is waited for it waits too, as in a socket.
    pub(crate) fn handle_message(&mut self, message: Message, now: Instant) {
        let now = self.clock.read(now);
        let State::Up(daemon) = &mut self.state else {
            return;
        };
        if daemon.syncing {
            daemon.inbox.push_back(message);
        } else {
            daemon.deliver(&message, now);
            self.end_batch(now);
        }
    }

    /// A deadline may have come.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        let now = self.clock.read(now);
        if let State::Up(daemon) = &mut self.state
            && !daemon.syncing
        {
            daemon.engines.tick(now);
            self.end_batch(now);
        }
    }

    /// The disk is done: what waited for it leaves, and what has arrived meanwhile is one batch.
    pub(crate) fn handle_synced(&mut self, start: u32, now: Instant) {
        let now = self.clock.read(now);
        let State::Up(daemon) = &mut self.state else {
            return;
        };
        // The process that waited for it is gone.
        if start != self.starts {
            return;
        }
        daemon.syncing = false;
        daemon.engines.commit(now);
        self.release();
        let State::Up(daemon) = &mut self.state else {
            return;
        };
        while let Some(message) = daemon.inbox.pop_front() {
            daemon.deliver(&message, now);
        }
        self.end_batch(now);
    }

    pub(crate) fn poll_timeout(&self) -> Option<Deadline> {
        match &self.state {
            State::Up(daemon) if !daemon.syncing => daemon.engines.deadline(),
            State::Up(_) | State::Down(_) => None,
        }
    }

    /// The next thing that they want done.
    pub(crate) fn poll(&mut self) -> Option<ServerOutput> {
        self.outputs.pop_front()
    }

    /// A stream that this life of a machine opens.
    pub(crate) fn open_stream(&mut self, machine: usize, life: u32) -> StreamId {
        let id = self.streams.len();
        self.streams.push((machine, life));
        StreamId(id as u64)
    }

    /// Which life of which machine opened the stream.
    pub(crate) fn opener(&self, StreamId(id): StreamId) -> Option<(usize, u32)> {
        self.streams.get(usize::try_from(id).ok()?).copied()
    }

    /// A message between registrar and DNS server is lost.
    pub(crate) fn loses(&mut self, message: &Message) -> bool {
        let drawn = self.update_loss.strikes(&mut self.losses);
        match &self.choices {
            Some(choices) => {
                let what = naming::of_dns(&message.payload);
                choices.strikes(SERVERS, what, &Fate::Lost, drawn)
            }
            None => drawn,
        }
    }

    /// Answers a GET; `None` when no process listens.
    pub(crate) fn get(&mut self, path: &str, source: Ipv4Addr) -> Option<SeedAnswer> {
        let State::Up(daemon) = &self.state else {
            return None;
        };
        let answer = daemon.seeds.as_ref()?.answer(path, source.into());
        self.outputs
            .extend(answer.event.clone().map(ServerOutput::Event));
        Some(answer)
    }

    /// Answers a DNS question at once, for those who watch and are not part of the story.
    pub(crate) fn ask(&mut self, query: &[u8], now: Instant) -> Option<Vec<u8>> {
        let now = self.clock.read(now);
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
        daemon.deliver(&message, now);
        let to_us = Destination::Stream(WATCHER);
        let transmits = &mut daemon.engines.transmits;
        let index = transmits
            .iter()
            .position(|(_, transmit)| transmit.destination == to_us)?;
        Some(transmits.remove(index).1.payload)
    }

    /// False while the story has stopped them.
    pub(crate) const fn is_up(&self) -> bool {
        matches!(self.state, State::Up(_))
    }

    /// The active leases.
    pub(crate) fn leases(&self) -> Vec<quorate_dhcp::Lease> {
        match &self.state {
            State::Up(daemon) => daemon.engines.leases().collect(),
            State::Down(_) => Vec::new(),
        }
    }

    /// Waits for the disk if something was promised. What engines send meanwhile leaves at once:
    /// `serve` sends it after the sync, and an engine must not count on that.
    fn end_batch(&mut self, now: Now) {
        let State::Up(daemon) = &mut self.state else {
            return;
        };
        if daemon.engines.awaits_disk() {
            daemon.syncing = true;
            let nanos = SYNC_MAX.as_nanos() - SYNC_MIN.as_nanos();
            let drawn = self.syncs.below(nanos as u64);
            let drawn = SYNC_MIN + Duration::from_nanos(drawn);
            let time = match &self.choices {
                Some(choices) => choices.time(SERVERS, "sync", drawn),
                None => drawn,
            };
            let sync = ServerOutput::Sync(self.starts, time);
            self.outputs.push_back(sync);
        } else {
            daemon.engines.commit(now);
        }
        self.release();
    }

    /// What the engines want done becomes what the servers want done.
    fn release(&mut self) {
        let State::Up(daemon) = &mut self.state else {
            return;
        };
        let engines = &mut daemon.engines;
        let events = engines.events.drain(..);
        self.outputs.extend(events.map(ServerOutput::Event));
        let transmits = engines.transmits.drain(..);
        let routed =
            transmits.filter_map(|(service, transmit)| route(self.addr, service, transmit));
        self.outputs.extend(routed);
    }
}

impl Daemon {
    fn deliver(&mut self, message: &Message, now: Now) {
        let datagram = Datagram {
            source: message.source,
            destination: message.destination,
            channel: message.channel,
            payload: &message.payload,
        };
        self.engines.handle_datagram(message.service, datagram, now);
    }
}

const WATCHER_PORT: u16 = 40_054;
/// From where machines open streams.
const STREAM_PORT: u16 = 40_000;
/// The stream of those who watch, above all that are opened.
const WATCHER: StreamId = StreamId(DDNS_STREAMS - 1);
/// One fdatasync of an SSD.
const SYNC_MIN: Duration = Duration::from_micros(100);
const SYNC_MAX: Duration = Duration::from_millis(2);
