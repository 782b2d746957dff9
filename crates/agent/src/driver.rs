//! The loop that drives one node, and what each of its effects means on a kernel.

use std::collections::VecDeque;
use std::io::{self, Read as _, Write};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use quorate_core::{Engine as _, Output, Seed};
use quorate_dhcp::ClientConfig;
use quorate_node::{Command, Effect, ExitStatus, Node, State};
use rustix::event::{PollFd, PollFlags, Timespec};
use signal_hook::SigId;
use signal_hook::consts::{SIGCHLD, SIGINT, SIGTERM};

use crate::clock::{monotonic, now};
use crate::config::Config;
use crate::error::AgentError;
use crate::fetch::Fetches;
use crate::line::{Line, Report};
use crate::link::Link;
use crate::processes::{Processes, Program};
use crate::system_files::SystemFiles;

/// Runs a machine from power-on until it is asked to stop by `SIGTERM` or `SIGINT`; then its
/// units are stopped and its lease is given back. Every event becomes one flushed [`Line`].
///
/// On an error, and on a panic, the units' processes are killed: nothing is left running.
pub fn run(config: Config, events: impl Write + Send) -> Result<(), AgentError> {
    // First of all: PID 1 never sees a signal for which it has no handler yet.
    let mut children = Signals::open(&[SIGCHLD]).map_err(AgentError::Signals)?;
    let mut stop = Signals::open(&[SIGTERM, SIGINT]).map_err(AgentError::Signals)?;
    let interface = |source| AgentError::Interface {
        interface: config.interface.clone(),
        source,
    };
    let link = Link::open(&config.interface).map_err(interface)?;
    let seed = Seed::new(config.seed).child(&link.mac().to_string());
    let mut agent = Agent {
        node: Node::new(node_config(&config, &link), seed),
        link,
        processes: Processes::new(&config.log_dir, config.log_file),
        fetches: Fetches::new().map_err(AgentError::Fetches)?,
        files: SystemFiles {
            etc_dir: config.etc_dir,
            unit_dir: config.unit_dir,
        },
        commands: VecDeque::from([Command::PowerOn]),
        events,
    };
    loop {
        agent.drain_node()?;
        // Off, after a life: the first command was to power on.
        if *agent.node.state() == State::Off {
            return Ok(());
        }
        agent.wait(&children, &stop)?;
        if children.drain() {
            agent.reap();
        }
        if stop.drain() {
            agent.commands.push_back(Command::PowerOff);
        }
        agent.receive()?;
    }
}

fn node_config(config: &Config, link: &Link) -> quorate_node::Config {
    let mut dhcp = ClientConfig::new(link.mac());
    dhcp.hostname = config.hostname.clone();
    dhcp.vendor_class = config.vendor_class.clone();
    dhcp.user_class = config.user_class.clone();
    dhcp.first_retry = Duration::from_millis(config.first_retry_ms);
    dhcp.probe = Duration::from_millis(config.probe_ms.unwrap_or(0));
    dhcp.client_id = config.client_id.as_ref().map(|text| {
        let mut id = vec![0];
        id.extend(text.bytes());
        id
    });
    quorate_node::Config {
        dhcp,
        previous: config.previous,
        datasource: config.datasource.clone(),
    }
}

/// One machine and everything that it acts with.
struct Agent<W> {
    node: Node,
    link: Link,
    processes: Processes,
    fetches: Fetches,
    files: SystemFiles,
    /// What the node does not know yet.
    commands: VecDeque<Command>,
    events: W,
}

impl<W: Write> Agent<W> {
    /// Carries out what the node wants, and reports how that ended, until both are quiet.
    fn drain_node(&mut self) -> Result<(), AgentError> {
        loop {
            while let Some(output) = self.node.poll() {
                match output {
                    Output::Transmit(transmit) => {
                        let leaving = *self.node.state() == State::Off;
                        let sent = self.link.send(&transmit, leaving);
                        self.note(sent, "a DHCP message could not be sent");
                    }
                    Output::Effect(effect) => {
                        self.log(Report::Effect(effect.clone()))?;
                        self.carry_out(effect);
                    }
                    Output::Event(event) => self.log(Report::Event(event))?,
                    Output::Write { write, .. } => match write {},
                }
            }
            match self.commands.pop_front() {
                Some(command) => self.node.command(command, now()),
                None => return Ok(()),
            }
        }
    }

