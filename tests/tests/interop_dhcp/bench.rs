//! One server for a subnet, its names and their reverse; and what clients report by their scripts.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Child;

use quorate_core::MacAddr;
use quorate_daemon::Event;
use quorate_needs::probe::program;
use quorate_tests::dns_tools::dig;
use quorate_tests::network::{Daemon, Endpoint, Lab, SERVER, addr, eventually, foreign};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

pub(crate) struct Bench {
    pub(crate) watcher: Endpoint,
    pub(crate) daemon: Daemon,
    pub(crate) lab: Lab,
}

impl Bench {
    /// A server whose leases are this short.
    pub(crate) fn new(dir: &Path, lease_secs: u32) -> Self {
        let lab = Lab::new(dir);
        let watcher = lab.addressed(2);
        let reverse = "0.77.10.in-addr.arpa";
        let daemon = lab.serve(&json!({
            "state_dir": lab.state_dir(),
            "dhcp": {
                "interface": "eth0",
                "server_id": SERVER,
                "subnets": [{
                    "net": "10.77.0.0/24",
                    "pools": ["10.77.0.100-10.77.0.109"],
                    "routers": [addr(254)],
                    "dns": [SERVER],
                    "domain": "lab.test",
                    "lease_secs": lease_secs,
                }],
                "classes": [{ "name": "any", "client_hostname": true }],
            },
            "dns": {
                "listen": [format!("{SERVER}:53")],
                "zones": [
                    {
                        "name": "lab.test",
                        "bootstrap": true,
                        "primary_ns": "ns",
                        "records": ["printer 60 IN A 10.77.0.250"],
                    },
                    { "name": reverse, "bootstrap": true, "primary_ns": "ns.lab.test." },
                ],
            },
            "ddns": {
                "server": format!("{SERVER}:53"),
                "forward_zone": "lab.test",
                "reverse_zones": [reverse],
            },
        }));
        Self {
            watcher,
            daemon,
            lab,
        }
    }

    /// Waits until a lease of this kind is durable.
    pub(crate) fn leased(&mut self, kind: &str) -> (Ipv4Addr, MacAddr, String) {
        let what = format!("a lease that is {kind}");
        let event = self.daemon.wait_for(
            &what,
            |event| matches!(event, Event::Leased { kind: is, .. } if is == kind),
        );
        let Event::Leased {
            addr,
            mac,
            hostname,
            ..
        } = event
        else {
            unreachable!("it was waited for");
        };
        (addr, mac, hostname)
    }

    /// Waits until name and address lead to each other, as everybody sees it.
    pub(crate) fn named(&self, name: &str, addr: Ipv4Addr) {
        eventually("A and PTR", || {
            let is_there = self.address_of(name) == [addr.to_string()]
                && self.name_of(addr) == [format!("{name}.")];
            is_there.then_some(())
        });
        let dhcid = dig(&self.watcher, &format!("{name} DHCID"));
        assert_eq!(dhcid.data("DHCID").len(), 1, "{}", dhcid.text);
    }

    /// Waits until both are gone again, and with them whose they were.
    pub(crate) fn unnamed(&self, name: &str, addr: Ipv4Addr) {
        eventually("no A and no PTR", || {
            let is_gone = self.address_of(name).is_empty() && self.name_of(addr).is_empty();
            is_gone.then_some(())
        });
        let question = format!("{name} DHCID");
        eventually("no name", || {
            (dig(&self.watcher, &question).status() == "NXDOMAIN").then_some(())
        });
    }

    pub(crate) fn address_of(&self, name: &str) -> Vec<String> {
        dig(&self.watcher, &format!("{name} A")).data("A")
    }

    fn name_of(&self, addr: Ipv4Addr) -> Vec<String> {
        dig(&self.watcher, &format!("-x {addr}")).data("PTR")
    }
}

/// A foreign client in the foreground. Ends with the test.
pub(crate) struct Client {
    child: Child,
    events: PathBuf,
    heard: usize,
}

impl Client {
    /// Starts `name` at `endpoint`; `arguments` gets the path of a script that it must call.
    /// The script does what `prelude` says, which sets `event`, `addr` and `mask`.
    pub(crate) fn start(
        lab: &Lab,
        endpoint: &Endpoint,
        name: &str,
        prelude: &str,
        arguments: impl FnOnce(&str) -> Vec<String>,
    ) -> Self {
        let own = format!("{name}-{}", endpoint.mac).replace(':', "");
        let events = lab.dir().join(format!("{own}.events"));
        let script = lab.dir().join(format!("{own}.sh"));
        let busybox = program("busybox")
            .expect("the case needs it")
            .display()
            .to_string();
        // One line of variables an event: complete, since it is one write.
        let text = format!(
            "#!/bin/sh\n{prelude}\n\
             [ -n \"$addr\" ] && {busybox} ifconfig eth0 \"$addr\" netmask \"$mask\"\n\
             [ -n \"$leaves\" ] && {busybox} ifconfig eth0 0.0.0.0\n\
             echo \"event=$event $(env | {busybox} tr '\\n ' ' _')\" >> {}\n",
            events.display()
        );
        fs::write(&script, text).expect("the test's directory is writable");
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("it is ours");
        let log = File::create(lab.dir().join(format!("{own}.log"))).expect("it is writable");
        let mut command = foreign(name);
        command.args(arguments(&script.display().to_string()));
        command
            .stdout(log.try_clone().expect("a descriptor"))
            .stderr(log);
        Self {
            child: endpoint.spawn(&mut command),
            events,
            heard: 0,
        }
    }

    /// Waits for the script to be called with this event; events before it are forgotten.
    /// Answers the variables that it was called with.
    pub(crate) fn event(&mut self, event: &str) -> BTreeMap<String, String> {
        let (mut heard, events) = (self.heard, &self.events);
        let variables = eventually(&format!("the event {event}"), || {
            let text = fs::read_to_string(events).unwrap_or_default();
            let mut lines = text.lines().enumerate().skip(heard);
            let (n, line) = lines.find(|(_, line)| line.starts_with(&format!("event={event} ")))?;
            heard = n + 1;
            let pairs = line.split(' ').filter_map(|word| word.split_once('='));
            Some(pairs.map(|(k, v)| (k.to_owned(), v.to_owned())).collect())
        });
        self.heard = heard;
        variables
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        kill_process(pid.expect("a child has a number"), signal).expect("it runs");
    }

    /// kill -9: no word to anybody.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it is our child");
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // The sandbox would end it, too.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
