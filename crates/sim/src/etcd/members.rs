//! etcd on the machines: discovery, elections, health.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::Duration;

use quorate_etcd::ClusterId;
use quorate_node::{Command, ExitStatus};
use quorate_scenario::What;
use quorate_scenario::decision::CLUSTERS;

use crate::agenda::Who;
use crate::etcd::cluster::Change;
use crate::etcd::flags::DiscoveryMethod;
use crate::etcd::{Lookup, Phase, Query};
use crate::lan::Target;
use crate::servers::DNS_PORT;
use crate::world::{MachineWake, SimWorld, Wake};

impl SimWorld {
    /// etcd has read its flags: it goes on with what its disk holds, or looks for its peers.
    pub(crate) fn etcd_loaded(&mut self, index: usize, pid: u32) {
        let machine = &mut self.machines[index];
        let known = machine.data_dir.is_some();
        let random = machine
            .seed
            .child(&format!("lookup {} {pid}", machine.life));
        let Some(life) = &mut machine.on else { return };
        let Some(process) = life.etcd.as_mut().filter(|process| process.pid == pid) else {
            return;
        };
        if known {
            return self.run_member(index);
        }
        match process.flags.way.clone() {
            DiscoveryMethod::Records { discovery, domain } => {
                // resolv.conf(5): without a server, the one on this machine.
                let server = life.dns.first().copied().unwrap_or(Ipv4Addr::LOCALHOST);
                let server = SocketAddr::new(server.into(), DNS_PORT);
                let mut lookup =
                    Lookup::new(&discovery, &domain, server, &life.hosts, random.random());
                let query = lookup.next(self.now);
                process.phase = Phase::Looking(Box::new(lookup));
                self.go_on_looking(index, query);
            }
            DiscoveryMethod::Given(set) => match process.accept(&set, &process.flags.token) {
                Ok(asking) => self.ask_peers(index, asking),
                Err(words) => self.etcd_gives_up(index, words),
            },
            DiscoveryMethod::Registry(_) => self.ask_registry(index, pid),
        }
    }

    /// A request is on its way to the discovery service.
    fn ask_registry(&mut self, index: usize, pid: u32) {
        let after = self.machines[index].draw("the discovery service answers", REQUEST);
        let what = MachineWake::Registry { pid };
        self.later(index, after, "the discovery service is asked", what);
    }

    /// The request arrives: the member is written down, or is told who the members are.
    pub(crate) fn registry_asked(&mut self, index: usize, pid: u32) {
        let linked = self.lan.reaches_servers(self.machines[index].port);
        let Some(life) = &mut self.machines[index].on else {
            return;
        };
        let Some(process) = life.etcd.as_mut().filter(|process| process.pid == pid) else {
            return;
        };
        let DiscoveryMethod::Registry(url) = process.flags.way.clone() else {
            return;
        };
        if !linked {
            let again = MachineWake::Registry { pid };
            self.later(
                index,
                REGISTRY_RETRY,
                "the discovery service is asked",
                again,
            );
            return;
        }
        if !matches!(process.phase, Phase::Waiting) {
            let (name, advertised) = (&process.flags.name, &process.flags.advertised);
            let texts: Vec<String> = advertised.iter().map(ToString::to_string).collect();
            let id = quorate_etcd::member_id(&texts, &url);
            let joined = advertised.first().map_or(Err("no peer URL"), |peer| {
                self.registry.join(&url, (id, name, peer))
            });
            if let Err(words) = joined {
                return self.etcd_gives_up(index, words.to_owned());
            }
            process.phase = Phase::Waiting;
        }
        let Some(set) = self.registry.set(&url) else {
            return;
        };
        // It asks nobody before it starts: its set was its own alone until now.
        match process.accept(&set, &url) {
            Ok(asking) => {
                self.machines[index].data_dir = Some(asking.data_dir);
                self.run_member(index);
            }
            Err(words) => self.etcd_gives_up(index, words),
        }
        // Those who watch the directory are told.
        for other in 0..self.machines.len() {
            let life = self.machines[other].on.as_ref();
            let process = life.and_then(|life| life.etcd.as_ref());
            if let Some(process) = process
                && matches!(process.phase, Phase::Waiting)
                && matches!(&process.flags.way, DiscoveryMethod::Registry(theirs) if *theirs == url)
            {
                let pid = process.pid;
                self.ask_registry(other, pid);
            }
        }
    }

    pub(crate) fn resolver_due(&mut self, index: usize) {
        let now = self.now;
        let Some(life) = &mut self.machines[index].on else {
            return;
        };
        life.resolver = None;
        if let Some(process) = &mut life.etcd
            && let Phase::Looking(lookup) = &mut process.phase
        {
            let query = lookup.handle_timeout(now);
            self.go_on_looking(index, query);
        }
    }

