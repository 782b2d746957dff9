//! The section `[etcd]`: which machines form which cluster, and how.

use toml::Spanned;

use super::{Check, is_label};
use crate::raw;
use crate::story::{Class, Cluster, Discovery, Etcd, Machine, Warning};

impl Check {
    /// The section, and its clusters; each machine learns its own.
    pub(super) fn etcd(
        &mut self,
        raw: raw::Etcd,
        machines: &mut [Machine],
    ) -> (Etcd, Vec<Cluster>) {
        let members_there: Vec<usize> = (0..machines.len())
            .filter(|&index| machines[index].class == Class::Etcd)
            .collect();
        if members_there.is_empty() && self.problems.is_empty() {
            self.problem(
                0..0,
                "no machine has the class \"etcd\"".to_owned(),
                "add [[machines]] with class = \"etcd\"",
            );
        }
        let members = self.members(&raw, members_there.len());
        let clusters = clusters(&raw, members, &members_there);
        for (number, cluster) in clusters.iter().enumerate() {
            for &index in &cluster.members {
                machines[index].cluster = Some(number);
            }
        }
        if let Some(version) = &raw.version
            && !version
                .get_ref()
                .split('.')
                .all(|part| part.parse::<u32>().is_ok())
        {
            let message = format!("{:?} is not an etcd version", version.get_ref());
            self.problem(version.span(), message, "write \"3.5\" or \"3.5.16\"");
        }
        self.srv_name(&raw, &clusters);
        let token = self.token(&raw);
        let heartbeat = self.optional_duration(raw.heartbeat.as_ref());
        let election = self.optional_duration(raw.election.as_ref());
        if let (Some(beat), Some(elect), Some(written)) = (heartbeat, election, &raw.election)
            && elect < beat * ELECTION_PER_HEARTBEAT_MIN
        {
            let help = format!("etcd wants at least {ELECTION_PER_HEARTBEAT_MIN} heartbeats");
            self.problem(
                written.span(),
                "the election timeout is too short".to_owned(),
                &help,
            );
        }
        let etcd = Etcd {
            members,
            version: raw.version.map(Spanned::into_inner),
            discovery: raw.discovery,
            gate: raw.gate,
            await_peers: raw.await_peers,
            peers: raw.peers,
            token,
            heartbeat,
            election,
        };
        (etcd, clusters)
    }

    /// How many members each cluster has, when `there` machines have the class.
    fn members(&mut self, raw: &raw::Etcd, there: usize) -> usize {
        let clusters = *raw.clusters.get_ref();
        if clusters == 0 {
            self.problem(
                raw.clusters.span(),
                "no cluster is no story".to_owned(),
                "write at least 1, or leave `clusters` out",
            );
            return there;
        }
        let members = raw
            .members
            .as_ref()
            .map_or(there / clusters, |members| *members.get_ref());
        if members.checked_mul(clusters) != Some(there) {
            let (span, help) = match &raw.members {
                Some(written) => (written.span(), "make them equal, or leave `members` out"),
                None => (
                    raw.clusters.span(),
                    "give every cluster equally many members",
                ),
            };
            let message = match (&raw.members, clusters) {
                (Some(_), 1) => format!(
                    "the cluster shall have {members} members, but {there} machines have class \"etcd\""
                ),
                (Some(_), _) => format!(
                    "{clusters} clusters shall have {members} members each, but {there} machines have class \"etcd\""
                ),
                (None, _) => format!(
                    "{there} machines of class \"etcd\" cannot be divided among {clusters} clusters"
                ),
            };
            self.problem(span, message, help);
            return there;
        }
        if members > VOTERS_MAX {
            self.warnings.push(too_many_voters(members));
        }
        members
    }

    /// The token, which with `discovery = "etcd"` is a part of a URL.
    fn token(&mut self, raw: &raw::Etcd) -> String {
        let token = raw
            .token
            .clone()
            .unwrap_or_else(|| DEFAULT_TOKEN.to_owned());
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        if raw.discovery == Discovery::Etcd && !token.bytes().all(fits) {
            self.problem(
                0..0,
                format!("the token {token:?} cannot be part of the discovery service's URL"),
                "write letters, digits, hyphens and dots",
            );
        }
        token
    }

    fn srv_name(&mut self, raw: &raw::Etcd, clusters: &[Cluster]) {
        let Some(name) = &raw.srv_name else { return };
        // `c33333` is as long as it gets: the last one is the longest.
        let longest = clusters
            .last()
            .and_then(|cluster| cluster.srv_name.as_ref());
        let fits = longest.is_none_or(|name| name.len() <= SRV_NAME_LEN_MAX);
        if !is_label(name.get_ref()) || !fits {
            let message = format!("{:?} cannot be part of an SRV owner name", name.get_ref());
            let help = format!(
                "write lower-case letters, digits and hyphens, {SRV_NAME_LEN_MAX} at most with the cluster's number"
            );
            self.problem(name.span(), message, &help);
        }
    }
}

/// Fills the clusters with machines, in order.
fn clusters(raw: &raw::Etcd, members: usize, there: &[usize]) -> Vec<Cluster> {
    let stem = raw.srv_name.as_ref().map(|name| name.get_ref().as_str());
    let chunks: Vec<&[usize]> = there.chunks(members.max(1)).collect();
    let count = chunks.len();
    let cluster = |(number, members): (usize, &[usize])| {
        let name = format!("c{}", number + 1);
        let srv_name = match stem {
            Some(stem) if count > 1 => Some(format!("{stem}-{name}")),
            Some(stem) => Some(stem.to_owned()),
            // The names of one domain's clusters must differ; the one of one cluster is empty.
            None => (count > 1).then(|| name.clone()),
        };
        Cluster {
            name,
            srv_name,
            members: members.to_vec(),
        }
    };
    chunks.into_iter().enumerate().map(cluster).collect()
}

fn too_many_voters(members: usize) -> Warning {
    let quorum = members / 2 + 1;
    Warning {
        message: format!("a cluster of {members} voters: every write waits for {quorum} of them"),
        help: "a leader sends each write and each heartbeat to every voter, so each further one \
               makes the cluster slower, and 9 survive 4 failures already. For many machines write \
               many small clusters (clusters = 20, members = 3), or 3 to 7 members and many \
               clients (class = \"plain\")"
            .to_owned(),
    }
}

/// More voters than this bring more work and no more safety.
const VOTERS_MAX: usize = 9;
const DEFAULT_TOKEN: &str = "quorate";
/// etcd refuses to start below this.
const ELECTION_PER_HEARTBEAT_MIN: u32 = 5;
/// A label has 63 octets (RFC 1035 §2.3.4), and `_etcd-server-ssl-` is 17 of them.
const SRV_NAME_LEN_MAX: usize = 63 - 17;
