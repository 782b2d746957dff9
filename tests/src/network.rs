//! A small network for foreign programs: one switch, `quorate serve` at 10.77.0.1, and endpoints
//! that are namespaces with one cable. Made in a sandbox, and ends with it.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::Ipv4Addr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use quorate_core::{MacAddr, Seed};
use quorate_daemon::{Event, Line, control_path};
use quorate_host::lan::{Lan, LanOptions, MACHINE_INTERFACE, Port};
use quorate_host::netns::NetNs;
use quorate_netlink::Netlink;
use serde_json::Value;

use crate::stories::wait_for;
use quorate_needs::probe::program;

/// Where the daemons are.
pub const SERVER: Ipv4Addr = addr(1);

/// 10.77.0.`host`, in the one subnet there is.
pub const fn addr(host: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 77, 0, host)
}

/// The hardware address of the endpoint with this number.
pub const fn mac(host: u8) -> MacAddr {
    MacAddr([2, 0, 0, 0x77, 0, host])
}

/// The network, with the namespace of its server.
#[derive(Debug)]
pub struct Lab {
    dir: PathBuf,
    server: Endpoint,
    lan: Lan,
}

impl Lab {
    /// A network whose files go to `dir`.
    ///
    /// # Panics
    /// Like everything here, when the kernel refuses: then the test cannot go on.
    pub fn new(dir: &Path) -> Self {
        let lan = Lan::start(LanOptions {
            capture: None,
            seed: Seed::new(1),
        })
        .expect("a switch starts");
        let server = plug(&lan, 1);
        server.set_address(SERVER);
        Self {
            dir: dir.to_owned(),
            server,
            lan,
        }
    }

    /// An endpoint whose link is up and that has no address.
    pub fn endpoint(&self, host: u8) -> Endpoint {
        plug(&self.lan, host)
    }

    /// An endpoint with the address [`addr`]`(host)`.
    pub fn addressed(&self, host: u8) -> Endpoint {
        let endpoint = self.endpoint(host);
        endpoint.set_address(addr(host));
        endpoint
    }

    /// Lays a cable for a machine that is a process; it gets the other end.
    pub fn wire(&self, name: &str) -> UnixStream {
        let (ours, theirs) = UnixStream::pair().expect("the kernel has sockets");
        let cable = self.lan.lay(name).expect("the switch has a port");
        let wired = self.lan.wire(cable.port, ours);
        wired.expect("the switch runs");
        theirs
    }

    /// Where the test may write.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The directory that a daemon's `state_dir` should be.
    pub fn state_dir(&self) -> PathBuf {
        self.dir.join("state")
    }

    /// Starts `quorate serve` with this configuration; its lines are the caller's to read.
    pub fn start(&self, config: &Value) -> Child {
        let program = Command::new("/proc/self/exe");
        self.start_by(program, config)
    }

    /// The same by a foreign program that bounds what it may do.
    pub fn serve_by(&self, program: &str, arguments: &[&str], config: &Value) -> Daemon {
        let mut command = foreign(program);
        let quorate = std::env::current_exe().expect("the program has a path");
        command.args(arguments).arg(quorate);
        self.follow(self.start_by(command, config))
    }

    fn start_by(&self, mut command: Command, config: &Value) -> Child {
        let file = self.dir.join("quorate.json");
        fs::write(&file, config.to_string()).expect("the test's directory is writable");
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.dir.join("serve.log"))
            .expect("the test's directory is writable");
        command.args(["serve", "--format", "json", "--config"]);
        command.arg(&file).stdout(Stdio::piped()).stderr(log);
        self.server.spawn(&mut command)
    }

    /// Starts `quorate serve` with this configuration, and waits until it answers.
    pub fn serve(&self, config: &Value) -> Daemon {
        self.follow(self.start(config))
    }

    /// The same with more in its environment.
    pub fn serve_in(&self, config: &Value, environment: &[(&str, String)]) -> Daemon {
        let mut command = Command::new("/proc/self/exe");
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        self.follow(self.start_by(command, config))
    }

    fn follow(&self, mut child: Child) -> Daemon {
        let stdout = child.stdout.take().expect("it is piped");
        let (sender, events) = channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let line: Line = serde_json::from_str(&line).expect("events are JSON");
                // The test may have heard enough.
                let _ = sender.send(line);
            }
        });
        let mut daemon = Daemon {
            child,
            events,
            state_dir: self.state_dir(),
            log: self.dir.join("serve.log"),
        };
        daemon.wait_for("ready", |event| matches!(event, Event::Ready { .. }));
        daemon
    }
}

/// A namespace with one interface at the switch.
#[derive(Debug)]
pub struct Endpoint {
    pub ns: NetNs,
    pub mac: MacAddr,
}

