use proptest::prelude::*;

use super::*;

const A: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
const B: MacAddr = MacAddr([2, 0, 0, 0, 0, 2]);

fn sample() -> Vec<u8> {
    let source = "10.0.0.1:68".parse().unwrap();
    let destination = "10.0.0.2:67".parse().unwrap();
    udp_frame(A, B, source, destination, b"discover")
}

#[test]
fn a_udp_frame_is_the_bytes_that_wireshark_shows() {
    let mut frame = udp_frame(
        A,
        MacAddr::BROADCAST,
        "0.0.0.0:68".parse().unwrap(),
        "255.255.255.255:67".parse().unwrap(),
        b"hi",
    );
    let ethernet = frame.drain(..14).collect::<Vec<_>>();
    assert_eq!(
        ethernet,
        [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 8, 0]
    );
    assert_eq!(frame[..10], [0x45, 0, 0, 30, 0, 0, 0x40, 0, 64, 17]);
    assert_eq!(frame[12..20], [0, 0, 0, 0, 255, 255, 255, 255]);
    assert_eq!(frame[20..26], [0, 68, 0, 67, 0, 10]);
    assert_eq!(frame[28..], *b"hi");
}

#[test]
fn each_flipped_bit_outside_the_ethernet_header_is_noticed() {
    let good = sample();
    assert!(parse_udp(&good).is_some());
    for bit in ETHERNET_HEADER_LEN * 8..good.len() * 8 {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(parse_udp(&bad), None, "bit {bit}");
    }
}

#[test]
fn an_offloaded_checksum_is_believed_only_when_told_to() {
    let mut frame = sample();
    frame[40] ^= 0x55;
    assert_eq!(parse_udp(&frame), None);
    let read = parse_udp_with(&frame, Checksums::Offloaded).unwrap();
    assert_eq!(read.payload, b"discover");
}

#[test]
fn no_checksum_at_all_is_allowed() {
    let mut frame = sample();
    frame[40..42].fill(0);
    assert!(parse_udp(&frame).is_some());
}

#[test]
fn padding_to_the_shortest_frame_is_not_payload() {
    let mut frame = sample();
    frame.resize(60, 0);
    assert_eq!(parse_udp(&frame).unwrap().payload, b"discover");
}

#[test]
fn an_arp_request_and_its_reply() {
    let asker = "10.0.0.1".parse().unwrap();
    let asked = "10.0.0.2".parse().unwrap();
    let request = ArpFrame::request(A, asker, asked);
    let frame = arp_frame(&request);
    assert_eq!(addresses(&frame), Some((A, MacAddr::BROADCAST)));
    assert_eq!(parse_arp(&frame), Some(request));

    let reply = request.reply(B);
    let frame = arp_frame(&reply);
    assert_eq!(addresses(&frame), Some((B, A)));
    assert_eq!(parse_arp(&frame), Some(reply));
    assert_eq!((reply.sender, reply.target), (asked, asker));
    assert_eq!(parse_udp(&frame), None);
}

proptest! {
    #[test]
    fn udp_reads_what_it_writes(
        source in any::<(u32, u16)>(),
        destination in any::<(u32, u16)>(),
        payload in prop::collection::vec(any::<u8>(), 0..1500),
    ) {
        let source = SocketAddrV4::new(source.0.into(), source.1);
        let destination = SocketAddrV4::new(destination.0.into(), destination.1);
        let frame = udp_frame(A, B, source, destination, &payload);
        let read = parse_udp(&frame);
        let payload = &payload[..];
        prop_assert_eq!(
            read,
            Some(UdpFrame { source_mac: A, destination_mac: B, source, destination, payload })
        );
    }

    #[test]
    fn no_bytes_panic(mut frame in prop::collection::vec(any::<u8>(), 0..200), ip in any::<bool>()) {
        if let Some(kind) = frame.get_mut(12..15) {
            kind.copy_from_slice(if ip { &[8, 0, 0x45] } else { &[8, 6, 0] });
        }
        let _ = addresses(&frame);
        let _ = parse_arp(&frame);
        let _ = parse_udp_with(&frame, Checksums::Offloaded);
    }
}
