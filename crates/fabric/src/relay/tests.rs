use super::*;

const CLIENT: MacAddr = MacAddr([2, 0, 0, 0, 0, 7]);
const SERVER: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);

fn relay() -> Relay {
    Relay {
        rack: Interface {
            mac: MacAddr([2, 0, 0, 0, 1, 1]),
            addr: [10, 1, 0, 1].into(),
        },
        rack_prefix_len: 24,
        core: Interface {
            mac: MacAddr([2, 0, 0, 0, 1, 2]),
            addr: [10, 0, 0, 10].into(),
        },
        server: [10, 0, 0, 2].into(),
        circuit_id: b"r1".to_vec(),
    }
}

fn neighbour(addr: Ipv4Addr) -> Option<MacAddr> {
    match addr.octets() {
        [10, 0, 0, 2] => Some(SERVER),
        [10, 1, 0, 9] => Some(CLIENT),
        _ => None,
    }
}

/// A message with this operation code and these options behind the magic cookie.
fn bootp(op: u8, options: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; OPTIONS_AT];
    bytes[..3].copy_from_slice(&[op, 1, 6]);
    bytes[28..34].copy_from_slice(&CLIENT.0);
    bytes[OPTIONS_AT - 4..].copy_from_slice(&MAGIC_COOKIE);
    bytes.extend(options);
    bytes
}

fn broadcast(payload: &[u8]) -> Vec<u8> {
    let (from, to) = ("0.0.0.0:68", "255.255.255.255:67");
    let (from, to) = (from.parse().unwrap(), to.parse().unwrap());
    udp_frame(CLIENT, MacAddr::BROADCAST, from, to, payload)
}

fn from_server(payload: &[u8]) -> Vec<u8> {
    let (from, to) = ("10.0.0.2:67", "10.1.0.1:67");
    let (from, to) = (from.parse().unwrap(), to.parse().unwrap());
    udp_frame(SERVER, relay().core.mac, from, to, payload)
}

#[test]
fn a_discover_goes_to_the_server_with_giaddr_and_option_82() {
    let discover = bootp(BOOTREQUEST, &[53, 1, 1, END, 0, 0]);
    let forward = relay()
        .handle_frame(Side::Rack, &broadcast(&discover), neighbour)
        .unwrap();
    assert_eq!(forward.side, Side::Core);
    let udp = parse_udp(&forward.frame).unwrap();
    assert_eq!(udp.destination_mac, SERVER);
    assert_eq!(udp.source, "10.1.0.1:67".parse().unwrap());
    assert_eq!(udp.destination, "10.0.0.2:67".parse().unwrap());
    assert_eq!(udp.payload[3], 1, "hops");
    assert_eq!(udp.payload[GIADDR_AT..GIADDR_AT + 4], [10, 1, 0, 1]);
    assert_eq!(
        udp.payload[OPTIONS_AT..],
        [53, 1, 1, 82, 4, 1, 2, b'r', b'1', END, 0, 0]
    );
}

#[test]
fn what_another_relay_agent_says_of_the_client_stays() {
    let mut discover = bootp(BOOTREQUEST, &[53, 1, 1, 82, 2, 9, 0, END]);
    discover[GIADDR_AT..GIADDR_AT + 4].copy_from_slice(&[10, 9, 0, 1]);
    let forward = relay()
        .handle_frame(Side::Rack, &broadcast(&discover), neighbour)
        .unwrap();
    let udp = parse_udp(&forward.frame).unwrap();
    discover[3] = 1;
    assert_eq!(udp.payload, discover);
}

#[test]
fn messages_that_go_no_further() {
    let relay = relay();
    let rack = |payload: &[u8]| relay.handle_frame(Side::Rack, &broadcast(payload), neighbour);
    // RFC 1542 §4.1.1: too many hops.
    let mut tired = bootp(BOOTREQUEST, &[END]);
    tired[3] = HOPS_MAX;
    assert_eq!(rack(&tired), None);
    // A reply from the rack, and a client that plays relay agent (RFC 3046 §2.1).
    assert_eq!(rack(&bootp(BOOTREPLY, &[END])), None);
    assert_eq!(rack(&bootp(BOOTREQUEST, &[82, 2, 1, 0, END])), None);
    // No message at all.
    assert_eq!(rack(&[]), None);
    assert_eq!(rack(&bootp(BOOTREQUEST, &[END])[..OPTIONS_AT - 1]), None);
    // A reply to another relay agent.
    let stray = bootp(BOOTREPLY, &[END]);
    assert_eq!(
        relay.handle_frame(Side::Core, &from_server(&stray), neighbour),
        None
    );
}

