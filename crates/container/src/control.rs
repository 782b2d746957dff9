//! The control socket between the runner and PID 1 of a container: a Unix socket in a directory
//! that both see.
//!
//! ```text
//!   PID 1                                      runner
//!     │ Hello { name }                            │
//!     │──────────────────────────────────────────►│
//!     │            PowerOn, and the descriptor of │
//!     │               a network namespace         │
//!     │◄──────────────────────────────────────────│
//!     │ Answer::Plugged                           │
//!     │──────────────────────────────────────────►│
//!     │                                        GO │  the cable is connected
//!     │◄──────────────────────────────────────────│
//!     │ the agent's events, line by line          │
//!     │──────────────────────────────────────────►│
//!     │                            FREEZE or THAW │  whenever the story says so
//!     │◄──────────────────────────────────────────│
//! ```
//! Each message is one line of JSON. When the runner's end closes, PID 1 ends.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufRead as _, BufReader, IoSlice, IoSliceMut, Read as _, Write as _};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use quorate_core::MacAddr;
use quorate_host::machine::AgentConfig;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Who connects.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Hello {
    pub(crate) name: String,
}

/// The request to power on.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct PowerOn {
    pub(crate) mac: MacAddr,
    /// What the far end of the cable is to be called.
    pub(crate) cable: String,
    /// The configuration of the agent.
    pub(crate) agent: AgentConfig,
}

/// The answer to [`PowerOn`].
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Answer {
    Plugged,
    Failed { why: String },
}

/// The runner's listener.
#[derive(Debug)]
pub(crate) struct Listener {
    dir: PathBuf,
    listener: UnixListener,
    /// Accepted and not waited for yet, by name.
    accepted: BTreeMap<String, UnixStream>,
}

impl Listener {
    /// Listens in a new directory `dir`.
    pub(crate) fn open(dir: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&dir)?;
        let listener = UnixListener::bind(dir.join(SOCKET))?;
        Ok(Self {
            dir,
            listener,
            accepted: BTreeMap::new(),
        })
    }

    /// The directory that a container has to see at [`INSIDE`].
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Waits until `name` has connected.
    pub(crate) fn wait_for(&mut self, name: &str, patience: Duration) -> io::Result<UnixStream> {
        let end = Instant::now() + patience;
        loop {
            if let Some(stream) = self.accepted.remove(name) {
                return Ok(stream);
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            if !readable(self.listener.as_fd(), left)? {
                continue;
            }
            let (stream, _) = self.listener.accept()?;
            stream.set_read_timeout(Some(HELLO_MAX))?;
            // A container that ends in the middle of it has not connected.
            if let Ok(hello) = receive::<Hello>(&stream) {
                stream.set_read_timeout(None)?;
                self.accepted.insert(hello.name, stream);
            }
        }
    }
}

/// Connects to the runner from inside a container.
pub(crate) fn connect(name: &str) -> io::Result<UnixStream> {
    let stream = UnixStream::connect(Path::new(INSIDE).join(SOCKET))?;
    let name = name.to_owned();
    send(&stream, &Hello { name })?;
    Ok(stream)
}

/// Requests power-on, calls `connect` once PID 1 has made its cable, and lets the machine go on.
/// Answers the events of its agent.
pub(crate) fn power_on(
    stream: UnixStream,
    request: &PowerOn,
    ns: BorrowedFd<'_>,
    connect: impl FnOnce() -> io::Result<()>,
) -> io::Result<BufReader<UnixStream>> {
    stream.set_read_timeout(Some(ANSWER_MAX))?;
    send_descriptor(&stream, ns)?;
    send(&stream, request)?;
    let mut events = BufReader::new(stream);
    let mut line = String::new();
    events.read_line(&mut line)?;
    match serde_json::from_str(&line)? {
        Answer::Plugged => connect()?,
        Answer::Failed { why } => return Err(io::Error::other(why)),
    }
    let mut stream = events.get_ref();
    stream.write_all(&[GO])?;
    stream.set_read_timeout(None)?;
    Ok(events)
}

/// Waits for the request; `None` when the runner is gone.
pub(crate) fn await_power_on(stream: &UnixStream) -> io::Result<Option<(PowerOn, OwnedFd)>> {
    let Some(ns) = receive_descriptor(stream)? else {
        return Ok(None);
    };
    Ok(Some((receive(stream)?, ns)))
}

/// Answers the request, and waits until the runner has connected the cable.
pub(crate) fn answer(mut stream: &UnixStream, answer: &Answer) -> io::Result<()> {
    send(stream, answer)?;
    stream.read_exact(&mut [0])
}

/// Has PID 1 stop all other processes, or let them go on.
pub(crate) fn set_frozen(mut stream: &UnixStream, frozen: bool) -> io::Result<()> {
    stream.write_all(&[if frozen { FREEZE } else { THAW }])
}

/// Waits for the next [`set_frozen`]; `None` when the runner is gone.
pub(crate) fn await_freeze(mut stream: &UnixStream) -> Option<bool> {
    let mut byte = [0];
    loop {
        match (stream.read(&mut byte), byte) {
            (Ok(1), [FREEZE]) => return Some(true),
            (Ok(1), [THAW]) => return Some(false),
            (Ok(1), _) => {}
            (Err(error), _) if error.kind() == io::ErrorKind::Interrupted => {}
            (Ok(_) | Err(_), _) => return None,
        }
    }
}

fn send(mut stream: &UnixStream, message: &impl Serialize) -> io::Result<()> {
    let mut text = serde_json::to_vec(message)?;
    text.push(b'\n');
    stream.write_all(&text)
}

