mod laws;
mod table;

use std::net::SocketAddr;

use quorate_core::laws::WALL_EPOCH;
use quorate_core::{Channel, Destination, MacAddr, Transmit};
use quorate_dhcp::wire::{Message, code};
use quorate_dhcp::{CLIENT_PORT, MessageType, SERVER_PORT};

use super::*;
use crate::effect::StopSignal;
use crate::event::{ExitStatus, Step};

const MAC: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
const ADDR: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 11);
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);
const SEED_URL: &str = "http://10.77.0.2/seed/02:00:00:00:00:01/";
const META_DATA: &[u8] = b"instance-id: i-1";
const USER_DATA: &str = r#"#cloud-config
hostname: seeded
write_files:
- path: /etc/systemd/system/a.service
  content: "[Service]\nExecStart=/a %H\nRestart=always\n"
runcmd:
- [systemctl, enable, --now, a]
"#;

fn node() -> Node {
    node_with(Datasource::Lease)
}

fn node_with(datasource: Datasource) -> Node {
    let mut dhcp = ClientConfig::new(MAC);
    dhcp.hostname = Some("fallback".into());
    let config = Config {
        dhcp,
        previous: None,
        datasource,
    };
    Node::new(config, Seed::new(1))
}

/// What a node says to its driver.
type Said = OutputOf<Node>;

/// A node, its clock, and a DHCP server that gives it what it asks for.
struct Bench {
    node: Node,
    millis: u64,
    boot_file: Option<&'static str>,
    hostname: Option<&'static str>,
    said: Vec<Said>,
    transmits: Vec<Transmit>,
}

impl Bench {
    fn new() -> Self {
        Self {
            node: node(),
            millis: 0,
            boot_file: Some(SEED_URL),
            hostname: Some("n1"),
            said: Vec::new(),
            transmits: Vec::new(),
        }
    }

    fn now(&self) -> Now {
        let instant = Instant::ZERO + Duration::from_millis(self.millis);
        Now::new(instant, WALL_EPOCH)
    }

    fn command(&mut self, command: Command) {
        let now = self.now();
        self.node.command(command, now);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.node.poll() {
            match output {
                Output::Transmit(transmit) => self.transmits.push(transmit),
                Output::Write { write, .. } => match write {},
                said @ (Output::Effect(_) | Output::Event(_)) => self.said.push(said),
            }
        }
    }

    /// Lets time pass until the node's next deadline.
    fn pass_deadline(&mut self) {
        let at = self.node.poll_timeout().unwrap().at;
        self.millis = at.as_nanos().div_ceil(1_000_000);
        self.node.handle_timeout(self.now());
        self.drain();
    }

    /// Answers the last message the node sent.
    fn serve(&mut self, kind: MessageType) {
        let payload = self.transmits.last().unwrap().payload.clone();
        let reply = answer(kind, &payload, self.boot_file, self.hostname);
        let datagram = Datagram {
            source: (SERVER, SERVER_PORT).into(),
            destination: (ADDR, CLIENT_PORT).into(),
            channel: Channel::Udp,
            payload: &reply,
        };
        self.node.handle_datagram(datagram, self.now());
        self.drain();
    }

    fn lease(&mut self) {
        self.serve(MessageType::Offer);
        self.serve(MessageType::Ack);
    }

    fn fetched(&mut self, file: &str, outcome: Result<&[u8], &str>) {
        self.command(Command::SeedFetched {
            url: format!("{SEED_URL}{file}"),
            outcome: outcome.map(<[u8]>::to_vec).map_err(str::to_owned),
        });
    }

    fn installed(&mut self, outcome: Result<(), String>) {
        self.command(Command::FileInstalled {
            path: "/etc/systemd/system/a.service".into(),
            outcome,
        });
    }

    fn unit_up(&mut self) {
        self.command(Command::UnitStarted {
            unit: "a.service".into(),
            pid: Some(7),
        });
    }

    fn unit_exited(&mut self, status: ExitStatus) {
        self.command(Command::UnitExited {
            unit: "a.service".into(),
            status,
        });
    }

    /// The effects and events since the last call.
    fn said(&mut self) -> Vec<Said> {
        std::mem::take(&mut self.said)
    }

    fn sent(&self) -> Vec<MessageType> {
        let kind = |transmit: &Transmit| Message::decode(&transmit.payload).unwrap().kind;
        self.transmits.iter().map(kind).collect()
    }
}

