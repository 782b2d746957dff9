//! A machine that is a process of its own, at the other end of a stream socket.
//!
//! The form is that of QEMU's `-netdev stream`: each frame behind its length, four octets, the
//! most significant first. Nothing here waits: what the peer does not take goes into a bounded
//! queue, and beyond that is lost, as on a switch whose port is too slow.

use std::io::{self, IoSlice, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

/// One end of such a socket.
#[derive(Debug)]
pub(super) struct Wire {
    stream: UnixStream,
    /// The beginning of a frame whose end has not come yet.
    incoming: Vec<u8>,
    /// What one call reads.
    page: Box<[u8]>,
    /// What the peer has not taken yet, from `sent` on.
    outgoing: Vec<u8>,
    sent: usize,
    /// Frames that found the queue full.
    lost: u64,
    is_closed: bool,
}

impl Wire {
    pub(super) fn new(stream: UnixStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self {
            stream,
            incoming: Vec::new(),
            page: vec![0; READ_OCTETS].into(),
            outgoing: Vec::new(),
            sent: 0,
            lost: 0,
            is_closed: false,
        })
    }

    /// True when the peer has hung up, or speaks another language.
    pub(super) const fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// True when the peer has to take something before more can be sent.
    pub(super) const fn is_behind(&self) -> bool {
        self.sent < self.outgoing.len()
    }

    /// Frames lost since the last call.
    pub(super) fn lost_since(&mut self) -> u64 {
        std::mem::take(&mut self.lost)
    }

    /// Reads what is there, and gives each whole frame to `each`. Answers how many, at most some
    /// hundred a call, so that no peer keeps the others waiting.
    pub(super) fn receive(&mut self, mut each: impl FnMut(&[u8])) -> usize {
        if self.is_closed {
            return 0;
        }
        let read = match (&self.stream).read(&mut self.page) {
            Ok(0) => {
                self.is_closed = true;
                0
            }
            Ok(read) => read,
            Err(error) if is_passing(&error) => 0,
            Err(_) => {
                self.is_closed = true;
                0
            }
        };
        self.incoming.extend_from_slice(&self.page[..read]);
        let (mut start, mut count) = (0, 0);
        while let Some((head, rest)) = self.incoming[start..].split_first_chunk::<LENGTH_OCTETS>() {
            let len = u32::from_be_bytes(*head) as usize;
            if len > FRAME_OCTETS_MAX {
                // Where the next frame begins is unknown from here on.
                self.is_closed = true;
                break;
            }
            let Some(frame) = rest.get(..len) else { break };
            each(frame);
            count += 1;
            start += LENGTH_OCTETS + len;
        }
        self.incoming.drain(..start);
        count
    }

    /// Sends a frame, now or when the peer takes it.
    pub(super) fn send(&mut self, frame: &[u8]) {
        if self.is_closed {
            return;
        }
        let Ok(len) = u32::try_from(frame.len()) else {
            return;
        };
        let head = len.to_be_bytes();
        let mut done = 0;
        if !self.is_behind() {
            let parts = [IoSlice::new(&head), IoSlice::new(frame)];
            match (&self.stream).write_vectored(&parts) {
                Ok(written) => done = written,
                Err(error) if is_passing(&error) => {}
                Err(_) => self.is_closed = true,
            }
        }
        if done == LENGTH_OCTETS + frame.len() || self.is_closed {
            return;
        }
        // One that was begun has to be ended.
        let waiting = self.outgoing.len() - self.sent;
        if done == 0 && waiting + LENGTH_OCTETS + frame.len() > WAITING_OCTETS_MAX {
            self.lost += 1;
            return;
        }
        let (head_done, frame_done) = (done.min(LENGTH_OCTETS), done.saturating_sub(LENGTH_OCTETS));
        self.outgoing.drain(..self.sent);
        self.sent = 0;
        self.outgoing.extend_from_slice(&head[head_done..]);
        self.outgoing.extend_from_slice(&frame[frame_done..]);
    }

    /// Sends more of what waits, if the peer takes it.
    pub(super) fn flush(&mut self) {
        while self.is_behind() && !self.is_closed {
            match (&self.stream).write(&self.outgoing[self.sent..]) {
                Ok(written) => self.sent += written,
                Err(error) if is_passing(&error) => return,
                Err(_) => self.is_closed = true,
            }
        }
        self.outgoing.clear();
        self.sent = 0;
    }
}