/// Reads one line, and not a byte more: what follows may be a descriptor.
fn receive<T: DeserializeOwned>(mut stream: &UnixStream) -> io::Result<T> {
    let mut line = Vec::new();
    let mut byte = [0];
    while line.len() < LINE_MAX {
        stream.read_exact(&mut byte)?;
        if byte == *b"\n" {
            return Ok(serde_json::from_slice(&line)?);
        }
        line.extend(byte);
    }
    Err(io::ErrorKind::InvalidData.into())
}

/// Sends a descriptor along with one byte.
fn send_descriptor(stream: &UnixStream, fd: BorrowedFd<'_>) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    let fds = [fd];
    assert!(ancillary.push(SendAncillaryMessage::ScmRights(&fds)));
    let byte = [IoSlice::new(&[GO])];
    sendmsg(stream, &byte, &mut ancillary, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// `None` when the other end is closed.
fn receive_descriptor(stream: &UnixStream) -> io::Result<Option<OwnedFd>> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    let mut bytes = [IoSliceMut::new(&mut byte)];
    let received = recvmsg(stream, &mut bytes, &mut ancillary, RecvFlags::CMSG_CLOEXEC)?;
    if received.bytes == 0 {
        return Ok(None);
    }
    let fd = ancillary.drain().find_map(|message| {
        if let RecvAncillaryMessage::ScmRights(mut fds) = message {
            fds.next()
        } else {
            None
        }
    });
    fd.map(Some).ok_or(io::ErrorKind::InvalidData.into())
}

fn readable(fd: BorrowedFd<'_>, patience: Duration) -> io::Result<bool> {
    let patience = Timespec {
        tv_sec: i64::try_from(patience.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: patience.subsec_nanos().into(),
    };
    let mut fds = [PollFd::from_borrowed_fd(fd, PollFlags::IN)];
    match poll(&mut fds, Some(&patience)) {
        Ok(count) => Ok(count > 0),
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Where a container sees the directory of the listener.
pub(crate) const INSIDE: &str = "/run/quorate";
const SOCKET: &str = "control";
const GO: u8 = b'!';
const FREEZE: u8 = b'f';
const THAW: u8 = b't';
const LINE_MAX: usize = 64 << 10;
const HELLO_MAX: Duration = Duration::from_secs(5);
/// Making a cable takes some milliseconds.
const ANSWER_MAX: Duration = Duration::from_secs(20);

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    fn request() -> PowerOn {
        PowerOn {
            mac: MacAddr([2, 0, 0, 0, 0, 1]),
            cable: "p7".to_owned(),
            agent: AgentConfig::new("eth0"),
        }
    }

    #[test]
    fn a_request_crosses_with_its_descriptor() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let machine = thread::spawn(move || {
            let (request, ns) = await_power_on(&theirs).unwrap().unwrap();
            answer(&theirs, &Answer::Plugged).unwrap();
            (&theirs).write_all(b"event\n").unwrap();
            (request, fs::read_link(fd_path(ns.as_fd())).unwrap())
        });
        let null = fs::File::open("/dev/null").unwrap();
        let mut connected = false;
        let connect = || {
            connected = true;
            Ok(())
        };
        let events = power_on(ours, &request(), null.as_fd(), connect).unwrap();
        let (received, target) = machine.join().unwrap();
        assert!(connected);
        assert_eq!(received.mac, request().mac);
        assert_eq!(received.agent, request().agent);
        assert_eq!(target, Path::new("/dev/null"));
        assert_eq!(events.lines().next().unwrap().unwrap(), "event");
    }

    #[test]
    fn a_cable_that_cannot_be_made_is_reported_and_not_connected() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let machine = thread::spawn(move || {
            await_power_on(&theirs).unwrap().unwrap();
            let why = "no cable".to_owned();
            answer(&theirs, &Answer::Failed { why }).unwrap_err();
        });
        let null = fs::File::open("/dev/null").unwrap();
        let connect = || panic!("there is nothing to connect");
        let error = power_on(ours, &request(), null.as_fd(), connect).unwrap_err();
        assert_eq!(error.to_string(), "no cable");
        machine.join().unwrap();
    }

    #[test]
    fn no_request_comes_from_a_runner_that_is_gone() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        drop(ours);
        assert!(await_power_on(&theirs).unwrap().is_none());
    }

    #[test]
    fn connections_are_known_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let mut listener = Listener::open(dir.path().join("control")).unwrap();
        let path = listener.dir().join(SOCKET);
        let calls: Vec<_> = ["n2", "n1"]
            .into_iter()
            .map(|name| {
                let stream = UnixStream::connect(&path).unwrap();
                let name = name.to_owned();
                send(&stream, &Hello { name }).unwrap();
                stream
            })
            .collect();
        for (name, call) in ["n1", "n2"].into_iter().zip(calls.iter().rev()) {
            let mut accepted = listener.wait_for(name, HELLO_MAX).unwrap();
            accepted.write_all(name.as_bytes()).unwrap();
            let mut heard = [0; 2];
            (&*call).read_exact(&mut heard).unwrap();
            assert_eq!(heard, name.as_bytes());
        }
        let missing = listener.wait_for("n3", Duration::from_millis(10));
        assert_eq!(missing.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    fn fd_path(fd: BorrowedFd<'_>) -> PathBuf {
        use std::os::fd::AsRawFd as _;
        Path::new("/proc/self/fd").join(fd.as_raw_fd().to_string())
    }
}
