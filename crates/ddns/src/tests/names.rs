//! Names come, move and go.

use std::net::Ipv4Addr;
use std::time::Duration;

use quorate_core::{
    Channel, Datagram, Destination, Engine, Instant, Now, Output, Seed, StreamId, laws,
};
use quorate_dns::{DHCID, RecordType};

use super::world::{World, fold, key, member, raw_config};
use crate::{Binding, Command, Config, Event, OutboxRecord, Registrar};

pub(super) fn at(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 77, 0, number)
}

fn named(event: &Event) -> bool {
    !matches!(event, Event::GateWaiting { .. } | Event::Retrying { .. })
}

pub(super) fn a(world: &World, host: &str) -> Vec<String> {
    world.lookup(&format!("{host}.lab.test."), RecordType::A)
}

pub(super) fn ptr(world: &World, number: u8) -> Vec<String> {
    world.lookup(&format!("{number}.0.77.10.in-addr.arpa."), RecordType::PTR)
}

#[test]
fn a_lease_publishes_its_names_and_its_end_takes_them_back() {
    let mut world = World::plain();
    world.bind(member(1));
    world.run_until_idle();
    assert_eq!(a(&world, "n1"), ["10.77.0.1"]);
    assert_eq!(ptr(&world, 1), ["n1.lab.test."]);
    assert_eq!(world.lookup("n1.lab.test.", DHCID).len(), 1);
    world.end(at(1));
    world.run_until_idle();
    assert!(a(&world, "n1").is_empty() && ptr(&world, 1).is_empty());
    assert!(world.lookup("n1.lab.test.", DHCID).is_empty());
    let (hostname, addr) = ("n1".to_owned(), at(1));
    let events: Vec<Event> = world.events.iter().filter(|e| named(e)).cloned().collect();
    assert_eq!(
        events,
        [
            Event::NamePublished {
                hostname: hostname.clone(),
                addr
            },
            Event::ReversePublished {
                hostname: hostname.clone(),
                addr
            },
            Event::Withdrawn { hostname, addr },
        ]
    );
}

#[test]
fn a_renewal_costs_nothing() {
    let mut world = World::plain();
    world.bind(member(1));
    world.bind(member(1));
    world.run_until_idle();
    let mut shouting = member(1);
    shouting.hostname = "N1".to_owned();
    let (sent, records) = (world.sent.len(), world.registrar_disk.synced.len());
    assert_eq!(sent, 2);
    world.bind(member(1));
    world.bind(shouting);
    world.pass(Duration::from_secs(60));
    assert_eq!(world.sent.len(), sent);
    assert!(world.registrar_disk.waiting.len() + world.registrar_disk.synced.len() <= records + 1);
    world.end(at(9));
    assert!(world.registrar.is_idle());
}

#[test]
fn nothing_leaves_before_its_record_is_on_disk() {
    let config = Config::new(&raw_config(), None).unwrap();
    let mut registrar = Registrar::new(config, Seed::new(1));
    let now = Now::new(Instant::ZERO, laws::WALL_EPOCH);
    registrar.command(Command::Bound(member(1)), now);
    registrar.command(Command::Bound(member(2)), now);
    let mut tickets = Vec::new();
    while let Some(output) = registrar.poll() {
        match output {
            Output::Write { ticket, .. } => tickets.push(ticket),
            Output::Transmit(_) | Output::Effect(_) | Output::Event(_) => {
                panic!("{output:?} before the write")
            }
        }
    }
    assert_eq!(registrar.poll_timeout(), None);
    registrar.handle_written(tickets[0], now);
    let Some(Output::Transmit(transmit)) = registrar.poll() else {
        panic!("the first is on disk");
    };
    assert!(matches!(transmit.destination, Destination::Udp(_)));
    assert_eq!(registrar.poll(), None, "the second is not");
}

