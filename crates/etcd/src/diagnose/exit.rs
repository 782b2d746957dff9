//! Why etcd exited, from its error.

use super::{Diagnosis, Verdict, diagnosis};
use crate::url::{PeerUrl, Scheme};

/// Which verdict an error means that contains one of these texts.
struct Rule {
    texts: &'static [&'static str],
    verdict: Verdict,
    cause: &'static str,
    fix: &'static str,
}

/// etcd exited; its error says at which link.
pub(super) fn diagnose(members: &[PeerUrl], error: &str) -> Diagnosis {
    let is_plain = members.iter().all(|url| url.scheme == Scheme::Http);
    if is_plain && is_plain_set_on_34(error) {
        return diagnosis(
            Verdict::PlainSetOn34,
            format!(
                "etcd 3.4 reads only the -ssl set, whatever its documentation says (etcd #11321): {error}"
            ),
            "use etcd 3.5 or later, or https peer URLs, which are published in the -ssl set",
        );
    }
    let is_met = |rule: &&Rule| rule.texts.iter().any(|text| error.contains(text));
    let Some(rule) = RULES.iter().find(is_met) else {
        return diagnosis(
            Verdict::Refused,
            format!("etcd gave up: {error}"),
            "mend what etcd says; its log has what came before",
        );
    };
    let verdict = if let Verdict::Phantom { .. } = rule.verdict {
        Verdict::Phantom {
            urls: phantom_urls(error),
        }
    } else {
        rule.verdict.clone()
    };
    diagnosis(verdict, format!("{}: {error}", rule.cause), rule.fix)
}

/// From 3.5 on the errors of both sets are named; 3.4 names that of the `-ssl` set alone.
fn is_plain_set_on_34(error: &str) -> bool {
    error.contains("error querying DNS SRV records for _etcd-server-ssl")
        && error.contains("no such host")
        && !error.contains("_etcd-server.")
        && !error.contains("_etcd-server ")
}

/// `--initial-cluster has n1=https://alias:2380,n1=… but missing …`
fn phantom_urls(error: &str) -> Vec<String> {
    let list = error
        .split_once("--initial-cluster has ")
        .and_then(|(_, rest)| rest.split_once(" but missing"))
        .map_or("", |(list, _)| list);
    list.split(',')
        .filter_map(|pair| pair.split_once('='))
        .map(|(_, url)| url.to_owned())
        .collect()
}

/// The first that is met holds.
const RULES: &[Rule] = &[
    Rule {
        texts: &["no space left on device", "disk quota exceeded"],
        verdict: Verdict::DiskFull,
        cause: "the disk of this machine is full",
        fix: "make room where its data directory is (df -h), and start it again",
    },
    Rule {
        texts: &["read-only file system"],
        verdict: Verdict::DiskReadOnly,
        cause: "the data directory cannot be written to",
        fix: "find out why it was mounted so (dmesg), then mount -o remount,rw",
    },
    Rule {
        texts: &["permission denied"],
        verdict: Verdict::NoPermission,
        cause: "the data directory or a file that etcd needs is another user's",
        fix: "chown -R etcd: /var/lib/etcd",
    },
    Rule {
        texts: &["address already in use"],
        verdict: Verdict::PortInUse,
        cause: "another process has the port",
        fix: "find it (ss -ltnp) and stop it",
    },
    Rule {
        texts: &[
            "xec format error",
            "cannot execute",
            "command not found",
            "error while loading shared libraries",
            "not started: ",
        ],
        verdict: Verdict::NotExecutable,
        cause: "this machine cannot execute the program",
        fix: "compare `file /opt/etcd/etcd` with `uname -m`, and look for missing libraries with ldd",
    },
    Rule {
        texts: &["has already been bootstrapped"],
        verdict: Verdict::DataLost,
        cause: "its disk is empty but the cluster knows it as a member",
        fix: "etcdctl member remove ID, etcdctl member add NAME --peer-urls URL; it comes back with \
              --initial-cluster-state existing",
    },
    Rule {
        texts: &["duplicate id"],
        verdict: Verdict::DiscoveryDuplicate,
        cause: "it was written down before it lost its disk, and nothing takes the entry away",
        fix: "make a new directory (token) at the discovery service for all members",
    },
    Rule {
        texts: &[
            "crc mismatch",
            "walpb: ",
            "wal: ",
            "unexpected EOF",
            "failed to read WAL",
            "failed to open WAL",
            "database snapshot file path error",
            "file checksum mismatch",
            "invalid database",
        ],
        verdict: Verdict::DataDamaged,
        cause: "what it has on its disk is damaged",
        fix: "etcdctl member remove ID, empty its data directory, etcdctl member add NAME --peer-urls URL",
    },
    Rule {
        texts: &["cannot find local etcd member", "couldn't find local name"],
        verdict: Verdict::SelfMissing,
        cause: "no SRV record of the scheme, the port and the first address of its own advertised peer URL",
        fix: "compare --initial-advertise-peer-urls with its SRV record: scheme (the -ssl set for \
              https), port, and the target's first address; and give members names that are not numbers",
    },
    Rule {
        texts: &["missing from --initial-advertise-peer-urls"],
        verdict: Verdict::Phantom { urls: Vec::new() },
        cause: "another SRV record resolves to this member's own address and port, or its --name is \
                one of the temporary names 0, 1, 2, …",
        fix: "remove the alias record, and give members names that are not numbers",
    },
    Rule {
        texts: &["error querying DNS SRV records", "lookup "],
        verdict: Verdict::NoDns,
        cause: "the DNS did not answer for a name that etcd needs at its start, and etcd asks once",
        fix: "ask for it on this machine (dig NAME): publish what is missing before etcd starts",
    },
    Rule {
        texts: &["x509", "tls", "certificate", ".pem", ".crt"],
        verdict: Verdict::Tls,
        cause: "the TLS configuration was refused",
        fix: "check the certificate, key and CA files",
    },
    Rule {
        texts: &["signal "],
        verdict: Verdict::Killed,
        cause: "the process was killed",
        fix: "look for the out-of-memory killer (dmesg) and for who sends signals to it",
    },
];
