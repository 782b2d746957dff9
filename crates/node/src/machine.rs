//! The state machine of one machine's life.
//!
//! ```text
//!   Off ── PowerOn ──► Leasing ── lease ──► Configuring ── done ──► FetchingSeed ─┐
//!    ▲                   ▲                     │  failed: again        │  missing: │
//!    │                   └──── lease lost ─────┴───────────────────────┘  again    │
//!    │                                                                      there │
//!    └── units and lease gone ── PoweringOff ◄── PowerOff ── Running ◄── Installing ◄┘
//! ```
//!
//! Once `Running`, a lost lease does not stop the units, as it would not on any machine: the
//! client looks for another one beside them, and the interface is configured anew.

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use quorate_core::{
    Datagram, Deadline, DelayHook, Engine, Instant, Now, Output, OutputOf, Queue, Seed, Ticket,
};
use quorate_dhcp::client::{self, Client, ClientConfig, Configuration};

use crate::cloud_config::{self, Action, FileToWrite, Plan};
use crate::effect::{Effect, Outbox};
use crate::event::{Command, Event, Lease};
use crate::supervisor::{Supervisor, UnitState};
use crate::unit;

mod seed_fetch;

use seed_fetch::Patience;
pub use seed_fetch::{Datasource, SeedFetch};

/// What a machine is before it has power.
#[derive(Clone, Debug)]
pub struct Config {
    /// The DHCP client; its `hostname` is also the machine's name until a lease or a seed gives another.
    pub dhcp: ClientConfig,
    /// The address to ask for first (INIT-REBOOT).
    pub previous: Option<Ipv4Addr>,
    pub datasource: Datasource,
}

/// What a machine is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    Off,
    Leasing,
    Configuring {
        configuration: Box<Configuration>,
        /// When to try again, after a failure.
        retry_at: Option<Instant>,
    },
    FetchingSeed(SeedFetch),
    Installing {
        plan: Plan,
        /// The paths whose [`Effect::InstallFile`] is not answered.
        unanswered: Vec<String>,
    },
    Running,
    PoweringOff,
}

impl State {
    /// A name for people.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Leasing => "leasing",
            Self::Configuring { .. } => "configuring",
            Self::FetchingSeed(_) => "fetching seed",
            Self::Installing { .. } => "installing",
            Self::Running => "running",
            Self::PoweringOff => "powering off",
        }
    }
}

/// One machine.
#[derive(Debug)]
pub struct Node {
    config: Config,
    client: Client,
    patience: Patience,
    state: State,
    supervisor: Supervisor,
    /// The files of the seed, in whose units commands find what they name.
    installed: Vec<FileToWrite>,
    hostname: Option<String>,
    queue: Outbox,
}

/// The pause after an interface that could not be configured.
const CONFIGURE_RETRY: Duration = Duration::from_secs(1);

/// Where the seed's units are written.
const UNIT_DIR: &str = "/etc/systemd/system/";

impl Node {
    /// A machine without power.
    pub fn new(config: Config, seed: Seed) -> Self {
        Self {
            client: Client::new(config.dhcp.clone(), seed),
            config,
            patience: Patience::new(seed.child("seed-fetch")),
            state: State::Off,
            supervisor: Supervisor::default(),
            installed: Vec::new(),
            hostname: None,
            queue: Queue::default(),
        }
    }

    /// From now on `hook` is asked how long to wait.
    pub fn set_delay_hook(&mut self, hook: Arc<dyn DelayHook>) {
        self.client.set_delay_hook(Arc::clone(&hook));
        self.patience.delays.set_delay_hook(hook);
    }

    pub fn state(&self) -> &State {
        &self.state
    }

    /// Each unit that was started, and what it does.
    pub fn units(&self) -> impl Iterator<Item = (&str, &UnitState)> {
        self.supervisor.states()
    }

    /// What the machine's lease configures, while it has one.
    pub fn configuration(&self) -> Option<&Configuration> {
        self.client.configuration()
    }

