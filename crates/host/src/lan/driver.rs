//! The switch thread: frames from the ring through the switch and back to the kernel.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant as Clock, SystemTime, UNIX_EPOCH};

use quorate_core::{Instant, Seed};
use quorate_fabric::pcapng::Direction;
use quorate_fabric::{DropReason, Passage, PortId, Switch};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::capture::{Capture, Record};
use super::ring::{Ring, SLOTS};
use super::sender::{Batch, Sender};
use super::wire::Wire;
use super::{Command, Guests, LanCounters};

/// Everything the switch thread owns.
#[derive(Debug)]
pub(super) struct Driver {
    switch: Switch,
    ring: Ring,
    sender: Sender,
    capture: Option<Capture>,
    /// By port.
    ends: Vec<End>,
    ports: HashMap<u32, PortId>,
    guests: Option<PortId>,
    /// The ports at which a wire is.
    wired: Vec<PortId>,
    began: Clock,
    counters: LanCounters,
}

impl Driver {
    pub(super) fn new(seed: Seed, capture: Option<Capture>) -> io::Result<Self> {
        Ok(Self {
            switch: Switch::new(seed),
            ring: Ring::open()?,
            sender: Sender::open()?,
            capture,
            ends: Vec::new(),
            ports: HashMap::new(),
            guests: None,
            wired: Vec::new(),
            began: Clock::now(),
            counters: LanCounters::default(),
        })
    }

