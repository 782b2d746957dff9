//! What an etcd process says about itself.
//!
//! Two formats: JSON objects (zap: 3.5 and later, and 3.4 with `--logger=zap`), and
//! `2026-11-22 23:55:01.294029 I | etcdserver: …` (capnslog: 3.4's default, whose raft lines
//! begin with `raft2026/11/22`). The lines here are those of 3.4.23 and 3.5.16.

use serde_json::{Map, Value};

use crate::id::{ClusterId, MemberId};

mod words;

pub use words::last_words;

/// One thing that a line says and that matters to whether a cluster forms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogEvent {
    /// One SRV set was looked up (zap only). After the plain set, 3.5 lists both sets.
    Lookup {
        /// `etcd-server-ssl` or `etcd-server`, with its suffix.
        service: String,
        /// `name=url`, as they go into the initial cluster.
        found: Vec<String>,
        error: Option<String>,
    },
    /// A peer that discovery yielded: `0=https://n1.lab:2380`.
    Bootstrap { node: String },
    /// The member begins, for the first time or again.
    Started {
        member: MemberId,
        cluster: ClusterId,
        restarted: bool,
    },
    /// A member entered the configuration.
    MemberAdded {
        member: MemberId,
        urls: Vec<String>,
        cluster: ClusterId,
    },
    /// This member leads.
    BecameLeader { member: MemberId, term: u64 },
    /// This member knows a leader.
    LeaderElected { leader: MemberId, term: u64 },
    /// This member lost its leader.
    LeaderLost { leader: MemberId },
    /// The member's name went through raft: there is a quorum.
    Published { cluster: ClusterId },
    /// Clients are served.
    Ready,
    /// A peer belongs to another cluster.
    ClusterIdMismatch { local: ClusterId, remote: ClusterId },
    /// A peer's connection failed in the TLS handshake or was refused for its certificate.
    TlsRefused { error: String },
    /// A sync of the disk took longer than the second that etcd expects at most (zap only); the
    /// time in Go's notation: `1.234567s`.
    SlowSync { took: String },
    /// A peer's clock differs from this member's by more than a second (zap only); the difference in
    /// Go's notation: `495961h2m3.4s`.
    ClockDrift { drift: String },
    /// The process gives up; the text of the error.
    Fatal { error: String },
}

/// What this line says, if it is one of those that matter.
pub fn parse_line(line: &str) -> Option<LogEvent> {
    let line = line.trim_end();
    if line.starts_with('{') {
        let fields: Map<String, Value> = serde_json::from_str(line).ok()?;
        return zap(&fields);
    }
    capnslog(line)
}

/// Every event of a log, in order.
pub fn parse(log: &str) -> impl Iterator<Item = LogEvent> {
    log.lines().filter_map(parse_line)
}

fn zap(fields: &Map<String, Value>) -> Option<LogEvent> {
    let text = |key: &str| fields.get(key).and_then(Value::as_str);
    let owned = |key: &str| text(key).map(str::to_owned);
    let list = |key: &str| texts(fields, key);
    let cluster = |key: &str| text(key).and_then(|id| id.parse::<ClusterId>().ok());
    let member = |key: &str| text(key).and_then(|id| id.parse::<MemberId>().ok());
    let message = text("msg")?;

    // zap logs, and then exits or panics.
    if matches!(text("level"), Some("fatal" | "panic" | "dpanic")) {
        let error = owned("error").unwrap_or_else(|| message.to_owned());
        return Some(LogEvent::Fatal { error });
    }
    match message {
        // It exits after these: flags of no use, or etcd's discovery service refused it.
        "failed to verify flags"
        | "member has been registered with discovery service"
        | "failed to bootstrap; discovery token was already used" => Some(LogEvent::Fatal {
            error: owned("error")?,
        }),
        "get cluster for etcd-server-ssl SRV" | "get cluster for etcd-server SRV" => {
            Some(LogEvent::Lookup {
                service: owned("service-name")?,
                found: list("found-cluster"),
                error: owned("error"),
            })
        }
        "got bootstrap from DNS for etcd-server" => Some(LogEvent::Bootstrap {
            node: owned("node")?,
        }),
        "starting local member" | "restarting local member" => Some(LogEvent::Started {
            member: member("local-member-id")?,
            cluster: cluster("cluster-id")?,
            restarted: message.starts_with("re"),
        }),
        "added member" => Some(LogEvent::MemberAdded {
            member: member("added-peer-id")?,
            urls: list("added-peer-peer-urls"),
            cluster: cluster("cluster-id")?,
        }),
        "published local member to cluster through raft" => Some(LogEvent::Published {
            cluster: cluster("cluster-id")?,
        }),
        // 3.4's zap logger has no "ready" line, only those of the listeners.
        "ready to serve client requests"
        | "serving client traffic insecurely; this is strongly discouraged!"
        | "serving client traffic securely" => Some(LogEvent::Ready),
        "slow fdatasync" => Some(LogEvent::SlowSync {
            took: owned("took")?,
        }),
        "prober found high clock drift" => Some(LogEvent::ClockDrift {
            drift: owned("clock-drift")?,
        }),
        "request cluster ID mismatch"
        | "request sent was ignored by remote peer due to cluster ID mismatch"
        | "request sent was ignored by remote member due to cluster ID mismatch"
        | "request sent was ignored due to cluster ID mismatch" => {
            Some(LogEvent::ClusterIdMismatch {
                local: cluster("local-member-cluster-id")?,
                remote: cluster("remote-peer-cluster-id")?,
            })
        }
        "rejected connection" | "prober detected unhealthy status" => tls(&owned("error")?),
        other => raft(other),
    }
}

