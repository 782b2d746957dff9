//! Lines that real processes wrote.

use super::*;

/// An etcd 3.4.23 with its default logger, over https.
const CAPNSLOG: &str = r#"
2026-11-22 23:54:59.284327 N | embed: got bootstrap from DNS for etcd-server at 0=https://n1.lab:2380
2026-11-22 23:54:59.284340 N | embed: got bootstrap from DNS for etcd-server at n2=https://n2.lab:2380
2026-11-22 23:54:59.284345 N | embed: got bootstrap from DNS for etcd-server at 1=https://n3.lab:2380
2026-11-22 23:55:01.294029 I | etcdserver: starting member 7e590e23775c24c6 in cluster f0d706bb520b1c8e
2026-11-22 23:55:01.322288 I | etcdserver/membership: added member 66a98f186bafad29 [https://n1.lab:2380] to cluster f0d706bb520b1c8e
raft2026/11/22 23:55:01 INFO: 7e590e23775c24c6 became leader at term 2
raft2026/11/22 23:55:01 INFO: raft.node: 7e590e23775c24c6 elected leader 7e590e23775c24c6 at term 2
2026-11-22 23:55:01.498229 I | etcdserver: published {Name:n2 ClientURLs:[http://n2.lab:2379]} to cluster f0d706bb520b1c8e
2026-11-22 23:55:01.498366 I | embed: ready to serve client requests
raft2026/11/22 23:55:05 INFO: raft.node: 7e590e23775c24c6 lost leader 7e590e23775c24c6 at term 2
"#;

/// An etcd 3.5.16 over http (the leader's line from another member of the same cluster).
const ZAP: &str = r#"
{"level":"info","ts":"2026-11-22T23:55:10.883050Z","caller":"embed/config.go:850","msg":"get cluster for etcd-server-ssl SRV","service-scheme":"https","service-name":"etcd-server-ssl","server-name":"n2","discovery-srv":"lab","advertise-peer-urls":["http://n2.lab:2380"],"found-cluster":[],"error":"error querying DNS SRV records for _etcd-server-ssl lookup _etcd-server-ssl._tcp.lab on 10.9.0.53:53: no such host"}
{"level":"info","ts":"2026-11-22T23:55:10.890185Z","caller":"embed/config.go:865","msg":"get cluster for etcd-server SRV","service-scheme":"http","service-name":"etcd-server","server-name":"n2","discovery-srv":"lab","advertise-peer-urls":["http://n2.lab:2380"],"found-cluster":["0=http://n1.lab:2380","n2=http://n2.lab:2380","1=http://n3.lab:2380"]}
{"level":"info","ts":"2026-11-22T23:55:10.890221Z","caller":"embed/config.go:805","msg":"got bootstrap from DNS for etcd-server","node":"0=http://n1.lab:2380"}
{"level":"info","ts":"2026-11-22T23:55:12.900472Z","caller":"etcdserver/raft.go:505","msg":"starting local member","local-member-id":"7c7255ad51becf91","cluster-id":"77755581e0b5e285"}
{"level":"info","ts":"2026-11-22T23:55:12.913507Z","caller":"membership/cluster.go:421","msg":"added member","cluster-id":"77755581e0b5e285","local-member-id":"7c7255ad51becf91","added-peer-id":"145ff8a9f7ed95c0","added-peer-peer-urls":["http://n3.lab:2380"]}
{"level":"info","ts":"2026-11-22T23:55:13.080717Z","logger":"raft","caller":"etcdserver/zap_raft.go:77","msg":"145ff8a9f7ed95c0 became leader at term 2"}
{"level":"info","ts":"2026-11-22T23:55:13.080842Z","logger":"raft","caller":"etcdserver/zap_raft.go:77","msg":"raft.node: 7c7255ad51becf91 elected leader 145ff8a9f7ed95c0 at term 2"}
{"level":"info","ts":"2026-11-22T23:55:13.083795Z","caller":"etcdserver/server.go:2140","msg":"published local member to cluster through raft","local-member-id":"7c7255ad51becf91","local-member-attributes":"{Name:n2 ClientURLs:[http://n2.lab:2379]}","request-path":"/0/members/7c7255ad51becf91/attributes","cluster-id":"77755581e0b5e285","publish-timeout":"7s"}
{"level":"info","ts":"2026-11-22T23:55:13.083984Z","caller":"embed/serve.go:104","msg":"ready to serve client requests"}
"#;

/// The first words of each event, so that a table of them fits a screen.
fn brief(log: &str) -> Vec<String> {
    parse(log)
        .map(|event| match event {
            LogEvent::Lookup {
                service,
                found,
                error,
            } => {
                format!("lookup {service} {} {}", found.len(), error.is_some())
            }
            LogEvent::Bootstrap { node } => format!("bootstrap {node}"),
            LogEvent::Started {
                member,
                cluster,
                restarted,
            } => {
                format!("started {member} {cluster} {restarted}")
            }
            LogEvent::MemberAdded {
                member,
                urls,
                cluster,
            } => {
                format!("added {member} {} {cluster}", urls.join("+"))
            }
            LogEvent::BecameLeader { member, term } => format!("leads {member} {term}"),
            LogEvent::LeaderElected { leader, term } => format!("leader {leader} {term}"),
            LogEvent::LeaderLost { leader } => format!("lost {leader}"),
            LogEvent::Published { cluster } => format!("published {cluster}"),
            LogEvent::Ready => "ready".to_owned(),
            LogEvent::SlowSync { took } => format!("slow {took}"),
            LogEvent::ClockDrift { drift } => format!("drift {drift}"),
            LogEvent::ClusterIdMismatch { local, remote } => {
                format!("mismatch local {local} remote {remote}")
            }
            LogEvent::TlsRefused { error } => format!("tls {error}"),
            LogEvent::Fatal { error } => format!("fatal {error}"),
        })
        .collect()
}

#[test]
fn a_capnslog_start_is_read() {
    assert_eq!(
        brief(CAPNSLOG),
        [
            "bootstrap 0=https://n1.lab:2380",
            "bootstrap n2=https://n2.lab:2380",
            "bootstrap 1=https://n3.lab:2380",
            "started 7e590e23775c24c6 f0d706bb520b1c8e false",
            "added 66a98f186bafad29 https://n1.lab:2380 f0d706bb520b1c8e",
            "leads 7e590e23775c24c6 2",
            "leader 7e590e23775c24c6 2",
            "published f0d706bb520b1c8e",
            "ready",
            "lost 7e590e23775c24c6",
        ]
    );
}

#[test]
fn a_zap_start_is_read() {
    assert_eq!(
        brief(ZAP),
        [
            "lookup etcd-server-ssl 0 true",
            "lookup etcd-server 3 false",
            "bootstrap 0=http://n1.lab:2380",
            "started 7c7255ad51becf91 77755581e0b5e285 false",
            "added 145ff8a9f7ed95c0 http://n3.lab:2380 77755581e0b5e285",
            "leads 145ff8a9f7ed95c0 2",
            "leader 145ff8a9f7ed95c0 2",
            "published 77755581e0b5e285",
            "ready",
        ]
    );
}

/// All forms in which the two releases log a foreign cluster, from the same member n2.
#[test]
fn a_cluster_id_mismatch_is_read_in_every_form() {
    let log = r#"
2026-11-22 23:55:01.666493 E | rafthttp: request sent was ignored (cluster ID mismatch: peer[66a98f186bafad29]=6e61fffa623a4cae, local=a80c9b7dd88e5e83)
2026-11-22 23:55:03.357734 E | rafthttp: request sent was ignored (cluster ID mismatch: remote[66a98f186bafad29]=6e61fffa623a4cae, local=a80c9b7dd88e5e83)
2026-11-22 23:55:04.175851 E | rafthttp: request cluster ID mismatch (got f0d706bb520b1c8e want a80c9b7dd88e5e83)
{"level":"warn","ts":"2026-11-22T23:55:13.273347Z","caller":"rafthttp/stream.go:653","msg":"request sent was ignored by remote peer due to cluster ID mismatch","remote-peer-id":"66a98f186bafad29","remote-peer-cluster-id":"6e61fffa623a4cae","local-member-id":"7e590e23775c24c6","local-member-cluster-id":"a80c9b7dd88e5e83","error":"cluster ID mismatch"}
{"level":"warn","ts":"2026-11-22T23:55:15.774787Z","caller":"rafthttp/http.go:500","msg":"request cluster ID mismatch","local-member-id":"7e590e23775c24c6","local-member-cluster-id":"a80c9b7dd88e5e83","local-member-server-version":"3.5.16","local-member-server-minimum-cluster-version":"3.0.0","remote-peer-server-name":"7b28576429dce7db","remote-peer-server-version":"3.5.16","remote-peer-server-minimum-cluster-version":"3.0.0","remote-peer-cluster-id":"f0d706bb520b1c8e"}
"#;
    let events = brief(log);
    let from_n1 = "mismatch local a80c9b7dd88e5e83 remote 6e61fffa623a4cae";
    let from_n3 = "mismatch local a80c9b7dd88e5e83 remote f0d706bb520b1c8e";
    assert_eq!(events, [from_n1, from_n1, from_n3, from_n1, from_n3]);
}

#[test]
fn a_fatal_error_is_read_in_both_formats() {
    let log = r#"
2026-11-22 23:54:59.288137 C | etcdmain: error setting up initial cluster: cannot find local etcd member "n1" in SRV records
{"level":"fatal","ts":"2026-11-22T23:55:10.928949Z","caller":"etcdmain/etcd.go:204","msg":"discovery failed","error":"error setting up initial cluster: cannot find local etcd member \"n1\" in SRV records"}
"#;
    let text = "fatal error setting up initial cluster: cannot find local etcd member \"n1\" in SRV records";
    assert_eq!(brief(log), [text, text]);
}

#[test]
fn a_restart_and_a_refused_handshake_are_read() {
    let log = r#"
2026-11-22 23:55:01.294029 I | etcdserver: restarting member 7e590e23775c24c6 in cluster f0d706bb520b1c8e at commit index 4
2026-11-22 23:55:02.294029 I | embed: rejected connection from "10.9.0.12:41000" (error "tls: \"10.9.0.12\" does not match any of DNSNames [\"*.lab\"]", ServerName "")
2026-11-22 23:55:03.294029 I | embed: rejected connection from "10.9.0.12:41000" (error "EOF", ServerName "")
"#;
    let events = brief(log);
    assert_eq!(
        events.len(),
        2,
        "a closed connection is no TLS failure: {events:?}"
    );
    assert_eq!(events[0], "started 7e590e23775c24c6 f0d706bb520b1c8e true");
    assert!(events[1].starts_with("tls "));
}

#[test]
fn other_lines_say_nothing() {
    for line in [
        "",
        "{",
        "{}",
        "[WARNING] Deprecated '--logger=capnslog' flag is set; use '--logger=zap' flag instead",
        "2026-11-22 23:54:59.266145 I | embed: peerTLS: cert = cert.pem, key = key.pem",
        "raft2026/11/22 23:55:01 INFO: 7e590e23775c24c6 became follower at term 0",
        r#"{"level":"info","msg":"starting local member","cluster-id":"not hex"}"#,
        "2026-11-22 23:55:01.294029 I | etcdserver: starting member x in cluster y",
    ] {
        assert_eq!(parse_line(line), None, "{line:?}");
    }
}

/// From members that lost power between the two halves of a bootstrap, and from one too many.
#[test]
fn a_refusal_of_the_discovery_service_is_read_in_both_formats() {
    let log = r#"
2026-11-23 03:11:50.150089 E | etcdmain: member "n1" has previously registered with discovery service token (http://127.0.0.1:4001/v2/keys/discovery/tok).
{"level":"warn","ts":"2026-11-23T03:11:28.275984Z","caller":"etcdmain/etcd.go:158","msg":"member has been registered with discovery service","name":"n1","discovery-token":"http://127.0.0.1:4001/v2/keys/discovery/tok","error":"discovery: found duplicate id"}
2026-11-23 03:12:03.343147 E | etcdmain: failed to join discovery cluster (discovery: cluster is full)
{"level":"warn","ts":"2026-11-23T03:11:41.331966Z","caller":"etcdmain/etcd.go:181","msg":"failed to bootstrap; discovery token was already used","discovery-token":"http://127.0.0.1:4001/v2/keys/discovery/tok","error":"failed to join discovery cluster (discovery: cluster is full)"}
"#;
    let duplicate = "fatal discovery: found duplicate id";
    let full = "fatal failed to join discovery cluster (discovery: cluster is full)";
    assert_eq!(brief(log), [duplicate, duplicate, full, full]);
}

#[test]
fn a_slow_disk_is_read() {
    let line = r#"{"level":"warn","ts":"2026-11-23T11:12:58.178776Z","caller":"wal/wal.go:805","msg":"slow fdatasync","took":"1.834155035s","expected-duration":"1s"}"#;
    assert_eq!(brief(line), ["slow 1.834155035s"]);
}

#[test]
fn a_peer_with_another_time_is_read() {
    let line = r#"{"level":"warn","ts":"2026-11-23T13:09:24.858994Z","caller":"rafthttp/probing_status.go:82","msg":"prober found high clock drift","round-tripper-name":"ROUND_TRIPPER_RAFT_MESSAGE","remote-peer-id":"d0c1826ecc9f8a47","clock-drift":"498733h8m18.014378677s","rtt":"817.704µs"}"#;
    assert_eq!(brief(line), ["drift 498733h8m18.014378677s"]);
}