fn answer(
    kind: MessageType,
    request: &[u8],
    boot_file: Option<&'static str>,
    hostname: Option<&'static str>,
) -> Vec<u8> {
    let request = Message::decode(request).unwrap();
    let mut reply = Message::reply(kind, &request);
    reply.options.set_addrs(code::SERVER_ID, &[SERVER]);
    if kind != MessageType::Nak {
        reply.yiaddr = ADDR;
        reply.options.set_u32(code::LEASE_SECS, 3_600);
        let mask = [Ipv4Addr::new(255, 255, 255, 0)];
        reply.options.set_addrs(code::SUBNET_MASK, &mask);
        reply.options.set_addrs(code::DNS_SERVERS, &[SERVER]);
        if let Some(name) = boot_file {
            reply.options.set(code::BOOT_FILE, name.as_bytes());
        }
        if let Some(name) = hostname {
            reply.options.set(code::HOSTNAME, name.as_bytes());
        }
    }
    reply.encode()
}

/// A node that stands in the state with this name.
fn bench_in(state: &str) -> Bench {
    let mut bench = Bench::new();
    let steps: [&dyn Fn(&mut Bench); 6] = [
        &|b| b.command(Command::PowerOn),
        &Bench::lease,
        &|b| b.command(Command::InterfaceConfigured),
        &|b| {
            b.fetched("meta-data", Ok(META_DATA));
            b.fetched("user-data", Ok(USER_DATA.as_bytes()));
        },
        &|b| {
            b.installed(Ok(()));
            b.unit_up();
        },
        &|b| b.command(Command::PowerOff),
    ];
    for step in steps {
        if bench.node.state().name() == state {
            break;
        }
        step(&mut bench);
    }
    assert_eq!(bench.node.state().name(), state);
    bench.said();
    bench
}

#[test]
fn a_machine_with_power_asks_for_a_lease_and_configures_it() {
    let mut bench = Bench::new();
    bench.command(Command::PowerOn);
    bench.lease();
    assert_eq!(
        bench.said()[..],
        [
            Said::Event(Event::PoweredOn),
            hostname("fallback"),
            sent("DISCOVER"),
            sent("REQUEST"),
            Said::Event(Event::Leased(Lease {
                addr: ADDR,
                prefix_len: 24,
                server: SERVER,
                hostname: Some("n1".into()),
                domain: None,
                routers: vec![],
                dns: vec![SERVER],
                lease_secs: 3_600,
                boot_file: Some(SEED_URL.into()),
            })),
            hostname("n1"),
            configure(),
        ]
    );
}

#[test]
fn a_configured_machine_fetches_its_seed_and_starts_what_it_installs() {
    let mut bench = Bench::new();
    bench.command(Command::PowerOn);
    bench.lease();
    bench.said();
    bench.command(Command::InterfaceConfigured);
    assert_eq!(bench.said(), [fetch("meta-data"), fetch("user-data")]);
    bench.fetched("user-data", Ok(USER_DATA.as_bytes()));
    assert_eq!(bench.said(), []);
    bench.fetched("meta-data", Ok(META_DATA));
    assert_eq!(
        bench.said(),
        [
            Said::Event(Event::SeedApplied {
                instance_id: Some("i-1".into())
            }),
            hostname("seeded"),
            Said::Effect(Effect::InstallFile {
                path: "/etc/systemd/system/a.service".into(),
                permissions: 0o644,
                content: "[Service]\nExecStart=/a %H\nRestart=always\n".into(),
            }),
        ]
    );
    bench.installed(Ok(()));
    let said = bench.said();
    assert!(
        matches!(
            &said[..],
            [
                Said::Event(Event::UnitStarting { step: Step::Main, attempt: 1, .. }),
                Said::Effect(Effect::StartUnit { argv, step: Step::Main, .. })
            ] if argv == &["/a", "seeded"]
        ),
        "{said:?}"
    );
}

#[test]
fn a_machine_gives_its_lease_back_when_its_units_have_stopped() {
    let mut bench = bench_in("running");
    bench.command(Command::PowerOff);
    let term = Said::Effect(Effect::StopUnit {
        unit: "a.service".into(),
        signal: StopSignal::Term,
    });
    assert_eq!(bench.said(), [term]);
    assert!(
        !bench.sent().contains(&MessageType::Release),
        "a process may use the lease"
    );
    bench.unit_exited(ExitStatus::Signal { signal: 15 });
    let said = bench.said();
    let names: Vec<String> = said.iter().map(kind).collect();
    assert_eq!(
        names,
        [
            "unit_exited",
            "dhcp_sent",
            "lease_lost",
            "deconfigure",
            "powered_off"
        ]
    );
    assert_eq!(bench.sent().last(), Some(&MessageType::Release));
    assert_eq!(
        bench.transmits.last().unwrap().destination,
        Destination::Udp(SocketAddr::from((SERVER, SERVER_PORT)))
    );
    assert_eq!(bench.node.state(), &State::Off);
    assert_eq!(bench.node.poll_timeout(), None);
}