impl AsFd for Wire {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

fn is_passing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}

const LENGTH_OCTETS: usize = 4;
/// QEMU sends none that is longer (its `NET_BUFSIZE`).
const FRAME_OCTETS_MAX: usize = 4_096 + 65_536;
const READ_OCTETS: usize = 256 << 10;
/// What a machine that is frozen may find when it thaws. A round trip of TCP is shorter.
const WAITING_OCTETS_MAX: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (Wire, UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        (Wire::new(ours).unwrap(), theirs)
    }

    fn framed(frame: &[u8]) -> Vec<u8> {
        let mut bytes = u32::try_from(frame.len()).unwrap().to_be_bytes().to_vec();
        bytes.extend_from_slice(frame);
        bytes
    }

    fn received(wire: &mut Wire) -> Vec<Vec<u8>> {
        let mut frames = Vec::new();
        while wire.receive(|frame| frames.push(frame.to_vec())) > 0 {}
        frames
    }

    #[test]
    fn frames_come_in_whatever_pieces_they_were_sent() {
        let frames: Vec<Vec<u8>> = (0..40_u8)
            .map(|n| vec![n; 60 + usize::from(n) * 30])
            .collect();
        let bytes: Vec<u8> = frames.iter().flat_map(|frame| framed(frame)).collect();
        for piece in [1, 3, 5, 61, 4_096, bytes.len()] {
            let (mut wire, mut peer) = pair();
            let mut seen = Vec::new();
            for part in bytes.chunks(piece) {
                peer.write_all(part).unwrap();
                seen.extend(received(&mut wire));
            }
            assert_eq!(seen, frames, "pieces of {piece}");
            assert!(!wire.is_closed());
        }
    }

    #[test]
    fn a_peer_that_reads_nothing_loses_whole_frames_and_no_others() {
        let (mut wire, mut peer) = pair();
        let frame = |n: u32| {
            let mut frame = vec![0xab; 1_000];
            frame[..4].copy_from_slice(&n.to_be_bytes());
            frame
        };
        let count = 4_000;
        for n in 0..count {
            wire.send(&frame(n));
        }
        let lost = wire.lost_since();
        assert!(lost > 0 && wire.is_behind() && !wire.is_closed());
        peer.set_nonblocking(true).unwrap();
        let mut bytes = Vec::new();
        while wire.is_behind() {
            wire.flush();
            let mut part = [0; 8_192];
            while let Ok(read @ 1..) = peer.read(&mut part) {
                bytes.extend_from_slice(&part[..read]);
            }
        }
        let each = LENGTH_OCTETS + 1_000;
        assert_eq!(bytes.len() % each, 0);
        assert_eq!(bytes.len() / each, count as usize - lost as usize);
        for (part, n) in bytes.chunks(each).zip(0..) {
            assert_eq!(part, framed(&frame(n)), "frame {n}");
        }
        // And it works again.
        wire.send(&frame(7));
        let mut part = vec![0; each];
        peer.set_nonblocking(false).unwrap();
        peer.read_exact(&mut part).unwrap();
        assert_eq!(part, framed(&frame(7)));
    }

    #[test]
    fn garbage_closes_the_wire() {
        let (mut wire, mut peer) = pair();
        peer.write_all(&framed(&[1; 60])).unwrap();
        peer.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
        assert_eq!(received(&mut wire), [vec![1; 60]]);
        assert!(wire.is_closed());
        wire.send(&[1; 60]);
        assert_eq!(received(&mut wire), Vec::<Vec<u8>>::new());
    }

    #[test]
    fn an_empty_frame_is_a_frame_and_a_hang_up_is_the_end() {
        let (mut wire, mut peer) = pair();
        peer.write_all(&framed(&[])).unwrap();
        peer.write_all(&framed(&[2; 14])[..7]).unwrap();
        assert_eq!(received(&mut wire), [Vec::<u8>::new()]);
        drop(peer);
        assert!(received(&mut wire).is_empty());
        assert!(wire.is_closed());
        wire.send(&[1; 60]);
        wire.flush();
        assert!(!wire.is_behind());
    }
}
