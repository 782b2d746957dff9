//! The evidence at the end of a story.

use std::collections::BTreeMap;
use std::io;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use quorate_scenario::drive::Expected;
use quorate_scenario::evidence::{Evidence, Lease, Member, Name, Srv, Write};
use quorate_scenario::story::{Story, VM_PATIENCE};
use serde::Deserialize;

use super::etcd_client::{Client, ClientError};
use super::servers::Servers;
use super::stub::Stub;

/// What of a lease matters here.
#[derive(Debug, Deserialize)]
struct LeaseLine {
    addr: Ipv4Addr,
    mac: quorate_core::MacAddr,
    hostname: String,
}

/// A member that is on, and where.
pub(super) type Reached = (String, Ipv4Addr);

/// What the servers know.
#[derive(Debug, Default)]
pub(super) struct Records {
    leases: Vec<Lease>,
    names: Vec<Name>,
    srv: Vec<Srv>,
}

impl Records {
    /// Asks the servers.
    pub(super) fn ask(story: &Story, expected: &Expected, servers: &Servers) -> io::Result<Self> {
        let lines: Vec<LeaseLine> = servers.ask("/leases")?;
        let leases = lines.into_iter().map(|line| Lease {
            addr: line.addr,
            mac: line.mac,
            hostname: Some(line.hostname),
        });
        let leases: Vec<Lease> = leases.collect();
        let dns = servers.dns;
        servers.ns.run(|| {
            let mut stub = Stub::new(dns)?;
            Ok(Self {
                names: names(&mut stub, &leases, &story.network.domain)?,
                srv: srv(&mut stub, expected)?,
                leases,
            })
        })?
    }
}

/// Asks the members of each cluster that are on at these addresses, from the namespace of the
/// calling thread; looks for what was `written` before.
pub(super) fn evidence(
    (story, expected): (&Story, &Expected),
    records: Records,
    clusters: &[Vec<Reached>],
    written: &[Written],
) -> Evidence {
    let (mut members, writes) = asked(clusters, patience(story));
    name_voters(&mut members, expected);
    let Records { leases, names, srv } = records;
    Evidence {
        leases,
        names,
        srv,
        registry: Vec::new(),
        members,
        writes,
        kept: kept(story, clusters, written),
        servers_silent: None,
        last_lines: Vec::new(),
        starved: None,
    }
}

/// Calls each voter as the story calls the machine of its peer URL. What etcd calls it is not known
/// to it before that member has published its name.
fn name_voters(members: &mut [Member], expected: &Expected) {
    let peers = expected.clusters.iter().flat_map(|cluster| &cluster.peers);
    let by_url: BTreeMap<&str, &str> = peers
        .map(|(name, url)| (url.as_str(), name.as_str()))
        .collect();
    for voter in members.iter_mut().flat_map(|member| &mut member.voters) {
        if let Some(name) = by_url.get(voter.as_str()) {
            *voter = (*name).to_owned();
        }
    }
}

fn names(stub: &mut Stub, leases: &[Lease], domain: &str) -> io::Result<Vec<Name>> {
    let mut names = Vec::new();
    for lease in leases {
        let Some(hostname) = lease.hostname.clone() else {
            continue;
        };
        let forward = stub.forward(&format!("{hostname}.{domain}"))?;
        names.push(Name {
            hostname,
            forward,
            reverse: stub.reverse(lease.addr)?,
        });
    }
    Ok(names)
}

fn srv(stub: &mut Stub, expected: &Expected) -> io::Result<Vec<Srv>> {
    let mut srv = Vec::new();
    for cluster in &expected.clusters {
        let owner = &cluster.srv_owner;
        let found = stub.services(owner)?;
        srv.extend(found.into_iter().map(|(target, port)| Srv {
            owner: owner.clone(),
            target,
            port,
        }));
    }
    Ok(srv)
}

/// What the members say, and what became of values written through them: some clusters at a
/// time, each on a thread, which begins in the namespace of this one.
fn asked(clusters: &[Vec<Reached>], patience: Duration) -> (Vec<Member>, Vec<Write>) {
    let (mut members, mut written) = (Vec::new(), Vec::new());
    for some in clusters.chunks(CLUSTERS_AT_ONCE) {
        let answers: Vec<_> = std::thread::scope(|scope| {
            let ask =
                |reached: &'_ Vec<Reached>| (views(reached, patience), writes(reached, patience));
            let asking: Vec<_> = some
                .iter()
                .map(|reached| scope.spawn(move || ask(reached)))
                .collect();
            let joined = asking.into_iter().map(|thread| thread.join());
            joined
                .map(|answer| answer.expect("asking does not panic"))
                .collect()
        });
        for (views, writes) in answers {
            members.extend(views);
            written.extend(writes);
        }
    }
    (members, written)
}

