use super::*;
use crate::url::Scheme;

const ALL: [&str; 3] = ["n1", "n2", "n3"];

fn urls(hosts: &[&str]) -> Vec<PeerUrl> {
    let url = |host: &&str| PeerUrl::new(Scheme::Http, format!("{host}.lab"), 2380);
    hosts.iter().map(url).collect()
}

fn id(hosts: &[&str]) -> ClusterId {
    let texts: Vec<String> = urls(hosts).iter().map(ToString::to_string).collect();
    expected_cluster_id(&texts, "tok")
}

fn started(cluster: ClusterId) -> LogEvent {
    LogEvent::Started {
        member: crate::MemberId(1),
        cluster,
        restarted: false,
    }
}

fn fatal_event(error: &str) -> LogEvent {
    LogEvent::Fatal {
        error: error.to_owned(),
    }
}

fn diagnose_n2(events: &[LogEvent]) -> Diagnosis {
    diagnose(&Evidence {
        members: &urls(&ALL),
        token: "tok",
        events,
    })
}

#[test]
fn a_serving_member_of_the_predicted_cluster_is_ok() {
    let events = [started(id(&ALL)), LogEvent::Ready];
    assert_eq!(diagnose_n2(&events).verdict, Verdict::Ok);
}

#[test]
fn without_ready_it_waits_for_a_quorum_and_without_an_id_it_is_starting() {
    assert_eq!(
        diagnose_n2(&[started(id(&ALL))]).verdict,
        Verdict::WaitingQuorum
    );
    assert_eq!(diagnose_n2(&[]).verdict, Verdict::Starting);
}

#[test]
fn the_diagnosis_of_a_split_member_says_what_it_saw() {
    let verdict = diagnose_n2(&[started(id(&["n1", "n2"])), LogEvent::Ready]);
    assert_eq!(
        verdict.verdict,
        Verdict::Split {
            observed: id(&["n1", "n2"]),
            expected: id(&ALL),
            saw: Some(vec![
                "http://n1.lab:2380".to_owned(),
                "http://n2.lab:2380".to_owned()
            ]),
        }
    );
    assert_eq!(
        verdict.cause,
        "at its start it saw only 2 of 3 members (http://n1.lab:2380, http://n2.lab:2380); \
         missing: http://n3.lab:2380"
    );
}

#[test]
fn an_id_that_nothing_explains_is_a_split_with_another_token_perhaps() {
    let foreign = expected_cluster_id(&["http://n1.lab:2380"], "another");
    let diagnosis = diagnose_n2(&[started(foreign)]);
    assert!(matches!(
        diagnosis.verdict,
        Verdict::Split { saw: None, .. }
    ));
    assert!(diagnosis.cause.contains("token"));
}

#[test]
fn colliding_temporary_names_are_blamed_on_the_two_sets() {
    let node = |node: &str| LogEvent::Bootstrap {
        node: node.to_owned(),
    };
    let diagnosis = diagnose_n2(&[
        node("0=https://n1.lab:2380"),
        node("0=http://n3.lab:2380"),
        node("n2=http://n2.lab:2380"),
        started(ClusterId(7)),
    ]);
    assert!(matches!(diagnosis.verdict, Verdict::Split { .. }));
    assert!(
        diagnosis.cause.contains("both published"),
        "{}",
        diagnosis.cause
    );
}

#[test]
fn a_peer_that_is_no_member_is_a_phantom() {
    let found = ["n1=http://n1.lab:2380", "0=http://alias.lab:2380"];
    let mut events: Vec<LogEvent> = found
        .iter()
        .map(|node| LogEvent::Bootstrap {
            node: (*node).to_owned(),
        })
        .collect();
    events.push(started(ClusterId(7)));
    assert_eq!(
        diagnose_n2(&events).verdict,
        Verdict::Phantom {
            urls: vec!["http://alias.lab:2380".to_owned()]
        }
    );
}

#[test]
fn fatal_errors_name_the_broken_link() {
    let phantom = Verdict::Phantom {
        urls: vec!["https://alias.lab:2380".to_owned()],
    };
    for (error, verdict) in [
        (
            "error setting up initial cluster: cannot find local etcd member \"n1\" in SRV records",
            Verdict::SelfMissing,
        ),
        (
            "couldn't find local name \"n1\" in the initial cluster configuration",
            Verdict::SelfMissing,
        ),
        (
            "error setting up initial cluster: error querying DNS SRV records for \
             _etcd-server-ssl lookup _etcd-server-ssl._tcp.lab on 10.9.0.53:53: no such host",
            Verdict::PlainSetOn34,
        ),
        (
            "error setting up initial cluster: error querying DNS SRV records for \
             _etcd-server-ssl lookup _etcd-server-ssl._tcp.lab on 10.9.0.53:53: no such host \
             error querying DNS SRV records for _etcd-server lookup _etcd-server._tcp.lab on \
             10.9.0.53:53: no such host",
            Verdict::NoDns,
        ),
        (
            "error setting up initial cluster: lookup n1.lab on 10.9.0.53:53: no such host",
            Verdict::NoDns,
        ),
        (
            "--initial-cluster has n1=https://alias.lab:2380 but missing from \
             --initial-advertise-peer-urls=https://n1.lab:2380 (len([…]) != len([…]))",
            phantom,
        ),
        (
            "member 7e590e23775c24c6 has already been bootstrapped",
            Verdict::DataLost,
        ),
        ("discovery: found duplicate id", Verdict::DiscoveryDuplicate),
        ("cannot write: no space left on device", Verdict::DiskFull),
        (
            "cannot access data directory: read-only file system",
            Verdict::DiskReadOnly,
        ),
        (
            "open /var/lib/etcd/.touch: permission denied",
            Verdict::NoPermission,
        ),
        (
            "listen tcp 10.9.0.1:2380: bind: address already in use",
            Verdict::PortInUse,
        ),
        ("walpb: crc mismatch", Verdict::DataDamaged),
        (
            "sh: 1: /opt/etcd/etcd: Exec format error",
            Verdict::NotExecutable,
        ),
        ("open /nope.pem: no such file or directory", Verdict::Tls),
        ("signal 9", Verdict::Killed),
        ("something else", Verdict::Refused),
    ] {
        assert_eq!(
            diagnose_n2(&[fatal_event(error)]).verdict,
            verdict,
            "{error}"
        );
    }
}

#[test]
fn a_start_after_an_exit_counts() {
    let exit = fatal_event("error setting up initial cluster: lookup n1.lab: no such host");
    let events = [exit.clone(), started(id(&ALL)), LogEvent::Ready];
    assert_eq!(diagnose_n2(&events).verdict, Verdict::Ok);
    let events = [started(id(&ALL)), LogEvent::Ready, exit];
    assert_eq!(diagnose_n2(&events).verdict, Verdict::NoDns);
}

#[test]
fn refused_certificates_explain_a_missing_quorum() {
    let refused = LogEvent::TlsRefused {
        error: "tls: \"10.9.0.12\" does not match any of DNSNames [\"*.lab\"]".to_owned(),
    };
    assert_eq!(
        diagnose_n2(&[started(id(&ALL)), refused]).verdict,
        Verdict::Tls
    );
}