#[test]
fn a_seed_that_is_missing_is_asked_for_again_later_and_later() {
    let mut bench = bench_in("fetching seed");
    bench.fetched("user-data", Ok(USER_DATA.as_bytes()));
    let mut delays = Vec::new();
    for _ in 0..8 {
        bench.fetched("meta-data", Err("404"));
        let said = bench.said();
        let [Said::Event(Event::SeedRetry { retry_in_ms, .. })] = &said[..] else {
            panic!("{said:?}");
        };
        delays.push(*retry_in_ms);
        bench.pass_deadline();
        assert_eq!(bench.said(), [fetch("meta-data")], "only what is missing");
    }
    assert!((187..=312).contains(&delays[0]), "{delays:?}");
    assert!((375..=625).contains(&delays[1]), "{delays:?}");
    assert!((3_750..=6_250).contains(&delays[7]), "{delays:?}");
    bench.fetched("meta-data", Ok(META_DATA));
    assert_eq!(bench.node.state().name(), "installing");
}

#[test]
fn answers_that_were_not_asked_for_change_nothing() {
    let mut bench = bench_in("fetching seed");
    bench.fetched("vendor-data", Ok(b""));
    bench.fetched("user-data", Ok(USER_DATA.as_bytes()));
    bench.fetched("user-data", Err("late"));
    assert_eq!(bench.said(), []);
    let mut bench = bench_in("installing");
    bench.command(Command::FileInstalled {
        path: "/other".into(),
        outcome: Ok(()),
    });
    assert_eq!(bench.node.state().name(), "installing");
}

#[test]
fn a_boot_file_that_is_no_seed_leaves_the_machine_bare() {
    for boot_file in [None, Some("undionly.kpxe"), Some("https://x/")] {
        let mut bench = Bench::new();
        bench.boot_file = boot_file;
        bench.command(Command::PowerOn);
        bench.lease();
        bench.said();
        bench.command(Command::InterfaceConfigured);
        let boot_file = boot_file.map(str::to_owned);
        assert_eq!(bench.said(), [Said::Event(Event::NoSeed { boot_file })]);
        assert_eq!(bench.node.state(), &State::Running);
    }
}

#[test]
fn a_seed_that_makes_no_sense_is_named_and_the_machine_comes_up_bare() {
    let mut bench = bench_in("fetching seed");
    bench.fetched("meta-data", Ok(META_DATA));
    bench.fetched("user-data", Ok(b"#!/bin/sh"));
    let said = bench.said();
    assert!(
        matches!(&said[0], Said::Event(Event::Unsupported { what }) if what.contains("#cloud-config"))
    );
    assert_eq!(bench.node.state(), &State::Running);
}

#[test]
fn a_unit_that_was_not_written_is_not_started() {
    let mut bench = bench_in("installing");
    bench.installed(Err("disk full".into()));
    let names: Vec<String> = bench.said().iter().map(kind).collect();
    assert_eq!(names, ["failure", "unsupported"]);
}

#[test]
fn an_interface_that_fails_is_configured_again() {
    let mut bench = bench_in("configuring");
    bench.command(Command::InterfaceFailed { why: "no".into() });
    assert!(matches!(
        &bench.said()[..],
        [Said::Event(Event::Failure { .. })]
    ));
    bench.pass_deadline();
    assert_eq!(bench.millis, 1_000);
    assert_eq!(bench.said(), [configure()]);
}

#[test]
fn a_hostile_name_from_the_network_never_becomes_the_machines() {
    let mut bench = Bench::new();
    bench.hostname = Some("$(reboot)");
    bench.command(Command::PowerOn);
    bench.lease();
    let said = bench.said();
    assert!(!said.contains(&hostname("$(reboot)")));
    assert!(
        said.iter()
            .any(|said| matches!(said, Said::Event(Event::Unsupported { .. })))
    );
}

