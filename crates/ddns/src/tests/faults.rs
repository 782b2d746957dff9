//! Whatever the wire, the server and the registrar itself do: in the end the zones say what
//! the leases say, and the gated set came once and whole.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::time::Duration;

use proptest::prelude::*;
use quorate_dns::{DHCID, Name, RecordType, text};

use super::world::{CALM, Faults, World, key, member, raw_config};
use crate::{Binding, Event};

/// `taken` has a static A of its own.
const HOSTS: [&str; 6] = ["n1", "n2", "n3", "n4", "n5", "taken"];

#[derive(Clone, Debug)]
enum Action {
    Bound {
        addr: u8,
        host: usize,
        has_class: bool,
        forward: bool,
        reverse: bool,
    },
    Ended {
        addr: u8,
    },
    CrashServer,
    CrashRegistrar,
    /// The registrar's disk refuses what waits for it.
    DiskFails,
    Compact,
    Outage {
        is_up: bool,
    },
}

fn action() -> impl Strategy<Value = Action> {
    let mostly = || prop::bool::weighted(0.9);
    prop_oneof![
        8 => (1..7u8, 0..HOSTS.len(), mostly(), mostly(), mostly()).prop_map(
            |(addr, host, has_class, forward, reverse)| Action::Bound { addr, host, has_class, forward, reverse },
        ),
        4 => (1..7u8).prop_map(|addr| Action::Ended { addr }),
        1 => Just(Action::CrashServer),
        2 => Just(Action::CrashRegistrar),
        2 => Just(Action::DiskFails),
        1 => Just(Action::Compact),
        1 => any::<bool>().prop_map(|is_up| Action::Outage { is_up }),
    ]
}

fn faults() -> impl Strategy<Value = Faults> {
    (0..50u64, 0..50u64, 1..250u64, 1..50u64).prop_map(
        |(drop_percent, duplicate_percent, delay_millis_max, disk_millis_max)| Faults {
            drop_percent,
            duplicate_percent,
            delay_millis_max,
            disk_millis_max,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_zones_end_as_the_leases_do(
        seed in any::<u64>(),
        is_signed in any::<bool>(),
        gate in any::<bool>(),
        faults in faults(),
        actions in prop::collection::vec((0..3_000u64, action()), 1..40),
    ) {
        let mut raw = raw_config();
        raw.services[0].gate = gate;
        let mut world = World::new(seed, raw, &["taken A 192.0.2.1"], is_signed.then(key));
        world.faults = faults;
        let mut live: BTreeMap<Ipv4Addr, Binding> = BTreeMap::new();
        for (gap_millis, action) in actions {
            act(&mut world, &mut live, action);
            world.pass(Duration::from_millis(gap_millis));
        }
        world.is_server_up = true;
        world.faults.drop_percent = 0;
        world.run_until_idle();
        world.faults = CALM;
        // What is still on the wire arrives, and changes nothing any more.
        world.pass(Duration::from_secs(2));
        check_names(&world, &live);
        check_service(&world, &live, gate);
        // And the disk says the same.
        world.crash_registrar(live.values());
        world.run_until_idle();
        world.pass(Duration::from_secs(2));
        check_names(&world, &live);
    }
}

fn act(world: &mut World, live: &mut BTreeMap<Ipv4Addr, Binding>, action: Action) {
    match action {
        Action::Bound {
            addr,
            host,
            has_class,
            forward,
            reverse,
        } => {
            let addr = Ipv4Addr::new(10, 77, 0, addr);
            let binding = Binding {
                addr,
                hostname: HOSTS[host].to_owned(),
                class: has_class.then(|| "etcd".to_owned()),
                dhcid_id: HOSTS[host].as_bytes().to_vec(),
                forward,
                reverse,
                ..member(1)
            };
            live.insert(addr, binding.clone());
            world.bind(binding);
        }
        Action::Ended { addr } => {
            let addr = Ipv4Addr::new(10, 77, 0, addr);
            live.remove(&addr);
            world.end(addr);
        }
        Action::CrashServer => world.crash_server(),
        Action::CrashRegistrar => world.crash_registrar(live.values()),
        Action::DiskFails => world.refuse_writes(),
        Action::Compact => world.compact(),
        Action::Outage { is_up } => world.is_server_up = is_up,
    }
}

fn check_names(world: &World, live: &BTreeMap<Ipv4Addr, Binding>) {
    let known: Vec<&Binding> = world.registrar.bindings().collect();
    assert_eq!(known, live.values().collect::<Vec<_>>());
    for host in HOSTS {
        let found = world.lookup(&format!("{host}.lab.test."), RecordType::A);
        let ours = live
            .values()
            .filter(|binding| binding.hostname == host && binding.forward);
        let ours: BTreeSet<String> = ours.map(|binding| binding.addr.to_string()).collect();
        let owners = world.lookup(&format!("{host}.lab.test."), DHCID).len();
        if host == "taken" {
            assert_eq!((found, owners), (vec!["192.0.2.1".to_owned()], 0));
        } else {
            // Of several leases of one client the newest counts; after a crash its owner may
            // have asked in another order.
            assert_eq!(
                (found.len(), owners),
                (ours.len().min(1), ours.len().min(1)),
                "{host}"
            );
            assert!(
                found.iter().all(|addr| ours.contains(addr)),
                "{host}: {found:?} of {ours:?}"
            );
        }
    }
    for number in 1..7 {
        let addr = Ipv4Addr::new(10, 77, 0, number);
        let found = world.lookup(&format!("{number}.0.77.10.in-addr.arpa."), RecordType::PTR);
        let is_published = |binding: &&Binding| {
            binding.reverse && !(binding.forward && binding.hostname == "taken")
        };
        let expected = live.get(&addr).filter(is_published);
        let expected: Vec<String> = expected
            .iter()
            .map(|b| format!("{}.lab.test.", b.hostname))
            .collect();
        assert_eq!(found, expected, "{addr}");
    }
}

fn check_service(world: &World, live: &BTreeMap<Ipv4Addr, Binding>, gate: bool) {
    let owner = text::parse_name("_etcd-server._tcp.lab.test.", &Name::root()).unwrap();
    let mut sizes = Vec::new();
    for version in &world.versions {
        assert_eq!(version.dangling, Vec::<Name>::new(), "an SRV without its A");
        let of_servers = |records: &[quorate_dns::Record]| {
            let srv = records
                .iter()
                .filter(|r| r.record_type() == RecordType::SRV && r.name == owner);
            srv.count()
        };
        assert_eq!(of_servers(&version.removed), 0);
        match of_servers(&version.added) {
            0 => {}
            size => sizes.push(size),
        }
    }
    let conflicts = |e: &Event| matches!(e, Event::ServiceConflict { .. });
    assert!(!world.events.iter().any(conflicts));
    let present: BTreeSet<&str> = live
        .values()
        .filter(|b| b.forward && b.class.is_some() && b.hostname != "taken")
        .map(|b| b.hostname.as_str())
        .collect();
    if gate {
        assert!(sizes.is_empty() || sizes == [3], "{sizes:?}");
        assert!(
            present.len() < 3 || sizes == [3],
            "{present:?} are there, nothing announced"
        );
    } else {
        assert!(
            sizes.iter().all(|size| *size == 1) && sizes.len() <= 3,
            "{sizes:?}"
        );
        assert!(
            sizes.len() >= present.len().min(3),
            "{present:?}: {sizes:?}"
        );
    }
    let clients = world
        .lookup("_etcd-client._tcp.lab.test.", RecordType::SRV)
        .len();
    assert_eq!(clients, sizes.iter().sum::<usize>());
}
