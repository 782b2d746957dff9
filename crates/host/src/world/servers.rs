//! The servers of the story: `quorate serve` on a machine of its own.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use quorate_scenario::story::Story;
use quorate_world::observe::BootObserver;
use quorate_world::servers::{Boot, add_boot, config};
use serde::de::DeserializeOwned;

use super::backend::NetBoot;
use super::{Options, RawObservation, follow};
use crate::machine::{Bind, Init, Machine, MachineSpec, PROGRAM, StaticAddress};
use crate::netns::NetNs;

/// The running daemons.
#[derive(Debug)]
pub(super) struct Servers {
    machine: Machine,
    pub(super) ns: Arc<NetNs>,
    pub(super) dns: SocketAddr,
    dir: PathBuf,
    boot: Option<Booting>,
    state: State,
}

#[derive(Debug)]
enum State {
    /// They come up, and say here that they answer.
    Starting(Receiver<()>),
    Ready,
    /// The story has stopped them.
    Stopped,
}

/// What machines boot from here, and who sees them do it.
#[derive(Debug)]
struct Booting {
    binds: Vec<Bind>,
    observer: BootObserver,
}

impl Servers {
    /// Writes the configuration and starts the daemons; they answer after
    /// [`wait_until_ready`](Self::wait_until_ready).
    pub(super) fn start(
        story: &Story,
        (options, netboot): (&Options, Option<NetBoot>),
        ns: Arc<NetNs>,
        observations: Sender<RawObservation>,
    ) -> io::Result<Self> {
        let dir = options.run_dir.join("servers");
        fs::create_dir_all(&dir)?;
        let mut config = config(story, options.etcd_version);
        let boot = netboot.map(|netboot| {
            let (boot, binds) = boot(netboot);
            add_boot(&mut config, story, &boot);
            let observer = BootObserver::new(story, boot);
            Booting { binds, observer }
        });
        fs::write(
            dir.join(CONFIG_FILE),
            serde_json::to_string_pretty(&config)?,
        )?;
        let network = &story.network;
        let address = StaticAddress {
            addr: network.server(),
            prefix: network.prefix_len,
            gateway: None,
        };
        let (machine, ready) = power_on(&dir, &ns, Some(address), boot.as_ref(), observations)?;
        let dns = SocketAddr::new(network.server().into(), 53);
        Ok(Self {
            machine,
            ns,
            dns,
            dir,
            boot,
            state: State::Starting(ready),
        })
    }

    /// Kills them, with all that is not on their disk.
    pub(super) fn kill(&mut self) -> io::Result<()> {
        self.state = State::Stopped;
        self.machine.power_off().map(drop)
    }

    /// Starts them with the disk that they had.
    pub(super) fn start_again(&mut self, observations: Sender<RawObservation>) -> io::Result<()> {
        if let State::Stopped = self.state {
            // The network card has kept its address.
            let (machine, ready) =
                power_on(&self.dir, &self.ns, None, self.boot.as_ref(), observations)?;
            self.machine = machine;
            self.state = State::Starting(ready);
        }
        Ok(())
    }

    /// Waits until every daemon answers. False when the story has stopped them: none will.
    pub(super) fn wait_until_ready(&mut self) -> io::Result<bool> {
        match &self.state {
            State::Stopped => return Ok(false),
            State::Ready => return Ok(true),
            State::Starting(ready) => {
                if ready.recv_timeout(READY_MAX).is_ok() {
                    self.state = State::Ready;
                    return Ok(true);
                }
            }
        }
        self.still_run()?;
        Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "they do not answer",
        ))
    }

    /// An error with the daemons' last words when they have ended.
    pub(super) fn still_run(&mut self) -> io::Result<()> {
        if let State::Stopped = self.state {
            return Ok(());
        }
        let Some(status) = self.machine.try_wait()? else {
            return Ok(());
        };
        let console = fs::read_to_string(self.dir.join("log/console.log")).unwrap_or_default();
        let words: Vec<&str> = console.lines().rev().take(LAST_WORDS_LINES).collect();
        let words = words.into_iter().rev().collect::<Vec<_>>().join("\n");
        Err(io::Error::other(format!(
            "they ended with {status}\n{words}"
        )))
    }

    /// Asks the control socket.
    pub(super) fn ask<T: DeserializeOwned>(&self, path: &str) -> io::Result<T> {
        let state = self.dir.join("disk").join("quorate");
        get(&quorate_daemon::control_path(&state), path)
    }
}

/// Shows the servers what machines boot.
fn boot(netboot: NetBoot) -> (Boot, Vec<Bind>) {
    let inside = |number: usize| format!("{BOOT_INSIDE}/{number}");
    let binds = netboot
        .dirs
        .into_iter()
        .zip(0..)
        .map(|(host, number)| Bind {
            host,
            inside: inside(number).into(),
            read_only: true,
        });
    let binds: Vec<_> = binds.collect();
    let boot = Boot {
        files: (0..binds.len()).map(inside).collect(),
        kernel: netboot.kernel,
        initrd: netboot.initrd,
        cmdline: netboot.cmdline,
        install: netboot.install,
    };
    (boot, binds)
}

/// A machine that is the daemons, and where they say that they answer.
fn power_on(
    dir: &Path,
    ns: &NetNs,
    address: Option<StaticAddress>,
    boot: Option<&Booting>,
    observations: Sender<RawObservation>,
) -> io::Result<(Machine, Receiver<()>)> {
    let argv = [
        PROGRAM,
        "serve",
        "--config",
        CONFIG_INSIDE,
        "--format",
        "json",
    ];
    let config = Bind {
        host: dir.join(CONFIG_FILE),
        inside: CONFIG_INSIDE.into(),
        read_only: true,
    };
    let files = boot.map_or_else(Vec::new, |boot| boot.binds.clone());
    let spec = MachineSpec {
        hostname: "servers".to_owned(),
        net: ns,
        dir: dir.to_owned(),
        binds: [vec![config], files].concat(),
        init: Init::Exec {
            argv: argv.map(str::to_owned).to_vec(),
            address,
        },
    };
    let mut machine = Machine::power_on(&spec)?;
    let (is_ready, ready) = channel();
    if let Some(stdout) = machine.stdout() {
        let boots = boot.map(|boot| boot.observer.clone());
        follow::follow_servers(stdout, boots, observations, is_ready)?;
    }
    Ok((machine, ready))
}

/// One HTTP GET on a Unix socket, answered by JSON.
fn get<T: DeserializeOwned>(socket: &Path, path: &str) -> io::Result<T> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(ASK_MAX))?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: quorate\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .ok_or(io::ErrorKind::InvalidData)?;
    if !head
        .lines()
        .next()
        .is_some_and(|status| status.contains(" 200 "))
    {
        return Err(io::Error::other(format!("{path}: {head}")));
    }
    Ok(serde_json::from_str(body)?)
}

const CONFIG_FILE: &str = "quorate.json";
const BOOT_INSIDE: &str = "/srv/boot";
const CONFIG_INSIDE: &str = "/etc/quorate/quorate.json";
const READY_MAX: Duration = Duration::from_secs(10);
const ASK_MAX: Duration = Duration::from_secs(5);
const LAST_WORDS_LINES: usize = 5;