impl Endpoint {
    /// Gives the interface an address of the subnet.
    pub fn set_address(&self, addr: Ipv4Addr) {
        self.with_link(|netlink, index| netlink.add_address(index, addr, PREFIX_LEN));
    }

    /// Runs a foreign program to its end.
    pub fn run(&self, name: &str, arguments: impl IntoIterator<Item: AsRef<OsStr>>) -> Said {
        self.run_with_input(name, arguments, "")
    }

    /// The same, with text on its standard input.
    pub fn run_with_input(
        &self,
        name: &str,
        arguments: impl IntoIterator<Item: AsRef<OsStr>>,
        input: &str,
    ) -> Said {
        let mut command = foreign(name);
        command.args(arguments).stdin(Stdio::piped());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.spawn(&mut command);
        let mut stdin = child.stdin.take().expect("it is piped");
        // A program that reads nothing has closed it.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        let output = child.wait_with_output().expect("it was started");
        Said {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Starts a program here.
    pub fn spawn(&self, command: &mut Command) -> Child {
        let started = self.ns.run(|| command.spawn());
        let started = started.expect("the namespace is there");
        started.unwrap_or_else(|error| panic!("{command:?}: {error}"))
    }

    fn with_link(&self, work: impl FnOnce(&mut Netlink, u32) -> std::io::Result<()> + Send) {
        let work = || {
            let mut netlink = Netlink::open()?;
            let index = netlink.link_index(MACHINE_INTERFACE)?;
            work(&mut netlink, index)
        };
        let done = self.ns.run(work).expect("the namespace is there");
        done.expect("the kernel configures its interface");
    }
}

/// What a program said until it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// A running `quorate serve`. Killed when dropped.
#[derive(Debug)]
pub struct Daemon {
    child: Child,
    events: Receiver<Line>,
    state_dir: PathBuf,
    log: PathBuf,
}

impl Daemon {
    /// Waits for an event; those before it are forgotten.
    pub fn wait_for(&mut self, what: &str, is_it: impl Fn(&Event) -> bool) -> Event {
        let end = Instant::now() + PATIENCE;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match self.events.recv_timeout(left) {
                Ok(line) if is_it(&line.event) => return line.event,
                Ok(_) => {}
                Err(error) => panic!("waited for {what}: {error}"),
            }
        }
    }

    /// What it has reported since the last event that was waited for.
    pub fn new_events(&self) -> Vec<Line> {
        self.events.try_iter().collect()
    }

    /// What it wrote to standard error.
    fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// kill -9.
    pub fn kill(&mut self) {
        // It may have ended already, which the test then finds out.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// `GET path` on the control socket.
    pub fn ask(&self, path: &str) -> Value {
        let mut stream =
            UnixStream::connect(control_path(&self.state_dir)).expect("the daemon runs");
        write!(stream, "GET {path} HTTP/1.0\r\nHost: quorate\r\n\r\n").expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        let (_, body) = answer.split_once("\r\n\r\n").expect("HTTP has a head");
        serde_json::from_str(body).expect("it answers JSON")
    }
}

impl Drop for Daemon {
    #[expect(clippy::print_stderr, reason = "the harness shows it with the panic")]
    fn drop(&mut self) {
        self.kill();
        if thread::panicking() {
            eprintln!("quorate serve said: {}", self.said());
        }
    }
}

/// Looks again and again, until there is something to see.
///
/// # Panics
/// When there is nothing after [`PATIENCE`].
pub fn eventually<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    within(PATIENCE, what, look)
}

/// The same with a patience of its own.
pub fn within<T>(patience: Duration, what: &str, look: impl FnMut() -> Option<T>) -> T {
    wait_for(patience, look).unwrap_or_else(|| panic!("waited {patience:?} for {what}"))
}

/// A command for a program whose need the case declared.
pub fn foreign(name: &str) -> Command {
    let path =
        program(name).unwrap_or_else(|| panic!("the case does not say that it needs {name}"));
    let mut command = Command::new(path);
    command.env("LC_ALL", "C");
    command
}

fn plug(lan: &Lan, host: u8) -> Endpoint {
    let ns = NetNs::new().expect("the kernel has network namespaces");
    let mac = mac(host);
    let name = format!("s{host}");
    lan.plug(Port {
        name: &name,
        mac,
        ns: &ns,
    })
    .expect("the switch has a port");
    let endpoint = Endpoint { ns, mac };
    endpoint.with_link(|netlink, index| netlink.link_up(index));
    endpoint
}

/// No test waits longer for anything, unless it says so.
pub const PATIENCE: Duration = Duration::from_secs(10);
const PREFIX_LEN: u8 = 24;