/// The texts of a field that is a list.
fn texts(fields: &Map<String, Value>, key: &str) -> Vec<String> {
    let items = fields.get(key).and_then(Value::as_array);
    let items = items.into_iter().flatten().filter_map(Value::as_str);
    items.map(str::to_owned).collect()
}

fn capnslog(line: &str) -> Option<LogEvent> {
    if let Some(error) = words::of_go(line) {
        let error = error.to_owned();
        return Some(LogEvent::Fatal { error });
    }
    if line.starts_with("raft20") {
        return raft(line.split_once("INFO: ")?.1);
    }
    let (head, rest) = line.split_once(" | ")?;
    let (package, message) = rest.split_once(": ")?;
    if head.ends_with(" C") {
        let error = message.to_owned();
        return Some(LogEvent::Fatal { error });
    }
    if package == "etcdmain" && head.ends_with(" E") {
        return refused_by_discovery(message);
    }
    if let Some(node) = message.strip_prefix("got bootstrap from DNS for etcd-server at ") {
        let node = node.to_owned();
        return Some(LogEvent::Bootstrap { node });
    }
    if let Some(rest) = message.strip_prefix("starting member ") {
        return started(rest, false);
    }
    if let Some(rest) = message.strip_prefix("restarting member ") {
        return started(rest, true);
    }
    if let Some(rest) = message.strip_prefix("added member ") {
        let (member, rest) = rest.split_once(" [")?;
        let (urls, rest) = rest.split_once("] to cluster ")?;
        return Some(LogEvent::MemberAdded {
            member: member.parse().ok()?,
            urls: urls.split(' ').map(str::to_owned).collect(),
            cluster: rest.parse().ok()?,
        });
    }
    if message == "ready to serve client requests" {
        return Some(LogEvent::Ready);
    }
    if message.starts_with("published {") {
        let cluster = message.rsplit_once("to cluster ")?.1.parse().ok()?;
        return Some(LogEvent::Published { cluster });
    }
    if package == "rafthttp" && message.contains("cluster ID mismatch") {
        return capnslog_mismatch(message);
    }
    tls(message)
}

/// What 3.4 says before it exits because etcd's discovery service refused it.
fn refused_by_discovery(message: &str) -> Option<LogEvent> {
    let error = if message.contains("has previously registered with discovery service") {
        "discovery: found duplicate id".to_owned()
    } else {
        let error = message.strip_prefix("failed to join discovery cluster ")?;
        format!("failed to join discovery cluster {error}")
    };
    Some(LogEvent::Fatal { error })
}

/// `8211f1d0f64f3269 in cluster ef37ad9dc622a7c4[ at commit index 4]`
fn started(text: &str, restarted: bool) -> Option<LogEvent> {
    let (member, rest) = text.split_once(" in cluster ")?;
    let cluster = rest.split(' ').next()?;
    Some(LogEvent::Started {
        member: member.parse().ok()?,
        cluster: cluster.parse().ok()?,
        restarted,
    })
}

/// `(got REMOTE want LOCAL)` on the side that refuses, `…]=REMOTE, local=LOCAL)` on the other.
fn capnslog_mismatch(message: &str) -> Option<LogEvent> {
    let (remote, local) = match message.split_once("(got ") {
        Some((_, ids)) => ids.split_once(" want ")?,
        None => message.split_once("]=")?.1.split_once(", local=")?,
    };
    Some(LogEvent::ClusterIdMismatch {
        local: local.trim_end_matches(')').parse().ok()?,
        remote: remote.parse().ok()?,
    })
}

/// Lines of the raft library, which are prose in both formats.
fn raft(message: &str) -> Option<LogEvent> {
    if let Some((member, term)) = message.split_once(" became leader at term ") {
        return Some(LogEvent::BecameLeader {
            member: member.parse().ok()?,
            term: term.parse().ok()?,
        });
    }
    let rest = message.strip_prefix("raft.node: ")?;
    if let Some((_, rest)) = rest.split_once(" elected leader ") {
        let (leader, term) = rest.split_once(" at term ")?;
        return Some(LogEvent::LeaderElected {
            leader: leader.parse().ok()?,
            term: term.parse().ok()?,
        });
    }
    let (_, rest) = rest.split_once(" lost leader ")?;
    let leader = rest.split(' ').next()?.parse().ok()?;
    Some(LogEvent::LeaderLost { leader })
}

/// A handshake that failed; a peer that merely closed the connection (EOF) is not one.
fn tls(error: &str) -> Option<LogEvent> {
    let refused = error.contains("x509: ")
        || error.contains("tls: ")
        || error.contains("remote error: tls")
        || error.contains("does not match any of DNSNames");
    refused.then(|| LogEvent::TlsRefused {
        error: error.to_owned(),
    })
}

#[cfg(test)]
mod tests;