#[test]
fn somebody_elses_name_is_left_alone_until_the_binding_changes() {
    let mut world = World::new(1, raw_config(), &["n1 A 192.0.2.1"], None);
    world.bind(member(1));
    world.run_until_idle();
    let (hostname, addr) = ("n1".to_owned(), at(1));
    assert!(world.events.contains(&Event::Conflict { hostname, addr }));
    assert_eq!(a(&world, "n1"), ["192.0.2.1"]);
    assert!(
        ptr(&world, 1).is_empty(),
        "no PTR to a name that is not ours"
    );
    let sent = world.sent.len();
    world.bind(member(1));
    world.pass(Duration::from_secs(60));
    assert_eq!(world.sent.len(), sent, "a renewal does not ask again");
    let free = Binding {
        hostname: "n2".to_owned(),
        ..member(1)
    };
    world.bind(free);
    world.run_until_idle();
    assert_eq!(
        (a(&world, "n1"), a(&world, "n2")),
        (vec!["192.0.2.1".to_owned()], vec!["10.77.0.1".to_owned()])
    );
    // Two clients want one name: the first has it.
    let rival = Binding {
        addr: at(3),
        dhcid_id: b"rival".to_vec(),
        hostname: "n2".to_owned(),
        ..member(3)
    };
    world.bind(rival);
    world.run_until_idle();
    assert_eq!(a(&world, "n2"), ["10.77.0.1"]);
    world.end(at(3));
    world.run_until_idle();
    assert_eq!(a(&world, "n2"), ["10.77.0.1"]);
}

#[test]
fn other_records_at_a_name_survive_its_lease() {
    let mut world = World::plain();
    world.bind(member(1));
    world.run_until_idle();
    // A dual-stack client's AAAA under the same DHCID: the name stays claimed.
    let zone = quorate_dns::text::parse_name("lab.test.", &quorate_dns::Name::root()).unwrap();
    let record = |text: &str| quorate_dns::text::parse_record(text, &zone, 60).unwrap();
    let update = quorate_dns::client::UpdateRequest::new(zone.clone(), 7)
        .add(record("n1 AAAA 2001:db8::1"))
        .encode(None);
    let datagram = Datagram {
        source: "127.0.0.9:9".parse().unwrap(),
        destination: "127.0.0.53:53".parse().unwrap(),
        channel: Channel::Udp,
        payload: &update.bytes,
    };
    world.authority.handle_datagram(datagram, world.now());
    while let Some(output) = world.authority.poll() {
        if let Output::Write { ticket, .. } = output {
            world.authority.handle_written(ticket, world.now());
        }
    }
    world.end(at(1));
    world.run_until_idle();
    assert!(a(&world, "n1").is_empty());
    assert_eq!(world.lookup("n1.lab.test.", RecordType::AAAA).len(), 1);
    assert_eq!(world.lookup("n1.lab.test.", DHCID).len(), 1);
}

#[test]
fn the_longest_reverse_zone_is_used_and_without_one_there_is_no_ptr() {
    let mut world = World::plain();
    let outside = |addr| Binding { addr, ..member(2) };
    world.bind(member(1));
    world.bind(outside(Ipv4Addr::new(10, 77, 5, 2)));
    world.run_until_idle();
    let in_zone = |text: &str| {
        world
            .sent
            .iter()
            .any(|(_, bytes)| super::nsupdate::lines(bytes)[0] == format!("zone {text}"))
    };
    assert!(in_zone("0.77.10.in-addr.arpa.") && in_zone("77.10.in-addr.arpa."));
    assert_eq!(
        world.lookup("2.5.77.10.in-addr.arpa.", RecordType::PTR),
        ["n2.lab.test."]
    );
    let sent = world.sent.len();
    let elsewhere = Binding {
        addr: Ipv4Addr::new(192, 0, 2, 3),
        class: None,
        ..member(3)
    };
    world.bind(elsewhere);
    world.run_until_idle();
    assert_eq!(world.sent.len(), sent + 1, "the A alone");
}

