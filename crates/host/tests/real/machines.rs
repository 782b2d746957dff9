//! What is tried with machines.

use std::fs;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use quorate_host::lan::MACHINE_INTERFACE;
use quorate_host::machine::{self, AgentConfig, Bind, Init, Machine, MachineSpec, StaticAddress};
use quorate_netlink::Netlink;
use serde_json::{Value, json};

use super::cases::{Bench, addr, configure, mac, wait_until};

/// The processes of this PID namespace.
pub(crate) fn processes() -> Vec<u32> {
    let entries = fs::read_dir("/proc").unwrap();
    let mut pids: Vec<_> = entries
        .filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok())
        .collect();
    pids.sort_unstable();
    pids
}

/// What machines with an agent run here: says what it sees, and leaves a mark on the disk.
pub(crate) fn agent(config: AgentConfig) -> ExitCode {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_else(|error| error.to_string());
    let report = json!({
        "config": (config.interface, config.seed),
        "pid": rustix::process::getpid().as_raw_nonzero().get(),
        "processes": processes(),
        "hostname": rustix::system::uname().nodename().to_str().unwrap(),
        "etc_hostname": read("/etc/hostname"),
        "resolv_conf": read("/etc/resolv.conf"),
        "shown": read("/srv/shown"),
        "disk": read("/var/lib/mark"),
        "usr_writable": fs::write("/usr/bin/mark", "x").is_ok() || fs::write("/srv/shown", "x").is_ok(),
        "mac": Netlink::open().unwrap().mac(MACHINE_INTERFACE).unwrap(),
        "program": fs::metadata(machine::PROGRAM).is_ok(),
    });
    fs::write("/etc/resolv.conf", "nameserver 10.0.0.1\n").unwrap();
    fs::write("/var/lib/mark", "was here").unwrap();
    eprintln!("to the console");
    println!("{report}");
    io::stdout().flush().unwrap();
    ExitCode::from(42)
}

pub(crate) fn agent_and_disk(dir: &Path) -> ExitCode {
    let bench = Bench::cabled(1, dir);
    fs::write(dir.join("shown"), "from the host").unwrap();
    let spec = MachineSpec {
        hostname: "n0".into(),
        net: &bench.nets[0],
        dir: dir.join("n0"),
        binds: vec![Bind {
            host: dir.join("shown"),
            inside: "/srv/shown".into(),
            read_only: true,
        }],
        init: Init::Agent {
            config: Box::new(AgentConfig {
                seed: 7,
                ..AgentConfig::new(MACHINE_INTERFACE)
            }),
        },
    };
    let boot = || -> Value {
        let mut machine = Machine::power_on(&spec).unwrap();
        let mut line = String::new();
        BufReader::new(machine.stdout().unwrap())
            .read_line(&mut line)
            .unwrap();
        assert_eq!(machine.wait().unwrap().code(), Some(42));
        serde_json::from_str(&line).unwrap()
    };
    let mut wanted = json!({
        "config": ["eth0", 7], "pid": 1, "processes": [1], "hostname": "n0",
        "etc_hostname": "n0\n", "resolv_conf": "", "shown": "from the host",
        "disk": "No such file or directory (os error 2)", "usr_writable": false,
        "mac": mac(0), "program": true,
    });
    assert_eq!(boot(), wanted);
    wanted["disk"] = json!("was here");
    assert_eq!(boot(), wanted, "the disk stays, and nothing else does");
    assert_eq!(
        fs::read_to_string(dir.join("n0/disk/mark")).unwrap(),
        "was here"
    );
    let console = fs::read_to_string(dir.join("n0/log/console.log")).unwrap();
    assert_eq!(console, "to the console\n".repeat(2));
    assert_eq!(processes(), [1, 2]);
    ExitCode::SUCCESS
}

fn exec(bench: &Bench, dir: &Path, n: usize, argv: &[&str]) -> io::Result<Machine> {
    let address = StaticAddress {
        addr: addr(n),
        prefix: 24,
        gateway: Some(addr(0)),
    };
    Machine::power_on(&MachineSpec {
        hostname: format!("n{n}"),
        net: &bench.nets[n],
        dir: dir.join(format!("n{n}")),
        binds: Vec::new(),
        init: Init::Exec {
            argv: argv.iter().map(|word| word.to_string()).collect(),
            address: Some(address),
        },
    })
}

