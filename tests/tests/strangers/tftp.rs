//! TFTP: many requests for a large file, whose clients never say anything more.

use std::fs;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::path::Path;
use std::time::{Duration, Instant};

use quorate_daemon::Event;
use quorate_tests::network::{Endpoint, Lab, SERVER, addr};

use crate::client::{ANSWER_MAX, Client, machine};
use crate::{boot_dir, config, memory_mib};

/// 400 requests of 38 octets, from 20 addresses, for a file of 60 MiB; and a machine that boots.
pub(crate) fn flood(dir: &Path) {
    const LARGE_OCTETS: u64 = 60 << 20;
    let lab = Lab::new(dir);
    let boot = boot_dir(dir);
    fs::File::create(boot.join("initrd"))
        .and_then(|file| file.set_len(LARGE_OCTETS))
        .expect("the test's directory is writable");
    let loader: Vec<u8> = (0..70_000u32).map(|n| (n % 251) as u8).collect();
    fs::write(boot.join("loader"), &loader).expect("the test's directory is writable");
    let (stranger, machine_) = (lab.addressed(2), lab.addressed(3));
    for host in 10..29 {
        stranger.set_address(addr(host));
    }
    let daemon = lab.serve(&config(&lab));
    let before = memory_mib(&daemon);
    let mut client = Client::new(&machine_, addr(3));
    let silent: Vec<UdpSocket> = (0..400)
        .map(|n| {
            let host = [
                2, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28,
            ];
            let socket = open(&stranger, addr(host[n % host.len()]).into());
            let request = b"\0\x01initrd\0octet\0timeout\x00255\0tsize\x000\0";
            socket
                .send_to(request, (SERVER, 69))
                .expect("the port is open");
            socket
        })
        .collect();
    let begun = Instant::now();
    assert_eq!(fetch(&machine_, "loader"), loader, "beside 400 transfers");
    assert!(begun.elapsed() < ANSWER_MAX, "{:?}", begun.elapsed());
    let (_, took) = client.lease(machine(1)).expect("DHCP is served");
    assert!(took < Duration::from_secs(1), "{took:?}");
    let after = memory_mib(&daemon);
    assert!(after < before + 64, "{before} MiB, then {after} MiB");
    // All of one source, and nobody who is not there, for longer than ten seconds.
    drop(silent);
    std::thread::sleep(Duration::from_secs(11));
    let events = daemon.new_events();
    let is_refusal =
        |event: &Event| matches!(event, Event::Refused { service, .. } if service == "tftp");
    assert!(
        events.iter().any(|line| is_refusal(&line.event)),
        "{events:?}"
    );
    assert_eq!(fetch(&machine_, "loader"), loader, "afterwards");
}

fn open(endpoint: &Endpoint, source: IpAddr) -> UdpSocket {
    let bind = || UdpSocket::bind(SocketAddr::new(source, 0));
    let socket = endpoint.ns.run(bind).expect("the namespace is there");
    let socket = socket.expect("the address is ours");
    socket
        .set_read_timeout(Some(ANSWER_MAX))
        .expect("it is not zero");
    socket
}

/// A client as RFC 1350 describes it.
fn fetch(endpoint: &Endpoint, file: &str) -> Vec<u8> {
    let socket = open(endpoint, addr(3).into());
    let request = format!("\0\x01{file}\0octet\0");
    socket
        .send_to(request.as_bytes(), (SERVER, 69))
        .expect("the port is open");
    let mut content = Vec::new();
    let mut buffer = [0; 600];
    loop {
        let (len, from) = socket.recv_from(&mut buffer).expect("a block");
        assert_eq!(buffer[..2], [0, 3], "{:?}", &buffer[..len]);
        socket
            .send_to(&[0, 4, buffer[2], buffer[3]], from)
            .expect("the port is open");
        content.extend(&buffer[4..len]);
        if len < 516 {
            return content;
        }
    }
}