#[test]
fn a_signed_registrar_is_believed_and_believes_only_signed_replies() {
    let mut world = World::new(1, raw_config(), &[], Some(key()));
    world.zones.update.retain(|grant| grant.key.is_some());
    world.crash_server();
    world.bind(member(1));
    world.run_until_idle();
    assert_eq!(a(&world, "n1"), ["10.77.0.1"]);
    assert!(
        !world
            .events
            .iter()
            .any(|e| matches!(e, Event::Retrying { .. } | Event::Dropped { .. }))
    );

    let config = Config::new(&raw_config(), Some(key())).unwrap();
    let mut registrar = Registrar::new(config, Seed::new(1));
    let now = world.now();
    registrar.command(Command::Bound(member(1)), now);
    let Some(Output::Write { ticket, .. }) = registrar.poll() else {
        panic!()
    };
    registrar.handle_written(ticket, now);
    let Some(Output::Transmit(transmit)) = registrar.poll() else {
        panic!()
    };
    let mut forged = transmit.payload[..12].to_vec();
    forged[2] |= 0x80;
    forged[4..].fill(0);
    let datagram = Datagram {
        source: super::world::SERVER.parse().unwrap(),
        destination: "127.0.0.1:9".parse().unwrap(),
        channel: Channel::Udp,
        payload: &forged,
    };
    registrar.handle_datagram(datagram, now);
    assert!(matches!(
        registrar.poll(),
        Some(Output::Event(Event::Dropped { .. }))
    ));
    assert!(!registrar.is_idle());
}

#[test]
fn a_silent_server_is_asked_ever_more_slowly_and_found_again_soon() {
    let mut world = World::plain();
    world.is_server_up = false;
    world.bind(member(1));
    world.pass(Duration::from_secs(1_800));
    let tries = world.sent.len();
    // Seven doublings from 250 ms to 30 s, then every 30 s, give or take a quarter.
    assert!((50..=90).contains(&tries), "{tries}");
    let is_retrying = |event: &&Event| matches!(event, Event::Retrying { .. });
    let last = world.events.iter().rev().find(is_retrying);
    let expected = Event::Retrying {
        what: "add A n1 10.77.0.1".to_owned(),
        attempt: u32::try_from(tries - 1).unwrap(),
        reason: "no reply".to_owned(),
    };
    assert_eq!(last, Some(&expected));
    world.is_server_up = true;
    world.run_until_idle();
    assert_eq!(ptr(&world, 1), ["n1.lab.test."]);
}

#[test]
fn flapping_leases_do_not_pile_up_while_the_server_is_away() {
    let mut world = World::plain();
    world.is_server_up = false;
    for _ in 0..200 {
        world.bind(member(1));
        world.end(at(1));
        world.pass(Duration::from_millis(20));
    }
    world.bind(member(1));
    let records = world.registrar.checkpoint();
    assert!(records.len() <= 3, "{records:#?}");
    world.is_server_up = true;
    world.run_until_idle();
    assert_eq!(a(&world, "n1"), ["10.77.0.1"]);
}

#[test]
fn many_leases_share_a_window() {
    let mut world = World::plain();
    world.is_server_up = false;
    for number in 1..=200 {
        let mut binding = member(number);
        binding.class = None;
        world.bind(binding);
    }
    world.pass(Duration::from_millis(150));
    assert_eq!(world.sent.len(), crate::in_flight::WINDOW);
    world.is_server_up = true;
    world.run_until_idle();
    assert_eq!(world.registrar.bindings().count(), 200);
    for number in 1..=200 {
        assert_eq!(a(&world, &format!("n{number}")).len(), 1);
        assert_eq!(ptr(&world, number).len(), 1);
    }
}

