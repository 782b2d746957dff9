//! Leases whose name or address changes, followed at leisure and in a hurry.

use super::names::{a, at, ptr};
use super::world::{World, member};
use crate::{Binding, Command};

/// Commands; then the A records of `n1` and of `x`, and the PTRs of the first two addresses.
type Row = (
    Vec<Command>,
    &'static [&'static str],
    &'static [&'static str],
    [&'static [&'static str]; 2],
);

const fn bound(binding: Binding) -> Command {
    Command::Bound(binding)
}

fn ended(number: u8) -> Command {
    Command::Ended { addr: at(number) }
}

/// Other names and other addresses.
fn moves() -> Vec<Row> {
    let renamed = |number: u8, hostname: &str| Binding {
        hostname: hostname.to_owned(),
        ..member(number)
    };
    // The same client at another address.
    let moved = |number: u8| Binding {
        addr: at(number),
        ..member(1)
    };
    vec![
        // Another name for the address.
        (
            vec![bound(member(1)), bound(renamed(1, "x"))],
            &[],
            &["10.77.0.1"],
            [&["x.lab.test."], &[]],
        ),
        // Another address for the client, old lease still there; then gone.
        (
            vec![bound(member(1)), bound(moved(2))],
            &["10.77.0.2"],
            &[],
            [&["n1.lab.test."], &["n1.lab.test."]],
        ),
        (
            vec![bound(member(1)), bound(moved(2)), ended(1)],
            &["10.77.0.2"],
            &[],
            [&[], &["n1.lab.test."]],
        ),
        // The newer lease ends first: the older takes over again.
        (
            vec![bound(member(1)), bound(moved(2)), ended(2)],
            &["10.77.0.1"],
            &[],
            [&["n1.lab.test."], &[]],
        ),
        (
            vec![bound(member(1)), ended(1), bound(member(1))],
            &["10.77.0.1"],
            &[],
            [&["n1.lab.test."], &[]],
        ),
        // Another machine gets the address.
        (
            vec![bound(member(1)), ended(1), bound(renamed(1, "x"))],
            &[],
            &["10.77.0.1"],
            [&["x.lab.test."], &[]],
        ),
    ]
}

/// Other records, another class, another owner.
fn changes() -> Vec<Row> {
    let unnamed = Binding {
        forward: false,
        reverse: false,
        ..member(1)
    };
    vec![
        (
            vec![bound(member(1)), bound(unnamed.clone())],
            &[],
            &[],
            [&[], &[]],
        ),
        (
            vec![bound(unnamed), bound(member(1))],
            &["10.77.0.1"],
            &[],
            [&["n1.lab.test."], &[]],
        ),
        (
            vec![bound(Binding {
                reverse: false,
                ..member(1)
            })],
            &["10.77.0.1"],
            &[],
            [&[], &[]],
        ),
        (
            vec![bound(Binding {
                forward: false,
                ..member(1)
            })],
            &[],
            &[],
            [&["n1.lab.test."], &[]],
        ),
        (
            vec![
                bound(member(1)),
                bound(Binding {
                    class: None,
                    ..member(1)
                }),
            ],
            &["10.77.0.1"],
            &[],
            [&["n1.lab.test."], &[]],
        ),
        (
            vec![
                bound(member(1)),
                bound(Binding {
                    dhcid_id: vec![9],
                    ..member(1)
                }),
            ],
            &["10.77.0.1"],
            &[],
            [&["n1.lab.test."], &[]],
        ),
    ]
}

/// What the zones say after one command for each line, each acknowledged before the next.
#[test]
fn bindings_that_change_are_followed() {
    let rows = moves().into_iter().chain(changes());
    for (commands, n1, x, [first, second]) in rows {
        for is_hurried in [false, true] {
            let mut world = World::plain();
            for command in commands.clone() {
                world.command(command);
                if !is_hurried {
                    world.run_until_idle();
                }
            }
            world.run_until_idle();
            let found = (
                a(&world, "n1"),
                a(&world, "x"),
                ptr(&world, 1),
                ptr(&world, 2),
            );
            let strings =
                |texts: &[&str]| texts.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>();
            let expected = (strings(n1), strings(x), strings(first), strings(second));
            assert_eq!(found, expected, "{commands:#?} hurried: {is_hurried}");
        }
    }
}
