//! etcd on a machine: its process, its discovery, its health.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::Duration;

use quorate_core::Instant;
use quorate_etcd::{ClusterId, MemberId, PeerUrl};
use quorate_node::{Command, ExitStatus};
use quorate_scenario::What;

use super::node::SPAWN;
use super::wake::micros;
use super::{After, Effect, Machine, MachineWake, Range, Timer};
use crate::etcd::{
    Asking, DataDir, DiscoveryMethod, Flags, PeerPort, Process, Query, Registration, StartError,
    Timeouts,
};
use crate::lan::Target;
use crate::servers::DNS_PORT;

/// What a machine's disk and process say of its membership.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Membership {
    pub(crate) cluster_id: ClusterId,
    pub(crate) member_id: MemberId,
    /// The times of its flags, while its process serves.
    pub(crate) serves: Option<Timeouts>,
}

impl Machine {
    /// The cluster that its disk belongs to.
    pub(crate) fn membership(&self) -> Option<Membership> {
        let data_dir = self.data_dir.as_ref()?;
        let process = self.on.as_ref().and_then(|life| life.etcd.as_ref());
        Some(Membership {
            cluster_id: data_dir.cluster_id,
            member_id: data_dir.member_id,
            serves: process
                .filter(|process| process.is_running())
                .map(Process::timeouts),
        })
    }

    /// Its member was healthy when it was last asked.
    pub(crate) fn is_healthy(&self) -> bool {
        let life = self.on.as_ref();
        life.is_some_and(|life| matches!(life.reported, Some(What::Healthy { .. })))
    }

    /// What its member has under `key`.
    pub(crate) fn value(&self, key: &str) -> Option<&str> {
        let data_dir = self.data_dir.as_ref()?;
        data_dir.store.get(key).map(String::as_str)
    }

    /// Its member, which leads, writes a value.
    pub(crate) fn store(&mut self, key: &str, value: &str) {
        if let Some(data_dir) = &mut self.data_dir {
            data_dir.store.insert(key.to_owned(), value.to_owned());
        }
    }

    /// What a connection to its member's peer port finds; `None` without power.
    pub(crate) fn peer_port(&self) -> Option<PeerPort> {
        let process = self.on.as_ref()?.etcd.as_ref();
        Some(process.map_or(PeerPort::Closed, Process::peer_port))
    }

    pub(super) fn start_etcd(&mut self, unit: String, args: &[String], out: &mut Vec<Effect>) {
        let flags = Flags::parse(args, self.release);
        let Some(life) = &mut self.on else { return };
        let pid = life.next_pid();
        match flags {
            Ok(flags) => {
                life.etcd = Some(Process::new(pid, unit.clone(), flags));
                let pid_seen = Some(pid);
                let started = Command::UnitStarted {
                    unit,
                    pid: pid_seen,
                };
                out.push(Effect::command("a process runs", SPAWN, started));
                let loaded = MachineWake::EtcdLoaded { pid };
                out.push(Effect::wake("etcd has started", LOAD, loaded));
            }
            Err(error) => {
                life.last_words = Some(error.to_string());
                let status = ExitStatus::Code { code: USAGE };
                let exited = Command::UnitExited { unit, status };
                out.push(Effect::command("etcd has ended", SPAWN, exited));
            }
        }
    }

    /// The process gets a signal.
    pub(super) fn stop_etcd(&mut self, out: &mut Vec<Effect>) {
        if let Some(life) = &mut self.on {
            life.etcd = None;
        }
        out.push(Effect::UpdateConnection);
    }

    /// etcd has read its flags: it goes on with what its disk holds, or looks for its peers.
    pub(crate) fn etcd_loaded(&mut self, pid: u32, now: Instant, out: &mut Vec<Effect>) {
        let seed = self.seed.child(&format!("lookup {} {pid}", self.life));
        let known = self.data_dir.is_some();
        let Some(life) = &mut self.on else { return };
        let Some(process) = life.etcd.as_mut().filter(|process| process.pid() == pid) else {
            return;
        };
        if known {
            return self.serve_member(out);
        }
        match &process.flags().method {
            DiscoveryMethod::Records { .. } => {
                // resolv.conf(5): without a server, the one on this machine.
                let server = life.dns.first().copied().unwrap_or(Ipv4Addr::LOCALHOST);
                let server = SocketAddr::new(server.into(), DNS_PORT);
                let query = process.look_up(server, &life.hosts, seed.random(), now);
                self.continue_lookup(query, out);
            }
            DiscoveryMethod::Given(set) => {
                let asking = process.accept(set, &process.flags().token);
                self.discovered(asking, out);
            }
            DiscoveryMethod::Registry(_) => self.ask_registry(out),
        }
    }