    fn power_on(&mut self, now: Now) {
        if self.state != State::Off {
            return;
        }
        self.queue.event(Event::PoweredOn);
        self.state = State::Leasing;
        if let Some(name) = self.config.dhcp.hostname.clone() {
            self.set_hostname(&name);
        }
        let previous = self.config.previous;
        self.client
            .command(client::Command::Start { previous }, now);
    }

    fn power_off(&mut self, now: Instant) {
        if matches!(self.state, State::Off | State::PoweringOff) {
            return;
        }
        self.state = State::PoweringOff;
        self.supervise(|supervisor, out| supervisor.stop_all(now, out));
    }

    /// The lease is given back only when no process can use its address any more.
    fn finish_power_off(&mut self, now: Now) {
        if self.state != State::PoweringOff || !self.supervisor.is_at_rest() {
            return;
        }
        self.client.command(client::Command::Release, now);
        // Before the event: its driver ends when the machine is off, and the RELEASE must be out.
        self.drain_client();
        self.queue.event(Event::PoweredOff);
        self.state = State::Off;
        self.supervisor = Supervisor::default();
        self.installed.clear();
        self.hostname = None;
    }

    /// Passes on what the DHCP client has put out, in its order.
    fn drain_client(&mut self) {
        while let Some(output) = self.client.poll() {
            match output {
                Output::Transmit(transmit) => self.queue.transmit(transmit),
                Output::Effect(client::Effect::Probe { addr }) => {
                    self.queue.effect(Effect::Probe { addr });
                }
                Output::Event(event) => self.handle_client(event),
                Output::Write { write, .. } => match write {},
            }
        }
    }

    fn handle_client(&mut self, event: client::Event) {
        match event {
            client::Event::Sent { kind, attempt } => self.queue.event(Event::DhcpSent {
                message: kind.to_string(),
                attempt,
            }),
            client::Event::Dropped { source, reason } => self.queue.event(Event::DhcpDropped {
                reason: format!("{source}: {reason}"),
            }),
            client::Event::Declined { addr } => {
                self.queue.event(Event::Declined { addr });
                self.queue.effect(Effect::EndProbe);
            }
            client::Event::Renewed(configuration) => self.queue.event(Event::LeaseRenewed {
                lease_secs: configuration.lease_secs,
            }),
            client::Event::Configured(configuration) => self.handle_lease(configuration),
            client::Event::Lost { reason } => {
                self.queue.event(Event::LeaseLost {
                    reason: reason.to_string(),
                });
                self.queue.effect(Effect::Deconfigure);
                match self.state {
                    State::Configuring { .. } | State::FetchingSeed(_) => {
                        self.state = State::Leasing;
                    }
                    State::Off
                    | State::Leasing
                    | State::Installing { .. }
                    | State::Running
                    | State::PoweringOff => {}
                }
            }
        }
    }

    fn handle_lease(&mut self, configuration: Configuration) {
        self.queue.event(Event::Leased(Lease::from(&configuration)));
        match self.state {
            State::Off | State::PoweringOff => return,
            State::Leasing | State::Configuring { .. } | State::FetchingSeed(_) => {
                if let Some(name) = &configuration.hostname {
                    self.set_hostname(name);
                }
                self.state = State::Configuring {
                    configuration: Box::new(configuration.clone()),
                    retry_at: None,
                };
            }
            // The seed's name holds from now on, whatever later leases say.
            State::Installing { .. } | State::Running => {}
        }
        self.request_configuration(&configuration);
    }

    fn request_configuration(&mut self, configuration: &Configuration) {
        self.queue.effect(Effect::Configure {
            addr: configuration.addr,
            prefix_len: configuration.prefix_len,
            routers: configuration.routers.clone(),
            dns: configuration.dns.clone(),
        });
    }

    /// Names the machine by the first label of `name`, unless it is called so already. Names come
    /// from the network: what is no host name is left out.
    fn set_hostname(&mut self, name: &str) {
        let label = name.split('.').next().unwrap_or_default();
        if !cloud_config::is_hostname(label) {
            let what = format!("hostname {name:?}");
            self.queue.event(Event::Unsupported { what });
        } else if self.hostname.as_deref() != Some(label) {
            self.hostname = Some(label.to_owned());
            let hostname = label.to_owned();
            self.queue.effect(Effect::SetHostname { hostname });
        }
    }

