//! The package's example, served as the package's unit serves it: the same command line, the
//! same two capabilities and no more, ready when it says so.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Child;

use quorate_tests::lab::{Lab, PATIENCE, Station, eventually, foreign};
use quorate_tests::read;
use rustix::process::{Pid, Signal, kill_process};

use crate::unit::{EXAMPLE, PROGRAM, UNIT, values};

/// What the example says.
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 20, 0, 2);
const WATCHER: Ipv4Addr = Ipv4Addr::new(10, 20, 0, 3);
const CONFIG: &str = "/etc/quorate/quorate.toml";
const STATE_DIR: &str = "/var/lib/quorate";

pub(crate) fn as_the_unit_does(dir: &Path) {
    let lab = Lab::new(dir);
    let server = lab.station(2);
    server.set_address(SERVER);
    let watcher = lab.station(3);
    watcher.set_address(WATCHER);

    let manager = UnixDatagram::bind(dir.join("notify")).expect("the directory is writable");
    let mut daemon = start(&server, dir);
    heard(&manager, "READY=1");

    let newcomer = lab.station(20);
    let addr = lease(&newcomer, dir);
    let question = ["@10.20.0.2", "+short", "dora.closet.example", "A"];
    eventually("the name of the new machine", || {
        let said = watcher.run("dig", question);
        (said.stdout.trim() == addr).then_some(())
    });
    let seed = get(&watcher, "/seed/3c:ec:ef:00:00:01/meta-data");
    assert!(
        seed.starts_with("HTTP/1.0 404") || seed.starts_with("HTTP/1.1 404"),
        "nobody leases this seed's address: {seed}"
    );

    let id = Pid::from_child(&daemon);
    kill_process(id, Signal::TERM).expect("it is our child");
    heard(&manager, "STOPPING=1");
    let status = daemon.wait().expect("it was started");
    assert!(status.success(), "{status}");
}

/// What systemd does with the unit: the command line, a state directory, capabilities.
fn start(server: &Station, dir: &Path) -> Child {
    let unit = read(UNIT);
    let state_dir = dir.join("state");
    let mut private = fs::DirBuilder::new();
    private.mode(0o700);
    private.create(&state_dir).expect("the directory is empty");
    let config = dir.join("quorate.toml");
    let text = read(EXAMPLE);
    assert!(text.contains(STATE_DIR), "the unit's StateDirectory=");
    let text = text.replace(STATE_DIR, &state_dir.display().to_string());
    fs::write(&config, text).expect("the directory is writable");

    let [line] = &values(&unit, "ExecStart")[..] else {
        panic!("one ExecStart= in {UNIT}");
    };
    let words = line.split(' ').map(|word| match word {
        PROGRAM => std::env::current_exe().expect("it is running"),
        CONFIG => config.clone(),
        word => word.into(),
    });
    let bounds = values(&unit, "CapabilityBoundingSet").join(" ");
    let keep: String = bounds
        .split_whitespace()
        .filter_map(|name| name.strip_prefix("CAP_"))
        .map(|name| format!(",+{}", name.to_lowercase()))
        .collect();
    let log = fs::File::create(dir.join("serve.log")).expect("the directory is writable");
    let mut command = foreign("setpriv");
    command
        .arg(format!("--bounding-set=-all{keep}"))
        .arg("--inh-caps=-all")
        .arg("--no-new-privs")
        .arg("--")
        .args(words)
        .env("NOTIFY_SOCKET", dir.join("notify"))
        .stdout(log.try_clone().expect("a file can be shared"))
        .stderr(log);
    server.spawn(&mut command)
}

/// Waits until the daemon says this to its manager.
fn heard(manager: &UnixDatagram, what: &str) {
    manager
        .set_read_timeout(Some(PATIENCE))
        .expect("it is not zero");
    let mut heard = [0; 64];
    let len = manager.recv(&mut heard);
    let len = len.unwrap_or_else(|error| panic!("waited for {what}: {error}"));
    assert_eq!(String::from_utf8_lossy(&heard[..len]), what);
}

/// Gets a lease for a machine that calls itself dora; the answer is its address.
fn lease(station: &Station, dir: &Path) -> String {
    let script = dir.join("on-event");
    fs::write(&script, "#!/bin/sh\ntest \"$1\" != bound || echo \"$ip\"\n")
        .and_then(|()| fs::set_permissions(&script, fs::Permissions::from_mode(0o700)))
        .expect("the directory is writable");
    let script = script.display().to_string();
    let fixed = ["-f", "-q", "-n", "-i", "eth0", "-x", "hostname:dora", "-s"];
    let said = station.run("udhcpc", fixed.iter().copied().chain([script.as_str()]));
    let addr = said.stdout.trim().to_owned();
    assert!(addr.starts_with("10.20.0.1"), "{said:?}");
    addr
}

fn get(station: &Station, path: &str) -> String {
    let asked = station.ns.run(|| {
        let mut stream = TcpStream::connect(SocketAddr::from((SERVER, 80)))?;
        write!(stream, "GET {path} HTTP/1.0\r\nHost: {SERVER}\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok::<_, std::io::Error>(answer)
    });
    asked
        .expect("the namespace is there")
        .expect("the seed server answers")
}
