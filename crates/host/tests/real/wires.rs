//! Machines that are processes at the other end of a wire, played by the test.

use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use quorate_fabric::frame;

use crate::cases::{Bench, PATIENCE, receive};

pub(crate) const ALL: [(&str, crate::cases::Case); 1] =
    [("a_machine_at_a_wire_is_on_the_lan", at_a_wire)];

/// A machine that knows nothing but frames.
struct Peer {
    stream: UnixStream,
}

impl Peer {
    fn send(&mut self, frame: &[u8]) {
        let len = u32::try_from(frame.len()).unwrap().to_be_bytes();
        // In pieces, as a busy process may.
        for piece in [&len[..2], &len[2..], &frame[..9], &frame[9..]] {
            self.stream.write_all(piece).unwrap();
        }
    }

    /// The next UDP datagram that arrives here: its frame and its payload.
    fn datagram(&mut self) -> (Vec<u8>, Vec<u8>) {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            let mut len = [0; 4];
            self.stream.read_exact(&mut len).unwrap();
            let mut frame = vec![0; u32::from_be_bytes(len) as usize];
            self.stream.read_exact(&mut frame).unwrap();
            if let Some(udp) = frame::parse_udp(&frame) {
                let payload = udp.payload.to_vec();
                return (frame, payload);
            }
        }
        panic!("no datagram came");
    }
}

fn at_a_wire(dir: &Path) -> ExitCode {
    let bench = Bench::addressed(1, dir);
    let [first, second] = ["w1", "w2"].map(|name| bench.lan.lay(name).unwrap().port);
    let plug = |port| {
        let (ours, theirs) = UnixStream::pair().unwrap();
        bench.lan.wire(port, ours).unwrap();
        theirs.set_read_timeout(Some(PATIENCE)).unwrap();
        Peer { stream: theirs }
    };
    let mut peer = plug(first);
    let a = bench.udp(0);
    a.send_to(b"all", ("255.255.255.255", 5000)).unwrap();
    let (frame, payload) = peer.datagram();
    assert_eq!(payload, b"all");
    // Its own words come back to it, from another card.
    let mut answer = frame;
    answer[6..12].copy_from_slice(&[2, 0, 0, 0, 0, 9]);
    peer.send(&answer);
    assert_eq!(receive(&a), b"all");
    // From one wire to the other; a cable that is pulled carries nothing.
    let mut other = plug(second);
    bench.lan.set_link(second, false).unwrap();
    other.send(&answer);
    bench.lan.set_link(second, true).unwrap();
    let mut marked = answer.clone();
    marked[11] = 8;
    other.send(&marked);
    assert_eq!(peer.datagram().0, marked);
    // Garbage ends the wire and nothing else; and a machine can be plugged in again.
    other.stream.write_all(&[0xff; 64]).unwrap();
    match other.stream.read(&mut [0; 1 << 16]) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
    }
    drop(peer);
    let mut peer = plug(first);
    a.send_to(b"again", ("255.255.255.255", 5000)).unwrap();
    assert_eq!(peer.datagram().1, b"again");
    bench.stop(dir);
    ExitCode::SUCCESS
}
