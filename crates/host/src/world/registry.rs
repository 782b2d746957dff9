//! etcd's discovery service: a real etcd on a machine of its own beside the servers, in whose
//! v2 registry members write themselves down (`--discovery`).

use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use quorate_core::MacAddr;
use quorate_scenario::evidence::Registered;
use quorate_scenario::story::{CLIENT_PORT, PEER_PORT};
use quorate_world::servers::ETCD_INSIDE;
use serde_json::Value;

use crate::lan::{Lan, Port};
use crate::machine::{Bind, Init, Machine, MachineSpec, StaticAddress};
use crate::netns::NetNs;

/// The running service.
#[derive(Debug)]
pub(super) struct Registry {
    machine: Machine,
    ns: NetNs,
    agent: ureq::Agent,
    console: PathBuf,
}

impl Registry {
    /// Starts the service at this address.
    pub(super) fn start(
        lan: &Lan,
        (addr, prefix): (Ipv4Addr, u8),
        etcd: &Path,
        run_dir: &Path,
    ) -> io::Result<Self> {
        let ns = NetNs::new()?;
        lan.plug(Port {
            name: "discovery",
            mac: MAC,
            ns: &ns,
        })?;
        let dir = run_dir.join("discovery");
        let spec = MachineSpec {
            hostname: "discovery".to_owned(),
            net: &ns,
            dir: dir.clone(),
            binds: vec![Bind {
                host: etcd.to_owned(),
                inside: ETCD_INSIDE.into(),
                read_only: true,
            }],
            init: Init::Exec {
                argv: argv(addr),
                address: Some(StaticAddress {
                    addr,
                    prefix,
                    gateway: None,
                }),
            },
        };
        let machine = Machine::power_on(&spec)?;
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(ASK_MAX))
            .proxy(None)
            .build();
        Ok(Self {
            machine,
            ns,
            agent: config.into(),
            console: dir.join("log/console.log"),
        })
    }

    /// Makes the directory of a cluster of so many members; waits for the service first.
    pub(super) fn make(&mut self, url: &str, members: usize) -> io::Result<()> {
        let size = format!("{url}/_config/size");
        let end = Instant::now() + READY_MAX;
        loop {
            let agent = &self.agent;
            let body = format!("value={members}");
            let made = self.ns.run(|| {
                let request = agent
                    .put(&size)
                    .header("Content-Type", "application/x-www-form-urlencoded");
                request.send(body).map(drop)
            })?;
            let Err(error) = made else { return Ok(()) };
            if let Some(status) = self.machine.try_wait()? {
                let console = fs::read_to_string(&self.console).unwrap_or_default();
                let words = console.lines().last().unwrap_or_default();
                let why = format!("the discovery service ended with {status}\n{words}");
                return Err(io::Error::other(why));
            }
            if Instant::now() > end {
                let why = format!("{size}: {error}");
                return Err(io::Error::new(io::ErrorKind::TimedOut, why));
            }
            thread::sleep(PAUSE);
        }
    }

    /// Every member that is written down in these directories.
    pub(super) fn registered<'a>(
        &self,
        urls: impl Iterator<Item = &'a str>,
    ) -> io::Result<Vec<Registered>> {
        let mut registered = Vec::new();
        for url in urls {
            let text = self.ns.run(|| {
                let mut answer = self.agent.get(url).call()?;
                answer.body_mut().read_to_string()
            })?;
            let answer: Value = serde_json::from_str(&text.map_err(timed_out)?)?;
            let nodes = answer["node"]["nodes"].as_array();
            let members = nodes.into_iter().flatten().map(|node| &node["value"]);
            registered.extend(members.filter_map(Value::as_str).map(|member| Registered {
                url: url.to_owned(),
                member: member.to_owned(),
            }));
        }
        Ok(registered)
    }
}

/// An error that says whether it is one of time.
fn timed_out(error: ureq::Error) -> io::Error {
    if let ureq::Error::Timeout(_) = error {
        return io::Error::new(io::ErrorKind::TimedOut, error);
    }
    error.into_io()
}

fn argv(addr: Ipv4Addr) -> Vec<String> {
    let (clients, peers) = (
        format!("http://{addr}:{CLIENT_PORT}"),
        format!("http://{addr}:{PEER_PORT}"),
    );
    let argv = [
        ETCD_INSIDE,
        "--name=discovery",
        "--data-dir=/var/lib/etcd",
        // The registry is a part of the v2 store, which is off unless asked for.
        "--enable-v2=true",
    ];
    let mut argv = argv.map(str::to_owned).to_vec();
    argv.extend([
        format!("--listen-client-urls={clients}"),
        format!("--advertise-client-urls={clients}"),
        format!("--listen-peer-urls={peers}"),
        format!("--initial-advertise-peer-urls={peers}"),
        format!("--initial-cluster=discovery={peers}"),
    ]);
    argv
}

/// Locally administered, and neither the servers' nor any machine's.
const MAC: MacAddr = MacAddr([0x02, 0x71, 0xff, 0xff, 0xff, 0xfd]);
const READY_MAX: Duration = Duration::from_secs(15);
const ASK_MAX: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(20);
