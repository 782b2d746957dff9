//! The evidence at the end of a story.

use std::net::Ipv4Addr;

use quorate_dns::client::{Answer, encode_query};
use quorate_dns::{Name as DnsName, RData, RecordType, text};
use quorate_scenario::evidence::{Evidence, Lease, Member, Name, Registered, Srv, Write};
use quorate_scenario::{What, WorldError};

use crate::world::SimWorld;

impl SimWorld {
    /// Asks the servers, and the members that are healthy.
    pub(crate) fn evidence(&mut self) -> Result<Evidence, WorldError> {
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
        let healthy: Vec<usize> = (0..self.machines.len())
            .filter(|index| self.is_healthy(*index))
            .collect();
        Ok(Evidence {
            names: self.names(&leases)?,
            srv: self.srv()?,
            registry: self.registered(),
            members: healthy
                .iter()
                .filter_map(|index| self.view(*index))
                .collect(),
            writes: self.writes(),
            kept: self.kept(),
            leases,
            starved: None,
        })
    }

    fn is_healthy(&self, index: usize) -> bool {
        let life = self.machines[index].on.as_ref();
        life.is_some_and(|life| matches!(life.told, Some(What::Healthy { .. })))
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
        let now = self.clocks();
        let reply = self
            .servers
            .ask(&query, now)
            .ok_or_else(|| broken("the DNS server does not answer".to_owned()))?;
        let answer =
            Answer::read(&reply, &owner, kind, QUERY_ID).map_err(|e| broken(e.to_string()))?;
        Ok(answer.data(&owner, kind).filter_map(read).collect())
    }

    fn view(&self, index: usize) -> Option<Member> {
        let machine = &self.machines[index];
        let data_dir = machine.data_dir.as_ref()?;
        let cluster = self.clusters.get(data_dir.cluster_id)?;
        Some(Member {
            machine: machine.role.name.clone(),
            cluster_id: data_dir.cluster_id,
            member_id: data_dir.member_id,
            voters: cluster
                .published()
                .map(|voter| self.machines[voter].role.name.clone())
                .collect(),
        })
    }

    /// Writes a value through each healthy member, to be looked for at the end.
    pub(crate) fn write_once(&mut self) {
        let members: Vec<usize> = (0..self.machines.len())
            .filter(|index| self.is_healthy(*index))
            .collect();
        for through in members {
            let (key, value) = self.kept_by(through);
            let taken = self.put(through, &key, &value);
            self.written.push((through, taken));
        }
    }

    /// What has become of those values.
    fn kept(&mut self) -> Vec<Write> {
        let mut kept = Vec::new();
        for (through, taken) in self.written.clone() {
            let cluster = self.machines[through].role.cluster;
            let members = cluster.map(|cluster| self.story.clusters[cluster].members.clone());
            let members = members.unwrap_or_default();
            for read in members.into_iter().filter(|read| self.is_healthy(*read)) {
                let (key, value) = self.kept_by(through);
                kept.push(Write::looked_for(
                    (
                        &self.machines[through].role.name,
                        &self.machines[read].role.name,
                    ),
                    (&key, &value),
                    taken.clone(),
                    || self.value(read, &key),
                ));
            }
        }
        kept
    }

    /// The key and the value that this member is to keep.
    fn kept_by(&self, index: usize) -> (String, String) {
        let name = &self.machines[index].role.name;
        (format!("quorate/kept/{name}"), format!("kept by {name}"))
    }

    /// Writes a value through each healthy member and reads it through every other of its
    /// cluster; through itself when it is alone.
    fn writes(&mut self) -> Vec<Write> {
        let mut writes = Vec::new();
        for cluster in 0..self.story.clusters.len() {
            let members = self.story.clusters[cluster].members.iter().copied();
            let healthy: Vec<usize> = members.filter(|index| self.is_healthy(*index)).collect();
            self.write_through(&healthy, &mut writes);
        }
        writes
    }

    /// Stops at the first value that does not arrive.
    fn write_through(&mut self, healthy: &[usize], writes: &mut Vec<Write>) {
        let alone = healthy.len() == 1;
        for &through in healthy {
            let name = self.machines[through].role.name.clone();
            let (key, value) = (format!("quorate/{name}"), format!("written through {name}"));
            let put = self.put(through, &key, &value);
            for &read in healthy.iter().filter(|read| alone || **read != through) {
                let reader = &self.machines[read].role.name;
                let look = || self.value(read, &key);
                let write = Write::looked_for((&name, reader), (&key, &value), put.clone(), look);
                let gave_up = write.failed.is_some();
                writes.push(write);
                if gave_up {
                    return;
                }
            }
        }
    }

    /// Through the leader to everybody who is connected: a quorum, or there were no leader.
    fn put(&mut self, through: usize, key: &str, value: &str) -> Result<(), String> {
        let leader = self.leader_of(through)?;
        if let Some(data_dir) = &mut self.machines[leader].data_dir {
            data_dir.store.insert(key.to_owned(), value.to_owned());
            let id = data_dir.cluster_id;
            let cluster = self.clusters.get(id);
            let followers: Vec<usize> = cluster.iter().flat_map(|c| c.connected()).collect();
            for follower in followers {
                self.catch_up(follower, leader);
            }
        }
        Ok(())
    }

    /// A linearizable read.
    fn value(&self, read: usize, key: &str) -> Result<Option<String>, String> {
        self.leader_of(read)?;
        let data_dir = self.machines[read].data_dir.as_ref();
        Ok(data_dir.and_then(|data_dir| data_dir.store.get(key).cloned()))
    }

    pub(crate) fn leader_of(&self, index: usize) -> Result<usize, String> {
        let data_dir = self.machines[index].data_dir.as_ref();
        data_dir
            .and_then(|data_dir| self.clusters.get(data_dir.cluster_id))
            .filter(|cluster| cluster.is_led(index))
            .and_then(|cluster| cluster.leader)
            .ok_or_else(|| "etcdserver: no leader".to_owned())
    }
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
