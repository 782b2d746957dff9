//! Racks behind relay agents: the same chain, one hop further.
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")
)]

use std::collections::BTreeSet;

use quorate_scenario::{Link, Outcome, Story, What};
use quorate_sim::{Options, Swarm, run};

/// Two clusters of three and two plain machines, in racks of so many.
fn story(each: usize, more: &str) -> Story {
    let text = format!(
        r#"
        title = "racks"
        [network]
        subnet = "10.0.0.0/8"
        [racks]
        machines = {each}
        [dhcp]
        lease = "20s"
        [etcd]
        clusters = 2
        members = 3
        [[machines]]
        name = "n"
        count = 6
        class = "etcd"
        [[machines]]
        name = "p"
        count = 2
        class = "plain"
        {more}
        "#
    );
    Story::parse("racks", &text).unwrap()
}

fn outcome_of(story: &Story, swarm: Option<Swarm>) -> Outcome {
    let options = Options {
        etcd_version: (3, 5),
        seed: 5,
        steps_max: None,
        swarm,
    };
    run(story, options).unwrap()
}

#[test]
fn machines_of_several_racks_form_their_clusters() {
    let story = story(3, "");
    let outcome = outcome_of(&story, None);
    assert_eq!(outcome.verdict.findings(), []);
    assert_eq!(outcome.evidence.leases.len(), 8);
    for lease in &outcome.evidence.leases {
        let machine = story.machines.iter().find(|m| m.mac == lease.mac).unwrap();
        let (first, last) = story.network.racks[machine.rack.unwrap()].pool();
        assert!(
            (first..=last).contains(&lease.addr),
            "{} leases {}, outside of its rack",
            machine.name,
            lease.addr
        );
    }
}

#[test]
fn racks_have_room_for_their_machines_and_no_two_overlap() {
    for each in [1, 2, 3, 5, 8] {
        let racks = story(each, "").network.racks;
        assert_eq!(racks.len(), 8usize.div_ceil(each));
        let mut taken = BTreeSet::new();
        for rack in racks {
            let (first, last) = rack.pool();
            let room = last.to_bits() - first.to_bits() + 1;
            assert!(
                room as usize >= each,
                "{each} machines do not fit: {rack:?}"
            );
            assert!(rack.gateway() < first);
            let all = rack.prefix.to_bits()..=last.to_bits() + 1;
            assert!(all.into_iter().all(|addr| taken.insert(addr)), "{rack:?}");
            assert!(taken.insert(rack.uplink.to_bits()));
        }
    }
}

/// A renewal is a unicast through the router, not a broadcast through the relay agent.
#[test]
fn leases_are_renewed_through_the_router() {
    let more = r#"
        [[steps]]
        after_formed = "45s"
        do = "link-down"
        machine = "p1"
        [[steps]]
        after_formed = "46s"
        do = "link-up"
        machine = "p1"
    "#;
    let outcome = outcome_of(&story(3, more), None);
    assert_eq!(outcome.verdict.findings(), []);
    let renewals = outcome
        .observations
        .iter()
        .filter(|observation| matches!(&observation.what, What::Leased { renewed: true, .. }));
    // Every 10 s, of eight machines.
    assert!(renewals.count() >= 8 * 4);
    let restarted = outcome.observations.iter().filter(|observation| {
        matches!(&observation.what, What::DhcpSent { message, .. } if message == "DISCOVER")
    });
    assert_eq!(restarted.count(), 8, "one DISCOVER each, at power-on");
}

#[test]
fn faults_on_the_wire_break_nothing_behind_relays_either() {
    let mut story = story(3, "");
    story.formed_within = std::time::Duration::from_secs(120);
    for seed in 0..10 {
        let swarm = Swarm::draw(seed, &story);
        let outcome = outcome_of(&story, Some(swarm));
        let broken = outcome.verdict.findings().first();
        // Lost DNS answers may split a cluster; addresses and names may not be lost.
        assert!(
            broken.is_none_or(|finding| finding.link >= Link::ClusterId),
            "seed {seed}: {broken:?}"
        );
    }
}

/// What a machine costs must not depend on how many others there are. Steps are counted, not
/// seconds: of the steps that three each take to their cluster, about 90 are one machine's.
#[test]
fn a_machine_takes_as_many_steps_among_many_as_among_few() {
    let takes = |machines: u64, steps_each: u64| {
        let text = format!(
            r#"
            title = "racks"
            [network]
            subnet = "10.0.0.0/8"
            [racks]
            machines = 40
            [etcd]
            clusters = {}
            members = 3
            [[machines]]
            name = "n"
            count = {machines}
            class = "etcd"
            spread = "1s"
            "#,
            machines / 3
        );
        let story = Story::parse("racks", &text).unwrap();
        let options = Options {
            steps_max: Some(machines * steps_each),
            ..Options::calm((3, 5), 7)
        };
        run(&story, options).map(|outcome| outcome.verdict.findings().len())
    };
    for machines in [99, 399] {
        assert_eq!(takes(machines, 110).unwrap(), 0, "{machines} machines");
        assert!(takes(machines, 60).is_err(), "{machines} machines");
    }
}