    fn handle_interface(&mut self, outcome: Result<(), String>, now: Instant) {
        if let Err(why) = &outcome {
            let what = format!("the interface could not be configured: {why}");
            self.queue.event(Event::Failure { what });
        }
        let State::Configuring {
            configuration,
            retry_at,
        } = &mut self.state
        else {
            return;
        };
        if outcome.is_err() {
            *retry_at = Some(now + CONFIGURE_RETRY);
            return;
        }
        let boot_file = match self.config.datasource.clone() {
            Datasource::Lease => configuration.boot_file.clone(),
            Datasource::Url(url) => Some(url),
            Datasource::Given {
                meta_data,
                user_data,
            } => return self.apply(meta_data.as_bytes(), user_data.as_bytes(), now),
        };
        match boot_file
            .as_deref()
            .filter(|url| url.starts_with("http://"))
        {
            Some(url) => {
                self.state = State::FetchingSeed(SeedFetch::begin(url, &mut self.queue));
            }
            None => {
                self.queue.event(Event::NoSeed { boot_file });
                self.state = State::Running;
            }
        }
    }

    fn handle_seed(&mut self, url: &str, outcome: Result<Vec<u8>, String>, now: Instant) {
        let State::FetchingSeed(fetch) = &mut self.state else {
            return;
        };
        let there = fetch.handle_fetched(url, outcome, &mut self.patience, now, &mut self.queue);
        if let Some([meta_data, user_data]) = there {
            self.apply(&meta_data, &user_data, now);
        }
    }

    /// Asks for what the seed names, files first.
    fn apply(&mut self, meta_data: &[u8], user_data: &[u8], now: Instant) {
        let plan = cloud_config::read(meta_data, user_data).unwrap_or_else(|error| {
            // A machine whose seed is wrong comes up bare; asking again would change nothing.
            let what = format!("the seed: {error}");
            self.queue.event(Event::Unsupported { what });
            Plan::default()
        });
        self.queue.event(Event::SeedApplied {
            instance_id: plan.instance_id.clone(),
        });
        if let Some(name) = &plan.hostname {
            self.set_hostname(name);
        }
        for what in plan.left_out.clone() {
            self.queue.event(Event::Unsupported { what });
        }
        for file in &plan.files {
            self.queue.effect(Effect::InstallFile {
                path: file.path.clone(),
                permissions: file.permissions,
                content: file.content.clone(),
            });
        }
        let unanswered = plan.files.iter().map(|file| file.path.clone()).collect();
        self.state = State::Installing { plan, unanswered };
        self.run_when_installed(now);
    }

    fn handle_installed(&mut self, path: &str, outcome: Result<(), String>, now: Instant) {
        let State::Installing { plan, unanswered } = &mut self.state else {
            return;
        };
        let Some(index) = unanswered.iter().position(|waiting| waiting == path) else {
            return;
        };
        unanswered.swap_remove(index);
        if let Err(why) = outcome {
            // A unit that is not installed cannot be started either.
            plan.files.retain(|file| file.path != path);
            let what = format!("{path} could not be written: {why}");
            self.queue.event(Event::Failure { what });
        }
        self.run_when_installed(now);
    }

    fn run_when_installed(&mut self, now: Instant) {
        let State::Installing { plan, unanswered } = &mut self.state else {
            return;
        };
        if !unanswered.is_empty() {
            return;
        }
        let plan = std::mem::take(plan);
        self.installed = plan.files;
        self.state = State::Running;
        for action in plan.actions {
            self.act(action, now);
        }
    }

