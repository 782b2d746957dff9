//! Waits for an etcd member's peers, on a real kernel: the driver of [`quorate_await_peers`].

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream, UdpSocket};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use quorate_await_peers::{
    Command, Config, Effect, Event, PeerWait, Probe, Ready, Reason, Verdict, hosts,
};
use quorate_core::{Channel, Datagram, Destination, Engine as _, Output, Seed, StreamId};
use rustix::event::{PollFd, PollFlags, Timespec};

use crate::clock::{monotonic, now};

/// The member whose peers are waited for.
#[derive(Clone, Debug)]
pub struct AwaitPeers {
    /// Its name servers are read from `/etc/resolv.conf` when there are none in here.
    pub config: Config,
    /// etcd's data directory. With a log in it the member has bootstrapped: nothing is waited
    /// for, and the peers' addresses are left to the DNS.
    pub data_dir: PathBuf,
    /// Where `resolv.conf` and `hosts` are: `/etc`.
    pub etc_dir: PathBuf,
    /// Where variables for etcd's environment are left, when it needs any at this start.
    pub environment_file: Option<PathBuf>,
}

/// How the wait ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Awaited {
    /// The member has bootstrapped before.
    Rejoins,
    Ended {
        verdict: Verdict,
        /// Why the addresses are not in `/etc/hosts`, when they are not.
        not_pinned: Option<String>,
        /// Why etcd's environment lacks what it should have, when it does.
        not_set: Option<String>,
    },
}

/// Waits until the member may start; `on_wait` hears what for.
///
/// # Errors
/// When there is no socket to ask with.
pub fn await_peers(member: AwaitPeers, mut on_wait: impl FnMut(&Reason)) -> io::Result<Awaited> {
    let hosts = member.etc_dir.join("hosts");
    let environment = member.environment_file.as_deref();
    if has_bootstrapped(&member.data_dir) {
        // A member that has no pins needs none removed.
        let _ = pin(&hosts, &BTreeMap::new());
        let _ = environment.map(|path| set(path, ""));
        return Ok(Awaited::Rejoins);
    }
    let mut config = member.config;
    if config.servers.is_empty() {
        let text = fs::read_to_string(member.etc_dir.join("resolv.conf")).unwrap_or_default();
        config.servers = name_servers(&text);
    }
    let scheme = config.own.scheme;
    let mut exchanges = Exchanges::new(scheme)?;
    let seed = Seed::new(monotonic().as_nanos()).child(&config.own.to_string());
    let mut engine = PeerWait::new(config, seed);
    engine.command(Command::Begin, now());
    loop {
        while let Some(output) = engine.poll() {
            match output {
                Output::Transmit(transmit) => {
                    exchanges.send(&transmit.destination, &transmit.payload)
                }
                Output::Effect(Effect::AskByStream {
                    id,
                    server,
                    payload,
                }) => exchanges.ask_by_stream(id, server, payload)?,
                Output::Effect(Effect::Probe { peer }) => exchanges.probe(peer)?,
                Output::Event(Event::Waiting(reason)) => on_wait(&reason),
                Output::Event(Event::Ended(verdict)) => {
                    let (pinned, set) = match &verdict {
                        Verdict::Ready(ready) => (
                            pin(&hosts, &ready.addresses),
                            environment.map_or(Ok(()), |path| set(path, variables(ready))),
                        ),
                        Verdict::NotListed { .. } => (Ok(()), Ok(())),
                    };
                    let why = |error: io::Error| error.to_string();
                    return Ok(Awaited::Ended {
                        verdict,
                        not_pinned: pinned.err().map(why),
                        not_set: set.err().map(why),
                    });
                }
                Output::Write { write, .. } => match write {},
            }
        }
        exchanges.wait(&engine)?;
        exchanges.receive(&mut engine);
        engine.handle_timeout(now());
    }
}

/// What is under way: datagrams on one socket, TCP on threads, since few members have more than
/// two peers before them.
#[derive(Debug)]
struct Exchanges {
    scheme: quorate_etcd::Scheme,
    udp: UdpSocket,
    wake: UnixStream,
    waker: UnixStream,
    sender: mpsc::Sender<Done>,
    receiver: mpsc::Receiver<Done>,
}

/// What a thread brings back.
#[derive(Debug)]
enum Done {
    Probed {
        peer: SocketAddr,
        found: Probe,
    },
    Answered {
        id: StreamId,
        server: SocketAddr,
        payload: Vec<u8>,
    },
}

impl Exchanges {
    fn new(scheme: quorate_etcd::Scheme) -> io::Result<Self> {
        let (wake, waker) = UnixStream::pair()?;
        wake.set_nonblocking(true)?;
        let udp = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        udp.set_nonblocking(true)?;
        let (sender, receiver) = mpsc::channel();
        Ok(Self {
            scheme,
            udp,
            wake,
            waker,
            sender,
            receiver,
        })
    }

    /// A question that cannot be sent is one that is not answered: the engine asks again.
    fn send(&self, destination: &Destination, payload: &[u8]) {
        if let Destination::Udp(to) = destination {
            let _ = self.udp.send_to(payload, to);
        }
    }

    fn ask_by_stream(&self, id: StreamId, server: SocketAddr, payload: Vec<u8>) -> io::Result<()> {
        self.spawn(move || {
            let payload = exchange(server, &payload).ok()?;
            Some(Done::Answered {
                id,
                server,
                payload,
            })
        })
    }

    fn probe(&self, peer: SocketAddr) -> io::Result<()> {
        let scheme = self.scheme;
        self.spawn(move || {
            let found = look(peer, scheme);
            Some(Done::Probed { peer, found })
        })
    }