    pub(super) fn resolver_due(&mut self, now: Instant, out: &mut Vec<Effect>) {
        let process = self.on.as_mut().and_then(|life| life.etcd.as_mut());
        if let Some(lookup) = process.and_then(Process::lookup) {
            let query = lookup.handle_timeout(now);
            self.continue_lookup(query, out);
        }
    }

    pub(super) fn resolver_answered(
        &mut self,
        payload: &[u8],
        now: Instant,
        out: &mut Vec<Effect>,
    ) {
        let process = self.on.as_mut().and_then(|life| life.etcd.as_mut());
        if let Some(lookup) = process.and_then(Process::lookup) {
            let query = lookup.handle(payload, now);
            self.continue_lookup(query, out);
        }
    }

    /// Sends the next question, or makes up etcd's mind when there is none.
    fn continue_lookup(&mut self, query: Option<Query>, out: &mut Vec<Effect>) {
        if let Some(query) = query {
            self.send_query(query, out);
        }
        let process = self.on.as_mut().and_then(|life| life.etcd.as_mut());
        let Some(process) = process else { return };
        let deadline = process.lookup().and_then(|lookup| lookup.poll_timeout());
        out.push(Effect::SetTimer(Timer::Resolver, deadline));
        if let Some(found) = process.discover() {
            if let Ok(asking) = &found {
                let records = asking.records().to_vec();
                out.push(Effect::Observe(What::SrvRead { records }));
            }
            self.discovered(found, out);
        }
    }

    fn send_query(&self, query: Query, out: &mut Vec<Effect>) {
        if query.stream {
            out.push(Effect::Wake {
                after: After::Exactly(STREAM),
                reason: "a question by TCP arrives",
                wake: MachineWake::StreamAsked(query.payload),
            });
            return;
        }
        let Some(life) = &self.on else { return };
        let Some(addr) = life.addr else { return };
        let server = life.dns.first().copied().unwrap_or(Ipv4Addr::LOCALHOST);
        out.push(Effect::Send {
            source: SocketAddrV4::new(addr, query.port),
            target: Target::Udp(SocketAddrV4::new(server, DNS_PORT)),
            payload: query.payload,
        });
    }

    fn discovered(&mut self, found: Result<Asking, StartError>, out: &mut Vec<Effect>) {
        match found {
            Ok(asking) => self.ask_peers(asking, out),
            Err(error) => self.etcd_fails(&error, out),
        }
    }

    /// What its etcd writes down at the discovery service, if this process does.
    pub(crate) fn registration(&self, pid: u32) -> Option<Registration> {
        let process = self.on.as_ref()?.etcd.as_ref()?;
        (process.pid() == pid).then(|| process.registration())?
    }

    /// A request is on its way to the discovery service.
    pub(crate) fn ask_registry(&mut self, out: &mut Vec<Effect>) {
        let process = self.on.as_ref().and_then(|life| life.etcd.as_ref());
        out.extend(process.map(|process| Effect::Wake {
            after: After::Drawn("the discovery service answers", REQUEST),
            reason: "the discovery service is asked",
            wake: MachineWake::RegistryAsked { pid: process.pid() },
        }));
    }

    /// The discovery service was not reached.
    pub(crate) fn retry_registry(&mut self, pid: u32, out: &mut Vec<Effect>) {
        out.push(Effect::Wake {
            after: After::Exactly(REGISTRY_RETRY),
            reason: "the discovery service is asked",
            wake: MachineWake::RegistryAsked { pid },
        });
    }

    /// It is written down, and waits for the others.
    pub(crate) fn wait_for_registry(&mut self) {
        let process = self.on.as_mut().and_then(|life| life.etcd.as_mut());
        if let Some(process) = process {
            process.wait_for_registry();
        }
    }

