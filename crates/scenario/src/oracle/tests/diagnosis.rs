//! From what was seen to the cause: link, machine and kind of each.

use super::*;

/// What comes first.
#[track_caller]
fn first(whole: &Whole, id: FindingId, link: Link, machine: Option<&str>) -> Finding {
    let findings = Verdict::new(whole.judge(), None).findings().to_vec();
    let first = findings.first().expect("something is found").clone();
    assert_eq!(
        (first.id, first.link, first.machine.as_deref()),
        (id, link, machine),
        "{findings:#?}"
    );
    first
}

fn push(whole: &mut Whole, machine: Option<&str>, what: What) {
    let at = Instant::from_nanos(whole.observations.len() as u64);
    let machine = machine.map(str::to_owned);
    whole.observations.push(Observation { at, machine, what });
}

/// n3 was healthy once; now etcd ends at every start with these words.
fn ends_with(words: &str) -> Whole {
    let mut whole = Whole::new();
    for attempt in 2..5 {
        for what in [
            What::ServiceExited {
                status: "exit status 1".to_owned(),
                last_words: Some(words.to_owned()),
            },
            What::ServiceStarted { attempt },
        ] {
            push(&mut whole, Some("n3"), what);
        }
    }
    whole
}

#[test]
fn a_member_that_ends_after_its_bootstrap_is_known_by_its_last_words() {
    for (words, id) in [
        (
            "member 1 has already been bootstrapped",
            FindingId::DataLost,
        ),
        ("no space left on device", FindingId::DiskFull),
        ("read-only file system", FindingId::DiskReadOnly),
        ("open /x: permission denied", FindingId::NoPermission),
        ("bind: address already in use", FindingId::PortInUse),
        ("wal: crc mismatch", FindingId::DataDamaged),
        ("sh: Exec format error", FindingId::NotExecutable),
        ("signal 9", FindingId::EtcdKilled),
        (
            "cannot find local etcd member \"n3\" in SRV records",
            FindingId::SelfMissing,
        ),
        ("lookup n1.lab.test: no such host", FindingId::DnsFailed),
        ("open /x.pem: no such file or directory", FindingId::Tls),
        ("something else", FindingId::EtcdExits),
    ] {
        let found = first(&ends_with(words), id, Link::Etcd, Some("n3"));
        assert!(found.cause.contains(words), "{}", found.cause);
        assert!(!found.fix.is_empty());
        assert_eq!(found.unsure, id == FindingId::EtcdExits);
    }
}

/// n3 never gets power, and the gate waits: the others did not start.
fn gated(state: Action) -> Whole {
    let mut whole = Whole::new();
    whole.rewrite("n3", |what| {
        matches!(what, What::Did(_)).then(|| what.clone())
    });
    whole.rewrite("n1", before_srv);
    whole.rewrite("n2", before_srv);
    whole.evidence.leases.pop();
    whole.evidence.names.pop();
    whole.evidence.srv.clear();
    whole.evidence.members.clear();
    whole.evidence.writes.clear();
    push(&mut whole, Some("n3"), What::Did(state));
    let waiting = What::GateWaiting {
        service: "etcd".to_owned(),
        have: 2,
        want: 3,
    };
    push(&mut whole, None, waiting);
    whole
}

fn before_srv(what: &What) -> Option<What> {
    let is_later = matches!(
        what,
        What::SrvPublished { .. }
            | What::ServiceStarted { .. }
            | What::Identified { .. }
            | What::Healthy { .. }
    );
    (!is_later).then(|| what.clone())
}

#[test]
fn a_gate_that_waits_names_who_is_missing() {
    for (state, link, words) in [
        (
            Action::PowerOff,
            Link::Power,
            "has no power, and the gate waits for it: it has 2 of 3",
        ),
        (
            Action::LinkDown,
            Link::Discover,
            "is not plugged into the network, and the gate",
        ),
        (Action::Freeze, Link::Discover, "hangs, and the gate waits"),
    ] {
        let whole = gated(state);
        let found = first(&whole, FindingId::GateWaits, link, Some("n3"));
        assert!(found.what.contains(words), "{}", found.what);
        // That n1 and n2 have not started follows from it.
        assert_eq!(found.consequences.len(), 2, "{:#?}", found.consequences);
        assert_eq!(whole.judge().len(), 1);
    }
}

