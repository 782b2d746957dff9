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
    let url = || format!("{SEED_URL}meta-data");
    let unit = || "a.service".to_owned();
    let path = || "/etc/systemd/system/a.service".to_owned();
    let columns: [(&str, Command, [&str; 7]); 9] = [
        ("PowerOn", Command::PowerOn, {
            let mut next = STATES;
            next[0] = "leasing";
            next
        }),
        ("InterfaceConfigured", Command::InterfaceConfigured, {
            let mut next = STATES;
            next[2] = "fetching seed";
            next
        }),
        (
            "InterfaceFailed",
            Command::InterfaceFailed { why: "no".into() },
            STATES,
        ),
        ("Conflict", Command::Conflict, {
            // The address is lost at once; what runs goes on.
            let mut next = STATES;
            next[2] = "leasing";
            next[3] = "leasing";
            next
        }),
        (
            "SeedFetched",
            Command::SeedFetched {
                url: url(),
                outcome: Ok(META_DATA.into()),
            },
            STATES,
        ),
        (
            "FileInstalled",
            Command::FileInstalled {
                path: path(),
                outcome: Ok(()),
            },
            {
                let mut next = STATES;
                next[4] = "running";
                next
            },
        ),
        (
            "UnitStarted",
            Command::UnitStarted {
                unit: unit(),
                pid: None,
            },
            STATES,
        ),
        (
            "UnitExited",
            Command::UnitExited {
                unit: unit(),
                status: ExitStatus::Code { code: 0 },
            },
            {
                let mut next = STATES;
                next[6] = "off";
                next
            },
        ),
        (
            "PowerOff",
            Command::PowerOff,
            [
                "off",
                "off",
                "off",
                "off",
                "off",
                "powering off",
                "powering off",
            ],
        ),
    ];
    for (name, command, next) in columns {
        for (state, next) in STATES.into_iter().zip(next) {
            let mut bench = bench_in(state);
            bench.command(command.clone());
            assert_eq!(bench.node.state().name(), next, "{name} in {state}");
        }
    }
}
