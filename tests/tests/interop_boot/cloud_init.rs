//! What cloud-init itself thinks of the configurations in seeds: its own schema, and its own reader.

use std::collections::BTreeMap;
use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Output;

use quorate_boot::{EtcdUnit, Facts, PeerScheme, seed};
use quorate_core::MacAddr;
use quorate_tests::checks::foreign;

/// Names that a DHCP client could send, the worst ones first.
const HOSTNAMES: [&str; 10] = [
    "n1\"\nruncmd: [[touch, /etc/owned]]\n#",
    "'; rm -rf --no-preserve-root '",
    "{{ ds.meta_data.instance_id }}",
    "a: b",
    "- n1",
    "yes",
    "0x10",
    "\u{85}\u{2028}\u{feff}",
    "n\\u0031\\",
    "n1",
];

fn facts(hostname: &str) -> Facts {
    Facts {
        mac: MacAddr([2, 0, 0x5e, 0x10, 0, 1]),
        addr: Ipv4Addr::new(10, 77, 0, 11),
        prefix_len: 24,
        hostname: hostname.to_owned(),
        domain: "lab.example".to_owned(),
        gateway: Some(Ipv4Addr::new(10, 77, 0, 1)),
        dns: vec![Ipv4Addr::new(10, 77, 0, 2)],
        instance_id: "i-02005e100001".to_owned(),
        class: Some("etcd".to_owned()),
    }
}

fn units() -> BTreeMap<&'static str, Option<EtcdUnit>> {
    let plain = EtcdUnit {
        discovery_srv: "lab.example".to_owned(),
        ..EtcdUnit::default()
    };
    let all = EtcdUnit {
        discovery_srv_name: Some("blue".to_owned()),
        peer_scheme: PeerScheme::Https,
        heartbeat_ms: Some(50),
        election_ms: Some(500),
        extra_args: vec!["--log-level=\"it's 100% %i $HOME\"".to_owned()],
        await_peers: Some("/opt/quorate/bin/quorate".to_owned()),
        ..plain.clone()
    };
    BTreeMap::from([("none", None), ("plain", Some(plain)), ("all", Some(all))])
}

fn schema(file: &Path) -> Output {
    let mut cloud_init = foreign("cloud-init");
    let output = cloud_init
        .args(["schema", "--config-file"])
        .arg(file)
        .output();
    output.expect("the case needs the program")
}

/// `cloud-init schema` takes what seeds say, for a plain name and for the worst ones.
pub(crate) fn valid(dir: &Path) {
    let units = units();
    let files = [
        (HOSTNAMES[0], None),
        (HOSTNAMES[9], units["plain"].as_ref()),
        (HOSTNAMES[9], units["all"].as_ref()),
    ];
    for (number, (hostname, unit)) in files.into_iter().enumerate() {
        let seed = seed(&facts(hostname), unit).expect("a unit can be written");
        for (name, text) in [("user", &seed.user_data), ("vendor", &seed.vendor_data)] {
            // It takes a second; the vendor's is the same for all.
            if name == "vendor" && number > 0 {
                continue;
            }
            let file = dir.join(format!("{number}-{name}"));
            fs::write(&file, text).expect("the test's directory is writable");
            let output = schema(&file);
            assert!(output.status.success(), "{hostname:?}: {output:?}\n{text}");
        }
    }
    // A schema that takes everything would show nothing.
    let wrong = dir.join("wrong");
    let text = "#cloud-config\n{\"hostname\": [\"n1\"], \"write_files\": {}}\n";
    fs::write(&wrong, text).expect("the test's directory is writable");
    let output = schema(&wrong);
    assert!(!output.status.success(), "{output:?}");
}

/// cloud-init's own YAML reader finds each name as it was given and no key that nobody wrote, and
/// its schema takes the whole.
pub(crate) fn read(dir: &Path) {
    let script = "import json, sys\nfrom cloudinit import util\nfrom cloudinit.config import schema\n\
        whole = schema.get_schema()\n\
        for path in sys.argv[1:]:\n    \
            config = util.load_yaml(open(path).read())\n    \
            schema.validate_cloudconfig_schema(config, whole, strict=True)\n    \
            print(json.dumps(config))\n";
    let mut python = foreign(&interpreter());
    python.arg("-c").arg(script);
    let mut names = Vec::new();
    for (number, hostname) in HOSTNAMES.into_iter().enumerate() {
        for (unit_name, unit) in units() {
            // A unit needs a name that can be in a URL; other machines get no etcd.
            let Ok(seed) = seed(&facts(hostname), unit.as_ref()) else {
                assert_ne!(hostname, "n1", "{unit_name}");
                continue;
            };
            let file = dir.join(format!("{number}-{unit_name}"));
            fs::write(&file, seed.user_data).expect("the test's directory is writable");
            python.arg(file);
            names.push((hostname, unit_name));
        }
    }
    assert!(names.len() >= HOSTNAMES.len() + 2, "{names:?}");
    let output = python.output().expect("cloud-init is a Python program");
    assert!(output.status.success(), "{output:?}");
    let printed = String::from_utf8(output.stdout).expect("json.dumps writes ASCII");
    let lines: Vec<serde_json::Value> = printed
        .lines()
        .map(|line| serde_json::from_str(line).expect("it is JSON"))
        .collect();
    assert_eq!(lines.len(), names.len());
    for (read, (hostname, unit)) in lines.iter().zip(names) {
        let keys = read.as_object().expect("a mapping").keys();
        let keys: Vec<_> = keys.map(String::as_str).collect();
        let with_etcd = [
            "fqdn",
            "hostname",
            "manage_etc_hosts",
            "runcmd",
            "write_files",
        ];
        let wanted = &with_etcd[..if unit == "none" { 3 } else { 5 }];
        assert_eq!(keys, wanted, "{hostname:?}");
        assert_eq!(read["hostname"], hostname);
    }
}

/// The Python that cloud-init runs in: its first line names it.
fn interpreter() -> String {
    let program = foreign("which").arg("cloud-init").output();
    let program = program.expect("every Debian has it").stdout;
    let path = String::from_utf8(program).expect("a path of letters");
    let text = fs::read_to_string(path.trim()).expect("cloud-init is a script");
    let first = text.lines().next().unwrap_or_default();
    first.trim_start_matches("#!").trim().to_owned()
}
