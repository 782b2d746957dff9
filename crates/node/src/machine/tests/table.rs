//! Every command in every state.

use super::*;

const STATES: [&str; 7] = [
    "off",
    "leasing",
    "configuring",
    "fetching seed",
    "installing",
    "running",
    "powering off",
];

/// Every command in every state: the state that follows.
#[test]
fn the_transition_table() {
    for (name, command, next) in columns() {
        for (state, next) in STATES.into_iter().zip(next) {
            let mut bench = bench_in(state);
            bench.command(command.clone());
            assert_eq!(bench.node.state().name(), next, "{name} in {state}");
        }
    }
}

type Column = (&'static str, Command, [&'static str; 7]);

fn columns() -> [Column; 9] {
    let outcome = Ok(META_DATA.into());
    let url = format!("{SEED_URL}meta-data");
    let unit = || "a.service".to_owned();
    let pid = None;
    let installed = Command::FileInstalled {
        path: "/etc/systemd/system/a.service".into(),
        outcome: Ok(()),
    };
    let exited = Command::UnitExited {
        unit: unit(),
        status: ExitStatus::Code { code: 0 },
    };
    let failed = Command::InterfaceFailed { why: "no".into() };
    // The address is lost at once; what runs goes on.
    let conflict = but(&[("configuring", "leasing"), ("fetching seed", "leasing")]);
    let off = [
        "off",
        "off",
        "off",
        "off",
        "off",
        "powering off",
        "powering off",
    ];
    [
        ("PowerOn", Command::PowerOn, but(&[("off", "leasing")])),
        (
            "InterfaceConfigured",
            Command::InterfaceConfigured,
            but(&[("configuring", "fetching seed")]),
        ),
        ("InterfaceFailed", failed, STATES),
        ("Conflict", Command::Conflict, conflict),
        ("SeedFetched", Command::SeedFetched { url, outcome }, STATES),
        (
            "FileInstalled",
            installed,
            but(&[("installing", "running")]),
        ),
        (
            "UnitStarted",
            Command::UnitStarted { unit: unit(), pid },
            STATES,
        ),
        ("UnitExited", exited, but(&[("powering off", "off")])),
        ("PowerOff", Command::PowerOff, off),
    ]
}

/// Every state stays, but for these.
fn but(changes: &[(&str, &'static str)]) -> [&'static str; 7] {
    STATES.map(|state| {
        let change = changes.iter().find(|(from, _)| *from == state);
        change.map_or(state, |(_, to)| *to)
    })
}
