//! HTTP and DNS by TCP: connections that ask for nothing; and files that are nobody's to read.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, Instant};

use quorate_daemon::Event;
use quorate_tests::network::{Daemon, Endpoint, Lab, SERVER, addr};
use rustix::net::{AddressFamily, SocketType};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::client::{Client, machine};
use crate::{boot_dir, config};

/// 1,100 connections to the seed port and as many to DNS, all of them idle.
pub(crate) fn idle(dir: &Path) {
    const IDLE: usize = 1_100;
    raise_descriptors();
    let lab = Lab::new(dir);
    let (stranger, other) = (lab.addressed(2), lab.addressed(3));
    fs::write(boot_dir(dir).join("kernel"), "kernel").expect("the test's directory is writable");
    let daemon = lab.serve(&config(&lab));
    let before = descriptors(&daemon);
    let idle: Vec<TcpStream> = (0..IDLE)
        .flat_map(|_| [80, 53].map(|port| connect(&stranger, port)))
        .collect();
    let begun = Instant::now();
    assert_eq!(get(&other, "/boot/kernel"), (200, "kernel".to_owned()));
    assert!(answers_dns(&other), "DNS by TCP");
    assert!(answers_dns(&stranger), "for the stranger, too");
    assert!(
        begun.elapsed() < Duration::from_secs(2),
        "{:?}",
        begun.elapsed()
    );
    let mut client = Client::new(&other, addr(3));
    assert!(client.lease(machine(1)).is_some());
    let open = descriptors(&daemon);
    assert!(open < 200, "{open} descriptors");
    let events = daemon.new_events();
    for service in ["http", "dns"] {
        let is_capped = |event: &Event| {
            matches!(event, Event::Refused { service: is, source: Some(source), .. }
            if is == service && *source == addr(2))
        };
        assert!(
            events.iter().any(|line| is_capped(&line.event)),
            "{service}: {events:?}"
        );
    }
    // Nobody may be idle for long, also where nobody else wants the place.
    std::thread::sleep(Duration::from_secs(12));
    let left = descriptors(&daemon);
    assert!(
        left < before + 8,
        "{before} descriptors, then {left} with {} connections",
        idle.len()
    );
}

/// Octet by octet, a head that never ends.
pub(crate) fn slow_head(dir: &Path) {
    let lab = Lab::new(dir);
    let stranger = lab.addressed(2);
    let _daemon = lab.serve(&config(&lab));
    let mut stream = connect(&stranger, 80);
    let begun = Instant::now();
    stream.write_all(b"GET / HTTP/1.1\r\n").expect("it reads");
    while stream.write_all(b"x: y\r\n").is_ok() {
        std::thread::sleep(Duration::from_millis(300));
        assert!(
            begun.elapsed() < Duration::from_secs(15),
            "it is still open"
        );
    }
    assert!(begun.elapsed() > Duration::from_secs(9));
}

/// Links that lead out, hidden files, and paths that are not there: none is served, each is said.
pub(crate) fn elsewhere(dir: &Path) {
    let lab = Lab::new(dir);
    let stranger = lab.addressed(2);
    let boot = boot_dir(dir);
    fs::write(dir.join("secret"), "secret").expect("the test's directory is writable");
    fs::write(boot.join(".hidden"), "hidden").expect("the test's directory is writable");
    fs::write(boot.join("kernel"), "0123456789").expect("the test's directory is writable");
    symlink("../secret", boot.join("out")).expect("the test's directory is writable");
    symlink("/etc", boot.join("etc")).expect("the test's directory is writable");
    symlink("kernel", boot.join("default")).expect("the test's directory is writable");
    let mut daemon = lab.serve(&config(&lab));
    assert_eq!(
        get(&stranger, "/boot/default"),
        (200, "0123456789".to_owned())
    );
    assert_eq!(
        get(&stranger, "/boot/k%65rnel"),
        (200, "0123456789".to_owned())
    );
    let range = "/boot/kernel HTTP/1.0\r\nRange: bytes=2-4\r\nx: ";
    assert_eq!(get(&stranger, range), (206, "234".to_owned()));
    for path in [
        "out",
        ".hidden",
        "etc/passwd",
        "..%2fsecret",
        "%2e%2e/secret",
        "absent",
    ] {
        let (status, body) = get(&stranger, &format!("/boot/{path}"));
        assert_eq!(status, 404, "{path}: {body}");
        assert!(
            !body.contains("secret") && !body.contains("root:"),
            "{path}"
        );
    }
    daemon.wait_for("a refusal", |event| {
        matches!(event, Event::Refused { service, source: Some(source), why }
            if service == "http" && *source == addr(2) && why.contains("404"))
    });
}

fn connect(endpoint: &Endpoint, port: u16) -> TcpStream {
    let open = || TcpStream::connect(SocketAddr::new(SERVER.into(), port));
    let stream = endpoint.ns.run(open).expect("the namespace is there");
    let stream = stream.expect("the port is open");
    stream
        .set_read_timeout(Some(Duration::from_secs(2)))
        .expect("it is not zero");
    stream
}

/// Status and body.
fn get(endpoint: &Endpoint, path: &str) -> (u16, String) {
    read_answer(connect(endpoint, 80), path)
}

/// The same by one of the addresses of the endpoint.
pub(crate) fn get_from(endpoint: &Endpoint, source: Ipv4Addr, path: &str) -> (u16, String) {
    let open = || {
        let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None)?;
        rustix::net::bind(&socket, &SocketAddr::new(source.into(), 0))?;
        rustix::net::connect(&socket, &SocketAddr::new(SERVER.into(), 80))?;
        Ok::<_, std::io::Error>(TcpStream::from(socket))
    };
    let stream = endpoint.ns.run(open).expect("the namespace is there");
    read_answer(stream.expect("the port is open"), path)
}

fn read_answer(mut stream: TcpStream, path: &str) -> (u16, String) {
    write!(stream, "GET {path} HTTP/1.0\r\n\r\n").expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    let (head, body) = answer.split_once("\r\n\r\n").expect("HTTP has a head");
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    (status.expect("a head has a status"), body.to_owned())
}

/// Asks for the zone's SOA over a connection of its own.
fn answers_dns(endpoint: &Endpoint) -> bool {
    let mut stream = connect(endpoint, 53);
    let query = b"\0\x1a\x12\x34\0\0\0\x01\0\0\0\0\0\0\x03lab\x04test\0\0\x06\0\x01";
    stream.write_all(query).expect("it reads");
    let mut head = [0; 6];
    stream.read_exact(&mut head).is_ok() && head[2..4] == [0x12, 0x34] && head[5] & 0xf == 0
}

fn descriptors(daemon: &Daemon) -> usize {
    let open = fs::read_dir(format!("/proc/{}/fd", daemon.pid()));
    open.expect("it runs").count()
}

fn raise_descriptors() {
    let maximum = getrlimit(Resource::Nofile).maximum;
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    setrlimit(Resource::Nofile, raised).expect("the hard limit is ours to use");
}