    pub(crate) fn resolver_answered(&mut self, index: usize, payload: &[u8]) {
        let now = self.now;
        if let Some(life) = &mut self.machines[index].on
            && let Some(process) = &mut life.etcd
            && let Phase::Looking(lookup) = &mut process.phase
        {
            let query = lookup.handle(payload, now);
            self.go_on_looking(index, query);
        }
    }

    /// Sends the next question, or makes up etcd's mind when there is none.
    fn go_on_looking(&mut self, index: usize, query: Option<Query>) {
        if let Some(query) = query {
            self.send_query(index, query);
        }
        let Some(life) = &mut self.machines[index].on else {
            return;
        };
        let Some(process) = &life.etcd else { return };
        let Phase::Looking(lookup) = &process.phase else {
            return;
        };
        let found = process.discover();
        let deadline = lookup.poll_timeout();
        let life_number = self.machines[index].life;
        if let Some(life) = &mut self.machines[index].on {
            self.agenda
                .renew(&mut life.resolver, deadline, Who::Machine(index), || {
                    Wake::Machine {
                        index,
                        life: life_number,
                        what: MachineWake::Resolver,
                    }
                });
        }
        match found {
            Some(Ok(asking)) => {
                let records = asking.records.clone();
                self.observe_machine(index, What::SrvRead { records });
                self.ask_peers(index, asking);
            }
            Some(Err(words)) => self.etcd_gives_up(index, words),
            None => self.update_lan_deadline(),
        }
    }

    fn send_query(&mut self, index: usize, query: Query) {
        if query.stream {
            let asked = MachineWake::StreamAsked(query.payload);
            self.later(index, STREAM, "a question by TCP arrives", asked);
            return;
        }
        let machine = &self.machines[index];
        let life = machine.on.as_ref();
        let Some(addr) = life.and_then(|life| life.addr) else {
            return;
        };
        let server = life.and_then(|life| life.dns.first().copied());
        let to = SocketAddrV4::new(server.unwrap_or(Ipv4Addr::LOCALHOST), DNS_PORT);
        let from = (machine.role.mac, SocketAddrV4::new(addr, query.port));
        self.lan.send(
            machine.port,
            from,
            Target::Udp(to),
            &query.payload,
            self.now,
        );
    }

    /// Exit status 1, and the reason as the last line of the log.
    fn etcd_gives_up(&mut self, index: usize, words: String) {
        let Some(life) = &mut self.machines[index].on else {
            return;
        };
        life.last_words = Some(words);
        life.told = None;
        if let Some(process) = life.etcd.take() {
            let status = ExitStatus::Code { code: 1 };
            let unit = process.unit;
            self.answer(
                index,
                EXIT,
                "etcd has ended",
                Command::UnitExited { unit, status },
            );
        }
    }

    /// etcd belongs to a cluster, from now on and for the life of its disk.
    pub(crate) fn run_member(&mut self, index: usize) {
        let machine = &mut self.machines[index];
        let (Some(data_dir), Some(life)) = (&machine.data_dir, &mut machine.on) else {
            return;
        };
        let (cluster_id, member_id) = (data_dir.cluster_id, data_dir.member_id);
        self.clusters.join(cluster_id, data_dir.members);
        if let Some(process) = &mut life.etcd {
            process.phase = Phase::Running;
        }
        self.observe_machine(
            index,
            What::Identified {
                cluster_id,
                member_id,
            },
        );
        self.update_connection(index);
    }

    /// The machine's member may have come within reach of its peers, or out of it.
    pub(crate) fn update_connection(&mut self, index: usize) {
        let machine = &self.machines[index];
        let Some(data_dir) = &machine.data_dir else {
            return;
        };
        let id = data_dir.cluster_id;
        let process = machine.on.as_ref().and_then(|life| life.etcd.as_ref());
        let running = process.filter(|process| matches!(process.phase, Phase::Running));
        let flags = running.map(|process| (process.flags.heartbeat, process.flags.election));
        let reached = self.lan.reaches_peers(machine.port) && !machine.is_frozen();
        let connected = running.is_some() && reached;
        let Some(cluster) = self.clusters.get_mut(id) else {
            return;
        };
        let change = cluster.set_connected(index, connected);
        let peers: Vec<usize> = cluster.connected().collect();
        if change != Change::Election
            && let Some(token) = cluster.election.take()
        {
            self.agenda.cancel(token);
        }
        let (heartbeat, election) = flags.unwrap_or(DEFAULT_TIMES);
        if change == Change::Election && cluster.election.is_none() {
            // A cluster that has never had a leader does not wait for one: etcd advances the
            // clocks of its first election. Later ones take one to two timeouts.
            let (least, most) = if cluster.terms == 0 {
                (heartbeat, election + heartbeat)
            } else {
                (election, election * 2)
            };
            let nanos = u64::try_from((most - least).as_nanos()).unwrap_or(u64::MAX);
            let drawn = least + Duration::from_nanos(self.random.below(nanos));
            let after = match &self.tape {
                Some(tape) => tape.time(CLUSTERS, format!("election in {id}"), drawn),
                None => drawn,
            };
            let at = self.now + after;
            let token = self
                .agenda
                .put(at, Who::Cluster, "a leader is elected", Wake::Elected(id));
            cluster.election = Some(token);
        }
        match change {
            Change::Led => self.watch_soon(index),
            // Whoever loses its leader says so when it has not heard of it for so long.
            Change::Election | Change::Leaderless => {
                for peer in peers {
                    let reason = "a member misses its leader";
                    self.later(peer, election, reason, MachineWake::Watch);
                }
            }
        }
    }

