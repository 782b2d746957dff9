//! The laws of engines, for a node that gets any datagram and any command.

use proptest::prelude::*;
use quorate_core::Wall;
use quorate_core::laws::{Input, obey};

use super::*;

fn reply() -> impl Strategy<Value = Vec<u8>> {
    // To the first exchange of every node here, so that replies are often wanted.
    let mut bench = Bench::new();
    bench.command(Command::PowerOn);
    let discover = bench.transmits[0].payload.clone();
    prop_oneof![
        Just(answer(
            MessageType::Offer,
            &discover,
            Some(SEED_URL),
            Some("n1")
        )),
        Just(answer(
            MessageType::Ack,
            &discover,
            Some(SEED_URL),
            Some("n1")
        )),
        Just(answer(MessageType::Nak, &discover, None, None)),
        any::<Vec<u8>>(),
    ]
}

fn command() -> impl Strategy<Value = Command> {
    let file = prop_oneof![Just("meta-data"), Just("user-data"), Just("other")];
    let body = prop_oneof![
        Just(Ok(META_DATA.to_vec())),
        Just(Ok(USER_DATA.as_bytes().to_vec())),
        Just(Err("404".to_owned())),
        any::<Vec<u8>>().prop_map(Ok),
    ];
    let unit = || "a.service".to_owned();
    prop_oneof![
        3 => Just(Command::PowerOn),
        1 => Just(Command::PowerOff),
        3 => Just(Command::InterfaceConfigured),
        1 => Just(Command::InterfaceFailed { why: "no".into() }),
        1 => Just(Command::Conflict),
        1 => Just(Command::ReportFailure { what: "x".into() }),
        5 => (file, body).prop_map(|(file, outcome)| Command::SeedFetched {
            url: format!("{SEED_URL}{file}"),
            outcome,
        }),
        3 => any::<bool>().prop_map(|good| Command::FileInstalled {
            path: "/etc/systemd/system/a.service".into(),
            outcome: good.then_some(()).ok_or_else(|| "full".to_owned()),
        }),
        2 => Just(Command::UnitStarted { unit: unit(), pid: None }),
        2 => any::<bool>().prop_map(move |killed| Command::UnitExited {
            unit: unit(),
            status: if killed {
                ExitStatus::Signal { signal: 9 }
            } else {
                ExitStatus::NotStarted { why: "no".into() }
            },
        }),
    ]
}

fn input() -> impl Strategy<Value = Input<Command>> {
    prop_oneof![
        4 => command().prop_map(Input::Command),
        3 => reply().prop_map(|payload| Input::Datagram {
            source: (SERVER, SERVER_PORT).into(),
            destination: (ADDR, CLIENT_PORT).into(),
            channel: Channel::Udp,
            payload,
        }),
        2 => (0u64..20_000).prop_map(|millis| Input::Pass(Duration::from_millis(millis))),
        1 => (0u64..7_200).prop_map(|secs| Input::Sleep(Duration::from_secs(secs))),
        1 => any::<u32>().prop_map(|secs| Input::SetWall(Wall::from_unix_secs(secs.into()))),
    ]
}

proptest! {
    #[test]
    fn a_node_obeys_the_laws(inputs in prop::collection::vec(input(), 0..60)) {
        obey(node, &inputs);
    }
}
