//! A second server, and a second client with somebody's MAC address.

use std::fs;
use std::io::Read as _;
use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use quorate_daemon::Event;
use quorate_dhcp::wire::code;
use quorate_dhcp::{Message, MessageType};
use quorate_tests::network::{Lab, SERVER, addr};

use crate::client::{Client, machine};
use crate::config;
use crate::http::get_from;

/// Another state directory, the same interface: the second server ends, the first one serves on.
pub(crate) fn server(dir: &Path) {
    let lab = Lab::new(dir);
    let relay = lab.addressed(2);
    let _first = lab.serve(&config(&lab));
    let mut client = Client::new(&relay, addr(2));
    for section in ["dhcp", "dns", "seed", "boot"] {
        let mut second = config(&lab);
        second["state_dir"] = dir.join("other").to_str().into();
        for other in ["dhcp", "dns", "seed", "boot"] {
            // Boot files are served by the server of seeds.
            let is_needed = other == section || (section == "boot" && other == "seed");
            if !is_needed {
                second[other]["enable"] = false.into();
            }
        }
        if section == "boot" {
            second["seed"]["listen"] = "10.77.0.1:8080".into();
            second["boot"]["url"] = "http://10.77.0.1:8080".into();
        }
        let mut child = lab.start(&second);
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().expect("it is a child") {
                break status;
            }
            assert!(
                begun.elapsed() < Duration::from_secs(5),
                "[{section}] is served twice"
            );
            std::thread::sleep(Duration::from_millis(20));
        };
        assert_eq!(status.code(), Some(3), "[{section}]");
        let mut lines = String::new();
        let stdout = child.stdout.as_mut().expect("it is piped");
        stdout.read_to_string(&mut lines).expect("it has ended");
        assert!(!lines.contains("ready"), "{lines}");
    }
    let said = fs::read_to_string(dir.join("serve.log")).expect("it says why");
    assert!(said.contains("another quorate serves it"), "{said}");
    assert!(client.lease(machine(1)).is_some());
}

/// The MAC address of a machine under another client identifier: the machine keeps its seed, also
/// when the copy gives its lease back.
pub(crate) fn client(dir: &Path) {
    let lab = Lab::new(dir);
    let relay = lab.addressed(2);
    let mut daemon = lab.serve(&config(&lab));
    let mut machines = Client::new(&relay, addr(2));
    let victim = machine(1);
    let (held, _) = machines.lease(victim).expect("it is served");
    let (copied, _) = machines
        .lease_as(victim, |message| {
            message.options.set(code::CLIENT_ID, b"\0copy".to_vec())
        })
        .expect("it is served");
    assert_ne!(held, copied);
    daemon.wait_for("the copy to be reported", |event| {
        matches!(event, Event::MacShared { mac, addr, other }
            if *mac == victim && *addr == copied && *other == held)
    });
    // Both at one endpoint: whose seed it is depends on the address only.
    let endpoint = lab.endpoint(9);
    endpoint.set_address(held);
    endpoint.set_address(copied);
    endpoint.set_address(addr(9));
    let path = format!("/seed/{victim}/meta-data");
    let (status, seed) = get_from(&endpoint, held, &path);
    assert_eq!(status, 200, "{seed}");
    assert_eq!(get_from(&endpoint, addr(9), &path).0, 403);
    let bind = || UdpSocket::bind((copied, 68));
    let socket = endpoint.ns.run(bind).expect("the namespace is there");
    let mut release = Message {
        ciaddr: copied,
        ..Message::request(MessageType::Release, 7, victim)
    };
    release.options.set_addrs(code::SERVER_ID, &[SERVER]);
    release.options.set(code::CLIENT_ID, b"\0copy".to_vec());
    let sent = socket.and_then(|socket| socket.send_to(&release.encode(), (SERVER, 67)));
    sent.expect("the server has its port open");
    daemon.wait_for(
        "the copy's end",
        |event| matches!(event, Event::LeaseEnded { addr, .. } if *addr == copied),
    );
    assert_eq!(get_from(&endpoint, held, &path), (200, seed));
}

/// What is in the state directory is nobody else's, also when somebody made it before.
pub(crate) fn state(dir: &Path) {
    let lab = Lab::new(dir);
    fs::create_dir(lab.state_dir()).expect("the test's directory is writable");
    let open = fs::Permissions::from_mode(0o755);
    fs::set_permissions(lab.state_dir(), open).expect("it is ours");
    let _daemon = lab.serve(&config(&lab));
    let mode = fs::metadata(lab.state_dir())
        .expect("it is there")
        .permissions();
    assert_eq!(mode.mode() & 0o777, 0o700);
}