    fn log(&mut self, report: Report) -> Result<(), AgentError> {
        let now = now();
        let line = Line {
            mono_ns: now.instant.as_nanos(),
            wall_secs: now.wall.as_unix_secs(),
            report,
        };
        let mut text = serde_json::to_string(&line)
            .map_err(|error| AgentError::Events(io::Error::other(error)))?;
        text.push('\n');
        self.events
            .write_all(text.as_bytes())
            .and_then(|()| self.events.flush())
            .map_err(AgentError::Events)
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Probe { addr } => {
                let begun = self.link.probe(addr);
                self.note(begun, "the address could not be probed");
            }
            Effect::EndProbe => {
                let done = self.link.end_probe();
                self.note(done, "the probe could not be ended");
            }
            Effect::Deconfigure => {
                let done = self.link.deconfigure();
                self.note(done, "the address could not be removed from the interface");
            }
            Effect::Configure {
                addr,
                prefix_len,
                routers,
                dns,
            } => {
                let done = self
                    .link
                    .configure(addr, prefix_len, routers.first().copied())
                    .and_then(|()| self.files.write_resolv_conf(&dns));
                self.commands.push_back(match done {
                    Ok(()) => Command::InterfaceConfigured,
                    Err(error) => Command::InterfaceFailed {
                        why: error.to_string(),
                    },
                });
            }
            Effect::SetHostname { hostname } => {
                let done = self.files.set_hostname(&hostname);
                self.note(done, "the machine could not be named");
            }
            Effect::FetchSeed { url } => {
                if let Err(error) = self.fetches.start(url.clone()) {
                    let outcome = Err(error.to_string());
                    self.commands
                        .push_back(Command::SeedFetched { url, outcome });
                }
            }
            Effect::InstallFile {
                path,
                permissions,
                content,
            } => {
                let done = self.files.install(&path, permissions, &content);
                let outcome = done.map_err(|error| error.to_string());
                self.commands
                    .push_back(Command::FileInstalled { path, outcome });
            }
            Effect::StartUnit {
                unit,
                argv,
                env,
                env_files,
                open_files,
                ..
            } => self.start_unit(&Program {
                unit: &unit,
                argv: &argv,
                env: &env,
                env_files: &env_files,
                open_files,
            }),
            Effect::StopUnit { unit, signal } => self.processes.signal(&unit, signal),
        }
    }

    fn start_unit(&mut self, program: &Program<'_>) {
        let started = self.processes.spawn(program);
        let unit = program.unit.to_owned();
        self.commands.push_back(match started {
            Ok(pid) => Command::UnitStarted {
                unit,
                pid: Some(pid),
            },
            Err(error) => Command::UnitExited {
                unit,
                status: ExitStatus::NotStarted {
                    why: error.to_string(),
                },
            },
        });
    }

    /// Lets the node say that something went wrong which it has no answer to.
    fn note(&mut self, done: io::Result<()>, what: &str) {
        if let Err(error) = done {
            let what = format!("{what}: {error}");
            self.commands.push_back(Command::ReportFailure { what });
        }
    }

    /// Waits until something can be received, or the node's deadline has come.
    fn wait(&self, children: &Signals, stop: &Signals) -> Result<(), AgentError> {
        let readable = |fd| PollFd::from_borrowed_fd(fd, PollFlags::IN);
        let mut fds = vec![
            readable(self.link.dhcp.as_fd()),
            readable(self.fetches.as_fd()),
            readable(children.wake.as_fd()),
            readable(stop.wake.as_fd()),
        ];
        fds.extend(self.link.udp.iter().map(|udp| readable(udp.as_fd())));
        fds.extend(self.link.probe_socket().map(|arp| readable(arp.as_fd())));
        let timeout = self.node.poll_timeout().map(|deadline| {
            let left = deadline.at.since(monotonic());
            Timespec {
                tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: left.subsec_nanos().into(),
            }
        });
        match rustix::event::poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(AgentError::Poll(error.into())),
        }
    }

    /// Reports to the node all that has happened to it.
    ///
    /// Commands before frames, and the timeout last: a conflict or a file that came with the
    /// deadline counts as in time.
    fn receive(&mut self) -> Result<(), AgentError> {
        self.drain_node()?;
        self.link.discard_udp();
        match self.link.probe_conflicts() {
            Ok(true) => self.commands.push_back(Command::Conflict),
            Ok(false) => {}
            Err(error) => self.note(Err(error), "the probe could not listen"),
        }
        for (url, outcome) in self.fetches.ended() {
            let outcome = outcome.map_err(|error| error.to_string());
            self.commands
                .push_back(Command::SeedFetched { url, outcome });
        }
        self.drain_node()?;
        loop {
            let node = &mut self.node;
            match self
                .link
                .receive(|datagram| node.handle_datagram(datagram, now()))
            {
                Ok(true) => self.drain_node()?,
                Ok(false) => break,
                Err(error) => {
                    self.note(Err(error), "DHCP messages could not be received");
                    break;
                }
            }
        }
        self.node.handle_timeout(now());
        self.drain_node()
    }

    fn reap(&mut self) {
        for (unit, status) in self.processes.reap() {
            self.commands
                .push_back(Command::UnitExited { unit, status });
        }
    }
}

/// Signals as a readable descriptor.
#[derive(Debug)]
struct Signals {
    wake: UnixStream,
    registered: Vec<SigId>,
}

impl Signals {
    fn open(signals: &[i32]) -> io::Result<Self> {
        let (wake, waker) = UnixStream::pair()?;
        wake.set_nonblocking(true)?;
        let mut opened = Self {
            wake,
            registered: Vec::new(),
        };
        for signal in signals {
            let id = signal_hook::low_level::pipe::register(*signal, waker.try_clone()?)?;
            opened.registered.push(id);
        }
        Ok(opened)
    }

    /// True when a signal has come since the last call.
    fn drain(&mut self) -> bool {
        let mut came = false;
        while matches!(self.wake.read(&mut [0; 64]), Ok(1..)) {
            came = true;
        }
        came
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        for id in self.registered.drain(..) {
            signal_hook::low_level::unregister(id);
        }
    }
}
