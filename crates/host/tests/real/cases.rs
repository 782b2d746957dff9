//! What is tried in a sandbox.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Command, ExitCode};
use std::thread;
use std::time::{Duration, Instant};

use quorate_core::{MacAddr, Seed};
use quorate_fabric::pcapng::{Block, Packet, blocks};
use quorate_fabric::{Faults, PortId, Rule, frame};
use quorate_host::lan::{Direction, Lan, LanOptions, MACHINE_INTERFACE, Port};
use quorate_host::netns::NetNs;
use quorate_netlink::Netlink;
use rustix::thread::{CapabilitySet, remove_capability_from_bounding_set};

use super::machines::{self, processes};

pub(crate) type Case = fn(&Path) -> ExitCode;

pub(crate) const ALL: [(&str, Case); 10] = [
    ("datagrams_and_broadcasts_cross_the_switch", datagrams),
    ("ten_megabytes_of_tcp_cross_the_switch", ten_megabytes),
    ("a_cable_pulled_and_a_partition_stop_traffic", cut_off),
    ("a_delay_delays", delay),
    ("the_sandbox_is_empty_and_its_user_is_root", empty),
    (
        "a_machine_boots_its_agent_and_keeps_its_disk",
        machines::agent_and_disk,
    ),
    (
        "a_machine_runs_a_program_with_an_address",
        machines::static_address,
    ),
    (
        "power_off_ends_every_process_and_status_comes_back",
        machines::power_off,
    ),
    (
        "a_machine_that_hangs_answers_when_it_goes_on",
        machines::hang,
    ),
    ("a_sandbox_in_a_sandbox_and_where_there_can_be_none", nested),
];

/// No test waits longer for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Machines `a`, `b`, … at one switch, with addresses 10.0.0.1, 10.0.0.2, …
pub(crate) struct Bench {
    pub(crate) lan: Lan,
    pub(crate) nets: Vec<NetNs>,
    pub(crate) ports: Vec<PortId>,
}

pub(crate) fn mac(n: usize) -> MacAddr {
    MacAddr([2, 0, 0, 0, 0, n as u8])
}

pub(crate) fn addr(n: usize) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, n as u8 + 1)
}

impl Bench {
    pub(crate) fn cabled(machines: usize, dir: &Path) -> Self {
        let capture = Some(dir.join("lan.pcapng"));
        let seed = Seed::new(1);
        let lan = Lan::start(LanOptions { capture, seed }).unwrap();
        let nets: Vec<_> = (0..machines).map(|_| NetNs::new().unwrap()).collect();
        let plug = |(n, ns): (usize, &NetNs)| {
            let name = char::from(b'a' + n as u8).to_string();
            let (name, mac) = (name.as_str(), mac(n));
            lan.plug(Port { name, mac, ns }).unwrap()
        };
        let ports = nets.iter().enumerate().map(plug).collect();
        Self { lan, nets, ports }
    }

    pub(crate) fn addressed(machines: usize, dir: &Path) -> Self {
        let bench = Self::cabled(machines, dir);
        for (n, net) in bench.nets.iter().enumerate() {
            net.run(|| configure(addr(n))).unwrap();
        }
        bench
    }

    pub(crate) fn udp(&self, n: usize) -> UdpSocket {
        let open = || UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 5000)).unwrap();
        let socket = self.nets[n].run(open).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_broadcast(true).unwrap();
        socket
    }

    /// Stops, and answers the capture, after a look at what must not have happened.
    pub(crate) fn stop(self, dir: &Path) -> Vec<u8> {
        let counters = self.lan.stop().unwrap();
        let dropped = (counters.ring_full, counters.too_long, counters.capture_full);
        assert_eq!(dropped, (0, 0, 0), "{counters:?}");
        fs::read(dir.join("lan.pcapng")).unwrap()
    }
}

pub(crate) fn configure(addr: Ipv4Addr) {
    let mut netlink = Netlink::open().unwrap();
    let index = netlink.link_index(MACHINE_INTERFACE).unwrap();
    netlink.link_up(index).unwrap();
    netlink.add_address(index, addr, 24).unwrap();
    // 255.255.255.255 needs a route, too.
    netlink
        .add_route(None, Ipv4Addr::UNSPECIFIED, index)
        .unwrap();
}

