//! From power to a healthy etcd, and what each of the programs on that way says about it.

use std::fs;
use std::net::Ipv4Addr;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use libtest_mimic::Failed;
use quorate_daemon::{Event, Line};
use quorate_host::machine::{self as host, Bind, Init, MachineSpec};
use quorate_host::world::monotonic_ns;
use quorate_tests::checks::{foreign, succeed};
use quorate_tests::dns_tools::dig;
use quorate_tests::emulator::{Boot, Machine, Network};
use quorate_tests::network::{Daemon, Endpoint, Lab, SERVER, mac, within};
use serde_json::{Value, json};

use crate::root::{self, INITRD, KERNEL, REPORT, Root, TOOLS_DIR, TOOLS_LABEL};

/// A machine with this root on its disk becomes the one member of a cluster, loses power, and is it
/// again.
pub(crate) fn from_power_to_etcd(root: &Root, dir: &Path) {
    let (place, mut daemon) = Place::new(root, dir, 1);
    let watcher = place.lab.addressed(WATCHER);

    let (machine, addr, first) = place.power_on(&mut daemon, "first");
    assert_eq!(first.part("enabled"), "enabled");
    // Nothing else on this LAN has seen the machine but the servers.
    let question = format!("{NAME}.{ZONE} A");
    assert_eq!(dig(&watcher, &question).data("A"), [addr.to_string()]);
    let member = is_healthy(&watcher, addr, &[NAME]);
    let kept = json!({ "key": "a2V5", "value": "dmFsdWU=" });
    post(&watcher, addr, "kv/put", &kept).expect("it is healthy");
    expect(machine.cut_power());

    let (_machine, again, second) = place.power_on(&mut daemon, "second");
    assert_eq!(again, addr);
    assert_eq!(is_healthy(&watcher, addr, &[NAME]), member);
    let found = post(&watcher, addr, "kv/range", &json!({ "key": "a2V5" }));
    assert_eq!(
        found.expect("it is healthy")["kvs"][0]["value"],
        kept["value"]
    );
    // cloud-init has started it once; now systemd has.
    assert_eq!(second.part("commands"), first.part("commands"));
}

/// Two machines that are ours from the first process on, and this one, are one cluster: the seeds
/// come from one server, and neither kind knows of the other.
pub(crate) fn one_of_three(root: &Root, dir: &Path) {
    let (place, mut daemon) = Place::new(root, dir, 3);
    let endpoints = OTHERS.map(|(host, name)| (place.lab.endpoint(host), name));
    let etcd = quorate_needs::probe::etcd("3.5")
        .expect("the case needs it")
        .etcd;
    let power_on = |(endpoint, name): &(Endpoint, &str)| {
        let bind = Bind {
            host: etcd.clone(),
            inside: ETCD.into(),
            read_only: true,
        };
        let spec = MachineSpec {
            hostname: "localhost".to_owned(),
            net: &endpoint.ns,
            dir: dir.join(name),
            binds: vec![bind],
            init: Init::Agent {
                config: Box::new(host::AgentConfig::new("eth0")),
            },
        };
        host::Machine::power_on(&spec).expect("the kernel has namespaces")
    };
    let _others: Vec<_> = endpoints.iter().map(power_on).collect();
    let (_machine, addr, _report) = place.power_on(&mut daemon, "one-of-three");
    let watcher = place.lab.addressed(WATCHER);
    let [(_, birch), (_, cedar)] = OTHERS;
    is_healthy(&watcher, addr, &[NAME, birch, cedar]);
}

/// Where a machine stands, and what it keeps without power.
struct Place<'a> {
    root: &'a Root,
    lab: Lab,
    disk: PathBuf,
    tools: PathBuf,
}

impl<'a> Place<'a> {
    /// A new machine, and the servers for a cluster with so many members.
    fn new(root: &'a Root, dir: &Path, members: usize) -> (Self, Daemon) {
        let made = root.find().expect("it was made before the case");
        let place = Self {
            root,
            lab: Lab::new(dir),
            disk: copy(&made.disk, dir),
            tools: tools(dir),
        };
        let daemon = place.lab.serve(&place.config(&made.dir, members));
        (place, daemon)
    }

