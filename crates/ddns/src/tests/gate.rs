//! The cohort gate: whole, once, and only then.

use std::net::Ipv4Addr;

use quorate_core::Channel;
use quorate_dns::RecordType;

use super::world::{World, member, raw_config};
use crate::{Binding, Config, ConfigError, Event, RawConfig, RawSet};

fn config(change: impl FnOnce(&mut RawConfig)) -> RawConfig {
    let mut raw = raw_config();
    change(&mut raw);
    raw
}

fn servers(world: &World) -> Vec<String> {
    world.lookup("_etcd-server._tcp.lab.test.", RecordType::SRV)
}

fn clients(world: &World) -> Vec<String> {
    world.lookup("_etcd-client._tcp.lab.test.", RecordType::SRV)
}

/// Events about services, one word each and what matters.
fn story(world: &World) -> Vec<String> {
    let describe = |event: &Event| match event {
        Event::GateWaiting { have, want, .. } => Some(format!("waiting {have}/{want}")),
        Event::GateOpened { members, .. } => Some(format!("opened {}", members.join(" "))),
        Event::ServicePublished { members, .. } => Some(format!("published {}", members.join(" "))),
        Event::ServiceConflict { .. } => Some("conflict".to_owned()),
        Event::Late { hostname, .. } => Some(format!("late {hostname}")),
        Event::NamePublished { .. }
        | Event::ReversePublished { .. }
        | Event::Withdrawn { .. }
        | Event::Conflict { .. }
        | Event::Retrying { .. }
        | Event::Dropped { .. } => None,
    };
    world.events.iter().filter_map(describe).collect()
}