fn views(members: &[Reached], patience: Duration) -> Vec<Member> {
    members
        .iter()
        .filter_map(|(machine, address)| {
            let view = Client::new(*address, patience).view().ok()?;
            Some(Member {
                machine: machine.clone(),
                cluster_id: view.cluster_id,
                member_id: view.member_id,
                voters: view.voters,
            })
        })
        .collect()
}

/// Writes a value through each member of a cluster and reads it through every other; through
/// itself when it is alone.
fn writes(members: &[Reached], patience: Duration) -> Vec<Write> {
    let clients: Vec<(&str, Client)> = members
        .iter()
        .map(|(name, address)| (name.as_str(), Client::new(*address, patience)))
        .collect();
    let alone = clients.len() == 1;
    let mut writes = Vec::new();
    for (through, client) in &clients {
        let (key, value) = (
            format!("quorate/{through}"),
            format!("written through {through}"),
        );
        let put = persist(patience, || client.put(&key, &value));
        for (read, reader) in clients.iter().filter(|(read, _)| alone || read != through) {
            let look = || persist(patience, || reader.get(&key));
            let write = Write::looked_for((through, read), (&key, &value), put.clone(), look);
            let gave_up = write.failed.is_some();
            writes.push(write);
            // A cluster without a quorum answers each question only after its time is up.
            if gave_up {
                return writes;
            }
        }
    }
    writes
}

/// Asks again as long as a member may take to answer, as clients do: it says 503 while there is no
/// leader, and a leader with a slow disk is voted out now and then. The error becomes a part of the evidence, in words.
fn persist<T>(patience: Duration, ask: impl Fn() -> Result<T, ClientError>) -> Result<T, String> {
    let since = Instant::now();
    loop {
        let answer = ask();
        if answer.is_ok() || since.elapsed() + ASK_AGAIN > patience {
            return answer.map_err(|error| error.to_string());
        }
        std::thread::sleep(ASK_AGAIN);
    }
}

/// A value that was written through a member, or why it was not.
#[derive(Clone, Debug)]
pub(super) struct Written {
    through: String,
    accepted: Result<(), String>,
}

impl Written {
    fn key(&self) -> String {
        format!("quorate/kept/{}", self.through)
    }

    fn value(&self) -> String {
        format!("kept by {}", self.through)
    }
}

/// Writes a value through each of these members, from the namespace of the calling thread.
pub(super) fn write(story: &Story, members: &[Reached]) -> Vec<Written> {
    let put = |(name, address): &Reached| {
        let mut written = Written {
            through: name.clone(),
            accepted: Ok(()),
        };
        let patience = patience(story);
        let client = Client::new(*address, patience);
        written.accepted = persist(patience, || client.put(&written.key(), &written.value()));
        written
    };
    members.iter().map(put).collect()
}

/// Reads through each of these members what was written through any of its cluster.
fn kept(story: &Story, clusters: &[Vec<Reached>], written: &[Written]) -> Vec<Write> {
    let patience = patience(story);
    let look = |written: &Written, (read, address): &Reached| {
        let client = Client::new(*address, patience);
        Write::looked_for(
            (&written.through, read),
            (&written.key(), &written.value()),
            written.accepted.clone(),
            || persist(patience, || client.get(&written.key())),
        )
    };
    let mut kept = Vec::new();
    for (cluster, reached) in story.clusters.iter().zip(clusters) {
        for one in written {
            if story
                .members_of(cluster)
                .any(|role| role.name == one.through)
            {
                kept.extend(reached.iter().map(|member| look(one, member)));
            }
        }
    }
    kept
}

/// How long a member may take to answer.
fn patience(story: &Story) -> Duration {
    match story.has_vms() {
        true => ASK_MAX * VM_PATIENCE,
        false => ASK_MAX,
    }
}

/// More would only wait for each other.
const CLUSTERS_AT_ONCE: usize = 8;
const ASK_MAX: Duration = Duration::from_secs(5);
const ASK_AGAIN: Duration = Duration::from_millis(200);