pub(crate) fn receive(socket: &UdpSocket) -> Vec<u8> {
    let mut buffer = [0; 2048];
    let (length, _) = socket.recv_from(&mut buffer).unwrap();
    buffer[..length].to_vec()
}

/// The UDP payloads in a capture, with the interface and the comment.
fn captured(capture: &[u8]) -> Vec<(String, String, String)> {
    let mut names = Vec::new();
    let mut payloads = Vec::new();
    for block in blocks(capture) {
        match block {
            Block::Interface { name } => names.push(name.to_owned()),
            Block::Packet(Packet {
                interface,
                frame,
                comment,
                unix_nanos,
                ..
            }) => {
                // In this century, and in nanoseconds.
                assert!(
                    (1_700_000_000_000_000_000..4_000_000_000_000_000_000).contains(&unix_nanos)
                );
                if let Some(udp) = frame::parse_udp(frame) {
                    let payload = String::from_utf8_lossy(udp.payload).into_owned();
                    let name = names[interface.0 as usize].clone();
                    payloads.push((name, payload, comment.to_owned()));
                }
            }
        }
    }
    payloads
}

fn datagrams(dir: &Path) -> ExitCode {
    let bench = Bench::addressed(3, dir);
    let [a, b, c] = [0, 1, 2].map(|n| bench.udp(n));
    a.send_to(b"ping", (addr(1), 5000)).unwrap();
    assert_eq!(receive(&b), b"ping");
    b.send_to(b"pong", (addr(0), 5000)).unwrap();
    assert_eq!(receive(&a), b"pong");
    // A broadcast reaches all others, and its sender's own stack.
    for destination in [Ipv4Addr::BROADCAST, Ipv4Addr::new(10, 0, 0, 255)] {
        c.send_to(b"all", (destination, 5000)).unwrap();
        assert_eq!([receive(&a), receive(&b)], [b"all", b"all"]);
    }
    let net = &bench.nets[0];
    let seen = net.run(|| Netlink::open().unwrap().mac(MACHINE_INTERFACE).unwrap());
    assert_eq!(seen.unwrap(), mac(0));
    drop((a, b, c));
    let capture = bench.stop(dir);
    let wanted = ["a ping", "b pong", "c all", "c all"];
    let got: Vec<_> = captured(&capture)
        .into_iter()
        .map(|(name, payload, _)| format!("{name} {payload}"))
        .collect();
    assert_eq!(got, wanted, "the checksums of all must be whole, too");
    ExitCode::SUCCESS
}

fn ten_megabytes(dir: &Path) -> ExitCode {
    const LENGTH: usize = 10 << 20;
    let bench = Bench::addressed(2, dir);
    let listener = bench.nets[1]
        .run(|| TcpListener::bind((addr(1), 5000)).unwrap())
        .unwrap();
    let receiver = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut got = Vec::new();
        stream.read_to_end(&mut got).unwrap();
        got
    });
    let sent: Vec<u8> = (0..LENGTH).map(|n| (n * 7 / 5) as u8).collect();
    let mut stream = bench.nets[0]
        .run(|| TcpStream::connect((addr(1), 5000)).unwrap())
        .unwrap();
    stream.write_all(&sent).unwrap();
    drop(stream);
    assert!(receiver.join().unwrap() == sent, "the bytes differ");
    let counters = bench.lan.stop().unwrap();
    assert_eq!(counters.too_long, 0, "a frame was not segmented");
    assert!(
        counters.switch.delivered > LENGTH as u64 / 1_500,
        "{counters:?}"
    );
    ExitCode::SUCCESS
}

