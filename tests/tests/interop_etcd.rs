//! `etcdctl` finds the cluster as its members found each other: by the SRV records of its
//! domain (`--discovery-srv`), from a machine that is not a member.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use quorate_core::Seed;
use quorate_host::machine::{Bind, Init, Machine, MachineSpec};
use quorate_host::netns::NetNs;
use quorate_host::world::backend::Namespaces;
use quorate_host::world::{HostWorld, Options};
use quorate_needs::Need;
use quorate_scenario::drive::{Expected, drive};
use quorate_scenario::{Story, Verdict};
use quorate_tests::sandboxed::{self, Case};

const CASES: [Case; 2] = [
    Case {
        name: "etcdctl_3_5_writes_a_key",
        needs: &[Need::Etcd("3.5")],
        run: |dir| write_a_key(dir, "3.5"),
    },
    Case {
        name: "etcdctl_3_4_writes_a_key",
        needs: &[Need::Etcd("3.4")],
        run: |dir| write_a_key(dir, "3.4"),
    },
];

const STORY: &str = r#"
title = "three members, and a machine that uses them"

[etcd]
members = 3

[[machines]]
name = "n"
count = 3
class = "etcd"

[[machines]]
name = "user"
class = "plain"
"#;

fn main() -> ExitCode {
    sandboxed::main(&CASES)
}

fn write_a_key(dir: &Path, version: &str) {
    let etcd = quorate_needs::probe::etcd(version).expect("the case says that it needs it");
    let number = |n| version.split('.').nth(n).and_then(|text| text.parse().ok());
    let numbers = number(0).zip(number(1)).expect("two numbers");
    let story = Story::parse("the test's", STORY).expect("a story");
    let expected = Expected::new(&story, numbers.0, numbers.1);
    let options = Options {
        etcd_version: numbers,
        seed: 1,
        run_dir: dir.to_owned(),
        registry: None,
        capture: None,
    };
    let mut world = HostWorld::new(
        &story,
        &expected,
        Namespaces::new(etcd.etcd.clone()),
        options,
    );
    let outcome = drive(&mut world, &story, &expected, Seed::new(1), |_, _| {});
    let outcome = outcome.expect("the world works");
    assert_eq!(outcome.verdict, Verdict::Pass);

    let shell = Shell {
        net: world.net("user").expect("a machine of the story"),
        resolver: dir.join("resolv.conf"),
        etcdctl: etcd.etcdctl.expect("the case says that it needs it"),
        dir: dir.join("shell"),
    };
    let resolver = format!("nameserver {}\n", story.network.server());
    fs::write(&shell.resolver, resolver).expect("the test's directory is writable");
    let domain = story.network.domain.as_str();
    let run = |words: &[&str]| shell.etcdctl(domain, words);
    assert_eq!(
        run(&["put", "greeting", "hello"]),
        (true, "OK\n".to_owned())
    );
    assert_eq!(
        run(&["get", "greeting"]),
        (true, "greeting\nhello\n".to_owned())
    );
    let (found, members) = run(&["member", "list"]);
    assert!(found);
    for name in ["n1", "n2", "n3"] {
        let url = format!("http://{name}.{domain}:2379");
        assert!(members.contains(&url), "{url}: {members}");
    }
    // It was the domain's records that led there.
    let (found, _) = shell.etcdctl("nowhere.test", &["get", "greeting"]);
    assert!(!found);
}

/// A place at a machine's network card, with `etcdctl` and a resolver.
struct Shell<'a> {
    net: &'a NetNs,
    resolver: PathBuf,
    etcdctl: PathBuf,
    dir: PathBuf,
}

impl Shell<'_> {
    /// Whether it succeeded, and what it printed.
    fn etcdctl(&self, domain: &str, words: &[&str]) -> (bool, String) {
        let bind = |host: &Path, inside: &str| Bind {
            host: host.to_owned(),
            inside: inside.into(),
            read_only: true,
        };
        let argv = [ETCDCTL, "--dial-timeout", "5s", "--discovery-srv", domain];
        let argv = argv.iter().chain(words).map(|word| (*word).to_owned());
        let mut machine = Machine::power_on(&MachineSpec {
            hostname: "shell".to_owned(),
            net: self.net,
            dir: self.dir.clone(),
            binds: vec![
                bind(&self.etcdctl, ETCDCTL),
                bind(&self.resolver, "/etc/resolv.conf"),
            ],
            init: Init::Exec {
                argv: argv.collect(),
                address: None,
            },
        })
        .expect("a machine starts");
        let mut said = String::new();
        let mut stdout = machine.stdout().expect("it is the first time");
        stdout.read_to_string(&mut said).expect("it writes text");
        let status = machine.wait().expect("it is our machine");
        if !status.success() {
            let console = fs::read_to_string(self.dir.join("log/console.log"));
            said.push_str(&console.unwrap_or_default());
        }
        (status.success(), said)
    }
}

const ETCDCTL: &str = "/opt/etcd/etcdctl";
