//! What an etcd unit says that etcd itself refuses, or that contradicts what we write for it.

use super::finding::Finding;
use super::view::View;
use crate::config::EtcdUnit;

pub(super) fn check(view: &View<'_>, findings: &mut Vec<Finding>) {
    for (place, service) in view.services() {
        let path = format!("ddns.services.{place}");
        let ports = (service.peer_port, service.client_port);
        findings.extend(same_port(&path, &service.class, ports));
    }
    for (place, seed) in view.units() {
        let path = format!("seed.etcd.{place}.unit");
        let ports = (seed.unit.peer_port, seed.unit.client_port);
        findings.extend(same_port(&path, &seed.class, ports));
        findings.extend(timers(&path, &seed.unit));
        findings.extend(data_dir(&path, &seed.unit));
        extra_args(&path, &seed.unit, findings);
    }
}

fn same_port(path: &str, class: &str, (peer, client): (u16, u16)) -> Option<Finding> {
    let code = "etcd-ports";
    let finding = if peer == client {
        Finding::error(
            code,
            format!("class {class:?}: etcd cannot serve peers and clients at one port, {peer}"),
        )
    } else if peer == 0 || client == 0 {
        Finding::error(code, format!("class {class:?}: port 0 is no port"))
    } else {
        return None;
    };
    let finding = finding
        .at(format!("{path}.peer_port"), format!("peers: {peer}"))
        .at(format!("{path}.client_port"), format!("clients: {client}"));
    Some(finding.help("write two ports: etcd's are 2380 for peers and 2379 for clients"))
}

/// etcd ends at once otherwise (`embed.Config.Validate`).
fn timers(path: &str, unit: &EtcdUnit) -> Option<Finding> {
    let heartbeat = unit.heartbeat_ms.unwrap_or(HEARTBEAT_MS);
    let election = unit.election_ms.unwrap_or(ELECTION_MS);
    let fits = heartbeat > 0
        && u64::from(election) >= 5 * u64::from(heartbeat)
        && election <= ELECTION_MS_MAX;
    if fits {
        return None;
    }
    let finding = Finding::error(
        "etcd-timers",
        format!(
            "etcd refuses an election timeout of {election} ms with a heartbeat of {heartbeat} ms"
        ),
    );
    let finding = finding
        .at(format!("{path}.election_ms"), format!("{election} ms"))
        .at(format!("{path}.heartbeat_ms"), format!("{heartbeat} ms"));
    Some(finding.help(format!(
        "write an election_ms of at least five heartbeats and at most {ELECTION_MS_MAX}"
    )))
}

fn data_dir(path: &str, unit: &EtcdUnit) -> Option<Finding> {
    let dir = &unit.data_dir;
    let at = format!("{path}.data_dir");
    let finding = if dir.is_empty() {
        Finding::error("data-dir", "etcd's data_dir is empty")
    } else if dir.starts_with('/') {
        return None;
    } else {
        Finding::warning(
            "data-dir",
            format!("etcd's data_dir {dir:?} is relative: its unit starts it in /"),
        )
    };
    let finding = finding.at(at, "not an absolute path");
    Some(finding.help("write an absolute path, as /var/lib/etcd"))
}

fn extra_args(path: &str, unit: &EtcdUnit, findings: &mut Vec<Finding>) {
    for (place, word) in unit.extra_args.iter().enumerate() {
        let flag = word.split('=').next().unwrap_or_default();
        let flag = flag.trim_start_matches('-');
        let Some((_, key)) = OWN_FLAGS.iter().find(|(own, _)| *own == flag) else {
            continue;
        };
        let what =
            format!("extra_args repeat --{flag}, which the unit has: etcd obeys the last one");
        let (own, help) = match key {
            Some(key) => (
                format!("{path}.{key}"),
                format!("write {key} instead, which the other sections are compared with"),
            ),
            None => (
                path.to_owned(),
                "leave it out: it follows from the machine's name".to_owned(),
            ),
        };
        let finding = match flag {
            "listen-peer-urls" | "initial-cluster-token" | "data-dir" => {
                Finding::warning("extra-args", what)
            }
            _ => Finding::error("extra-args", what),
        };
        findings.push(
            finding
                .at(format!("{path}.extra_args.{place}"), "the last word")
                .at(own, "what it contradicts")
                .help(help),
        );
    }
}

/// What we write on the command line, and the key that it comes from.
const OWN_FLAGS: [(&str, Option<&str>); 10] = [
    ("name", None),
    ("initial-advertise-peer-urls", None),
    ("initial-cluster-state", None),
    ("discovery-srv", Some("discovery_srv")),
    ("discovery-srv-name", Some("discovery_srv_name")),
    ("initial-cluster", Some("initial_cluster")),
    ("discovery", Some("discovery_url")),
    ("listen-peer-urls", Some("peer_port")),
    ("initial-cluster-token", Some("token")),
    ("data-dir", Some("data_dir")),
];
/// etcd's own defaults.
const HEARTBEAT_MS: u32 = 100;
const ELECTION_MS: u32 = 1_000;
const ELECTION_MS_MAX: u32 = 50_000;