    fn spawn(&self, exchange: impl FnOnce() -> Option<Done> + Send + 'static) -> io::Result<()> {
        let mut waker = self.waker.try_clone()?;
        let sender = self.sender.clone();
        std::thread::Builder::new()
            .name("exchange".into())
            .spawn(move || {
                if let Some(done) = exchange() {
                    // Both fail only when the wait is over.
                    let _ = sender.send(done);
                    let _ = waker.write_all(&[0]);
                }
            })?;
        Ok(())
    }

    fn wait(&self, engine: &PeerWait) -> io::Result<()> {
        let readable = |fd| PollFd::from_borrowed_fd(fd, PollFlags::IN);
        let mut fds = [readable(self.udp.as_fd()), readable(self.wake.as_fd())];
        let timeout = engine.poll_timeout().map(|deadline| {
            let left = deadline.at.since(monotonic());
            Timespec {
                tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: left.subsec_nanos().into(),
            }
        });
        match rustix::event::poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn receive(&mut self, engine: &mut PeerWait) {
        let mut buffer = [0; DATAGRAM_BYTES_MAX];
        let here = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        // An error means that an earlier datagram was refused; the next call goes on.
        while let Ok((length, source)) = self.udp.recv_from(&mut buffer) {
            let datagram = Datagram {
                source,
                destination: here,
                channel: Channel::Udp,
                payload: &buffer[..length],
            };
            engine.handle_datagram(datagram, now());
        }
        let _ = self.wake.read(&mut [0; 16]);
        for done in self.receiver.try_iter() {
            match done {
                Done::Probed { peer, found } => {
                    engine.command(Command::Probed { peer, found }, now());
                }
                Done::Answered {
                    id,
                    server,
                    payload,
                } => {
                    let datagram = Datagram {
                        source: server,
                        destination: here,
                        channel: Channel::Stream(id),
                        payload: &payload,
                    };
                    engine.handle_datagram(datagram, now());
                }
            }
        }
    }
}

/// One question and its answer by TCP (RFC 1035 §4.2.2).
fn exchange(server: SocketAddr, query: &[u8]) -> io::Result<Vec<u8>> {
    let length = u16::try_from(query.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    let mut stream = connect(server)?;
    stream.write_all(&[&length.to_be_bytes()[..], query].concat())?;
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut answer = vec![0; u16::from_be_bytes(length).into()];
    stream.read_exact(&mut answer)?;
    Ok(answer)
}

/// Sees whether a peer serves: by the question that a starting etcd asks it. A member that is
/// starting itself has its port open and answers when it is done.
fn look(peer: SocketAddr, scheme: quorate_etcd::Scheme) -> Probe {
    let Ok(mut stream) = connect(peer) else {
        return Probe::Closed;
    };
    if scheme == quorate_etcd::Scheme::Https {
        return Probe::Open;
    }
    let question = format!("GET /members HTTP/1.1\r\nHost: {peer}\r\nConnection: close\r\n\r\n");
    let mut begin = [0; 5];
    let answered = stream
        .write_all(question.as_bytes())
        .and_then(|()| stream.read_exact(&mut begin));
    match answered {
        Ok(()) if begin == *b"HTTP/" => Probe::Serves,
        Ok(()) | Err(_) => Probe::Closed,
    }
}

fn connect(to: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&to, STREAM_MAX)?;
    stream.set_read_timeout(Some(STREAM_MAX))?;
    stream.set_write_timeout(Some(STREAM_MAX))?;
    Ok(stream)
}

/// etcd has written its first log: it belongs to a cluster.
fn has_bootstrapped(data_dir: &Path) -> bool {
    let Ok(files) = fs::read_dir(data_dir.join("member").join("wal")) else {
        return false;
    };
    files
        .flatten()
        .any(|file| file.path().extension().is_some_and(|end| end == "wal"))
}

/// In place: the file may be a bind mount, which nothing can be renamed over.
fn pin(path: &Path, addresses: &BTreeMap<String, Ipv4Addr>) -> io::Result<()> {
    let before = match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        read => read?,
    };
    let after = hosts::pinned(&before, addresses);
    if after == before {
        return Ok(());
    }
    fs::write(path, after)
}

/// What etcd's environment is to say. When a member's peers are there, etcd advances its clock
/// by all but two ticks of the election timeout, so that a leader appears soon. The member that
/// goes first may lead already by the vote of one: the jump has it look for its quorum before it
/// can have heard of any, and step down; what it proposed is lost for seven seconds.
fn variables(ready: &Ready) -> &'static str {
    let goes_first = ready.place == 0 && ready.members > 1;
    match goes_first {
        true => "ETCD_INITIAL_ELECTION_TICK_ADVANCE=false\n",
        false => "",
    }
}

/// Leaves variables, or removes what is left of an earlier start.
fn set(path: &Path, variables: &str) -> io::Result<()> {
    if !variables.is_empty() {
        return fs::write(path, variables);
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The name servers of a resolv.conf(5), as far as they have IPv4 addresses.
fn name_servers(resolv_conf: &str) -> Vec<SocketAddr> {
    resolv_conf
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let (key, addr) = (words.next()?, words.next()?);
            let addr = addr.parse().ok().filter(|_| key == "nameserver")?;
            Some(SocketAddr::V4(SocketAddrV4::new(addr, DNS_PORT)))
        })
        .collect()
}

const DNS_PORT: u16 = 53;
/// What one connection may take in any of its steps. The engine does not wait for it.
const STREAM_MAX: Duration = Duration::from_secs(1);
/// More than any answer that our questions allow (EDNS).
const DATAGRAM_BYTES_MAX: usize = 4_096;

#[cfg(test)]
mod tests;
