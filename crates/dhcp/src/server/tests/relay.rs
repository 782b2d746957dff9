//! What replies carry and where they go.

use super::*;

const RELAY: Ipv4Addr = Ipv4Addr::new(10, 88, 0, 1);

/// Two subnets; the second is behind a relay agent.
fn relayed_config() -> RawServerConfig {
    let mut raw = raw();
    raw.subnets.push(RawSubnet::new(
        "10.88.0.0/24".parse().unwrap(),
        "10.88.0.10-10.88.0.20".parse().unwrap(),
    ));
    raw
}

fn relayed(mut message: Message<'static>) -> Message<'static> {
    message.giaddr = RELAY;
    message.hops = 1;
    message
}

#[test]
fn replies_go_where_rfc_2131_section_4_1_says() {
    let relay = Destination::Udp(SocketAddr::from((RELAY, 67)));
    let mut bench = Bench::new(relayed_config());

    let outputs = bench.send(&discover(1));
    let link = Destination::Link {
        mac: mac(1),
        addr: addr(10),
        port: 68,
    };
    assert_eq!(outputs.destination(), link);
    let mut flagged = discover(1);
    flagged.broadcast = true;
    assert_eq!(
        bench.send(&flagged).destination(),
        Destination::Broadcast { port: 68 }
    );
    assert_eq!(bench.send(&relayed(flagged.clone())).destination(), relay);

    bench.lease(&discover(1));
    let unicast = Destination::Udp(SocketAddr::from((addr(10), 68)));
    assert_eq!(bench.send(&extending(1, addr(10))).destination(), unicast);
    let rebinding = bench.send_to(BROADCAST, &extending(1, addr(10)));
    assert_eq!(rebinding.destination(), unicast);
}

#[test]
fn a_nak_is_broadcast_even_to_a_client_with_an_address() {
    let mut bench = Bench::new(relayed_config());
    let outputs = bench.send(&extending(1, addr(11)));
    assert_eq!(outputs.destination(), Destination::Broadcast { port: 68 });
    assert!(!outputs.reply().broadcast);
    assert_eq!(outputs.reply().ciaddr, Ipv4Addr::UNSPECIFIED);
    // Through a relay agent, with the flag that makes the agent broadcast it.
    let outputs = bench.send(&relayed(reboot(1, addr(10))));
    assert_eq!(
        outputs.destination(),
        Destination::Udp(SocketAddr::from((RELAY, 67)))
    );
    assert!(outputs.reply().broadcast);
    assert_eq!(outputs.reply().options.bytes(code::LEASE_SECS), None);
}

#[test]
fn the_relay_agents_address_or_its_link_selection_chooses_the_subnet() {
    let mut bench = Bench::new(relayed_config());
    let outputs = bench.send(&relayed(discover(1)));
    assert_eq!(outputs.reply().yiaddr, Ipv4Addr::new(10, 88, 0, 10));
    let selection = [5, 4, 10, 77, 0, 0];
    let message = with_option(relayed(discover(2)), code::RELAY_AGENT, &selection);
    let outputs = bench.send(&message);
    assert_eq!(outputs.reply().yiaddr, addr(10));
    // Only a relay agent can choose.
    let selection = [5, 4, 10, 88, 0, 0];
    let outputs = bench.send(&with_option(discover(3), code::RELAY_AGENT, &selection));
    assert_eq!(outputs.reply().yiaddr, addr(11));
}

#[test]
fn option_82_comes_back_unread_and_last() {
    let agent = [&[1, 3, b'p', b'0', b'1', 99, 200][..], &[7; 200]].concat();
    let message = with_option(relayed(discover(1)), code::RELAY_AGENT, &agent);
    let mut bench = Bench::new(relayed_config());
    let outputs = bench.send(&message);
    assert_eq!(
        outputs.reply().options.bytes(code::RELAY_AGENT),
        Some(&agent[..])
    );
    let payload = &outputs.transmits[0].payload;
    let end = payload.len() - agent.len() - 1;
    assert_eq!(payload[end..payload.len() - 1], agent, "82, then END");
    assert_eq!(
        bench.lease(&message).relay,
        Some(RelayRecord {
            giaddr: RELAY,
            circuit_id: Some(b"p01".to_vec()),
            remote_id: None,
        })
    );
}

#[test]
fn the_server_identifier_is_the_one_the_relay_agent_gives() {
    // RFC 5107.
    let agent = [11, 4, 10, 88, 0, 1];
    let message = with_option(relayed(discover(1)), code::RELAY_AGENT, &agent);
    let mut bench = Bench::new(relayed_config());
    let outputs = bench.send(&message);
    assert_eq!(outputs.reply().options.addr(code::SERVER_ID), Some(RELAY));
    let mut request = selecting(&message, outputs.reply().yiaddr);
    request.options.set_addrs(code::SERVER_ID, &[RELAY]);
    assert_eq!(bench.send(&request).reply().kind, MessageType::Ack);
}

#[test]
fn the_client_identifier_comes_back_in_every_reply() {
    // RFC 6842.
    let id = [0xff, 1, 2, 3];
    let identified = |message| with_option(message, code::CLIENT_ID, &id);
    let mut bench = Bench::new(raw());
    for (message, kind) in [
        (identified(discover(1)), MessageType::Offer),
        (
            selecting(&identified(discover(1)), addr(10)),
            MessageType::Ack,
        ),
        (identified(reboot(1, addr(12))), MessageType::Nak),
    ] {
        let outputs = bench.send(&message);
        assert_eq!(outputs.reply().kind, kind);
        assert_eq!(
            outputs.reply().options.bytes(code::CLIENT_ID),
            Some(&id[..])
        );
    }
    // And it is the identity: another machine with it is the same client.
    let moved = identified(discover(2));
    assert_eq!(bench.send(&moved).reply().yiaddr, addr(10));
    assert_eq!(bench.send(&discover(1)).reply().yiaddr, addr(11));
}

fn codes(message: &Message<'_>) -> Vec<u8> {
    message.options.iter().map(|(code, _)| code).collect()
}

#[test]
fn a_reply_carries_what_was_asked_for_and_what_must_be() {
    let mut bench = Bench::new(raw());
    let outputs = bench.send(&discover(1));
    assert_eq!(codes(&outputs.reply()), [1, 3, 6, 12, 15, 51, 54, 58, 59]);
    let options = outputs.reply().options.clone();
    assert_eq!(options.u32(51), Some(100));
    assert_eq!((options.u32(58), options.u32(59)), (Some(50), Some(87)));
    assert_eq!(options.text(15), Some("lab.example"));
    let outputs = bench.send(&with_option(
        discover(1),
        code::PARAMETERS,
        &[6, 6, 52, 255, 0, 51],
    ));
    assert_eq!(codes(&outputs.reply()), [6, 51, 54, 58, 59]);
    let mut inform = extending(1, addr(200));
    inform.kind = MessageType::Inform;
    let outputs = bench.send(&inform);
    assert_eq!(codes(&outputs.reply()), [1, 3, 6, 15, 54]);
    assert_eq!(outputs.reply().yiaddr, Ipv4Addr::UNSPECIFIED);
}

#[test]
fn a_class_gives_boot_file_next_server_and_options() {
    let mut raw = raw();
    raw.classes = vec![RawClass {
        name: "boot".to_owned(),
        boot_file: Some("http://seed/{mac}/{index}".to_owned()),
        next_server: Some(SERVER),
        options: vec![
            RawOption {
                code: 43,
                hex: Some("060108".to_owned()),
                always: true,
                ..RawOption::default()
            },
            RawOption {
                code: 42,
                addrs: Some(vec![SERVER]),
                ..RawOption::default()
            },
        ],
        ..RawClass::default()
    }];
    let mut bench = Bench::new(raw);
    let outputs = bench.send(&with_option(discover(1), code::PARAMETERS, &[67]));
    let reply = outputs.reply();
    assert_eq!(codes(&reply), [43, 51, 54, 58, 59, 67]);
    assert_eq!(reply.options.text(67), Some("http://seed/020000000001/1"));
    assert_eq!(&*reply.file, b"http://seed/020000000001/1");
    assert_eq!(reply.siaddr, SERVER);
    assert_eq!(reply.options.bytes(43), Some(&[6, 1, 8][..]));
    let outputs = bench.send(&with_option(discover(1), code::PARAMETERS, &[42]));
    assert_eq!(outputs.reply().options.addr(42), Some(SERVER));
}

#[test]
fn a_reply_keeps_to_the_clients_size() {
    let mut raw = raw();
    let big = |code| RawOption {
        code,
        text: Some("x".repeat(200)),
        always: true,
        ..RawOption::default()
    };
    raw.classes = vec![RawClass {
        name: "any".to_owned(),
        options: vec![big(224), big(225), big(226)],
        ..RawClass::default()
    }];
    let mut bench = Bench::new(raw);
    let outputs = bench.send(&discover(1));
    assert!(outputs.transmits[0].payload.len() <= 576 - 28);
    assert_eq!(
        codes(&outputs.reply()),
        [1, 3, 6, 12, 15, 51, 54, 58, 59, 224]
    );
    let sized = with_option(discover(1), code::MESSAGE_LEN_MAX, &1_500u16.to_be_bytes());
    let outputs = bench.send(&sized);
    assert!(codes(&outputs.reply()).ends_with(&[224, 225, 226]));
    assert!(outputs.transmits[0].payload.len() > 576);
}
