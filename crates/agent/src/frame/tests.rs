use std::io::Read as _;

use socket2::{Domain, SockFilter, Socket, Type};

use super::*;

const US: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
const THEM: MacAddr = MacAddr([2, 0, 0, 0, 0, 2]);
const ADDR: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 11);
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);

fn reply(payload: &[u8]) -> Udp<'_> {
    Udp {
        source: (SERVER, 67),
        destination: (ADDR, CLIENT_PORT),
        payload,
    }
}

/// A classic BPF machine with the instructions that the filter uses (and no bounds: a load
/// outside the frame rejects it, as in the kernel).
fn accepts(program: &[Instruction], frame: &[u8]) -> bool {
    let half = |at: usize| {
        let bytes = frame.get(at..at + 2)?;
        Some(u32::from(u16::from_be_bytes([bytes[0], bytes[1]])))
    };
    let (mut a, mut x, mut at) = (0u32, 0usize, 0usize);
    loop {
        let (code, yes, no, k) = program[at];
        at += 1;
        let loaded = match code {
            LOAD_HALF => half(k as usize),
            LOAD_HALF_AFTER_X => half(x + k as usize),
            LOAD_BYTE => frame.get(k as usize).map(|byte| u32::from(*byte)),
            LOAD_X_HEADER_LEN => {
                x = frame
                    .get(k as usize)
                    .map_or(0, |b| usize::from(b & 0xf) * 4);
                Some(a)
            }
            JUMP_EQUAL | JUMP_SET => {
                let accepted = if code == JUMP_EQUAL {
                    a == k
                } else {
                    a & k != 0
                };
                at += usize::from(if accepted { yes } else { no });
                Some(a)
            }
            RETURN => return k != 0,
            other => panic!("opcode {other:#x}"),
        };
        match loaded {
            Some(value) => a = value,
            None => return false,
        }
    }
}

#[test]
fn the_filter_takes_what_is_for_a_dhcp_client_and_nothing_else() {
    let good = reply(b"dhcp").frame(THEM, US).unwrap();
    assert!(accepts(&TO_DHCP_CLIENT, &good));

    let changed = |at: usize, byte: u8| {
        let mut frame = good.clone();
        frame[at] = byte;
        frame
    };
    assert!(!accepts(&TO_DHCP_CLIENT, &changed(12, 0x86)), "not IPv4");
    assert!(!accepts(&TO_DHCP_CLIENT, &changed(23, 6)), "not UDP");
    assert!(!accepts(&TO_DHCP_CLIENT, &changed(21, 1)), "a fragment");
    assert!(!accepts(&TO_DHCP_CLIENT, &changed(37, 67)), "not port 68");
    assert!(!accepts(&TO_DHCP_CLIENT, &good[..30]), "cut");
    assert!(!accepts(&TO_DHCP_CLIENT, &arp_probe(US, ADDR)), "ARP");

    let mut options = good[..14].to_vec();
    options.extend([
        0x46, 0, 0, 0, 0, 0, 0, 0, 64, 17, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2,
    ]);
    options.extend([0; 4]);
    options.extend([0, 67, 0, 68, 0, 8, 0, 0]);
    assert!(accepts(&TO_DHCP_CLIENT, &options), "with IP options");
}

/// The kernel runs a socket's filter for any family; a pair of local sockets needs no privilege.
#[test]
fn the_kernel_accepts_the_filter_and_applies_it() {
    let (sender, receiver) = Socket::pair(Domain::UNIX, Type::DGRAM, None).unwrap();
    let filter = TO_DHCP_CLIENT.map(|(code, yes, no, k)| SockFilter::new(code, yes, no, k));
    receiver.attach_filter(&filter).unwrap();
    receiver.set_nonblocking(true).unwrap();

    let wanted = reply(b"for a client");
    let other_port = Udp {
        destination: (ADDR, 69),
        ..wanted
    };
    for datagram in [other_port, wanted, other_port] {
        let frame = datagram.frame(THEM, US).unwrap();
        // What a filter rejects is an error to the sender of a local socket.
        drop(sender.send(&frame));
    }
    drop(sender.send(&arp_probe(US, ADDR)));

    let mut buffer = [0; 2048];
    let length = (&receiver).read(&mut buffer).unwrap();
    assert_eq!(read_udp(&buffer[..length]), Some(wanted));
    let next = (&receiver).read(&mut buffer).unwrap_err();
    assert_eq!(next.kind(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn a_datagram_survives_its_frame() {
    let frame = reply(b"payload").frame(THEM, US).unwrap();
    assert_eq!(read_udp(&frame), Some(reply(b"payload")));
    let mut padded = frame.clone();
    padded.resize(60, 0);
    assert_eq!(
        read_udp(&padded),
        Some(reply(b"payload")),
        "padding is not payload"
    );
    assert_eq!(reply(&[0; 70_000]).frame(THEM, US), None);
}

#[test]
fn a_corrupt_frame_is_no_datagram() {
    let frame = reply(b"payload").frame(THEM, US).unwrap();
    // From the IP header on: an Ethernet header has no checksum that software sees.
    for at in 14..frame.len() {
        let mut corrupt = frame.clone();
        corrupt[at] ^= 0x55;
        let read = read_udp(&corrupt);
        let checksum_off = (40..42).contains(&at);
        assert!(read.is_none() || checksum_off, "byte {at}: {read:?}");
    }
    for len in 0..frame.len() {
        assert_eq!(read_udp(&frame[..len]), None, "cut at {len}");
    }
}

#[test]
fn a_checksum_left_to_hardware_or_left_out_is_taken() {
    let mut frame = reply(b"payload").frame(THEM, US).unwrap();
    let partial = pseudo_header_sum(SERVER.octets(), ADDR.octets(), 8 + 7);
    frame[40..42].copy_from_slice(&partial.to_be_bytes());
    assert_eq!(read_udp(&frame), Some(reply(b"payload")));
    frame[40..42].copy_from_slice(&[0, 0]);
    assert_eq!(read_udp(&frame), Some(reply(b"payload")));
    frame[40..42].copy_from_slice(&[0x12, 0x34]);
    assert_eq!(read_udp(&frame), None);
}

#[test]
fn another_station_that_has_or_wants_the_address_is_a_conflict() {
    assert!(conflicts(&arp_announcement(THEM, ADDR), US, ADDR), "has it");
    assert!(conflicts(&arp_probe(THEM, ADDR), US, ADDR), "probes for it");
    assert!(!conflicts(&arp_probe(US, ADDR), US, ADDR), "our own probe");
    assert!(!conflicts(&arp_announcement(THEM, SERVER), US, ADDR));
    assert!(
        !conflicts(&arp_request(THEM, SERVER, ADDR), US, ADDR),
        "asks who has it"
    );
    assert!(!conflicts(b"", US, ADDR));
    assert!(!conflicts(&reply(b"").frame(THEM, US).unwrap(), US, ADDR));
}