    pub(crate) fn elected(&mut self, id: ClusterId) {
        let Some(cluster) = self.clusters.get_mut(id) else {
            return;
        };
        cluster.election = None;
        let candidates: Vec<usize> = cluster.connected().collect();
        let drawn = usize::try_from(self.random.below(candidates.len() as u64)).unwrap_or(0);
        let drawn = candidates.get(drawn).copied();
        cluster.leader = match (&self.tape, drawn) {
            (Some(tape), Some(drawn)) => {
                let name = |index: usize| self.machines[index].role.name.clone();
                let chosen = tape.choice(CLUSTERS, &format!("leader of {id}"), name(drawn));
                let chosen = candidates.iter().find(|index| name(**index) == chosen);
                Some(chosen.copied().unwrap_or(drawn))
            }
            (Some(_) | None, drawn) => drawn,
        };
        cluster.terms += 1;
        for member in candidates {
            self.watch_soon(member);
        }
    }

    fn watch_soon(&mut self, index: usize) {
        let reason = "a member is asked how it is";
        let after = self.machines[index].draw(reason, WATCH);
        self.later(index, after, reason, MachineWake::Watch);
    }

    /// Asks a member how it is, and tells what is new.
    pub(crate) fn watch(&mut self, index: usize) {
        let Some(data_dir) = &self.machines[index].data_dir else {
            return;
        };
        let (cluster_id, member_id) = (data_dir.cluster_id, data_dir.member_id);
        let Some(cluster) = self.clusters.get_mut(cluster_id) else {
            return;
        };
        let led = cluster.is_led(index);
        let news = led && cluster.publish(index);
        let voters = cluster.published().count();
        let leader = cluster.leader.filter(|_| led);
        let peers: Vec<usize> = cluster.connected().filter(|peer| *peer != index).collect();
        if let Some(leader) = leader {
            self.catch_up(index, leader);
        }
        if news {
            // All of them list one voter more.
            peers.into_iter().for_each(|peer| self.watch_soon(peer));
        }
        let is_frozen = self.machines[index].is_frozen();
        let Some(life) = &mut self.machines[index].on else {
            return;
        };
        let what = match (led, &life.told) {
            (true, _) => What::Healthy {
                cluster_id,
                member_id,
                voters,
            },
            (false, Some(What::Healthy { .. })) => What::Unhealthy {
                why: if is_frozen {
                    "does not answer".to_owned()
                } else {
                    "knows no leader".to_owned()
                },
            },
            (false, _) => return,
        };
        if life.told.as_ref() != Some(&what) {
            life.told = Some(what.clone());
            self.observe_machine(index, what);
        }
    }

    /// A member that is connected to its leader has what it has.
    pub(crate) fn catch_up(&mut self, index: usize, leader: usize) {
        let store = self.machines[leader]
            .data_dir
            .as_ref()
            .map(|data_dir| data_dir.store.clone());
        if let (Some(store), Some(data_dir)) = (store, &mut self.machines[index].data_dir) {
            data_dir.store = store;
        }
    }
}

const fn micros(least: u64, most: u64) -> (Duration, Duration) {
    (Duration::from_micros(least), Duration::from_micros(most))
}

/// As often as the world `host` asks.
const WATCH: (Duration, Duration) = micros(2_000, 25_000);
/// To the discovery service, and back.
const REQUEST: (Duration, Duration) = micros(300, 1_800);
/// `discovery.go` waits so long after its first failure.
const REGISTRY_RETRY: Duration = Duration::from_secs(2);
const EXIT: (Duration, Duration) = micros(500, 3_000);
/// One way by TCP.
const STREAM: Duration = Duration::from_micros(200);
/// For a member whose flags are gone with its process.
const DEFAULT_TIMES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));