    /// Runs until the other end of `commands` is gone.
    pub(super) fn run(&mut self, commands: &Receiver<Command>, wakeup: &OwnedFd) -> io::Result<()> {
        // Deadlines are met some 50 µs late otherwise. Not worth failing for.
        let _ = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1));
        loop {
            if !self.run_commands(commands)? {
                return self.capture.take().map_or(Ok(()), Capture::finish);
            }
            if self.forward()? == 0 {
                self.wait(wakeup)?;
            }
        }
    }

    pub(super) fn switch(&mut self) -> &mut Switch {
        &mut self.switch
    }

    /// Adds a port for the machine called `label`, with the name for this end of its cable.
    pub(super) fn add_port(&mut self, label: &str) -> io::Result<(String, PortId)> {
        let id = self.switch.add_port();
        self.switch.set_link(id, false); // until there is a cable
        self.ends.push(End::Nothing);
        if let Some(capture) = &self.capture {
            capture.add_interface(label)?;
        }
        Ok((format!("p{}", id.0), id))
    }

    /// Adds the port of stations without a kernel.
    pub(super) fn invite(&mut self, label: &str, guests: Box<dyn Guests>) -> io::Result<PortId> {
        let (_, port) = self.add_port(label)?;
        self.switch.set_link(port, true);
        self.ends[port.0 as usize] = End::Guests(guests);
        self.guests = Some(port);
        Ok(port)
    }

    /// From now on frames at the interface `index` are those of `port`.
    pub(super) fn connect(&mut self, port: PortId, index: u32) {
        let before = std::mem::replace(&mut self.ends[port.0 as usize], End::Interface(index));
        if let End::Interface(before) = before {
            self.ports.remove(&before);
        }
        self.switch.set_link(port, true);
        self.ports.insert(index, port);
    }

    /// From now on frames on the stream are those of `port`.
    pub(super) fn wire(&mut self, port: PortId, stream: UnixStream) -> io::Result<()> {
        self.ends[port.0 as usize] = End::Wire(Wire::new(stream)?);
        if !self.wired.contains(&port) {
            self.wired.push(port);
        }
        self.switch.set_link(port, true);
        Ok(())
    }

    /// Answers the index of the interface behind the port, if it is one.
    pub(super) fn set_link(&mut self, port: PortId, up: bool) -> io::Result<Option<u32>> {
        let index = match self.ends.get(port.0 as usize) {
            Some(End::Interface(index)) => Some(*index),
            Some(End::Wire(_)) => None,
            Some(End::Nothing | End::Guests(_)) | None => {
                return Err(io::ErrorKind::NotFound.into());
            }
        };
        self.switch.set_link(port, up);
        Ok(index)
    }

    pub(super) fn counters(&mut self) -> io::Result<LanCounters> {
        self.counters.ring_full += self.ring.dropped()?;
        Ok(LanCounters {
            switch: self.switch.counters(),
            send_failed: self.sender.failed(),
            capture_full: self.capture.as_ref().map_or(0, Capture::dropped),
            ..self.counters
        })
    }

    /// False when there will be no more commands.
    fn run_commands(&mut self, commands: &Receiver<Command>) -> io::Result<bool> {
        loop {
            match commands.try_recv() {
                Ok(command) => {
                    self.catch_up()?;
                    command(self);
                }
                Err(TryRecvError::Empty) => return Ok(true),
                Err(TryRecvError::Disconnected) => {
                    self.catch_up()?;
                    return Ok(false);
                }
            }
        }
    }

    /// Moves what lies in the ring: a command does not affect a frame that was sent before it.
    fn catch_up(&mut self) -> io::Result<()> {
        for _ in 0..SLOTS / FRAMES_PER_TURN {
            if self.forward()? < FRAMES_PER_TURN {
                break;
            }
        }
        Ok(())
    }

    /// Moves up to [`FRAMES_PER_TURN`] frames, and everything that is due. Answers how many.
    fn forward(&mut self) -> io::Result<usize> {
        let now = self.now();
        let mut batch = Batch::default();
        let mut passage = Passage::default();
        let mut moved = 0;
        self.switch.handle_timeout(now);
        send_ready(
            &mut self.switch,
            &mut self.ends,
            &mut self.capture,
            &mut batch,
        );
        for frame in self.ring.pending().take(FRAMES_PER_TURN) {
            moved += 1;
            let Some(port) = self.ports.get(&frame.interface).copied() else {
                continue; // the loopback interface, or a cable being plugged in
            };
            if frame.truncated {
                self.counters.too_long += 1;
                continue;
            }
            self.switch.pass_frame(port, frame.bytes, now, &mut passage);
            if let Some(capture) = &mut self.capture {
                capture.write(Record {
                    port,
                    unix_nanos: frame.unix_nanos,
                    direction: Direction::Inbound,
                    frame: frame.bytes,
                    comment: remark(&passage),
                });
            }
            send_ready(
                &mut self.switch,
                &mut self.ends,
                &mut self.capture,
                &mut batch,
            );
            for to in &passage.ports {
                match &mut self.ends[to.0 as usize] {
                    End::Interface(index) => batch.push_borrowed(*index, frame.bytes),
                    End::Guests(guests) => guests.handle_frame(frame.bytes),
                    End::Wire(wire) => wire.send(frame.bytes),
                    End::Nothing => {}
                }
            }
        }
        self.sender.send(&batch)?;
        drop(batch);
        self.ring.release(moved);
        moved += self.forward_guests(now)?;
        for index in 0..self.wired.len() {
            moved += self.forward_wire(self.wired[index], now)?;
        }
        Ok(moved)
    }

    /// Moves up to [`FRAMES_PER_TURN`] frames of the stations without a kernel. Answers how many.
    fn forward_guests(&mut self, now: Instant) -> io::Result<usize> {
        let Some(port) = self.guests else {
            return Ok(0);
        };
        let mut frames = Vec::new();
        if let End::Guests(guests) = &mut self.ends[port.0 as usize] {
            let polled = std::iter::from_fn(|| guests.poll()).take(FRAMES_PER_TURN);
            frames.extend(polled.map(Arc::from));
        }
        self.pass(port, &frames, now)
    }

    /// Moves what has come on a wire, and what waits to leave by it. Answers how many frames came.
    fn forward_wire(&mut self, port: PortId, now: Instant) -> io::Result<usize> {
        let mut frames = Vec::new();
        if let End::Wire(wire) = &mut self.ends[port.0 as usize] {
            wire.flush();
            wire.receive(|frame| frames.push(Arc::from(frame)));
            self.counters.wire_full += wire.lost_since();
            if wire.is_closed() {
                // The machine is off; its port waits for the next one.
                self.ends[port.0 as usize] = End::Nothing;
                self.switch.set_link(port, false);
            }
        }
        self.pass(port, &frames, now)
    }

    /// Passes frames that are not in the ring through the switch. Answers how many.
    fn pass(&mut self, port: PortId, frames: &[Arc<[u8]>], now: Instant) -> io::Result<usize> {
        if frames.is_empty() {
            return Ok(0);
        }
        let mut batch = Batch::default();
        let mut passage = Passage::default();
        for frame in frames {
            self.switch.pass_frame(port, frame, now, &mut passage);
            if let Some(capture) = &mut self.capture {
                capture.write(Record {
                    port,
                    unix_nanos: unix_nanos(),
                    direction: Direction::Inbound,
                    frame,
                    comment: remark(&passage),
                });
            }
            for to in &passage.ports {
                self.ends[to.0 as usize].give(frame, &mut batch);
            }
        }
        send_ready(
            &mut self.switch,
            &mut self.ends,
            &mut self.capture,
            &mut batch,
        );
        self.sender.send(&batch)?;
        Ok(frames.len())
    }

    /// Sleeps until there is a frame, a command, or something is due.
    fn wait(&self, wakeup: &OwnedFd) -> io::Result<()> {
        let landing = self.switch.poll_timeout();
        let landing = landing.map(|deadline| deadline.at.since(self.now()));
        let due = self.guests.and_then(|port| match self.end(port) {
            End::Guests(guests) => guests.wait_max(),
            End::Nothing | End::Interface(_) | End::Wire(_) => None,
        });
        let timeout = landing.into_iter().chain(due).min().map(|wait| {
            let wait = wait.min(LONGEST_WAIT);
            Timespec {
                tv_sec: wait.as_secs().cast_signed(),
                tv_nsec: wait.subsec_nanos().into(),
            }
        });
        let mut fds = vec![
            PollFd::from_borrowed_fd(self.ring.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(wakeup.as_fd(), PollFlags::IN),
        ];
        for port in &self.wired {
            if let End::Wire(wire) = self.end(*port) {
                let more = if wire.is_behind() {
                    PollFlags::OUT
                } else {
                    PollFlags::empty()
                };
                fds.push(PollFd::from_borrowed_fd(wire.as_fd(), PollFlags::IN | more));
            }
        }
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        if fds[1].revents().contains(PollFlags::IN) {
            let mut count = [0; 8];
            rustix::io::read(wakeup, &mut count)?;
        }
        Ok(())
    }

    fn end(&self, port: PortId) -> &End {
        &self.ends[port.0 as usize]
    }

    fn now(&self) -> Instant {
        Instant::ZERO + self.began.elapsed()
    }
}

