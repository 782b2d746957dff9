//! The engine laws, under random and hostile input.

use proptest::prelude::*;
use quorate_core::laws::{Input, obey};

use super::*;

pub(super) fn input() -> impl Strategy<Value = Input<Command>> {
    prop_oneof![
        8 => message().prop_map(|message| datagram(&message, message.encode())),
        2 => (message(), any::<prop::sample::Index>(), any::<u8>()).prop_map(|(message, at, octet)| {
            let mut payload = message.encode();
            let at = at.index(payload.len());
            payload[at] = octet;
            datagram(&message, payload)
        }),
        1 => (message(), any::<prop::sample::Index>()).prop_map(|(message, at)| {
            let mut payload = message.encode();
            payload.truncate(at.index(payload.len()));
            datagram(&message, payload)
        }),
        1 => proptest::collection::vec(any::<u8>(), 0..600)
            .prop_map(|payload| datagram(&discover(1), payload)),
        4 => Just(Input::Sync),
        3 => (0u64..200).prop_map(|secs| Input::Pass(Duration::from_secs(secs))),
        2 => (0u64..2_000).prop_map(|secs| Input::Sleep(Duration::from_secs(secs))),
        1 => prop_oneof![Just(0), 1_700_000_000u64..1_800_000_000]
            .prop_map(|secs| Input::SetWall(quorate_core::Wall::from_unix_secs(secs))),
        1 => (8u8..15).prop_map(|host| Input::Command(Command::Revoke { addr: addr(host) })),
    ]
}

fn message() -> impl Strategy<Value = Message<'static>> {
    let extras = prop_oneof![
        Just(None),
        Just(Some((code::HOSTNAME, b"web".to_vec()))),
        Just(Some((code::CLIENT_ID, vec![0xff, 1, 2]))),
        Just(Some((code::VENDOR_CLASS, b"PXEClient".to_vec()))),
        (any::<u8>(), proptest::collection::vec(any::<u8>(), 0..20))
            .prop_map(|(code, value)| Some((code.clamp(1, 254), value))),
    ];
    (1u8..7, 8u8..15, 0..9, any::<bool>(), extras).prop_map(|(n, host, kind, relay, extra)| {
        let host = addr(host);
        let mut message = match kind {
            0 | 1 => discover(n),
            2 | 3 => selecting(&discover(n), host),
            4 => reboot(n, host),
            5 => extending(n, host),
            6 => decline(n, host),
            7 => release(n, host),
            _ => Message::request(MessageType::Inform, 1, mac(n)),
        };
        if relay {
            message.giaddr = addr(2);
        }
        if let Some((code, value)) = extra.filter(|(code, _)| *code != code::MESSAGE_TYPE) {
            message.options.set(code, value);
        }
        message
    })
}

fn datagram(message: &Message<'_>, payload: Vec<u8>) -> Input<Command> {
    Input::Datagram {
        source: SocketAddr::from((message.ciaddr, 68)),
        destination: SocketAddr::from((
            if message.xid.is_multiple_of(2) {
                SERVER
            } else {
                BROADCAST
            },
            67,
        )),
        channel: Channel::Udp,
        payload,
    }
}

pub(super) fn config() -> ServerConfig {
    let mut raw = raw();
    raw.limits.offers_max = 3;
    raw.limits.declined_max = 2;
    raw.limits.renewal_fuzz_percent = 10;
    raw.classes = vec![
        RawClass {
            name: "pxe".to_owned(),
            vendor_class: Some("PXE".to_owned()),
            hostname: Some("pxe-{index}".to_owned()),
            ..RawClass::default()
        },
        RawClass {
            name: "any".to_owned(),
            client_hostname: true,
            ..RawClass::default()
        },
    ];
    raw.hosts = vec![RawHost {
        mac: Some(mac(3)),
        addr: Some(addr(13)),
        hostname: Some("web".to_owned()),
        ..RawHost::default()
    }];
    ServerConfig::validate(raw).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_server_obeys(inputs in proptest::collection::vec(input(), 0..80)) {
        obey(|| Server::new(config(), Seed::new(1)), &inputs);
    }

    /// No address and no name is held by two clients, and a server made from the records
    /// alone agrees with the one that wrote them.
    #[test]
    fn promises_exclude_each_other_and_survive(
        inputs in proptest::collection::vec(input(), 0..80),
    ) {
        let mut bench = Bench::new(raw());
        bench.server = Server::new(config(), Seed::new(1));
        for input in &inputs {
            match input {
                Input::Command(command) => bench.server.command(command.clone(), bench.now),
                Input::Datagram { source, destination, channel, payload } => {
                    let (source, destination, channel) = (*source, *destination, *channel);
                    let datagram = Datagram { source, destination, channel, payload };
                    bench.server.handle_datagram(datagram, bench.now);
                }
                Input::Sync => { bench.sync(); }
                Input::SetWall(wall) => {
                    bench.now.wall = *wall;
                    bench.pass(0);
                }
                Input::Pass(duration) | Input::Sleep(duration) => {
                    bench.pass(duration.as_secs());
                }
            }
            bench.drain();
            let database = &bench.server.database;
            let mut names: Vec<String> = database.iter()
                .filter(|(_, stored)| stored.phase.is_active())
                .map(|(addr, stored)| database.lease_of(addr, stored).hostname)
                .collect();
            let count = names.len();
            names.sort_unstable();
            names.dedup();
            prop_assert_eq!(names.len(), count, "two clients share a name");
            let mut ordinals: Vec<_> = database.iter()
                .map(|(addr, stored)| database.lease_of(addr, stored))
                .filter_map(|lease| Some((lease.class?, lease.index?)))
                .collect();
            let count = ordinals.len();
            ordinals.sort();
            ordinals.dedup();
            prop_assert_eq!(ordinals.len(), count, "two clients share an ordinal");
            prop_assert!(database.offers().len() <= 3);
            prop_assert!(database.declined().0 <= 2);
        }
        let before: Vec<Lease> = bench.server.leases().collect();
        let restored = Server::restore(config(), Seed::new(9), bench.disk.clone(), bench.now);
        let after: Vec<Lease> = restored.leases().collect();
        prop_assert_eq!(before, after);
    }
}
