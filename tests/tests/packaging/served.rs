//! The package's example, served as the package's unit serves it: the same command line, the
//! same two capabilities and no more, ready when it says so. Once from this repository, once from
//! a package that was installed.

use std::ffi::OsString;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Command;

use quorate_tests::network::{Endpoint, Lab, PATIENCE, eventually, foreign};
use quorate_tests::read;
use rustix::process::{Pid, Signal, kill_process};

use crate::debian;
use crate::unit::{EXAMPLE, PROGRAM, UNIT, values};

/// What the example says.
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 20, 0, 2);
const WATCHER: Ipv4Addr = Ipv4Addr::new(10, 20, 0, 3);
const CONFIG: &str = "/etc/quorate/quorate.toml";
const STATE_DIR: &str = "/var/lib/quorate";

/// This repository's program, as systemd would start it.
pub(crate) fn as_the_unit_does(dir: &Path) {
    let state_dir = dir.join("state");
    let config = dir.join("quorate.toml");
    configure(&read(EXAMPLE), &state_dir, &config, &state_dir);
    let words = |word: &str| match word {
        PROGRAM => std::env::current_exe().expect("it is running"),
        CONFIG => config.clone(),
        word => word.into(),
    };
    let mut command = foreign("setpriv");
    command.args(confined(&read(UNIT), words));
    let notify = dir.join("notify");
    command.env("NOTIFY_SOCKET", &notify);
    serves(dir, &notify, &mut command);
}

/// The package's program, in the root where it is installed, with the example that it brought.
pub(crate) fn as_installed(dir: &Path) {
    let root = dir.join("root");
    debian::unpack(&root);
    debian::check_units(&root);
    let below = |path: &str| root.join(path.trim_start_matches('/'));
    let text = |path: &str| {
        let path = below(path);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    let example = text("/usr/share/doc/quorate/examples/quorate.toml");
    in_root(dir, &root, &example, |_| {
        let mut command = foreign("chroot");
        command.arg(&root).arg("setpriv");
        command.args(confined(&text(debian::UNIT), |word| word.into()));
        command
    });
}

/// A program of a root, which `start` starts there with this configuration.
pub(crate) fn in_root(dir: &Path, root: &Path, example: &str, start: impl FnOnce(&str) -> Command) {
    let below = |path: &str| root.join(path.trim_start_matches('/'));
    for parent in ["/etc/quorate", "/var/lib"] {
        fs::create_dir_all(below(parent)).expect("the root is writable");
    }
    let (state_dir, config) = (below(STATE_DIR), below(CONFIG));
    configure(example, &state_dir, &config, Path::new(STATE_DIR));
    let mut command = start(CONFIG);
    command.env("NOTIFY_SOCKET", "/notify");
    serves(dir, &below("/notify"), &mut command);
}

/// What the servers of the example do for a new machine, from the start of the daemon to its end.
fn serves(dir: &Path, notify: &Path, daemon: &mut Command) {
    let lab = Lab::new(dir);
    let server = lab.endpoint(2);
    server.set_address(SERVER);
    let watcher = lab.endpoint(3);
    watcher.set_address(WATCHER);

    let manager = UnixDatagram::bind(notify).expect("the directory is writable");
    let log = fs::File::create(dir.join("serve.log")).expect("the directory is writable");
    daemon.stdout(log.try_clone().expect("a file can be shared"));
    let mut daemon = server.spawn(daemon.stderr(log));
    heard(&manager, "READY=1", dir);

    let newcomer = lab.endpoint(20);
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
    heard(&manager, "STOPPING=1", dir);
    let status = daemon.wait().expect("it was started");
    assert!(status.success(), "{status}");
}

/// Makes the state directory as systemd does, and writes the example as a configuration that calls
/// it `named`.
fn configure(example: &str, state_dir: &Path, config: &Path, named: &Path) {
    let mut private = fs::DirBuilder::new();
    private.mode(0o700);
    private.create(state_dir).expect("nobody made it before");
    assert!(example.contains(STATE_DIR), "the unit's StateDirectory=");
    let text = example.replace(STATE_DIR, &named.display().to_string());
    fs::write(config, text).expect("the directory is writable");
}

/// The arguments with which setpriv starts what the unit starts, with the unit's capabilities;
/// `find` says where each word of its command line is.
fn confined(unit: &str, find: impl Fn(&str) -> PathBuf) -> Vec<OsString> {
    let [line] = &values(unit, "ExecStart")[..] else {
        panic!("one ExecStart= in {unit}");
    };
    let bounds = values(unit, "CapabilityBoundingSet").join(" ");
    let keep: String = bounds
        .split_whitespace()
        .filter_map(|name| name.strip_prefix("CAP_"))
        .map(|name| format!(",+{}", name.to_lowercase()))
        .collect();
    let fixed = [
        &format!("--bounding-set=-all{keep}"),
        "--inh-caps=-all",
        "--no-new-privs",
        "--",
    ];
    let words = line.split(' ').map(|word| find(word).into_os_string());
    fixed.iter().map(OsString::from).chain(words).collect()
}

/// Waits until the daemon says this to its manager.
fn heard(manager: &UnixDatagram, what: &str, dir: &Path) {
    manager
        .set_read_timeout(Some(PATIENCE))
        .expect("it is not zero");
    let mut heard = [0; 64];
    let len = manager.recv(&mut heard);
    let len = len.unwrap_or_else(|error| {
        let log = fs::read_to_string(dir.join("serve.log")).unwrap_or_default();
        panic!("waited for {what}: {error}; the daemon said: {log}")
    });
    assert_eq!(String::from_utf8_lossy(&heard[..len]), what);
}

/// Gets a lease for a machine that calls itself dora; the answer is its address.
fn lease(endpoint: &Endpoint, dir: &Path) -> String {
    let script = dir.join("on-event");
    fs::write(&script, "#!/bin/sh\ntest \"$1\" != bound || echo \"$ip\"\n")
        .and_then(|()| fs::set_permissions(&script, fs::Permissions::from_mode(0o700)))
        .expect("the directory is writable");
    let script = script.display().to_string();
    let fixed = ["-f", "-q", "-n", "-i", "eth0", "-x", "hostname:dora", "-s"];
    let said = endpoint.run("udhcpc", fixed.iter().copied().chain([script.as_str()]));
    let addr = said.stdout.trim().to_owned();
    assert!(addr.starts_with("10.20.0.1"), "{said:?}");
    addr
}

fn get(endpoint: &Endpoint, path: &str) -> String {
    let asked = endpoint.ns.run(|| {
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