    pub(crate) fn waits_at(&self, url: &str) -> bool {
        let process = self.on.as_ref().and_then(|life| life.etcd.as_ref());
        process.is_some_and(|process| process.waits_at(url))
    }

    /// The discovery service hands out the set. Its peers are not asked before it starts: the
    /// set was its own alone until now.
    pub(crate) fn handle_registry_set(
        &mut self,
        set: &[(String, PeerUrl)],
        url: &str,
        out: &mut Vec<Effect>,
    ) {
        let process = self.on.as_ref().and_then(|life| life.etcd.as_ref());
        match process.map(|process| process.accept(set, url)) {
            Some(Ok(asking)) => self.begin_member(asking.into_data_dir(), out),
            Some(Err(error)) => self.etcd_fails(&error, out),
            None => {}
        }
    }

    /// Exit status 1, and the reason as the last line of the log.
    pub(crate) fn etcd_fails(&mut self, error: &StartError, out: &mut Vec<Effect>) {
        let Some(life) = &mut self.on else { return };
        life.last_words = Some(error.to_string());
        life.reported = None;
        if let Some(process) = life.etcd.take() {
            let status = ExitStatus::Code { code: 1 };
            let unit = process.into_unit();
            let exited = Command::UnitExited { unit, status };
            out.push(Effect::command("etcd has ended", EXIT, exited));
        }
    }

    /// etcd writes its first log, and serves.
    pub(super) fn begin_member(&mut self, data_dir: DataDir, out: &mut Vec<Effect>) {
        self.data_dir = Some(data_dir);
        self.serve_member(out);
    }

    /// etcd belongs to a cluster, from now on and for the life of its disk.
    fn serve_member(&mut self, out: &mut Vec<Effect>) {
        let (Some(data_dir), Some(life)) = (&self.data_dir, &mut self.on) else {
            return;
        };
        let (cluster_id, member_id) = (data_dir.cluster_id, data_dir.member_id);
        out.push(Effect::JoinCluster(cluster_id, data_dir.members));
        if let Some(process) = &mut life.etcd {
            process.serve();
        }
        out.push(Effect::Observe(What::Identified {
            cluster_id,
            member_id,
        }));
        out.push(Effect::UpdateConnection);
    }

    /// A status question comes to its member soon.
    pub(crate) fn watch_soon(&mut self, out: &mut Vec<Effect>) {
        let reason = "a member is asked how it is";
        out.push(Effect::wake(reason, WATCH, MachineWake::Watch));
    }

    /// Reports the member's health when it is new: the voters that it counts, or that it knows no
    /// leader.
    pub(crate) fn report_health(&mut self, voters: Option<usize>, out: &mut Vec<Effect>) {
        let (Some(membership), is_frozen) = (self.membership(), self.is_frozen()) else {
            return;
        };
        let Some(life) = &mut self.on else { return };
        let what = match (voters, &life.reported) {
            (Some(voters), _) => What::Healthy {
                cluster_id: membership.cluster_id,
                member_id: membership.member_id,
                voters,
            },
            (None, Some(What::Healthy { .. })) => What::Unhealthy {
                why: if is_frozen {
                    "does not answer".to_owned()
                } else {
                    "knows no leader".to_owned()
                },
            },
            (None, _) => return,
        };
        if life.reported.as_ref() != Some(&what) {
            life.reported = Some(what.clone());
            out.push(Effect::Observe(what));
        }
    }
}

/// As often as the world `host` asks.
const WATCH: Range = micros(2_000, 25_000);
/// etcd until its first look at its disk or at the DNS.
const LOAD: Range = micros(12_000, 45_000);
/// To the discovery service, and back.
const REQUEST: Range = micros(300, 1_800);
/// `discovery.go` waits so long after its first failure.
const REGISTRY_RETRY: Duration = Duration::from_secs(2);
const EXIT: Range = micros(500, 3_000);
/// One way by TCP.
pub(super) const STREAM: Duration = Duration::from_micros(200);
/// What Go's `flag` package exits with.
const USAGE: i32 = 2;
