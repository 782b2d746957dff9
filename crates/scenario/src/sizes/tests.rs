use std::collections::BTreeSet;

use super::*;
use crate::draft::Draft;
use crate::story::{Machine, Story};

const TEXT: &str = r#"
title = "drawn"
[etcd]
[swarm]
machines = { min = 2, max = 20 }
members = [1, 3, 5]
plain = { min = 0, max = 8 }
hollow = true
racks = { min = 0, max = 4 }
power_on = "3s"
leases = ["1m", "1h"]
"#;

fn story() -> Story {
    Story::parse("drawn", TEXT).unwrap()
}

fn draws() -> Vec<Sizes> {
    let story = story();
    let drawn = (0..400).map(|seed| story.drawn(seed).sizes.clone().unwrap());
    drawn.collect()
}

#[test]
fn draws_stay_within_their_ranges_and_reach_every_part_of_them() {
    let draws = draws();
    let reached =
        |what: fn(&Sizes) -> usize| -> BTreeSet<usize> { draws.iter().map(what).collect() };
    assert_eq!(reached(|sizes| sizes.machines), (2..=20).collect());
    assert_eq!(
        reached(|sizes| sizes.clusters.iter().copied().max().unwrap()),
        BTreeSet::from([1, 3, 5])
    );
    assert_eq!(reached(|sizes| sizes.plain), (0..=8).collect());
    assert!(reached(|sizes| sizes.hollow).len() > 4);
    assert!(reached(|sizes| sizes.clusters.len()).len() > 8);
    assert_eq!(
        reached(|sizes| sizes.rack.map_or(0, |each| sizes.machines.div_ceil(each))),
        (0..=4).collect()
    );
    assert_eq!(reached(|sizes| sizes.fill as usize).len(), 2);
    assert_eq!(reached(|sizes| sizes.power_on as usize).len(), 4);
    assert_eq!(
        reached(|sizes| sizes.lease_secs as usize),
        BTreeSet::from([60, 3600])
    );
    assert!(
        draws
            .iter()
            .all(|sizes| sizes.power_on_nanos < 3_000_000_000)
    );
    assert!(
        draws
            .iter()
            .all(|sizes| { sizes.clusters.iter().sum::<usize>() + sizes.plain == sizes.machines })
    );
}

#[test]
fn one_seed_is_one_draw() {
    assert_eq!(draws(), draws());
}

/// What a log keeps of a drawn story is a scenario of its own.
#[test]
fn a_drawn_story_is_written_and_read_as_the_same_story() {
    for number in 0..60 {
        let (story, seed) = (story(), Seed::new(number));
        let drawn = story.drawn(number);
        let text = Draft::of(&drawn, number).to_string();
        let read = Story::parse("written", &text).unwrap();
        assert_eq!(read.clusters, drawn.clusters, "{text}");
        assert_eq!(read.network.racks, drawn.network.racks, "{text}");
        assert_eq!(read.lease_secs, drawn.lease_secs);
        assert_eq!(read.machines.len(), drawn.machines.len());
        for (one, other) in read.machines.iter().zip(&drawn.machines) {
            assert_eq!(one.power_on(seed), other.power_on(seed), "{}", one.name);
            let known = |machine: &Machine| {
                let Machine { name, mac, .. } = machine.clone();
                (name, mac, machine.class, machine.hollow, machine.rack)
            };
            assert_eq!(known(one), known(other));
        }
        let again = read.drawn(number + 1);
        assert_eq!(again.machines, read.machines, "nothing is drawn any more");
    }
}

#[test]
fn members_of_one_cluster_stand_in_different_racks_when_racks_are_filled_in_turn() {
    let mut story = story();
    let sizes = Sizes {
        machines: 9,
        clusters: vec![3, 5],
        plain: 1,
        hollow: 1,
        rack: Some(3),
        fill: Fill::InTurn,
        lease_secs: 60,
        power_on: Pattern::ClusterByCluster,
        power_on_nanos: 2_000_000_000,
    };
    story.resize(&sizes, None).unwrap();
    let racks: Vec<_> = story.machines.iter().map(|m| m.rack.unwrap()).collect();
    assert_eq!(racks, [0, 1, 2, 0, 1, 2, 0, 1, 2]);
    let at = |index: usize| story.machines[index].power_on(Seed::new(1)).as_secs_f64();
    assert_eq!((at(0), at(2), at(3), at(8)), (0.0, 0.0, 1.0, 2.0));
    insta::assert_snapshot!(sizes, @"9 machines: clusters of 3 5, 1 others (1 hollow); racks of 3, filled in turn; leases of 60 s; switched on cluster by cluster within 2.000 s");
}

fn problems(text: &str) -> Vec<String> {
    let error = Story::parse("drawn", text).unwrap_err();
    error
        .problems
        .into_iter()
        .map(|problem| problem.message)
        .collect()
}

#[test]
fn what_is_drawn_is_not_written() {
    let with = |more: &str| problems(&format!("{TEXT}{more}"));
    assert_eq!(
        with("[[machines]]\nname = \"n\"\nclass = \"etcd\"\n"),
        ["[[machines]] and [swarm] exclude each other"]
    );
    assert_eq!(
        with("[racks]\nmachines = 4\n"),
        ["[racks] and [swarm] exclude each other"]
    );
    assert_eq!(
        problems(&TEXT.replace("[etcd]", "[etcd]\nmembers = 3")),
        ["`members` and [swarm] exclude each other"]
    );
    assert_eq!(
        with("[[steps]]\nat = \"1s\"\ndo = \"power-off\"\nmachine = \"n1\"\n"),
        ["no machine is called \"n1\""]
    );
}

#[test]
fn ranges_that_no_draw_can_come_of_are_refused() {
    let replaced = |old: &str, new: &str| problems(&TEXT.replace(old, new));
    assert_eq!(
        replaced("min = 2, max = 20", "min = 20, max = 2"),
        ["nothing lies between 20 and 2, or too much"]
    );
    assert_eq!(
        replaced("[1, 3, 5]", "[3, 5]"),
        ["no cluster may come of this"]
    );
    assert_eq!(
        replaced("max = 20", "max = 400"),
        ["400 machines in 4 racks do not find an address in the subnet"]
    );
    assert_eq!(replaced("\"1m\"", "\"1s\""), ["the lease is too short"]);
}
