//! The evidence at the end of a story.

use std::net::Ipv4Addr;

use quorate_core::Instant;
use quorate_dns::client::{Answer, encode_query};
use quorate_dns::{Name as DnsName, RData, RecordType, text};
use quorate_scenario::WorldError;
use quorate_scenario::drive::Expected;
use quorate_scenario::evidence::{Evidence, Lease, Member, Name, Registered, Srv, Write};
use quorate_scenario::story::Story;

use crate::etcd::{Clusters, NoLeader, Registry};
use crate::machine::machines::Machines;
use crate::servers::Servers;

/// Asks the servers and the members at one moment.
#[derive(Debug)]
pub(crate) struct Collector<'a> {
    pub(crate) story: &'a Story,
    pub(crate) expected: &'a Expected,
    pub(crate) now: Instant,
    pub(crate) machines: &'a mut Machines,
    pub(crate) clusters: &'a Clusters,
    pub(crate) registry: &'a Registry,
    pub(crate) servers: &'a mut Servers,
}

/// A value that was written through a machine to be kept, and whether that went well.
pub(crate) type Kept = (usize, Result<(), NoLeader>);

impl Collector<'_> {
    /// Asks the servers, and the members that are healthy.
    pub(crate) fn evidence(&mut self, kept: &[Kept]) -> Result<Evidence, WorldError> {
        let leases: Vec<Lease> = self
            .servers
            .leases()
            .into_iter()
            .map(|lease| Lease {
                addr: lease.addr,
                mac: lease.mac,
                hostname: Some(lease.hostname),
            })
            .collect();
        let is_up = self.servers.is_up();
        let (names, srv) = match is_up {
            true => (self.names(&leases)?, self.srv()?),
            // The oracles judge what is missing.
            false => (Vec::new(), Vec::new()),
        };
        let healthy = self.healthy();
        let members = healthy.into_iter().filter_map(|index| self.view(index));
        Ok(Evidence {
            names,
            srv,
            registry: self.registered(),
            members: members.collect(),
            writes: self.writes(),
            kept: self.kept(kept),
            leases,
            servers_silent: (!is_up).then(|| "no process listens".to_owned()),
            last_lines: Vec::new(),
            starved: None,
        })
    }

    fn healthy(&self) -> Vec<usize> {
        let all = 0..self.machines.len();
        all.filter(|index| self.reaches(*index)).collect()
    }

    /// The member of this machine can answer, and was healthy when it was asked last.
    fn reaches(&self, index: usize) -> bool {
        self.machines[index].is_healthy() && !self.machines[index].is_frozen()
    }

    fn names(&mut self, leases: &[Lease]) -> Result<Vec<Name>, WorldError> {
        let mut names = Vec::new();
        for lease in leases {
            let Some(hostname) = lease.hostname.clone() else {
                continue;
            };
            let forward = format!("{hostname}.{}", self.story.network.domain);
            let [a, b, c, d] = lease.addr.octets();
            let reverse = format!("{d}.{c}.{b}.{a}.in-addr.arpa");
            names.push(Name {
                hostname,
                forward: self.ask(&forward, RecordType::A, address)?,
                reverse: self.ask(&reverse, RecordType::PTR, pointer)?,
            });
        }
        Ok(names)
    }

    fn registered(&self) -> Vec<Registered> {
        let urls = self
            .expected
            .clusters
            .iter()
            .filter_map(|one| one.registry.as_ref());
        let of = |url: &String| {
            let url = url.clone();
            let members = self.registry.entries(&url).into_iter();
            members.map(move |member| Registered {
                url: url.clone(),
                member,
            })
        };
        urls.flat_map(of).collect()
    }

    fn srv(&mut self) -> Result<Vec<Srv>, WorldError> {
        let clusters = self.expected.clusters.iter();
        let owners: Vec<String> = clusters.map(|one| one.srv_owner.clone()).collect();
        let mut srv = Vec::new();
        for owner in owners {
            let found = self.ask(&owner, RecordType::SRV, service)?;
            srv.extend(found.into_iter().map(|(target, port)| Srv {
                owner: owner.clone(),
                target,
                port,
            }));
        }
        Ok(srv)
    }

    /// What the DNS answers, in bytes as to anybody.
    fn ask<T>(
        &mut self,
        name: &str,
        kind: RecordType,
        read: impl Fn(&RData) -> Option<T>,
    ) -> Result<Vec<T>, WorldError> {
        let broken = |why: String| WorldError::Broken(format!("asking for {name}: {why}"));
        let owner = text::parse_name(name, &DnsName::root()).map_err(|e| broken(e.to_string()))?;
        let query = encode_query(&owner, kind, QUERY_ID);
        let reply = self
            .servers
            .ask(&query, self.now)
            .ok_or_else(|| broken("the DNS server does not answer".to_owned()))?;
        let answer =
            Answer::read(&reply, &owner, kind, QUERY_ID).map_err(|e| broken(e.to_string()))?;
        Ok(answer.data(&owner, kind).filter_map(read).collect())
    }

    fn view(&self, index: usize) -> Option<Member> {
        let membership = self.machines[index].membership()?;
        let voters = self.clusters.voters(membership.cluster_id)?;
        let name = |index: usize| self.machines[index].name().to_owned();
        Some(Member {
            machine: name(index),
            cluster_id: membership.cluster_id,
            member_id: membership.member_id,
            voters: voters.map(name).collect(),
        })
    }

    /// Writes a value through each healthy member, to be looked for at the end.
    pub(crate) fn write_to_keep(&mut self) -> Vec<Kept> {
        let mut written = Vec::new();
        for through in self.healthy() {
            let (key, value) = self.kept_by(through);
            written.push((through, self.put(through, &key, &value)));
        }
        written
    }

    /// What has become of those values.
    fn kept(&mut self, written: &[Kept]) -> Vec<Write> {
        let mut kept = Vec::new();
        for &(through, put) in written {
            let cluster = self.machines[through].cluster();
            let members = cluster.map(|cluster| self.story.clusters[cluster].members.as_slice());
            let members = members.unwrap_or_default().iter().copied();
            for read in members.filter(|read| self.reaches(*read)) {
                let (key, value) = self.kept_by(through);
                kept.push(self.look_for((through, read), (&key, &value), put));
            }
        }
        kept
    }

    /// The key and the value that this member is to keep.
    fn kept_by(&self, index: usize) -> (String, String) {
        let name = self.machines[index].name();
        (format!("quorate/kept/{name}"), format!("kept by {name}"))
    }

    /// Writes a value through each healthy member and reads it through every other of its
    /// cluster; through itself when it is alone.
    fn writes(&mut self) -> Vec<Write> {
        let mut writes = Vec::new();
        for cluster in 0..self.story.clusters.len() {
            let members = self.story.clusters[cluster].members.iter().copied();
            let healthy = members.filter(|index| self.reaches(*index));
            let healthy: Vec<usize> = healthy.collect();
            self.write_through(&healthy, &mut writes);
        }
        writes
    }

    /// Stops at the first value that does not arrive.
    fn write_through(&mut self, healthy: &[usize], writes: &mut Vec<Write>) {
        let alone = healthy.len() == 1;
        for &through in healthy {
            let name = self.machines[through].name();
            let (key, value) = (format!("quorate/{name}"), format!("written through {name}"));
            let put = self.put(through, &key, &value);
            for &read in healthy.iter().filter(|read| alone || **read != through) {
                let write = self.look_for((through, read), (&key, &value), put);
                let gave_up = write.failed.is_some();
                writes.push(write);
                if gave_up {
                    return;
                }
            }
        }
    }

    /// Looks through one member for what was written through another.
    fn look_for(
        &self,
        (through, read): (usize, usize),
        (key, value): (&str, &str),
        put: Result<(), NoLeader>,
    ) -> Write {
        let name = |index: usize| self.machines[index].name();
        let put = put.map_err(|error| error.to_string());
        Write::looked_for((name(through), name(read)), (key, value), put, || {
            let value = self.value(read, key);
            value.map_err(|error| error.to_string())
        })
    }

    /// Through the leader to all connected members: a quorum, or there were no leader.
    fn put(&mut self, through: usize, key: &str, value: &str) -> Result<(), NoLeader> {
        let leader = leader_of(self.machines, self.clusters, through)?;
        self.machines[leader].store(key, value);
        let membership = self.machines[leader].membership();
        for follower in membership
            .into_iter()
            .flat_map(|own| self.clusters.connected(own.cluster_id))
        {
            self.machines.replicate(leader, follower);
        }
        Ok(())
    }

    /// A linearizable read.
    fn value(&self, read: usize, key: &str) -> Result<Option<String>, NoLeader> {
        leader_of(self.machines, self.clusters, read)?;
        Ok(self.machines[read].value(key).map(str::to_owned))
    }
}

/// The machine whose member leads that of this one.
pub(crate) fn leader_of(
    machines: &Machines,
    clusters: &Clusters,
    index: usize,
) -> Result<usize, NoLeader> {
    let membership = machines[index].membership().ok_or(NoLeader)?;
    clusters.leader_of(membership.cluster_id, index)
}

fn address(data: &RData) -> Option<Ipv4Addr> {
    if let RData::A(a) = data {
        Some(a.0)
    } else {
        None
    }
}

fn pointer(data: &RData) -> Option<String> {
    if let RData::PTR(ptr) = data {
        Some(bare(&ptr.0))
    } else {
        None
    }
}

fn service(data: &RData) -> Option<(String, u16)> {
    if let RData::SRV(srv) = data {
        Some((bare(&srv.target), srv.port))
    } else {
        None
    }
}

fn bare(name: &DnsName) -> String {
    text::name(name).trim_end_matches('.').to_owned()
}

const QUERY_ID: u16 = 1;
