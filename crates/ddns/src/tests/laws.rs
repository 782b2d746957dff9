//! The laws of every engine, with a real life and with noise in it.

use std::net::Ipv4Addr;
use std::time::Duration;

use proptest::prelude::*;
use quorate_core::laws::{self, Input};
use quorate_core::{Channel, Seed, StreamId, Wall};

use super::world::{Faults, World, member, raw_config};
use crate::{Command, Config, Registrar};

fn registrar(seed: u64) -> Registrar {
    Registrar::new(Config::new(&raw_config(), None).unwrap(), Seed::new(seed))
}

/// A lossy life with five members, one of which leaves.
fn life(seed: u64) -> Vec<Input<Command>> {
    let mut world = World::new(seed, raw_config(), &[], None);
    world.faults = Faults {
        drop_percent: 30,
        duplicate_percent: 30,
        delay_millis_max: 400,
        disk_millis_max: 5,
    };
    for number in 1..=5 {
        world.bind(member(number));
        world.pass(Duration::from_millis(300));
    }
    world.end(Ipv4Addr::new(10, 77, 0, 2));
    world.run_until_idle();
    world.inputs
}

#[test]
fn a_life_lived_again_under_the_laws_is_the_same_life() {
    let inputs = life(7);
    let replies = |input: &&Input<Command>| matches!(input, Input::Datagram { .. });
    assert!(inputs.iter().filter(replies).count() > 15);
    let transcript = laws::obey(|| registrar(7), &inputs);
    let mut again = registrar(7);
    again = Registrar::restore(again.config, Seed::new(1), transcript.writes().cloned());
    assert!(again.is_idle(), "the replies fitted the requests");
    assert_eq!(again.bindings().count(), 4);
}

fn noise() -> impl Strategy<Value = Input<Command>> {
    let addr = |text: &str| text.parse().unwrap();
    let source =
        prop_oneof![3 => Just(addr(super::world::SERVER)), 1 => Just(addr("127.0.0.66:53"))];
    let channel = prop_oneof![
        Just(Channel::Udp),
        (0..4u64).prop_map(|s| Channel::Stream(StreamId(s)))
    ];
    let datagram = (source, channel, prop::collection::vec(any::<u8>(), 0..64)).prop_map(
        move |(source, channel, payload)| Input::Datagram {
            source,
            destination: addr("127.0.0.1:40000"),
            channel,
            payload,
        },
    );
    prop_oneof![
        3 => datagram,
        2 => (1..7u8).prop_map(|number| Input::Command(Command::Bound(member(number)))),
        2 => (1..7u8).prop_map(|number| Input::Command(Command::Ended { addr: Ipv4Addr::new(10, 77, 0, number) })),
        1 => Just(Input::Sync),
        2 => (0..40_000u64).prop_map(|millis| Input::Pass(Duration::from_millis(millis))),
        1 => (0..40_000u64).prop_map(|millis| Input::Sleep(Duration::from_millis(millis))),
        1 => any::<u32>().prop_map(|secs| Input::SetWall(Wall::from_unix_secs(secs.into()))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn noise_breaks_no_law(
        seed in 0..8u64,
        noise in prop::collection::vec((any::<prop::sample::Index>(), noise()), 1..60),
        lost in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let mut inputs = life(seed);
        for index in lost {
            inputs.remove(index.index(inputs.len()));
        }
        for (index, input) in noise {
            inputs.insert(index.index(inputs.len()), input);
        }
        laws::obey(|| registrar(seed), &inputs);
    }

    /// Every octet of a real reply, changed.
    #[test]
    fn damaged_replies_break_no_law(seed in 0..4u64, damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..30)) {
        let mut inputs = life(seed);
        let mut replies: Vec<&mut Vec<u8>> = inputs.iter_mut().filter_map(|input| match input {
            Input::Datagram { payload, .. } => Some(payload),
            Input::Command(_) | Input::Sync | Input::Pass(_) | Input::Sleep(_) | Input::SetWall(_) => None,
        }).collect();
        for (index, octet) in damage {
            let reply = index.index(replies.len());
            let at = index.index(replies[reply].len());
            replies[reply][at] ^= octet;
        }
        laws::obey(|| registrar(seed), &inputs);
    }
}