pub(crate) fn static_address(dir: &Path) -> ExitCode {
    let bench = Bench::cabled(2, dir);
    bench.nets[0].run(|| configure(addr(0))).unwrap();
    let a = bench.udp(0);
    a.set_read_timeout(Some(Duration::from_millis(100)))
        .unwrap();
    for cycle in ["first", "second"] {
        let mut machine = exec(&bench, dir, 1, &[machine::PROGRAM, "echo", "53"]).unwrap();
        let mut buffer = [0; 64];
        let length = (0..100).find_map(|_| {
            a.send_to(cycle.as_bytes(), (addr(1), 53)).unwrap();
            a.recv(&mut buffer).ok()
        });
        let length = length.expect("the machine does not answer");
        let answer = &buffer[..length];
        assert!(["first", "second"].iter().any(|c| c.as_bytes() == answer));
        machine.power_off().unwrap();
    }
    ExitCode::SUCCESS
}

pub(crate) fn power_off(dir: &Path) -> ExitCode {
    let bench = Bench::cabled(2, dir);
    let script = "sleep 1000 & setsid sleep 1000 & echo up; wait";
    let mut machine = exec(&bench, dir, 0, &["sh", "-c", script]).unwrap();
    let mut line = String::new();
    let mut stdout = BufReader::new(machine.stdout().unwrap());
    stdout.read_line(&mut line).unwrap();
    assert_eq!(line, "up\n");
    assert!(processes().len() >= 7, "{:?}", processes());
    assert!(machine.try_wait().unwrap().is_none());
    machine.power_off().unwrap();
    assert_eq!(processes(), [1, 2]);
    machine.power_off().expect("again does no harm");

    let mut ended = exec(&bench, dir, 0, &["sh", "-c", "exit 7"]).unwrap();
    assert_eq!(ended.wait().unwrap().code(), Some(7));
    let mut missing = exec(&bench, dir, 0, &["/no/such/program"]).unwrap();
    assert_eq!(missing.wait().unwrap().code(), Some(127));
    let console = fs::read_to_string(dir.join("n0/log/console.log")).unwrap();
    assert!(console.contains("cannot run /no/such/program"), "{console}");

    let script = "trap 'exit 5' TERM; echo up; while :; do sleep 1000 & wait; done";
    let mut polite = exec(&bench, dir, 1, &["sh", "-c", script]).unwrap();
    BufReader::new(polite.stdout().unwrap())
        .read_line(&mut line)
        .unwrap();
    polite.press_power_button().unwrap();
    assert_eq!(polite.wait().unwrap().code(), Some(5));

    let nowhere = Bind {
        host: "/no/such/file".into(),
        inside: "/x".into(),
        read_only: true,
    };
    let refused = Machine::power_on(&MachineSpec {
        hostname: "n0".into(),
        net: &bench.nets[0],
        dir: dir.join("n0"),
        binds: vec![nowhere],
        init: Init::Agent {
            config: Box::new(AgentConfig::new(MACHINE_INTERFACE)),
        },
    });
    let reason = refused.unwrap_err().to_string();
    assert!(reason.contains("cannot find /no/such/file"), "{reason}");
    assert_eq!(processes(), [1, 2]);
    ExitCode::SUCCESS
}

pub(crate) fn hang(dir: &Path) -> ExitCode {
    let bench = Bench::cabled(2, dir);
    bench.nets[0].run(|| configure(addr(0))).unwrap();
    let a = bench.udp(0);
    let script = format!("sleep 1000 & exec {} echo 53", machine::PROGRAM);
    let before = processes();
    let mut machine = exec(&bench, dir, 1, &["sh", "-c", &script]).unwrap();
    let ask = || a.send_to(b"are you there", (addr(1), 53)).unwrap();
    let mut buffer = [0; 64];
    a.set_nonblocking(true).unwrap();
    wait_until(|| {
        ask();
        thread::sleep(Duration::from_millis(10));
        a.recv(&mut buffer).is_ok()
    });
    // The namespace holder, which is no part of the machine, PID 1, the echo and a sleeper.
    let all: Vec<u32> = processes()
        .into_iter()
        .filter(|pid| !before.contains(pid))
        .collect();
    assert_eq!(all.len(), 4);
    let stopped = || all.iter().filter(|pid| state(**pid) == 'T').count();
    for _ in 0..2 {
        machine.freeze().unwrap();
        wait_until(|| stopped() == 3);
        while a.recv(&mut buffer).is_ok() {}
        ask();
        // Its kernel keeps the question; no process runs that could answer it.
        assert!(a.recv(&mut buffer).is_err());
        machine.thaw().unwrap();
        wait_until(|| stopped() == 0);
        wait_until(|| a.recv(&mut buffer).is_ok());
    }
    machine.freeze().unwrap();
    machine.power_off().unwrap();
    assert_eq!(processes(), before);
    machine.freeze().expect("there is nothing to stop");
    machine.thaw().expect("there is nothing to go on");
    ExitCode::SUCCESS
}

/// What the kernel says of a process (proc(5)).
fn state(pid: u32) -> char {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    fields.chars().next().unwrap()
}