    /// Switches the machine on, and waits until cloud-init is done. The answer is the machine, its
    /// address and its report.
    fn power_on(&self, daemon: &mut Daemon, time: &str) -> (Machine, Ipv4Addr, Report) {
        // What the servers did before is not this machine's doing.
        drop(daemon.new_events());
        let power_ns = monotonic_ns();
        let wire = self.lab.wire(NAME);
        let booted = Machine::boot(&Boot {
            disk: Some(&self.disk),
            second_disk: Some(&self.tools),
            network: Network::Wire(wire.as_fd(), mac(MACHINE)),
            patience: PATIENCE,
            ..Boot::new(MEMORY_MIB)
        });
        drop(wire);
        let mut machine = expect(booted);
        expect(machine.await_event(&heading(END)));
        let report = Report(machine.events().replace('\r', ""));
        let lines = daemon.new_events();
        self.keep(time, power_ns, &lines, &machine);
        self.cloud_init_is_content(&report);
        let addr = was_served(&lines);
        assert_eq!(report.part("hostname"), NAME);
        assert_eq!(report.part("fqdn"), self.root.fqdn);
        assert_eq!(report.part("addresses"), format!("{addr}/24"));
        assert_eq!(report.part("failed"), "");
        // Its image says that there is to be such a line, and the seed that there is not.
        let hosts = report.part("hosts");
        assert!(!hosts.contains("127.0.1.1"), "{hosts}");
        (machine, addr, report)
    }

    /// Its own verdict, and nothing that it would rather have otherwise.
    fn cloud_init_is_content(&self, report: &Report) {
        let status = report.part("status");
        assert!(status.contains("status: done"), "{status}");
        let result: Value = serde_json::from_str(report.part("result")).expect("it is JSON");
        let seed = format!("http://{SERVER}/seed/{}/", mac(MACHINE));
        let source = format!("DataSourceNoCloudNet [seed=cmdline,{seed}][dsmode=net]");
        let expected = json!({ "v1": { "datasource": source, "errors": [] } });
        assert_eq!(result, expected);
        let warnings = report.part("warnings").lines();
        let own = |line: &&str| !self.root.harmless.iter().any(|text| line.contains(text));
        assert_eq!(warnings.filter(own).collect::<Vec<_>>(), [""; 0]);
    }

    /// What our configuration for such a machine is.
    fn config(&self, boot_files: &Path, members: usize) -> Value {
        let mut hosts = vec![(MACHINE, NAME)];
        hosts.extend(OTHERS);
        let hosts = hosts
            .into_iter()
            .map(|(host, name)| json!({ "mac": mac(host), "hostname": name, "class": "etcd" }));

        json!({
            "state_dir": self.lab.state_dir(),
            "dhcp": {
                "interface": "eth0",
                "server_id": SERVER,
                "subnets": [{
                    "net": "10.77.0.0/24",
                    "pools": ["10.77.0.100-10.77.0.109"],
                    "domain": ZONE,
                    "dns": [SERVER],
                }],
                "classes": [{
                    "name": "etcd",
                    "boot_file": format!("http://{SERVER}/seed/{{mac}}/"),
                }],
                "hosts": hosts.collect::<Vec<_>>(),
            },
            "dns": {
                "listen": [format!("{SERVER}:53")],
                "zones": [
                    {
                        "name": ZONE,
                        "bootstrap": true,
                        "primary_ns": "ns",
                        "records": [format!("ns 60 IN A {SERVER}")],
                    },
                    { "name": REVERSE_ZONE, "primary_ns": format!("ns.{ZONE}.") },
                ],
            },
            "ddns": {
                "server": format!("{SERVER}:53"),
                "forward_zone": ZONE,
                "reverse_zones": [REVERSE_ZONE],
                "services": [{ "name": "etcd", "class": "etcd", "members": members, "set": "plain" }],
            },
            "seed": {
                "listen": format!("{SERVER}:80"),
                "etcd": {
                    "class": "etcd",
                    "unit": {
                        "binary": ETCD,
                        "await": host::PROGRAM,
                        "discovery_srv": ZONE,
                        "heartbeat_ms": 500,
                        "election_ms": 5000,
                    },
                },
            },
            "boot": {
                "files": [boot_files],
                "script": {
                    "kernel": KERNEL,
                    "initrd": [INITRD],
                    "cmdline": COMMAND_LINE,
                },
            },
        })
    }