    fn act(&mut self, action: Action, now: Instant) {
        let (Action::Start { unit: name } | Action::Restart { unit: name }) = &action;
        let path = format!("{UNIT_DIR}{name}");
        // The last of several files with one path is the one on the disk.
        let Some(file) = self.installed.iter().rfind(|file| file.path == path) else {
            let what = format!("systemctl: the seed installs no {name}");
            return self.queue.event(Event::Unsupported { what });
        };
        let hostname = self.hostname.as_deref().unwrap_or("localhost");
        match unit::parse(name, &file.content, hostname) {
            Ok((unit, left_out)) => {
                for what in left_out {
                    self.queue.event(Event::Unsupported { what });
                }
                self.supervise(|supervisor, out| match action {
                    Action::Start { .. } => supervisor.start(unit, now, out),
                    Action::Restart { .. } => supervisor.restart(unit, now, out),
                });
            }
            Err(error) => self.queue.event(Event::Unsupported {
                what: error.to_string(),
            }),
        }
    }

    fn supervise(&mut self, act: impl FnOnce(&mut Supervisor, &mut Outbox)) {
        act(&mut self.supervisor, &mut self.queue);
    }

    /// What every call ends with. The client first: the end of a unit may be what power-off waits
    /// for, and its last messages must be ahead of the RELEASE.
    fn finish_call(&mut self, now: Now) {
        self.drain_client();
        self.finish_power_off(now);
    }
}

impl Engine for Node {
    type Command = Command;
    type Effect = Effect;
    type Event = Event;
    type Write = Infallible;

    fn command(&mut self, command: Command, now: Now) {
        let at = now.instant;
        match command {
            Command::PowerOn => self.power_on(now),
            Command::InterfaceConfigured => self.handle_interface(Ok(()), at),
            Command::InterfaceFailed { why } => self.handle_interface(Err(why), at),
            Command::Conflict => self.client.command(client::Command::Conflict, now),
            Command::SeedFetched { url, outcome } => self.handle_seed(&url, outcome, at),
            Command::FileInstalled { path, outcome } => self.handle_installed(&path, outcome, at),
            Command::UnitStarted { unit, pid } => {
                self.supervise(|supervisor, out| supervisor.handle_started(&unit, pid, out));
            }
            Command::UnitExited { unit, status } => self.supervise(|supervisor, out| {
                supervisor.handle_exited(&unit, status, at, out);
            }),
            Command::ReportFailure { what } => self.queue.event(Event::Failure { what }),
            Command::PowerOff => self.power_off(at),
        }
        self.finish_call(now);
    }

    fn handle_datagram(&mut self, datagram: Datagram<'_>, now: Now) {
        self.client.handle_datagram(datagram, now);
        self.finish_call(now);
    }

    fn handle_written(&mut self, _ticket: Ticket, _now: Now) {}

    fn handle_write_failed(&mut self, _ticket: Ticket, _now: Now) {}

    fn handle_timeout(&mut self, now: Now) {
        let at = now.instant;
        self.client.handle_timeout(now);
        self.drain_client();
        self.supervise(|supervisor, out| supervisor.handle_timeout(at, out));
        match &mut self.state {
            State::Configuring {
                configuration,
                retry_at,
            } if retry_at.is_some_and(|retry_at| retry_at <= at) => {
                *retry_at = None;
                let configuration = configuration.clone();
                self.request_configuration(&configuration);
            }
            State::FetchingSeed(fetch) => fetch.handle_timeout(at, &mut self.queue),
            State::Off
            | State::Leasing
            | State::Configuring { .. }
            | State::Installing { .. }
            | State::Running
            | State::PoweringOff => {}
        }
        self.finish_call(now);
    }

    fn poll(&mut self) -> Option<OutputOf<Self>> {
        self.queue.pop()
    }

    fn poll_timeout(&self) -> Option<Deadline> {
        let own = match &self.state {
            State::Configuring { retry_at, .. } => {
                retry_at.map(|at| Deadline::new(at, "configure the interface again"))
            }
            State::FetchingSeed(fetch) => fetch
                .retry_at()
                .map(|at| Deadline::new(at, "fetch the seed again")),
            State::Off
            | State::Leasing
            | State::Installing { .. }
            | State::Running
            | State::PoweringOff => None,
        };
        [self.client.poll_timeout(), self.supervisor.poll_timeout()]
            .into_iter()
            .fold(own, Deadline::earliest)
    }
}

#[cfg(test)]
mod tests;
