//! Machines that hang, on virtual time.
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")
)]

use std::time::Duration;

use quorate_core::Instant;
use quorate_scenario::{Action, Observation, Outcome, Story, What};
use quorate_sim::{Options, run};

fn outcome_of(machines: &str, steps: &[(&str, &str, &str)]) -> Outcome {
    let mut text = format!("title = \"frost\"\n[dhcp]\nlease = \"20s\"\n[etcd]\n{machines}");
    for (at, action, machine) in steps {
        text.push_str(&format!(
            "[[steps]]\n{at}\ndo = \"{action}\"\nmachine = \"{machine}\"\n"
        ));
    }
    let story = Story::parse("frost", &text).unwrap();
    let outcome = run(&story, Options::calm((3, 5), 3)).unwrap();
    assert_eq!(outcome.verdict.findings(), []);
    outcome
}

const MEMBERS: &str = "[[machines]]\nname = \"n\"\ncount = 3\nclass = \"etcd\"\n";

fn of<'a>(outcome: &'a Outcome, name: &str) -> Vec<&'a Observation> {
    let ours = |one: &&Observation| one.machine.as_deref() == Some(name);
    outcome.observations.iter().filter(ours).collect()
}

fn when(seen: &[&Observation], wanted: impl Fn(&What) -> bool) -> Instant {
    let found = seen.iter().find(|one| wanted(&one.what));
    found.unwrap_or_else(|| panic!("not in {seen:#?}")).at
}

/// It hangs in the midst of its boot: the others wait for it at the gate, and for no longer than
/// it takes.
#[test]
fn a_machine_that_hangs_in_its_boot_holds_the_gate() {
    for at in ["1us", "2ms", "10ms"] {
        let frozen = format!("at = \"{at}\"");
        let steps = [
            (frozen.as_str(), "freeze", "n2"),
            ("at = \"7s\"", "thaw", "n2"),
        ];
        let outcome = outcome_of(MEMBERS, &steps);
        let n2 = of(&outcome, "n2");
        let (frozen, thawed) = (
            when(&n2, |what| *what == What::Did(Action::Freeze)),
            when(&n2, |what| *what == What::Did(Action::Thaw)),
        );
        let between = n2.iter().filter(|one| one.at > frozen && one.at < thawed);
        let moved: Vec<_> = between
            .filter(|one| {
                !matches!(
                    one.what,
                    What::NamePublished { .. } | What::ReversePublished { .. }
                )
            })
            .collect();
        assert!(moved.is_empty(), "{moved:?}");
        let formed = outcome.formed_at.unwrap();
        assert!(
            formed > thawed && formed < thawed + Duration::from_secs(5),
            "{at}: {formed:?}"
        );
    }
}

/// It sleeps through the end of its lease: the server has taken its name back, and it finds out
/// when it wakes.
#[test]
fn a_machine_that_hangs_for_longer_than_its_lease_gets_another() {
    let machines = format!("{MEMBERS}[[machines]]\nname = \"w\"\nclass = \"plain\"\n");
    let outcome = outcome_of(
        &machines,
        &[
            ("after_formed = \"1s\"", "freeze", "w"),
            ("after_formed = \"60s\"", "thaw", "w"),
            // Time to do so.
            ("after_formed = \"70s\"", "link-down", "n1"),
            ("after_formed = \"71s\"", "link-up", "n1"),
        ],
    );
    let w = of(&outcome, "w");
    let thawed = when(&w, |what| *what == What::Did(Action::Thaw));
    let lost = when(&w, |what| matches!(what, What::LeaseLost { .. }));
    assert!(lost >= thawed, "no process runs that could notice: {w:#?}");
    let leased = w
        .iter()
        .filter(|one| matches!(one.what, What::Leased { renewed: false, .. }));
    assert_eq!(leased.count(), 2, "{w:#?}");
}

/// The others go on without it, and it catches up with what it missed.
#[test]
fn a_leader_that_hangs_is_replaced() {
    for frozen in ["n1", "n2", "n3"] {
        let outcome = outcome_of(
            MEMBERS,
            &[
                ("after_formed = \"1s\"", "freeze", frozen),
                ("after_formed = \"9s\"", "thaw", frozen),
            ],
        );
        let seen = of(&outcome, frozen);
        let thawed = when(&seen, |what| *what == What::Did(Action::Thaw));
        let later = seen.iter().filter(|one| one.at > thawed);
        let healthy = later.filter(|one| matches!(one.what, What::Healthy { voters: 3, .. }));
        assert!(healthy.count() > 0, "{seen:#?}");
        assert_eq!(outcome.evidence.writes.len(), 6);
    }
}