#[test]
fn losing_the_lease_stops_no_unit_and_the_next_one_is_configured() {
    let mut bench = bench_in("running");
    bench.command(Command::Conflict);
    let said = bench.said();
    assert!(
        said.iter()
            .any(|said| matches!(said, Said::Event(Event::LeaseLost { .. })))
    );
    assert!(
        !said
            .iter()
            .any(|said| matches!(said, Said::Effect(Effect::StopUnit { .. })))
    );
    assert_eq!(bench.node.state(), &State::Running);
    bench.pass_deadline();
    bench.lease();
    let said = bench.said();
    assert!(said.contains(&configure()));
    assert!(!said.contains(&hostname("n1")), "the seed's name stays");
    bench.command(Command::InterfaceConfigured);
    assert_eq!(bench.said(), [], "a seed is applied once");
}

#[test]
fn a_machine_that_is_off_can_be_switched_on_again() {
    let mut bench = bench_in("leasing");
    bench.command(Command::PowerOff);
    assert!(bench.said().contains(&Said::Event(Event::PoweredOff)));
    bench.command(Command::PowerOn);
    bench.lease();
    assert_eq!(bench.node.state().name(), "configuring");
    assert!(bench.said().contains(&hostname("n1")));
}

fn kind(said: &Said) -> String {
    let value = match said {
        Said::Effect(effect) => serde_json::to_value(effect),
        Said::Event(event) => serde_json::to_value(event),
        Said::Transmit(_) | Said::Write { .. } => panic!("{said:?}"),
    }
    .unwrap();
    value["type"].as_str().unwrap().to_owned()
}

fn sent(message: &str) -> Said {
    Said::Event(Event::DhcpSent {
        message: message.into(),
        attempt: 1,
    })
}

fn hostname(hostname: &str) -> Said {
    Said::Effect(Effect::SetHostname {
        hostname: hostname.into(),
    })
}

fn fetch(file: &str) -> Said {
    Said::Effect(Effect::FetchSeed {
        url: format!("{SEED_URL}{file}"),
    })
}

fn configure() -> Said {
    Said::Effect(Effect::Configure {
        addr: ADDR,
        prefix_len: 24,
        routers: vec![],
        dns: vec![SERVER],
    })
}

#[test]
fn the_boot_loader_can_pass_where_the_seed_is() {
    let mut bench = Bench::new();
    bench.node = node_with(Datasource::Url("http://10.77.0.9/mine".into()));
    bench.command(Command::PowerOn);
    bench.lease();
    bench.said();
    bench.command(Command::InterfaceConfigured);
    let url = |file| {
        Said::Effect(Effect::FetchSeed {
            url: format!("http://10.77.0.9/mine/{file}"),
        })
    };
    assert_eq!(bench.said(), [url("meta-data"), url("user-data")]);
}

#[test]
fn a_machine_with_a_given_seed_fetches_none() {
    let mut bench = Bench::new();
    bench.node = node_with(Datasource::Given {
        meta_data: "instance-id: i-9".into(),
        user_data: USER_DATA.into(),
    });
    bench.command(Command::PowerOn);
    bench.lease();
    bench.said();
    bench.command(Command::InterfaceConfigured);
    let said = bench.said();
    assert!(
        matches!(
            &said[..],
            [
                Said::Event(Event::SeedApplied { .. }),
                Said::Effect(Effect::SetHostname { .. }),
                Said::Effect(Effect::InstallFile { .. })
            ]
        ),
        "{said:?}"
    );
    bench.installed(Ok(()));
    assert!(matches!(
        &bench.said()[..],
        [
            Said::Event(Event::UnitStarting { .. }),
            Said::Effect(Effect::StartUnit { .. })
        ]
    ));
}

#[test]
fn a_probe_that_finds_another_user_ends_and_the_address_is_declined() {
    let mut dhcp = ClientConfig::new(MAC);
    dhcp.probe = Duration::from_secs(1);
    let config = Config {
        dhcp,
        previous: None,
        datasource: Datasource::Lease,
    };
    let mut bench = Bench::new();
    bench.node = Node::new(config, Seed::new(1));
    bench.command(Command::PowerOn);
    bench.lease();
    let probe = Said::Effect(Effect::Probe { addr: ADDR });
    assert_eq!(bench.said().last(), Some(&probe), "nothing is configured");
    bench.command(Command::Conflict);
    let said: Vec<String> = bench.said().iter().map(kind).collect();
    assert_eq!(said, ["dhcp_sent", "declined", "end_probe"]);
}