#[test]
fn a_fold_of_the_records_says_what_all_of_them_said() {
    let mut world = World::plain();
    for number in 1..=4 {
        world.bind(member(number));
    }
    world.run_until_idle();
    world.end(at(4));
    world.run_until_idle();
    world.pass(Duration::from_secs(1));
    let checkpoint = world.registrar.checkpoint();
    let all = world.registrar_disk.synced.clone();
    assert!(checkpoint.len() < all.len());
    let restored = |records: Vec<OutboxRecord>| {
        let config = Config::new(&raw_config(), None).unwrap();
        Registrar::restore(config, Seed::new(2), records)
    };
    let (from_all, from_fold) = (restored(all.clone()), restored(fold(&all)));
    assert_eq!(fold(&all).len(), checkpoint.len());
    assert_eq!(from_all.checkpoint(), checkpoint);
    assert_eq!(from_fold.checkpoint(), checkpoint);
    assert!(from_fold.is_idle());
}

#[test]
fn what_is_no_hostname_is_dropped() {
    let mut world = World::plain();
    for hostname in ["", "a.b", "a_b", "-a"] {
        let hostname = hostname.to_owned();
        world.bind(Binding {
            hostname,
            ..member(1)
        });
    }
    assert_eq!(world.events.len(), 4);
    assert!(
        world
            .events
            .iter()
            .all(|event| matches!(event, Event::Dropped { .. }))
    );
    assert!(world.registrar.is_idle());
}

#[test]
fn a_reply_counts_only_from_the_server_by_the_way_it_was_asked() {
    let config = Config::new(&raw_config(), None).unwrap();
    let mut registrar = Registrar::new(config, Seed::new(1));
    let now = Now::new(Instant::ZERO, laws::WALL_EPOCH);
    registrar.command(Command::Bound(member(1)), now);
    let Some(Output::Write { ticket, .. }) = registrar.poll() else {
        panic!("the record comes first");
    };
    registrar.handle_written(ticket, now);
    let Some(Output::Transmit(transmit)) = registrar.poll() else {
        panic!("then the UPDATE");
    };
    let mut reply = transmit.payload[..12].to_vec();
    reply[2] |= 0x80;
    reply[4..].fill(0);
    let mut other_id = reply.clone();
    other_id[0] ^= 1;
    let server = super::world::SERVER;
    let stream = Channel::Stream(StreamId(1));
    for (source, channel, payload, is_believed) in [
        ("127.0.0.66:53", Channel::Udp, &reply, false),
        ("127.0.0.53:54", Channel::Udp, &reply, false),
        (server, stream, &reply, false),
        (server, Channel::Udp, &other_id, false),
        (server, Channel::Udp, &transmit.payload, false),
        (server, Channel::Udp, &reply, true),
        (server, Channel::Udp, &reply, false),
    ] {
        let datagram = Datagram {
            source: source.parse().unwrap(),
            destination: "127.0.0.1:40000".parse().unwrap(),
            channel,
            payload,
        };
        registrar.handle_datagram(datagram, now);
        let first = registrar.poll();
        let is_dropped = matches!(first, Some(Output::Event(Event::Dropped { .. })));
        assert_eq!(is_dropped, !is_believed, "{source} {channel:?}: {first:?}");
        while registrar.poll().is_some() {}
    }
}

#[test]
fn a_crash_between_an_end_and_its_successor_loses_neither() {
    let mut world = World::plain();
    world.bind(member(1));
    world.run_until_idle();
    let newer = Binding {
        addr: at(2),
        ..member(1)
    };
    world.bind(newer);
    world.run_until_idle();
    world.pass(Duration::from_secs(1));
    world.end(at(2));
    assert_eq!(world.registrar_disk.waiting.len(), 2);
    world.registrar_disk.sync_one();
    world.crash_registrar([member(1)].iter());
    world.run_until_idle();
    assert_eq!(a(&world, "n1"), ["10.77.0.1"]);
    assert!(ptr(&world, 2).is_empty());
}
