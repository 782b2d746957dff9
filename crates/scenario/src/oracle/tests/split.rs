//! Members that made up their minds in different ways.

use quorate_etcd::cluster_id;

use super::*;

/// What etcd makes of the records of `machines`.
fn id_of(whole: &Whole, machines: &[usize]) -> ClusterId {
    cluster_id(machines.iter().map(|&index| whole.member(index)))
}

pub(super) fn identify(whole: &mut Whole, name: &str, id: ClusterId) {
    whole.rewrite(name, |what| match what {
        What::Identified { member_id, .. } => Some(What::Identified {
            cluster_id: id,
            member_id: *member_id,
        }),
        What::Healthy { .. } => None,
        other => Some(other.clone()),
    });
}

#[test]
fn a_split_is_decoded_to_the_records_that_each_member_saw() {
    let mut whole = Whole::new();
    let (alone, two) = (id_of(&whole, &[0]), id_of(&whole, &[0, 1]));
    identify(&mut whole, "n1", alone);
    identify(&mut whole, "n2", two);
    let right = whole.expected.clusters[0].cluster_id;
    whole.proves(
        Link::ClusterId,
        Some("n1"),
        &format!(
            "the cluster split into 3: {alone} on n1 (saw n1); {two} on n2 (saw n1 n2); {right} on n3 (saw n1 n2 n3, the right one)"
        ),
    );
}

#[test]
fn a_split_behind_the_gate_is_not_blamed_on_the_gate() {
    let mut whole = Whole::new();
    let id = id_of(&whole, &[0, 1]);
    identify(&mut whole, "n2", id);
    let cause = |whole: &Whole| whole.judge()[0].cause.clone();
    assert!(
        cause(&whole).contains("could not resolve"),
        "{}",
        cause(&whole)
    );
    whole.story.etcd.gate = false;
    assert!(
        cause(&whole).contains("different SRV sets"),
        "{}",
        cause(&whole)
    );
}

#[test]
fn a_member_that_became_somebody_else() {
    let mut whole = Whole::new();
    let cluster_id = whole.expected.clusters[0].cluster_id;
    whole.rewrite("n2", |what| match what {
        What::Identified { .. } => Some(What::Identified {
            cluster_id,
            member_id: quorate_etcd::MemberId(7),
        }),
        What::Healthy { .. } => Some(What::Healthy {
            cluster_id,
            member_id: quorate_etcd::MemberId(7),
            voters: 3,
        }),
        other => Some(other.clone()),
    });
    whole.proves(Link::ClusterId, Some("n2"), "is member 7, not ");
}

#[test]
fn a_member_that_saw_strangers() {
    let mut whole = Whole::new();
    for name in ["n1", "n2", "n3"] {
        identify(&mut whole, name, ClusterId(7));
    }
    whole.proves(
        Link::ClusterId,
        Some("n1"),
        "on n1 n2 n3 (saw records that are not this story's); the right one is",
    );
}
