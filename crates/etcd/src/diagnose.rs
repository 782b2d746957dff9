//! From what is known of one node to one verdict, its cause and its remedy.

use std::collections::BTreeMap;

use crate::id::{ClusterId, expected_cluster_id};
use crate::invert::invert;
use crate::log::LogEvent;
use crate::url::PeerUrl;

mod exit;

/// What is known of one node.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// The peer URLs of all members that the cluster should have.
    pub members: &'a [PeerUrl],
    /// `--initial-cluster-token`
    pub token: &'a str,
    /// What the node's log said, in order; see [`crate::log::parse`].
    pub events: &'a [LogEvent],
}

/// One node's place in the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Serving, in the predicted cluster.
    Ok,
    /// Nothing decisive yet.
    Starting,
    /// In the predicted cluster, which has no quorum yet.
    WaitingQuorum,
    /// In another cluster than the predicted one.
    Split {
        observed: ClusterId,
        expected: ClusterId,
        /// The peers that the node saw at its start; `None` when no subset of the members and
        /// no peer in its log explains the ID.
        saw: Option<Vec<String>>,
    },
    /// Its configuration has members that do not exist.
    Phantom {
        urls: Vec<String>,
    },
    /// It did not find itself in the SRV records.
    SelfMissing,
    /// The lookup failed.
    NoDns,
    /// Peers refuse each other's certificates.
    Tls,
    /// The plain set on etcd 3.4, which reads only the `-ssl` set.
    PlainSetOn34,
    /// Its disk is empty, and its cluster knows it as a member.
    DataLost,
    /// etcd's discovery service has written it down before.
    DiscoveryDuplicate,
    DiskFull,
    DiskReadOnly,
    /// The data directory is another user's.
    NoPermission,
    /// Another process listens on its port.
    PortInUse,
    /// What it has on its disk is damaged.
    DataDamaged,
    /// The program cannot be executed.
    NotExecutable,
    /// A signal ended it.
    Killed,
    /// etcd gave up for another reason.
    Refused,
}

/// A verdict with one sentence on why, and one on what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnosis {
    pub verdict: Verdict,
    pub cause: String,
    pub fix: String,
}

/// Judges one node.
pub fn diagnose(evidence: &Evidence<'_>) -> Diagnosis {
    let seen = Seen::new(evidence.events);
    if let Some(error) = seen.fatal {
        return exit::diagnose(evidence.members, error);
    }
    let Some(observed) = seen.cluster else {
        return diagnosis(
            Verdict::Starting,
            "etcd has not chosen a cluster yet",
            "wait; it retries the resolution of peer names for up to 30 s",
        );
    };
    let members: Vec<String> = evidence.members.iter().map(ToString::to_string).collect();
    let expected = expected_cluster_id(&members, evidence.token);
    if observed != expected {
        return elsewhere(&seen, &members, evidence.token, observed, expected);
    }
    if seen.ready {
        return diagnosis(
            Verdict::Ok,
            format!("serving in the predicted cluster {expected}"),
            "nothing to do",
        );
    }
    if let Some(error) = seen.tls {
        return diagnosis(
            Verdict::Tls,
            format!("peers refuse each other's certificates: {error}"),
            "give each certificate the peer's name as a SAN (a wildcard SAN matches only when \
             the peer's address has a PTR record), or start with --peer-auto-tls",
        );
    }
    diagnosis(
        Verdict::WaitingQuorum,
        format!("in the predicted cluster {expected}, which has no leader yet"),
        "start the other members; this one waits for them",
    )
}

/// The last word of the log on each question.
#[derive(Default)]
struct Seen<'a> {
    fatal: Option<&'a str>,
    cluster: Option<ClusterId>,
    ready: bool,
    tls: Option<&'a str>,
    /// URLs that discovery yielded, grouped as etcd groups them: by name.
    found: BTreeMap<&'a str, Vec<&'a str>>,
}