#[test]
fn one_cohort_of_three_update_by_update() {
    let mut world = World::plain();
    for number in 1..=3 {
        world.bind(member(number));
        world.run_until_idle();
    }
    let lines = world
        .sent
        .iter()
        .flat_map(|(_, bytes)| super::nsupdate::lines(bytes));
    let transcript = lines.collect::<Vec<_>>().join("\n");
    insta::assert_snapshot!(transcript, @r"
    zone lab.test.
      prereq nxdomain n1.lab.test.
      add n1.lab.test. 60 A 10.77.0.1
      add n1.lab.test. 60 DHCID [00, 01, 01] + 32 octets
    zone 0.77.10.in-addr.arpa.
      delete 1.0.77.10.in-addr.arpa. PTR
      add 1.0.77.10.in-addr.arpa. 60 PTR n1.lab.test.
    zone lab.test.
      prereq nxdomain n2.lab.test.
      add n2.lab.test. 60 A 10.77.0.2
      add n2.lab.test. 60 DHCID [00, 01, 01] + 32 octets
    zone 0.77.10.in-addr.arpa.
      delete 2.0.77.10.in-addr.arpa. PTR
      add 2.0.77.10.in-addr.arpa. 60 PTR n2.lab.test.
    zone lab.test.
      prereq nxdomain n3.lab.test.
      add n3.lab.test. 60 A 10.77.0.3
      add n3.lab.test. 60 DHCID [00, 01, 01] + 32 octets
    zone 0.77.10.in-addr.arpa.
      delete 3.0.77.10.in-addr.arpa. PTR
      add 3.0.77.10.in-addr.arpa. 60 PTR n3.lab.test.
    zone lab.test.
      prereq nxrrset _etcd-server._tcp.lab.test. SRV
      add _etcd-server._tcp.lab.test. 60 SRV 0 0 2380 n1.lab.test.
      add _etcd-server._tcp.lab.test. 60 SRV 0 0 2380 n2.lab.test.
      add _etcd-server._tcp.lab.test. 60 SRV 0 0 2380 n3.lab.test.
      add _etcd-client._tcp.lab.test. 60 SRV 0 0 2379 n1.lab.test.
      add _etcd-client._tcp.lab.test. 60 SRV 0 0 2379 n2.lab.test.
      add _etcd-client._tcp.lab.test. 60 SRV 0 0 2379 n3.lab.test.
    ");
    assert_eq!(
        story(&world),
        [
            "waiting 1/3",
            "waiting 2/3",
            "opened n1 n2 n3",
            "published n1 n2 n3"
        ]
    );
}

#[test]
fn who_comes_late_gets_names_only() {
    let mut world = World::plain();
    for number in 1..=5 {
        world.bind(member(number));
        world.run_until_idle();
    }
    assert_eq!(servers(&world).len(), 3);
    assert_eq!(story(&world)[4..], ["late n4", "late n5"]);
    assert_eq!(world.lookup("n5.lab.test.", RecordType::A), ["10.77.0.5"]);
}

#[test]
fn members_are_counted_once_and_only_while_they_are_there() {
    let mut world = World::plain();
    world.bind(member(1));
    world.run_until_idle();
    // The same machine at a second address, one of no class, and one whose A is not ours.
    world.bind(Binding {
        addr: Ipv4Addr::new(10, 77, 0, 11),
        ..member(1)
    });
    world.bind(Binding {
        class: None,
        ..member(7)
    });
    world.bind(Binding {
        forward: false,
        ..member(8)
    });
    world.run_until_idle();
    world.bind(member(2));
    world.run_until_idle();
    world.end(Ipv4Addr::new(10, 77, 0, 2));
    world.run_until_idle();
    assert!(servers(&world).is_empty());
    // While n1 moves to its second address it does not count.
    let expected = [1, 0, 1, 2, 1].map(|have| format!("waiting {have}/3"));
    assert_eq!(story(&world), expected);
    world.bind(member(3));
    world.bind(member(4));
    world.run_until_idle();
    assert_eq!(story(&world).last().unwrap(), "published n1 n3 n4");
    assert_eq!(servers(&world).len(), 3);
}

#[test]
fn server_records_outlive_the_lease() {
    let mut world = World::plain();
    for number in 1..=3 {
        world.bind(member(number));
    }
    world.run_until_idle();
    world.end(Ipv4Addr::new(10, 77, 0, 2));
    world.run_until_idle();
    assert_eq!(servers(&world).len(), 3);
    world.bind(member(2));
    world.run_until_idle();
    assert!(
        !story(&world).iter().any(|line| line.starts_with("late")),
        "a member comes back"
    );
}

#[test]
fn a_set_that_is_not_ours_is_left_alone() {
    let record = ["_etcd-server._tcp SRV 0 0 2380 old"];
    let mut world = World::new(1, raw_config(), &record, None);
    for number in 1..=4 {
        world.bind(member(number));
        world.run_until_idle();
    }
    assert_eq!(servers(&world), ["0 0 2380 old.lab.test."]);
    assert!(clients(&world).is_empty());
    assert_eq!(
        story(&world)[2..],
        ["opened n1 n2 n3", "conflict", "late n4"]
    );
}

#[test]
fn our_own_set_is_recognised() {
    let records = [1, 2, 3].map(|number| format!("_etcd-server._tcp SRV 0 0 2380 n{number}"));
    let records: Vec<&str> = records.iter().map(String::as_str).collect();
    let mut world = World::new(1, raw_config(), &records, None);
    for number in 1..=3 {
        world.bind(member(number));
    }
    world.run_until_idle();
    assert_eq!(story(&world).last().unwrap(), "published n1 n2 n3");
}

/// The failure that the gate prevents: a client that asks between two of these versions sees a
/// smaller cluster.
#[test]
fn without_the_gate_members_appear_one_by_one() {
    let raw = config(|raw| raw.services[0].gate = false);
    let mut world = World::new(1, raw, &[], None);
    for number in 1..=4 {
        world.bind(member(number));
        world.run_until_idle();
        let expected = usize::from(number.min(3));
        assert_eq!(
            (servers(&world).len(), clients(&world).len()),
            (expected, expected)
        );
    }
    assert_eq!(
        story(&world),
        ["published n1", "published n2", "published n3", "late n4"]
    );
}

#[test]
fn a_large_set_goes_by_stream_whole() {
    let raw = config(|raw| raw.services[0].members = 100);
    let mut world = World::new(1, raw, &[], None);
    for number in 1..=100 {
        world.bind(member(number));
    }
    world.run_until_idle();
    assert_eq!((servers(&world).len(), clients(&world).len()), (100, 100));
    let streams = world
        .sent
        .iter()
        .filter(|(channel, _)| *channel != Channel::Udp);
    assert_eq!(streams.count(), 1);
    let is_srv = |version: &&super::world::Version| {
        version
            .added
            .iter()
            .any(|record| record.record_type() == RecordType::SRV)
    };
    assert_eq!(world.versions.iter().filter(is_srv).count(), 1);
}

#[test]
fn record_names_follow_the_set_and_the_discovery_name() {
    for (set, srv_name, server, client) in [
        (
            RawSet::Plain,
            None,
            "_etcd-server._tcp",
            "_etcd-client._tcp",
        ),
        (
            RawSet::Ssl,
            None,
            "_etcd-server-ssl._tcp",
            "_etcd-client._tcp",
        ),
        (
            RawSet::Plain,
            Some("blue"),
            "_etcd-server-blue._tcp",
            "_etcd-client-blue._tcp",
        ),
        (
            RawSet::Ssl,
            Some("blue"),
            "_etcd-server-ssl-blue._tcp",
            "_etcd-client-blue._tcp",
        ),
    ] {
        let raw = config(|raw| {
            let service = &mut raw.services[0];
            (service.members, service.set) = (1, set);
            service.srv_name = srv_name.map(str::to_owned);
            (service.peer_port, service.client_port) = (12380, 12379);
            (service.priority, service.weight) = (1, 2);
        });
        let mut world = World::new(1, raw, &[], None);
        world.bind(member(1));
        world.run_until_idle();
        let found = |owner: &str| world.lookup(&format!("{owner}.lab.test."), RecordType::SRV);
        assert_eq!(found(server), ["1 2 12380 n1.lab.test."]);
        assert_eq!(found(client), ["1 2 12379 n1.lab.test."]);
    }
}

#[test]
fn the_largest_set_fits_and_one_more_is_refused() {
    let sized = |members| Config::new(&config(|raw| raw.services[0].members = members), None);
    let Err(ConfigError::TooManyMembers { members_max, .. }) = sized(100_000) else {
        panic!("100,000 members cannot fit");
    };
    assert!(sized(members_max + 1).is_err());
    assert!(members_max > 200, "{members_max}");
    // The longest hostnames there are; encoding panics when they do not fit.
    let config = Config::new(&raw_config(), Some(super::world::key())).unwrap();
    let aim = crate::step::Aim::Announce {
        service: 0,
        members: (0..members_max)
            .map(|number| format!("{number:a>63}", number = format!("{number:05}")))
            .collect(),
    };
    let update = aim.request(crate::step::Step::Open, 1, &config);
    let key = super::world::key();
    let len = update
        .encode(Some((&key, quorate_core::laws::WALL_EPOCH)))
        .bytes
        .len();
    assert!(len > 55_000, "{len}: the bound is not far from the truth");
}

#[test]
fn wrong_configurations_are_refused() {
    let refused = |change: fn(&mut RawConfig)| Config::new(&config(change), None).unwrap_err();
    assert!(matches!(
        refused(|raw| raw.forward_zone = "a..b".into()),
        ConfigError::Zone { .. }
    ));
    assert!(matches!(
        refused(|raw| raw.reverse_zones.push("..".into())),
        ConfigError::Zone { .. }
    ));
    assert!(matches!(
        refused(|raw| raw.services[0].name = "zk".into()),
        ConfigError::Service(_)
    ));
    assert!(matches!(
        refused(|raw| raw.services[0].members = 0),
        ConfigError::NoMembers { .. }
    ));
    for label in ["a.b", "", "x\\", &"x".repeat(64)] {
        let raw = config(|raw| raw.services[0].srv_name = Some(label.to_owned()));
        let error = Config::new(&raw, None).unwrap_err();
        assert!(
            matches!(error, ConfigError::Label { .. }),
            "{label:?}: {error}"
        );
    }
    // Both sets of one name split etcd 3.5 and later.
    let both = refused(|raw| {
        let mut ssl = raw.services[0].clone();
        ssl.set = RawSet::Ssl;
        raw.services.push(ssl);
    });
    assert_eq!(both, ConfigError::ServiceTwice("etcd".to_owned()));
    let text = r#"{"server": "127.0.0.1:53", "forward_zone": "lab.test",
        "services": [{"name": "etcd", "class": "etcd", "members": 3, "set": "plain"}]}"#;
    let raw: RawConfig = serde_json::from_str(text).unwrap();
    assert_eq!(raw.services[0], super::world::raw_service());
    assert!(serde_json::from_str::<RawConfig>(&text.replace("set", "sets")).is_err());
}
