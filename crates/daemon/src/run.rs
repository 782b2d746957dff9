//! The main loop: sockets in, engines, one sync, sockets out.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hickory_server::Server;
use quorate_core::{Channel, Datagram, Destination, Instant, Seed, StreamId, Transmit};
use quorate_server::{Directory, Engines, Event, Line, Seeds, Service, Setup, SetupError};
use quorate_store::StoreError;
use thiserror::Error;
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::{mpsc, oneshot};

use crate::advert_socket::AdvertSocket;
use crate::check::check;
use crate::clock;
use crate::config::{Config, ConfigError};
use crate::control::{self, Ask};
use crate::dhcp_socket::DhcpSocket;
use crate::disk::Disk;
use crate::dns_listener::{self, DnsListener, DnsRequest};
use crate::keys;
use crate::seed_listener::{self, SeedServer};
use crate::stream::exchange;
use crate::tftp_socket::TftpServer;

/// The daemons cannot start, or cannot go on.
#[derive(Debug, Error)]
pub enum ServeError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("state_dir: {0}")]
    Store(#[from] StoreError),
    #[error("the key {}: {what}: {source}", path.display())]
    OwnKey {
        path: PathBuf,
        what: &'static str,
        source: io::Error,
    },
    #[error("a record of the log is not one of ours: {0}")]
    Record(#[from] serde_json::Error),
    #[error("{what}: {source}")]
    Socket { what: String, source: io::Error },
}

impl From<SetupError> for ServeError {
    fn from(error: SetupError) -> Self {
        Self::Config(error.into())
    }
}

/// Serves until `stop` completes. Every event goes to `emit`, the first being
/// [`Event::Ready`] when all services answer.
///
/// Must run on a multi-threaded tokio runtime: the disk is waited for in place.
///
/// # Errors
/// When a service cannot start, or the disk fails: nothing is promised after that.
pub async fn run(
    config: Config,
    stop: impl Future<Output = ()>,
    mut emit: impl FnMut(&Line),
) -> Result<(), ServeError> {
    let mut daemon = Daemon::start(config).await?;
    daemon.emit_all(
        &mut emit,
        vec![Event::Ready {
            leases: daemon.engines.leases().count(),
        }],
    );
    tokio::pin!(stop);
    loop {
        daemon.commit()?;
        daemon.send();
        let events = std::mem::take(&mut daemon.engines.events);
        daemon.emit_all(&mut emit, events);
        let wake = daemon.wait(&mut stop).await;
        match wake {
            Wake::Stop => return Ok(()),
            Wake::Event(event) => daemon.emit_all(&mut emit, vec![event]),
            Wake::Ask(ask) => control::answer(ask, &daemon.engines),
            Wake::Dns(request) => daemon.dns(request)?,
            Wake::Stream(id, payload) => daemon.ddns_stream(id, &payload)?,
            Wake::Work => {}
        }
        daemon.read_sockets()?;
    }
}

/// Why the loop woke up.
enum Wake {
    Stop,
    Event(Event),
    Ask(Ask),
    Dns(DnsRequest),
    /// A reply on a stream that a large UPDATE went out on.
    Stream(StreamId, Vec<u8>),
    /// A socket is readable, or a deadline has come.
    Work,
}

struct Daemon {
    engines: Engines<Disk>,
    dhcp: Option<DhcpSocket>,
    dns: Option<(Server<DnsListener>, mpsc::Receiver<DnsRequest>)>,
    ddns: Option<(UdpSocket, SocketAddr)>,
    /// Answers that hickory's tasks wait for, and since when.
    waiting: BTreeMap<Waiter, (Instant, oneshot::Sender<Vec<u8>>)>,
    swept: Instant,
    events: mpsc::UnboundedReceiver<Event>,
    asks: mpsc::Receiver<Ask>,
    streams: Replies,
    /// `None` where the kernel has none; deadlines and messages show the clock, too, if later.
    clock_set: Option<clock::ChangeNotifier>,
    buffer: Vec<u8>,
}

impl Daemon {
    async fn start(config: Config) -> Result<Self, ServeError> {
        // Before anything is made or written.
        check(&config)?;
        let config = config.services;
        let directory = Directory::default();
        let log = Disk::open(&config.state_dir.join("state"))?;
        let setup = Setup::new(&config, keys::load(&config)?)?;
        let now = clock::now();
        let draw = Seed::new(now.instant.as_nanos() ^ now.wall.as_unix_secs().rotate_left(32));
        let engines = Engines::restore(setup, log, draw, directory.clone(), now)?;

        let socket = |what: String| move |source| ServeError::Socket { what, source };
        let dns = match config.dns() {
            Some(dns) => Some(
                dns_listener::listen(&dns.listen)
                    .await
                    .map_err(socket("[dns]".into()))?,
            ),
            None => None,
        };
        let ddns = match config.ddns() {
            Some(ddns) => {
                let any = if ddns.server.is_ipv4() {
                    "0.0.0.0:0"
                } else {
                    "[::]:0"
                };
                let bound = UdpSocket::bind(any)
                    .await
                    .map_err(socket("[ddns]".into()))?;
                Some((bound, ddns.server))
            }
            None => None,
        };
        let (events, received) = mpsc::unbounded_channel();
        if let Some(seed) = config.seed() {
            let what = format!("[seed] {}", seed.listen);
            let listener = TcpListener::bind(seed.listen).await.map_err(socket(what))?;
            let boot = config.boot();
            let files = boot.map_or_else(Vec::new, |boot| boot.files.clone());
            let seeds = Seeds::new(&config, directory);
            if let Some(listen) = boot.and_then(|boot| boot.tftp) {
                let what = format!("[boot] tftp {listen}");
                let bound = UdpSocket::bind(listen).await.map_err(socket(what))?;
                let server = TftpServer::new(files.clone(), seeds.clone(), events.clone());
                tokio::spawn(server.serve(bound));
            }
            let server = SeedServer {
                seeds,
                events,
                files,
            };
            tokio::spawn(seed_listener::serve(listener, server));
        }
        if let (Some(boot), Some(dhcp)) = (config.boot(), config.dhcp())
            && boot.no_ipv6_router
        {
            let what = format!("[boot] no_ipv6_router on {}", dhcp.interface);
            let adverts = AdvertSocket::open(&dhcp.interface).map_err(socket(what))?;
            tokio::spawn(adverts.serve());
        }
        // DHCP last: what it hands out leads to the others.
        let dhcp = match config.dhcp() {
            Some(dhcp) => {
                let what = format!("[dhcp] {}", dhcp.interface);
                Some(DhcpSocket::open(&dhcp.interface, dhcp.server_id).map_err(socket(what))?)
            }
            None => None,
        };
        let what = "the control socket".to_owned();
        let asks = control::listen(&control_path(&config.state_dir)).map_err(socket(what))?;
        Ok(Self {
            engines,
            dhcp,
            dns,
            ddns,
            waiting: BTreeMap::new(),
            swept: now.instant,
            events: received,
            asks,
            streams: Replies::new(),
            clock_set: clock::ChangeNotifier::new().ok(),
            buffer: vec![0; MESSAGE_OCTETS_MAX],
        })
    }

    /// Waits for the next thing to do.
    async fn wait(&mut self, stop: &mut (impl Future<Output = ()> + Unpin)) -> Wake {
        let deadline = self.engines.deadline();
        let timer = async {
            match deadline {
                Some(deadline) => {
                    let left = deadline.at.since(clock::now().instant);
                    // tokio's timer ticks in milliseconds: never wake early and spin.
                    tokio::time::sleep(left + Duration::from_micros(500)).await;
                }
                None => std::future::pending().await,
            }
        };
        let dhcp = async {
            match &self.dhcp {
                Some(socket) => drop(socket.readable().await),
                None => std::future::pending().await,
            }
        };
        let ddns = async {
            match &self.ddns {
                Some((socket, _)) => drop(socket.readable().await),
                None => std::future::pending().await,
            }
        };
        let clock_set = async {
            match &self.clock_set {
                Some(notifier) => notifier.changed().await,
                None => std::future::pending().await,
            }
        };
        let dns = async {
            match &mut self.dns {
                Some((_, requests)) => requests.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = stop => Wake::Stop,
            () = dhcp => Wake::Work,
            () = ddns => Wake::Work,
            Some(request) = dns => Wake::Dns(request),
            Some((id, payload)) = self.streams.receiver.recv() => Wake::Stream(id, payload),
            Some(event) = self.events.recv() => Wake::Event(event),
            Some(ask) = self.asks.recv() => Wake::Ask(ask),
            () = clock_set => Wake::Work,
            () = timer => Wake::Work,
        }
    }

    /// Handles what has arrived by now, up to a batch, and meets deadlines.
    fn read_sockets(&mut self) -> Result<(), ServeError> {
        let mut buffer = std::mem::take(&mut self.buffer);
        for _ in 0..BATCH_MAX {
            let Some(received) = self
                .dhcp
                .as_ref()
                .and_then(|socket| socket.try_recv(&mut buffer).ok())
            else {
                break;
            };
            let datagram = Datagram {
                source: received.source,
                destination: received.destination,
                channel: Channel::Udp,
                payload: &buffer[..received.len],
            };
            self.engines
                .handle_datagram(Service::Dhcp, datagram, clock::now())?;
        }
        for _ in 0..BATCH_MAX {
            let Some((socket, _)) = &self.ddns else { break };
            let Ok((len, source)) = socket.try_recv_from(&mut buffer) else {
                break;
            };
            let destination = SocketAddr::new([0, 0, 0, 0].into(), 0);
            let payload = &buffer[..len];
            let datagram = Datagram {
                source,
                destination,
                channel: Channel::Udp,
                payload,
            };
            self.engines
                .handle_datagram(Service::Ddns, datagram, clock::now())?;
        }
        self.buffer = buffer;
        for _ in 0..BATCH_MAX {
            let request = self
                .dns
                .as_mut()
                .and_then(|(_, requests)| requests.try_recv().ok());
            let Some(request) = request else { break };
            self.dns(request)?;
        }
        Ok(self.engines.tick(clock::now())?)
    }

    fn dns(&mut self, request: DnsRequest) -> Result<(), ServeError> {
        let now = clock::now();
        if now.instant - self.swept > ANSWER_MAX {
            self.swept = now.instant;
            // What the engine left without an answer gets none.
            self.waiting
                .retain(|_, (since, _)| now.instant - *since <= ANSWER_MAX);
        }
        // A second request under the same key is a retransmission: one answer serves both.
        let waiter = Waiter::of_request(&request);
        self.waiting.insert(waiter, (now.instant, request.reply));
        let datagram = Datagram {
            source: request.source,
            destination: request.source,
            channel: request.channel,
            payload: &request.payload,
        };
        Ok(self
            .engines
            .handle_datagram(Service::Dns, datagram, clock::now())?)
    }

    fn ddns_stream(&mut self, id: StreamId, payload: &[u8]) -> Result<(), ServeError> {
        let Some((_, server)) = self.ddns else {
            return Ok(());
        };
        let datagram = Datagram {
            source: server,
            destination: server,
            channel: Channel::Stream(id),
            payload,
        };
        Ok(self
            .engines
            .handle_datagram(Service::Ddns, datagram, clock::now())?)
    }

    fn commit(&mut self) -> Result<(), ServeError> {
        Ok(tokio::task::block_in_place(|| {
            self.engines.commit(clock::now())
        })?)
    }

    /// Sends what may leave. A datagram that cannot be sent is a datagram lost: its sender
    /// tries again.
    fn send(&mut self) {
        for (service, transmit) in std::mem::take(&mut self.engines.transmits) {
            match service {
                Service::Dhcp => {
                    if let Some(socket) = &self.dhcp
                        && let Err(error) = socket.send(&transmit)
                    {
                        tracing::warn!(%error, to = ?transmit.destination, "DHCP reply not sent");
                    }
                }
                Service::Dns => self.answer(transmit),
                Service::Ddns => self.send_update(transmit),
            }
        }
    }

    fn answer(&mut self, transmit: Transmit) {
        let waiter = Waiter::of_answer(&transmit);
        if let Some((_, reply)) = waiter.and_then(|waiter| self.waiting.remove(&waiter)) {
            // The asker may have gone meanwhile.
            let _ = reply.send(transmit.payload);
        }
    }

    fn send_update(&self, transmit: Transmit) {
        let Some((socket, server)) = &self.ddns else {
            return;
        };
        match transmit.destination {
            Destination::Stream(id) => {
                let (replies, server) = (self.streams.sender.clone(), *server);
                tokio::spawn(async move {
                    match exchange(server, &transmit.payload).await {
                        Ok(reply) => drop(replies.send((id, reply)).await),
                        // The engine sends it again.
                        Err(error) => tracing::warn!(%error, %server, "UPDATE by TCP failed"),
                    }
                });
            }
            Destination::Udp(to) => {
                if let Err(error) = socket.try_send_to(&transmit.payload, to) {
                    tracing::warn!(%error, %to, "UPDATE not sent");
                }
            }
            Destination::Broadcast { .. } | Destination::Link { .. } => {}
        }
    }

    fn emit_all(&self, emit: &mut impl FnMut(&Line), events: Vec<Event>) {
        let mono_ns = clock::now().instant.as_nanos();
        for event in events {
            emit(&Line { mono_ns, event });
        }
    }
}

/// Replies on streams that large UPDATEs went out on.
#[derive(Debug)]
struct Replies {
    sender: mpsc::Sender<(StreamId, Vec<u8>)>,
    receiver: mpsc::Receiver<(StreamId, Vec<u8>)>,
}

impl Replies {
    fn new() -> Self {
        let (sender, receiver) = mpsc::channel(REPLIES_WAITING_MAX);
        Self { sender, receiver }
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

/// Where [`control`] listens, within the state directory.
pub fn control_path(state_dir: &Path) -> PathBuf {
    state_dir.join(STATE).join("control.sock")
}

/// The log, its lock and the control socket; 0700.
const STATE: &str = "state";
/// Messages of one socket that are handled before the disk is waited for.
const BATCH_MAX: usize = 256;
const MESSAGE_OCTETS_MAX: usize = 65_535;
/// How long a request may wait for the disk, and how often those that waited longer go.
const ANSWER_MAX: Duration = Duration::from_secs(5);
const REPLIES_WAITING_MAX: usize = 64;