    /// Leaves what was said where people find it.
    fn keep(&self, time: &str, power_ns: u64, lines: &[Line], machine: &Machine) {
        let mut text = String::from("seconds since power, and what the servers did\n");
        for line in lines {
            let at = Duration::from_nanos(line.mono_ns.saturating_sub(power_ns));
            let event = serde_json::to_string(&line.event).expect("an event is JSON");
            text += &format!("{:7.1} {event}\n", at.as_secs_f64());
        }
        let path = root::all().join(format!("{}-{time}.txt", self.root.name));
        fs::write(path, text + &machine.story()).expect("the root is there too");
    }
}

/// Each of the files that a machine boots and reads went to it, and the lease stayed the same from
/// the firmware's to the system's. The answer is its address.
fn was_served(lines: &[Line]) -> Ipv4Addr {
    let leased = lines.iter().filter_map(|line| {
        if let Event::Leased { addr, mac: is, .. } = &line.event
            && *is == mac(MACHINE)
        {
            return Some(*addr);
        }
        None
    });
    let leased: Vec<_> = leased.collect();
    let addr = *leased.first().expect("a lease");
    assert!(leased.iter().all(|own| *own == addr), "{leased:?}");
    let fetched = lines.iter().filter_map(|line| {
        if let Event::BootServed { file, addr: to, .. } = &line.event {
            return (*to == addr).then_some(file.as_str());
        }
        if let Event::SeedServed { file, mac: to } = &line.event {
            return (*to == mac(MACHINE)).then_some(file.as_str());
        }
        None
    });
    // cloud-init asks a URL for its network-config since 24.3.
    let fetched: Vec<_> = fetched.filter(|file| *file != "network-config").collect();
    let all = [
        "script",
        KERNEL,
        INITRD,
        "meta-data",
        "user-data",
        "vendor-data",
    ];
    assert_eq!(fetched, all);
    addr
}

/// These members and no others, and the one at the address answers requests from elsewhere. The
/// answer is what etcd says of them.
fn is_healthy(watcher: &Endpoint, addr: Ipv4Addr, names: &[&str]) -> Value {
    within(PATIENCE, "a healthy etcd", || {
        let health = ask(watcher, addr, "health", &[])?;
        (health["health"] == "true").then_some(())
    });
    let version = ask(watcher, addr, "version", &[]).expect("it is healthy");
    assert_eq!(version["etcdcluster"], "3.5.0");
    // A member has its name from when it has begun.
    within(PATIENCE, "every member", || {
        let list = post(watcher, addr, "cluster/member/list", &json!({}))?;
        let members = list["members"].as_array().expect("a list");
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let mut seen: Vec<_> = members
            .iter()
            .map(|member| (text(&member["name"]), text(&member["peerURLs"][0])))
            .collect();
        seen.sort();
        let peer = |name: &&str| ((*name).to_owned(), format!("http://{name}.{ZONE}:2380"));
        let expected: Vec<_> = names.iter().map(peer).collect();
        assert_eq!(seen.len(), expected.len(), "{seen:?}");
        (seen == expected).then(|| json!([list["header"]["cluster_id"], members]))
    })
}

fn post(watcher: &Endpoint, addr: Ipv4Addr, what: &str, body: &Value) -> Option<Value> {
    ask(
        watcher,
        addr,
        &format!("v3/{what}"),
        &["-d", &body.to_string()],
    )
}

fn ask(watcher: &Endpoint, addr: Ipv4Addr, path: &str, body: &[&str]) -> Option<Value> {
    let url = format!("http://{addr}:2379/{path}");
    let fixed = ["-sS", "--max-time", "20", url.as_str()];
    let said = watcher.run("curl", fixed.iter().chain(body));
    serde_json::from_str(&said.stdout).ok()
}

/// A disk of the machine's own; the standard library copies holes as zeros.
fn copy(disk: &Path, dir: &Path) -> PathBuf {
    let own = dir.join("disk.img");
    succeed(foreign("cp").arg("--sparse=always").arg(disk).arg(&own));
    own
}

