//! Strangers who want all of it: each takes only a share, and others are served meanwhile.

use super::*;

/// A server with this pool, and the reserved hosts 250 (at 10.77.0.250) and 251 (at any address).
fn guarded(pool: &str) -> Bench {
    let subnet = RawSubnet::new("10.77.0.0/16".parse().unwrap(), pool.parse().unwrap());
    let mut raw = RawServerConfig::new(SERVER, subnet);
    raw.hosts = vec![
        RawHost {
            mac: Some(mac(250)),
            addr: Some(addr(250)),
            ..RawHost::default()
        },
        RawHost {
            mac: Some(mac(251)),
            ..RawHost::default()
        },
    ];
    Bench::new(raw)
}

fn hundred() -> Bench {
    guarded("10.77.0.10-10.77.0.109")
}

fn stranger(n: u16) -> Message<'static> {
    let [hi, lo] = n.to_be_bytes();
    let mac = MacAddr([2, 0xee, 0, 0, hi, lo]);
    Message::request(MessageType::Discover, u32::from(n), mac)
}

/// What a relay agent adds for a client at this port.
fn behind(port: u8, mut message: Message<'static>) -> Message<'static> {
    message.giaddr = addr(2);
    with_option(message, code::RELAY_AGENT, &[1, 1, port])
}

fn declined(lease: &Message<'static>, addr: Ipv4Addr) -> Message<'static> {
    let mut message = selecting(lease, addr);
    message.kind = MessageType::Decline;
    message
}

fn reason(outputs: &Outputs) -> DropReason {
    assert_eq!(outputs.transmits, []);
    match &outputs.events[..] {
        [Event::Dropped { reason, .. }] => *reason,
        other => panic!("not one refusal: {other:?}"),
    }
}

#[test]
fn a_flood_of_discovers_silences_neither_a_fresh_nor_a_reserved_client() {
    let mut bench = hundred();
    for n in 0..2_000 {
        assert_eq!(bench.send(&stranger(n)).transmits.len(), 1, "stranger {n}");
    }
    assert_eq!(bench.lease(&discover(250)).addr, addr(250));
    bench.lease(&discover(251));
    bench.lease(&discover(1));
}

#[test]
fn a_full_table_of_offers_makes_room_in_a_pool_that_is_not() {
    let mut bench = guarded("10.77.1.0-10.77.200.255");
    for n in 0..5_000 {
        assert_eq!(bench.send(&stranger(n)).transmits.len(), 1, "stranger {n}");
        assert!(bench.server.database.offers().len() <= 4_096);
    }
    bench.lease(&discover(1));
    assert_eq!(bench.lease(&discover(250)).addr, addr(250));
}

#[test]
fn a_client_whose_offer_gave_way_gets_its_address_all_the_same() {
    let mut bench = hundred();
    (0..200).for_each(|n| drop(bench.send(&stranger(n))));
    let offered = bench.send(&discover(1)).reply().yiaddr;
    // The flood goes on before the client's REQUEST arrives.
    (200..2_000).for_each(|n| drop(bench.send(&stranger(n))));
    let outputs = bench.send(&selecting(&discover(1), offered));
    assert_eq!(outputs.reply().kind, MessageType::Ack);
    assert_eq!(outputs.reply().yiaddr, offered);
}

#[test]
fn an_offer_is_not_stolen_while_none_gives_way() {
    let mut bench = hundred();
    let offered = bench.send(&discover(1)).reply().yiaddr;
    let outputs = bench.send(&selecting(&discover(2), offered));
    assert_eq!(outputs.reply().kind, MessageType::Nak);
    // And one to a reserved host never is.
    (0..2_000).for_each(|n| drop(bench.send(&stranger(n))));
    let offered = bench.send(&discover(251)).reply().yiaddr;
    let outputs = bench.send(&selecting(&discover(2), offered));
    assert_eq!(outputs.reply().kind, MessageType::Nak);
}

#[test]
fn whoever_asks_for_most_gives_way_first() {
    let mut bench = hundred();
    let offered = bench.send(&behind(1, discover(1))).reply().yiaddr;
    (0..1_000).for_each(|n| drop(bench.send(&behind(2, stranger(n)))));
    let stored = bench.server.database.at(offered).unwrap();
    assert_eq!(
        stored.mac,
        mac(1),
        "the flood displaced only its own offers"
    );
}

#[test]
fn a_port_that_has_most_of_a_pool_leaves_the_rest_to_others() {
    let mut bench = hundred();
    bench.lease(&behind(1, discover(1)));
    let mut refused = 0;
    for n in 0..200 {
        let message = behind(2, stranger(n));
        let offer = bench.send(&message);
        if offer.transmits.is_empty() {
            assert_eq!(reason(&offer), DropReason::PortShare);
            refused += 1;
        } else {
            bench.send(&selecting(&message, offer.reply().yiaddr));
        }
    }
    assert!(refused > 100, "{refused}");
    // Nor by asking without an offer.
    let outputs = bench.send(&selecting(&behind(2, stranger(300)), addr(109)));
    assert_eq!(outputs.reply().kind, MessageType::Nak);
    bench.lease(&behind(1, discover(2)));
}

#[test]
fn leases_to_strangers_leave_an_address_to_a_reserved_host() {
    let mut bench = hundred();
    let mut refused = 0;
    for n in 0..200 {
        let offer = bench.send(&stranger(n));
        if offer.transmits.is_empty() {
            assert_eq!(reason(&offer), DropReason::PoolExhausted);
            refused += 1;
        } else {
            bench.send(&selecting(&stranger(n), offer.reply().yiaddr));
        }
    }
    assert_eq!(refused, 101, "one of the hundred is kept back");
    bench.lease(&discover(251));
    assert_eq!(bench.lease(&discover(250)).addr, addr(250));
}

#[test]
fn a_decline_of_what_was_never_leased_changes_nothing() {
    let mut bench = hundred();
    for n in 0..200 {
        let offered = bench.send(&stranger(n)).reply().yiaddr;
        let outputs = bench.send(&declined(&stranger(n), offered));
        assert_eq!(reason(&outputs), DropReason::NotHeld);
    }
    assert_eq!(bench.server.database.declined().0, 0);
    assert!(bench.disk.is_empty());
    bench.lease(&discover(1));
}

#[test]
fn declined_leases_rest_up_to_a_tenth_of_the_pool() {
    let mut bench = hundred();
    for n in 0..500 {
        let lease = bench.lease(&stranger(n));
        bench.send(&declined(&stranger(n), lease.addr));
        assert!(bench.server.database.declined().0 <= 10);
    }
    bench.lease(&discover(1));
    bench.lease(&discover(251));
    // Nor does a restart bring back what had rested.
    let records = bench.disk.clone();
    let config = bench.server.config.clone();
    bench.server = Server::restore(config, Seed::new(2), records, bench.now);
    assert_eq!(bench.server.database.declined().0, 10);
}

#[test]
fn only_who_has_the_address_releases_it() {
    let mut bench = hundred();
    let lease = bench.lease(&discover(1));
    let mut other_card = release(1, lease.addr);
    other_card.chaddr = mac(66);
    let id = [1, 2, 0, 0, 0, 0, 1];
    let with_id = |message| with_option(message, code::CLIENT_ID, &id);
    assert_eq!(reason(&bench.send(&other_card)), DropReason::NotHeld);
    // From another address than the one that it gives back.
    let payload = release(1, lease.addr).encode();
    let datagram = Datagram {
        source: SocketAddr::from((addr(77), 68)),
        destination: SocketAddr::from((SERVER, 67)),
        channel: Channel::Udp,
        payload: &payload,
    };
    bench.server.handle_datagram(datagram, bench.now);
    assert_eq!(reason(&bench.drain()), DropReason::OtherSource);
    // With the identifier of the client, which anybody has heard, from another card.
    let known = bench.lease(&with_id(discover(2)));
    let mut stolen = with_id(release(2, known.addr));
    stolen.chaddr = mac(66);
    assert_eq!(reason(&bench.send(&stolen)), DropReason::OtherCard);

    assert_eq!(bench.server.leases_len(), 2);
    bench.send(&release(1, lease.addr));
    assert_eq!(bench.server.leases_len(), 1);
}

#[test]
fn what_is_refused_says_whose_message_it_was() {
    let mut bench = hundred();
    let mut message = decline(7, addr(10));
    message.giaddr = addr(2);
    let outputs = bench.send(&message);
    let expected = Sender {
        source: SocketAddr::from((Ipv4Addr::UNSPECIFIED, 68)),
        mac: Some(mac(7)),
        message: Some(MessageType::Decline),
        giaddr: Some(addr(2)),
    };
    let reason = DropReason::NotHeld;
    let sender = expected;
    assert_eq!(outputs.events, [Event::Dropped { sender, reason }]);
    // Also when it is no message at all.
    let mut payload = message.encode();
    payload[236] ^= 0xff;
    let datagram = Datagram {
        source: expected.source,
        destination: SocketAddr::from((BROADCAST, 67)),
        channel: Channel::Udp,
        payload: &payload,
    };
    bench.server.handle_datagram(datagram, bench.now);
    let outputs = bench.drain();
    let message = None;
    let expected = Sender {
        message,
        ..expected
    };
    assert!(
        matches!(&outputs.events[..], [Event::Dropped { sender, .. }] if *sender == expected),
        "{outputs:?}"
    );
}

#[test]
fn options_without_room_and_names_that_are_not_given_are_reported() {
    let mut raw = raw();
    raw.classes = vec![RawClass {
        name: "any".to_owned(),
        client_hostname: true,
        options: (200..208)
            .map(|code| RawOption {
                code,
                text: Some("x".repeat(80)),
                ..RawOption::default()
            })
            .collect(),
        ..RawClass::default()
    }];
    let mut bench = Bench::new(raw);
    let asked: Vec<u8> = (200..208).collect();
    let message = with_option(discover(1), code::PARAMETERS, &asked);
    let message = with_option(message, code::HOSTNAME, b"no_label");
    let offered = bench.send(&message).reply().yiaddr;
    let outputs = bench.send(&selecting(&message, offered));
    let [
        Event::NameRefused { refusal, given, .. },
        Event::OptionsOmitted { options, .. },
        Event::Leased { .. },
    ] = &outputs.events[..]
    else {
        panic!("{outputs:?}");
    };
    let wanted = "no_label".to_owned();
    assert_eq!(*refusal, NameRefusal::NoLabel { wanted });
    assert_eq!(given, "ip-10-77-0-10");
    let ack = outputs.reply();
    let missing: Vec<u8> = (200..208).filter(|c| !ack.options.contains(*c)).collect();
    assert_eq!(*options, missing);
    assert!(!missing.is_empty());
}