/// What is at the other end of a port's cable.
#[derive(Debug)]
enum End {
    /// Nothing yet.
    Nothing,
    /// An interface of a kernel, by its index.
    Interface(u32),
    /// A process that is a machine.
    Wire(Wire),
    /// Stations without a kernel.
    Guests(Box<dyn Guests>),
}

impl End {
    /// Has the frame arrive there, now or with the batch.
    fn give<'a>(&mut self, frame: &Arc<[u8]>, batch: &mut Batch<'a>) {
        match self {
            Self::Interface(index) => batch.push_kept(*index, Arc::clone(frame)),
            Self::Guests(guests) => guests.handle_frame(frame),
            Self::Wire(wire) => wire.send(frame),
            Self::Nothing => {}
        }
    }
}

/// Sends what the switch has kept until now. Only these are written down on their
/// way out: a frame that was captured on its way in, with nothing said about it, went through.
fn send_ready(
    switch: &mut Switch,
    ends: &mut [End],
    capture: &mut Option<Capture>,
    batch: &mut Batch<'_>,
) {
    while let Some((port, frame)) = switch.poll() {
        if let Some(capture) = capture {
            capture.write(Record {
                port,
                unix_nanos: unix_nanos(),
                direction: Direction::Outbound,
                frame: &frame,
                comment: String::new(),
            });
        }
        ends[port.0 as usize].give(&frame, batch);
    }
}

/// What people should know about a frame that did not simply go through.
fn remark(passage: &Passage) -> String {
    let said = passage.drops.iter().map(|(to, reason)| {
        let reason = match reason {
            DropReason::Malformed => "too short".to_owned(),
            DropReason::LinkDown => "link down".to_owned(),
            DropReason::Lost => "lost".to_owned(),
            DropReason::QueueFull => "queue full".to_owned(),
            DropReason::Rule(rule) => format!("rule {}", rule.0),
            DropReason::Overflow => "too many under way".to_owned(),
        };
        match to {
            Some(port) => format!("dropped on the way to port {}: {reason}", port.0),
            None => format!("dropped: {reason}"),
        }
    });
    said.collect::<Vec<_>>().join("; ")
}

fn unix_nanos() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    })
}

const FRAMES_PER_TURN: usize = 256;
/// Longer than any test waits, short enough for any timer.
const LONGEST_WAIT: Duration = Duration::from_secs(3_600);
