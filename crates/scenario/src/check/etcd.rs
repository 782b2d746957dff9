//! The section `[etcd]`: which machines form which cluster, and how.

use std::ops::Range;

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
        is_drawn: bool,
    ) -> (Etcd, Vec<Cluster>) {
        let members_there: Vec<usize> = (0..machines.len())
            .filter(|&index| machines[index].class == Class::Etcd)
            .collect();
        if members_there.is_empty() && !is_drawn {
            self.mismatch(
                0..0,
                "no machine has the class \"etcd\"".to_owned(),
                "add [[machines]] with class = \"etcd\"",
            );
        }
        let sizes = if is_drawn {
            Vec::new()
        } else {
            self.sizes(&raw, members_there.len())
        };
        let stem = raw.srv_name.as_ref().map(|name| name.get_ref().as_str());
        let clusters = Cluster::of(&sizes, &members_there, stem);
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
    fn sizes(&mut self, raw: &raw::Etcd, there: usize) -> Vec<usize> {
        let clusters = *raw.clusters.get_ref();
        if clusters == 0 {
            self.problem(
                raw.clusters.span(),
                "no cluster is no story".to_owned(),
                "write at least 1, or leave `clusters` out",
            );
            return vec![there];
        }
        let written = raw.members.as_ref();
        if let Some((list, raw::Members::List(sizes))) = written.map(|list| (list, list.get_ref()))
        {
            return self.listed(sizes, list.span(), &raw.clusters, there);
        }
        let each = written.and_then(|each| match each.get_ref() {
            raw::Members::Each(each) => Some(*each),
            raw::Members::List(_) => None,
        });
        let members = each.unwrap_or(there / clusters);
        if members.checked_mul(clusters) != Some(there) {
            let (span, help) = match written {
                Some(written) => (written.span(), "make them equal, or leave `members` out"),
                None => (
                    raw.clusters.span(),
                    "give every cluster equally many members, or `members` as a list",
                ),
            };
            let message = match (written, clusters) {
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
            self.mismatch(span, message, help);
            return vec![there];
        }
        self.warn_of(members);
        vec![members; clusters]
    }

    /// The same, when there is a number for each.
    fn listed(
        &mut self,
        sizes: &[usize],
        span: Range<usize>,
        clusters: &Spanned<usize>,
        there: usize,
    ) -> Vec<usize> {
        let (count, wanted) = (sizes.len(), *clusters.get_ref());
        let is_written = !clusters.span().is_empty();
        if sizes.is_empty() || sizes.contains(&0) {
            let help = "write how many members each cluster has, as in [3, 5, 1]";
            self.problem(span, "a cluster without members".to_owned(), help);
        } else if is_written && count != wanted {
            let message = format!("{wanted} clusters, and the members of {count}");
            self.problem(span, message, "leave `clusters` out");
        } else if sizes.iter().sum::<usize>() != there {
            let all: usize = sizes.iter().sum();
            let message = format!(
                "the clusters shall have {all} members, but {there} machines have class \"etcd\""
            );
            self.mismatch(span, message, "make them equal");
        } else {
            self.warn_of(sizes.iter().copied().max().unwrap_or(0));
            return sizes.to_vec();
        }
        vec![there]
    }

    fn warn_of(&mut self, members: usize) {
        if members > VOTERS_MAX {
            self.warnings.push(too_many_voters(members));
        }
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