/// A disk with the programs that the seed names, and with the report.
fn tools(dir: &Path) -> PathBuf {
    let files = dir.join(TOOLS_LABEL);
    fs::create_dir(&files).expect("the test's directory is writable");
    let etcd = quorate_needs::probe::etcd("3.5").expect("the case needs it");
    let own = std::env::current_exe().expect("it is running");
    for (from, path) in [(etcd.etcd, ETCD), (own, host::PROGRAM)] {
        let below = Path::new(path).strip_prefix(TOOLS_DIR);
        let to = files.join(below.expect("it is there on our own machines"));
        let parent = to.parent().expect("it is below the files");
        fs::create_dir_all(parent).expect("the test's directory is writable");
        fs::copy(from, to).expect("the test's directory is writable");
    }
    let report = files.join(REPORT);
    fs::write(&report, SCRIPT).expect("the test's directory is writable");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&report, mode).expect("it was just made");
    let image = dir.join("tools.img");
    let mut mke2fs = foreign("mke2fs");
    mke2fs.args([
        "-q",
        "-t",
        "ext4",
        "-E",
        "root_owner=0:0",
        "-L",
        TOOLS_LABEL,
        "-d",
    ]);
    succeed(mke2fs.arg(&files).arg(&image).arg("512M"));
    image
}

/// What the machine has said of itself, in parts with a heading each.
struct Report(String);

impl Report {
    fn part(&self, name: &str) -> &str {
        let parts = self.0.split_once(&format!("{}\n", heading(name)));
        let (_, rest) = parts.unwrap_or_else(|| panic!("no {name} in {}", self.0));
        rest.split("== ").next().unwrap_or_default().trim()
    }
}

fn heading(name: &str) -> String {
    format!("== {name}")
}

fn expect<T>(outcome: Result<T, Failed>) -> T {
    outcome.unwrap_or_else(|failed| panic!("{}", failed.message().unwrap_or_default()))
}

/// Everything that a person would look at. A power cut may leave zeros in a log, which is text all the
/// same.
const SCRIPT: &str = r#"#!/bin/sh
part() { echo "== $1"; shift; "$@" 2>&1; }
part status cloud-init status --wait --long
part result cat /run/cloud-init/result.json
part warnings grep -aE ' - [a-z_A-Z0-9.]+\[(WARNING|ERROR|CRITICAL)\]|Traceback' /var/log/cloud-init.log
part hostname hostname
part fqdn hostname --fqdn
part addresses sh -c "ip -4 -o address show scope global | awk '{ print \$4 }'"
part enabled systemctl is-enabled etcd.service
part failed systemctl --failed --no-legend --plain
part hosts cat /etc/hosts
part resolver cat /etc/resolv.conf
part commands stat -c %y /var/lib/cloud/instance/sem/config_scripts_user
part unit cat /etc/systemd/system/etcd.service
part etcd journalctl --unit etcd.service --no-pager --output short-monotonic --lines 60
part network sh -c 'cat /etc/network/interfaces.d/* /etc/netplan/* /run/systemd/network/*'
part stages cloud-init analyze show
part boot journalctl --boot --no-pager --output short-monotonic --identifier systemd --identifier dhclient --identifier systemd-networkd
part end
"#;
const END: &str = "end";

/// The kernel's check of its timer gives up when a busy host lets an emulated one come late.
const COMMAND_LINE: &str = "root=LABEL=root console=ttyS0 no_timer_check ds=nocloud-net;s={seed}";
/// Where machines have it that are ours from the first process on.
const ETCD: &str = "/opt/etcd/etcd";
const NAME: &str = "ash";
const OTHERS: [(u8, &str); 2] = [(30, "birch"), (31, "cedar")];
const ZONE: &str = "lab.test";
const REVERSE_ZONE: &str = "0.77.10.in-addr.arpa";
const MACHINE: u8 = 20;
const WATCHER: u8 = 21;
const MEMORY_MIB: u64 = 512;
/// cloud-init is a Python program that is started four times, on a processor that is emulated.
const PATIENCE: Duration = Duration::from_secs(15 * 60);