impl<'a> Seen<'a> {
    fn new(events: &'a [LogEvent]) -> Self {
        let mut seen = Self::default();
        for event in events {
            match event {
                LogEvent::Fatal { error } => {
                    seen.fatal = Some(error);
                    // The next attempt looks everything up anew.
                    seen.found.clear();
                }
                LogEvent::Started { cluster, .. } => {
                    // A later start in the same log answers for an earlier exit.
                    seen.fatal = None;
                    seen.ready = false;
                    seen.cluster = Some(*cluster);
                }
                LogEvent::Bootstrap { node } => {
                    if let Some((name, url)) = node.split_once('=') {
                        let urls = seen.found.entry(name).or_default();
                        if !urls.contains(&url) {
                            urls.push(url);
                        }
                    }
                }
                LogEvent::Ready => seen.ready = true,
                LogEvent::TlsRefused { error } => seen.tls = Some(error),
                LogEvent::Lookup { .. }
                | LogEvent::MemberAdded { .. }
                | LogEvent::BecameLeader { .. }
                | LogEvent::LeaderElected { .. }
                | LogEvent::LeaderLost { .. }
                | LogEvent::Published { .. }
                | LogEvent::ClusterIdMismatch { .. }
                | LogEvent::SlowSync { .. }
                | LogEvent::ClockDrift { .. } => {}
            }
        }
        seen
    }
}

/// The node is in a cluster that is not the predicted one: which, and why?
fn elsewhere(
    seen: &Seen<'_>,
    members: &[String],
    token: &str,
    observed: ClusterId,
    expected: ClusterId,
) -> Diagnosis {
    let found: Vec<&str> = seen.found.values().flatten().copied().collect();
    let phantoms: Vec<String> = found
        .iter()
        .filter(|url| !members.iter().any(|member| member == *url))
        .map(|url| (*url).to_owned())
        .collect();
    if let Some((name, urls)) = seen.found.iter().find(|(_, urls)| urls.len() > 1) {
        return diagnosis(
            Verdict::Split {
                observed,
                expected,
                saw: Some(found.iter().map(|url| (*url).to_owned()).collect()),
            },
            format!(
                "the -ssl and the plain SRV set were both published, and their temporary names \
                 collided: {} became one member {name:?}",
                urls.join(" and ")
            ),
            "publish exactly one of the two sets, wipe every data directory and start again",
        );
    }
    if !phantoms.is_empty() {
        return diagnosis(
            Verdict::Phantom {
                urls: phantoms.clone(),
            },
            format!(
                "the SRV records name {}, which is no member of this cluster",
                phantoms.join(" and ")
            ),
            "remove that record, wipe every data directory and start again: each vote of a \
             member that does not exist is missing for ever",
        );
    }
    let saw = invert(members, token, observed)
        .ok()
        .and_then(|subsets| subsets.into_iter().next());
    let cause = cause_of_split(members, token, saw.as_deref());
    diagnosis(
        Verdict::Split {
            observed,
            expected,
            saw,
        },
        cause,
        "publish the whole SRV set in one update before any member starts; then wipe this \
         member's data directory, for a restart does not read the records again",
    )
}

/// Which members the node did not see when it computed its cluster ID.
fn cause_of_split(members: &[String], token: &str, saw: Option<&[String]>) -> String {
    match saw {
        Some(saw) => {
            let missed: Vec<&str> = members
                .iter()
                .filter(|url| !saw.contains(url))
                .map(String::as_str)
                .collect();
            format!(
                "at its start it saw only {} of {} members ({}); missing: {}",
                saw.len(),
                members.len(),
                saw.join(", "),
                missed.join(", ")
            )
        }
        None => format!(
            "no subset of the {} members with token {token:?} gives this ID: another token, \
             other peer URLs, or old data",
            members.len()
        ),
    }
}

fn diagnosis(verdict: Verdict, cause: impl Into<String>, fix: &str) -> Diagnosis {
    Diagnosis {
        verdict,
        cause: cause.into(),
        fix: fix.to_owned(),
    }
}

#[cfg(test)]
mod tests;