fn cut_off(dir: &Path) -> ExitCode {
    let bench = Bench::addressed(2, dir);
    let [a, b] = [0, 1].map(|n| bench.udp(n));
    let exchange = |payload: &str| {
        a.send_to(payload.as_bytes(), (addr(1), 5000)).unwrap();
        String::from_utf8(receive(&b)).unwrap()
    };
    assert_eq!(exchange("both know each other"), "both know each other");

    let rule = bench
        .lan
        .apply(Rule::partition([bench.ports[0]], [bench.ports[1]]))
        .unwrap();
    let before = bench.lan.counters().unwrap().switch.cut_off;
    a.send_to(b"into the partition", (addr(1), 5000)).unwrap();
    wait_until(|| bench.lan.counters().unwrap().switch.cut_off > before);
    assert!(bench.lan.revoke(rule).unwrap());
    assert_eq!(exchange("healed"), "healed");

    bench.lan.set_link(bench.ports[1], false).unwrap();
    let mut b_side = bench.nets[1].run(|| Netlink::open().unwrap()).unwrap();
    let mut carrier = || b_side.carrier(MACHINE_INTERFACE).unwrap();
    wait_until(|| !carrier());
    let received = || bench.lan.counters().unwrap().switch.received;
    let before = received();
    a.send_to(b"into the void", (addr(1), 5000)).unwrap();
    wait_until(|| received() > before);
    bench.lan.set_link(bench.ports[1], true).unwrap();
    wait_until(&mut carrier);
    // The first ones may still meet a kernel that thinks the cable is out.
    b.set_read_timeout(Some(Duration::from_millis(100)))
        .unwrap();
    let mut buffer = [0; 64];
    let length = (0..100)
        .find_map(|_| {
            a.send_to(b"plugged in", (addr(1), 5000)).unwrap();
            b.recv(&mut buffer).ok()
        })
        .expect("nothing arrives after the cable is back");
    assert_eq!(&buffer[..length], b"plugged in");
    drop((a, b));
    let capture = bench.stop(dir);
    let partitioned = captured(&capture)
        .into_iter()
        .find(|(_, payload, _)| payload == "into the partition");
    let (_, _, comment) = partitioned.unwrap();
    assert_eq!(comment, "dropped on the way to port 1: rule 0");
    ExitCode::SUCCESS
}

pub(crate) fn wait_until(mut condition: impl FnMut() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < PATIENCE, "waited in vain");
        thread::yield_now();
    }
}

fn delay(dir: &Path) -> ExitCode {
    let bench = Bench::addressed(2, dir);
    let [a, b] = [0, 1].map(|n| bench.udp(n));
    let round_trip = || {
        let began = Instant::now();
        a.send_to(b"ping", (addr(1), 5000)).unwrap();
        receive(&b);
        b.send_to(b"pong", (addr(0), 5000)).unwrap();
        receive(&a);
        began.elapsed()
    };
    round_trip();
    assert!(round_trip() < Duration::from_millis(60));
    let faults = Faults {
        delay: Duration::from_millis(30),
        ..Faults::default()
    };
    for way in [Direction::ToSwitch, Direction::FromSwitch] {
        bench.lan.set_faults(bench.ports[0], way, faults).unwrap();
    }
    assert!(round_trip() >= Duration::from_millis(60));
    ExitCode::SUCCESS
}

fn empty(_: &Path) -> ExitCode {
    assert!(rustix::process::geteuid().is_root());
    assert_eq!(rustix::process::getpid().as_raw_nonzero().get(), 2);
    assert_eq!(processes(), [1, 2]);
    let text = fs::read_to_string("/proc/net/dev").unwrap();
    let interfaces: Vec<_> = text.lines().skip(2).collect();
    assert!(
        interfaces.len() == 1 && interfaces[0].contains("lo:"),
        "{text}"
    );
    UdpSocket::bind("127.0.0.1:53").unwrap();
    ExitCode::SUCCESS
}

/// Inside a user namespace, what the host's administrator could forbid can be tried.
fn nested(dir: &Path) -> ExitCode {
    let enter = || {
        let mut again = Command::new("/proc/self/exe");
        again.args(["case", ALL[4].0]).arg(dir).output().unwrap()
    };
    let deeper = enter();
    assert_eq!(deeper.status.code(), Some(0), "{deeper:?}");

    fs::write("/proc/sys/user/max_user_namespaces", "0").unwrap();
    let root_needs_none = enter();
    assert_eq!(
        root_needs_none.status.code(),
        Some(0),
        "{root_needs_none:?}"
    );

    // A root without capabilities is like any other user.
    let all = (0..64).map(|bit| CapabilitySet::from_bits_retain(1 << bit));
    all.map_while(|one| remove_capability_from_bounding_set(one).ok())
        .for_each(drop);
    let forbidden = enter();
    assert_eq!(forbidden.status.code(), Some(3), "{forbidden:?}");
    let said = String::from_utf8(forbidden.stderr).unwrap();
    assert!(
        said.contains("sysctl -w user.max_user_namespaces="),
        "{said}"
    );
    ExitCode::SUCCESS
}