#[test]
fn an_offer_goes_to_the_client_without_option_82() {
    let relay = relay();
    let mut offer = bootp(BOOTREPLY, &[53, 1, 2, 82, 4, 1, 2, b'r', b'1', END]);
    offer[16..20].copy_from_slice(&[10, 1, 0, 9]);
    offer[GIADDR_AT..GIADDR_AT + 4].copy_from_slice(&[10, 1, 0, 1]);
    let forward = relay
        .handle_frame(Side::Core, &from_server(&offer), neighbour)
        .unwrap();
    assert_eq!(forward.side, Side::Rack);
    let udp = parse_udp(&forward.frame).unwrap();
    assert_eq!(udp.destination_mac, CLIENT);
    assert_eq!(udp.destination, "10.1.0.9:68".parse().unwrap());
    assert_eq!(udp.payload[OPTIONS_AT..], [53, 1, 2, END]);
    // The broadcast flag (RFC 2131 §4.1).
    offer[10] = 0x80;
    let forward = relay
        .handle_frame(Side::Core, &from_server(&offer), neighbour)
        .unwrap();
    let udp = parse_udp(&forward.frame).unwrap();
    assert_eq!(udp.destination_mac, MacAddr::BROADCAST);
    assert_eq!(udp.destination, "255.255.255.255:68".parse().unwrap());
}

#[test]
fn unicast_is_routed_one_hop_further() {
    let relay = relay();
    let (from, to) = ("10.1.0.9:4000", "10.0.0.2:53");
    let (from, to) = (from.parse().unwrap(), to.parse().unwrap());
    let query = udp_frame(CLIENT, relay.rack.mac, from, to, b"?");
    let forward = relay.handle_frame(Side::Rack, &query, neighbour).unwrap();
    assert_eq!(forward.side, Side::Core);
    // It is read back, so both checksums hold.
    let udp = parse_udp(&forward.frame).unwrap();
    assert_eq!(
        (udp.source_mac, udp.destination_mac),
        (relay.core.mac, SERVER)
    );
    assert_eq!((udp.source, udp.destination), (from, to));
    assert_eq!(forward.frame[ETHERNET_HEADER_LEN + 8], 63, "TTL");

    let answer = udp_frame(SERVER, relay.core.mac, to, from, b"!");
    let forward = relay.handle_frame(Side::Core, &answer, neighbour).unwrap();
    let udp = parse_udp(&forward.frame).unwrap();
    assert_eq!((forward.side, udp.destination_mac), (Side::Rack, CLIENT));
}

#[test]
fn packets_that_go_no_further() {
    let relay = relay();
    let at = |side, to_mac: MacAddr, to: &str| {
        let (from, to) = ("10.1.0.9:4000".parse().unwrap(), to.parse().unwrap());
        let frame = udp_frame(CLIENT, to_mac, from, to, b"?");
        relay.handle_frame(side, &frame, neighbour)
    };
    let own = relay.rack.mac;
    assert_eq!(at(Side::Rack, own, "10.1.0.8:9"), None, "its own link");
    assert_eq!(
        at(Side::Rack, own, "10.3.0.8:9"),
        None,
        "an address without a host"
    );
    assert_eq!(at(Side::Rack, SERVER, "10.0.0.2:53"), None, "not for it");
    assert_eq!(at(Side::Rack, MacAddr::BROADCAST, "10.0.0.2:53"), None);
    let (from, to) = ("10.1.0.9:4000", "10.0.0.2:53");
    let mut old = udp_frame(
        CLIENT,
        own,
        from.parse().unwrap(),
        to.parse().unwrap(),
        b"?",
    );
    old[ETHERNET_HEADER_LEN + 8] = 1;
    assert_eq!(relay.handle_frame(Side::Rack, &old, neighbour), None);
}

proptest::proptest! {
    #[test]
    fn no_frame_makes_it_fail(
        op in 0u8..4,
        options in proptest::collection::vec(proptest::num::u8::ANY, 0..40),
        cut in 0usize..300,
    ) {
        let relay = relay();
        let payload = bootp(op, &options);
        for frame in [broadcast(&payload), from_server(&payload)] {
            for side in [Side::Rack, Side::Core] {
                relay.handle_frame(side, &frame, neighbour);
                relay.handle_frame(side, &frame[..cut.min(frame.len())], neighbour);
            }
        }
    }
}