#[test]
fn a_machine_without_its_seed_is_named_and_nobody_else() {
    let mut whole = Whole::new();
    whole.rewrite("n3", |what| match what {
        What::Seeded => Some(What::Note {
            text: "http://10.77.0.2/seed/: HTTP 404".to_owned(),
        }),
        What::ServiceStarted { .. } | What::Identified { .. } | What::Healthy { .. } => None,
        other => Some(other.clone()),
    });
    whole.evidence.members.pop();
    let found = first(&whole, FindingId::NoSeed, Link::Seed, Some("n3"));
    assert!(found.cause.contains("404"), "{}", found.cause);
}

#[test]
fn an_id_that_no_records_explain_is_not_the_fault_of_the_dns() {
    let mut whole = Whole::new();
    identify(&mut whole, "n3", ClusterId(7));
    let found = first(&whole, FindingId::ForeignId, Link::ClusterId, Some("n3"));
    assert!(
        found.cause.contains("the DNS is not the cause"),
        "{}",
        found.cause
    );
    assert!(
        found.fix.contains("--initial-cluster-token"),
        "{}",
        found.fix
    );
}

#[test]
fn an_id_made_of_a_stranger_is_a_phantom() {
    let mut whole = Whole::new();
    let records = ["ghost", "n1", "n2", "n3"].map(|name| format!("{name}.lab.test:2380"));
    let read = What::SrvRead {
        records: records.to_vec(),
    };
    push(&mut whole, Some("n3"), read);
    identify(&mut whole, "n3", ClusterId(7));
    let found = first(&whole, FindingId::Phantom, Link::ClusterId, Some("n3"));
    assert!(found.cause.contains("ghost.lab.test"), "{}", found.cause);
}

#[test]
fn both_sets_come_before_the_split_that_they_cause() {
    let mut whole = Whole::new();
    let added = vec!["_etcd-server-ssl._tcp.lab.test. 60 IN SRV 0 0 2380 n1.lab.test.".to_owned()];
    let changed = What::ZoneChanged {
        zone: "lab.test.".to_owned(),
        serial: 99,
        added,
        removed: Vec::new(),
    };
    push(&mut whole, None, changed);
    identify(&mut whole, "n3", ClusterId(7));
    let found = first(&whole, FindingId::BothSrvSets, Link::Srv, None);
    assert!(found.fix.contains("_etcd-server-ssl"), "{}", found.fix);
}

#[test]
fn a_voter_that_nobody_has_started_counts() {
    let mut whole = Whole::new();
    for member in &mut whole.evidence.members {
        member.voters.push("http://n4.lab.test:2380".to_owned());
    }
    first(&whole, FindingId::WrongVoters, Link::Voter, Some("n1"));
}

#[test]
fn a_quorum_that_is_off_is_named_and_not_who_is_left() {
    let mut whole = Whole::new();
    for name in ["n1", "n2"] {
        push(&mut whole, Some(name), What::Did(Action::PowerOff));
    }
    let why = "knows no leader".to_owned();
    push(&mut whole, Some("n3"), What::Unhealthy { why });
    whole.evidence.members.clear();
    whole.evidence.writes.clear();
    let found = first(&whole, FindingId::QuorumLost, Link::Quorum, Some("n1"));
    assert!(
        found.what.contains("n1 has no power, n2 has no power"),
        "{}",
        found.what
    );
    assert_eq!(found.consequences.len(), 1, "{found:#?}");
}

#[test]
fn a_program_that_says_nothing_is_not_blamed_on_anything() {
    let mut whole = Whole::new();
    whole.rewrite("n3", |what| match what {
        What::Identified { .. } | What::Healthy { .. } => None,
        other => Some(other.clone()),
    });
    whole.evidence.members.pop();
    assert!(first(&whole, FindingId::EtcdSilent, Link::Etcd, Some("n3")).unsure);
}

#[test]
fn every_kind_has_one_name() {
    let names: std::collections::BTreeSet<String> =
        FindingId::ALL.iter().map(ToString::to_string).collect();
    assert_eq!(names.len(), FindingId::ALL.len());
    for id in FindingId::ALL {
        let json = serde_json::to_value(id).unwrap();
        assert_eq!(json, id.to_string());
    }
}
