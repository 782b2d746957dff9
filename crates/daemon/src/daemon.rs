//! The engines with their sockets: what arrives goes in, what they send goes out.

use std::net::SocketAddr;
use std::time::Duration;

use hickory_server::Server;
use quorate_core::{Channel, Datagram, Destination, StreamId, Transmit};
use quorate_server::{Engines, Event, Line, Service};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;

use crate::answers::Answers;
use crate::clock;
use crate::control::Ask;
use crate::dhcp_socket::DhcpSocket;
use crate::disk::Disk;
use crate::dns_listener::DnsListener;
use crate::dns_request::DnsRequest;
use crate::exclusive::Exclusive;
use crate::reporter::Reports;
use crate::stream::exchange;
use crate::throttle::Throttle;

/// The socket that UPDATEs leave by, and the server that they go to.
pub(crate) type Registrar = (UdpSocket, SocketAddr);

/// Why the loop woke up.
pub(crate) enum Wake {
    Stop,
    Event(Event),
    Ask(Ask),
    Dns(DnsRequest),
    /// A reply on a stream that a large UPDATE went out on.
    Stream(StreamId, Vec<u8>),
    /// A socket is readable, or a deadline has come.
    Work,
}

pub(crate) struct Daemon {
    pub(crate) engines: Engines<Disk>,
    pub(crate) dhcp: Option<DhcpSocket>,
    pub(crate) dns: Option<(Server<DnsListener>, mpsc::Receiver<DnsRequest>)>,
    pub(crate) ddns: Option<Registrar>,
    pub(crate) answers: Answers,
    pub(crate) reports: Reports,
    /// Held while this serves.
    pub(crate) _exclusive: Exclusive,
    pub(crate) asks: mpsc::Receiver<Ask>,
    pub(crate) streams: Replies,
    pub(crate) throttle: Throttle,
    /// `None` where the kernel has none; deadlines and messages show the clock, too, if later.
    pub(crate) clock_set: Option<clock::ChangeNotifier>,
    pub(crate) buffer: Vec<u8>,
}

impl Daemon {
    /// Waits for the next thing to do.
    pub(crate) async fn wait(&mut self, stop: &mut (impl Future<Output = ()> + Unpin)) -> Wake {
        let deadline = self.engines.deadline().map(|deadline| deadline.at);
        let deadline = deadline.into_iter().chain(self.throttle.deadline()).min();
        let timer = async {
            match deadline {
                Some(deadline) => {
                    let left = deadline.since(clock::now().instant);
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
            Some(event) = self.reports.receive() => Wake::Event(event),
            Some(ask) = self.asks.recv() => Wake::Ask(ask),
            () = clock_set => Wake::Work,
            () = timer => Wake::Work,
        }
    }

    /// Handles what has arrived by now, up to a batch, and meets deadlines.
    pub(crate) fn read_sockets(&mut self) {
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
                .handle_datagram(Service::Dhcp, datagram, clock::now());
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
                .handle_datagram(Service::Ddns, datagram, clock::now());
        }
        self.buffer = buffer;
        for _ in 0..BATCH_MAX {
            let request = self
                .dns
                .as_mut()
                .and_then(|(_, requests)| requests.try_recv().ok());
            let Some(request) = request else { break };
            self.dns(request);
        }
        self.engines.tick(clock::now());
    }

    pub(crate) fn dns(&mut self, request: DnsRequest) {
        let now = clock::now();
        let (source, channel) = (request.source, request.channel);
        let payload = self.answers.expect(request, now.instant);
        let datagram = Datagram {
            source,
            destination: source,
            channel,
            payload: &payload,
        };
        self.engines.handle_datagram(Service::Dns, datagram, now);
    }

    pub(crate) fn ddns_stream(&mut self, id: StreamId, payload: &[u8]) {
        let Some((_, server)) = self.ddns else {
            return;
        };
        let datagram = Datagram {
            source: server,
            destination: server,
            channel: Channel::Stream(id),
            payload,
        };
        self.engines
            .handle_datagram(Service::Ddns, datagram, clock::now());
    }

    pub(crate) fn commit(&mut self) {
        tokio::task::block_in_place(|| self.engines.commit(clock::now()));
    }

    /// Sends what may leave. A datagram that cannot be sent is a datagram lost: its sender
    /// tries again.
    pub(crate) fn send(&mut self) {
        for (service, transmit) in std::mem::take(&mut self.engines.transmits) {
            match service {
                Service::Dhcp => {
                    if let Some(socket) = &self.dhcp
                        && let Err(error) = socket.send(&transmit)
                    {
                        let why = format!("a reply was not sent: {error}");
                        self.engines
                            .events
                            .push(not_sent(&transmit.destination, why));
                    }
                }
                Service::Dns => self.answers.send(transmit),
                Service::Ddns => self.send_update(transmit),
            }
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

    /// Emits what is not held back, and counts of what was.
    pub(crate) fn emit_all(&mut self, emit: &mut impl FnMut(&Line), events: Vec<Event>) {
        let now = clock::now().instant;
        let mono_ns = now.as_nanos();
        for event in self.throttle.flush(now) {
            emit(&Line { mono_ns, event });
        }
        for event in events {
            if let Some(event) = self.throttle.admit(event, now) {
                emit(&Line { mono_ns, event });
            }
        }
    }
}

fn not_sent(destination: &Destination, why: String) -> Event {
    let source = match destination {
        Destination::Udp(to) => Some(to.ip()),
        Destination::Link { addr, .. } => Some((*addr).into()),
        Destination::Broadcast { .. } | Destination::Stream(_) => None,
    };
    Event::Refused {
        service: "dhcp".to_owned(),
        source,
        why,
    }
}

/// Replies on streams that large UPDATEs went out on.
#[derive(Debug)]
pub(crate) struct Replies {
    sender: mpsc::Sender<(StreamId, Vec<u8>)>,
    receiver: mpsc::Receiver<(StreamId, Vec<u8>)>,
}

impl Replies {
    pub(crate) fn new() -> Self {
        let (sender, receiver) = mpsc::channel(REPLIES_WAITING_MAX);
        Self { sender, receiver }
    }
}

/// Messages of one socket that are handled before the disk is waited for.
const BATCH_MAX: usize = 256;
pub(crate) const MESSAGE_OCTETS_MAX: usize = 65_535;
const REPLIES_WAITING_MAX: usize = 64;
