//! Configuration: what is refused, and what TOML looks like.

use super::*;
use crate::net::AddrRange;

#[test]
fn a_configuration_reads_from_toml() {
    let text = r#"
        server_id = "10.77.0.1"
        reserved_names = ["ns1"]

        [limits]
        offer_secs = 10

        [[subnets]]
        net = "10.77.0.0/24"
        pools = ["10.77.0.10-10.77.0.200"]
        exclude = ["10.77.0.20"]
        dns = ["10.77.0.1"]
        domain = "lab.example"
        lease_secs = 600

        [[hosts]]
        mac = "02:00:5e:10:00:01"
        addr = "10.77.0.20"
        hostname = "db"
        class = "etcd"

        [[classes]]
        name = "etcd"
        mac_prefix = "02:00:5e"
        hostname = "etcd-{index}"
        options = [{ code = 42, addrs = ["10.77.0.1"] }]
    "#;
    let raw: RawServerConfig = toml::from_str(text).unwrap();
    assert_eq!(raw.limits.offer_secs, 10);
    let config = ServerConfig::validate(raw).unwrap();
    let ranges: Vec<(u32, u32)> = config.subnets[0].dynamic.ranges().collect();
    let expected = [(10, 19), (21, 200)].map(|(a, b)| (addr(a).to_bits(), addr(b).to_bits()));
    assert_eq!(ranges, expected);
    let unknown = toml::from_str::<RawServerConfig>("server_id = '10.0.0.1'\nsubnet = []");
    assert!(
        unknown
            .unwrap_err()
            .to_string()
            .contains("unknown field `subnet`")
    );
}

fn class() -> RawClass {
    RawClass {
        name: "c".to_owned(),
        ..RawClass::default()
    }
}

fn host(n: u8) -> RawHost {
    RawHost {
        mac: Some(mac(n)),
        ..RawHost::default()
    }
}

fn range(text: &str) -> AddrRange {
    text.parse().unwrap()
}

fn changed(change: impl FnOnce(&mut RawServerConfig)) -> String {
    let mut raw = raw();
    change(&mut raw);
    ServerConfig::validate(raw).unwrap_err().to_string()
}

fn with_class(class: RawClass) -> String {
    changed(|raw| raw.classes.push(class))
}

#[test]
fn subnets_that_do_not_hold_together_are_refused() {
    let refused = [
        changed(|raw| raw.subnets.clear()),
        changed(|raw| {
            let mut other = raw.subnets[0].clone();
            other.net = "10.77.0.0/16".parse().unwrap();
            raw.subnets.push(other);
        }),
        changed(|raw| raw.subnets[0].pools.push(range("10.77.0.250-10.77.1.3"))),
        changed(|raw| raw.subnets[0].pools.push(range("10.77.0.255"))),
        changed(|raw| raw.subnets[0].exclude.push(range("10.78.0.1"))),
        changed(|raw| raw.subnets[0].pools.push(range("10.77.0.13-10.77.0.20"))),
        changed(|raw| raw.subnets[0].lease_secs = 3),
        changed(|raw| raw.subnets[0].domain = Some("lab..example".to_owned())),
    ];
    insta::assert_snapshot!(refused.join("\n"), @r#"
no subnet is configured
subnets 10.77.0.0/24 and 10.77.0.0/16 overlap
range 10.77.0.250-10.77.1.3 is not within the hosts of subnet 10.77.0.0/24
range 10.77.0.255-10.77.0.255 is not within the hosts of subnet 10.77.0.0/24
range 10.78.0.1-10.78.0.1 is not within the hosts of subnet 10.77.0.0/24
pools 10.77.0.10-10.77.0.13 and 10.77.0.13-10.77.0.20 overlap
lease_secs of subnet 10.77.0.0/24 is 3: write 4 or more
domain "lab..example" is not dot-separated labels of letters, digits and hyphens
"#);
}

#[test]
fn hosts_that_do_not_hold_together_are_refused() {
    let refused = [
        changed(|raw| raw.hosts.push(RawHost::default())),
        changed(|raw| {
            raw.hosts.push(RawHost {
                client_id: Some("ff".to_owned()),
                ..RawHost::default()
            });
        }),
        changed(|raw| raw.hosts = vec![host(1), host(1)]),
        changed(|raw| {
            raw.hosts = vec![host(1), host(2)];
            for host in &mut raw.hosts {
                host.addr = Some(addr(50));
            }
        }),
        changed(|raw| {
            raw.hosts = vec![host(1), host(2)];
            for host in &mut raw.hosts {
                host.hostname = Some("db".to_owned());
            }
        }),
        changed(|raw| {
            raw.hosts = vec![host(1)];
            raw.hosts[0].addr = Some([10, 78, 0, 1].into());
        }),
        changed(|raw| {
            raw.hosts = vec![host(1)];
            raw.hosts[0].addr = Some(SERVER);
        }),
        changed(|raw| {
            raw.hosts = vec![host(1)];
            raw.hosts[0].hostname = Some("ip-10-77-0-10".to_owned());
        }),
        changed(|raw| {
            raw.hosts = vec![host(1)];
            raw.hosts[0].class = Some("none".to_owned());
        }),
    ];
    insta::assert_snapshot!(refused.join("\n"), @r#"
host 1 must have exactly one of mac and client_id
client_id "ff" is not 2 to 255 octets in hexadecimal
two hosts have the key mac:02:00:00:00:00:01
two hosts reserve 10.77.0.50
two hosts have the name "db"
host address 10.78.0.1 is in no subnet, or not a host's
host address 10.77.0.1 is the server's own
"ip-10-77-0-10" is not a label of letters, digits and inner hyphens, or begins with ip-
there is no class "none"
"#);
}

#[test]
fn classes_that_do_not_hold_together_are_refused() {
    let option = |code, text: Option<&str>| RawOption {
        code,
        text: text.map(str::to_owned),
        ..RawOption::default()
    };
    let refused = [
        changed(|raw| raw.classes = vec![class(), class()]),
        with_class(RawClass {
            mac_prefix: Some("02:0".to_owned()),
            ..class()
        }),
        with_class(RawClass {
            hostname: Some("etcd_{index}".to_owned()),
            ..class()
        }),
        with_class(RawClass {
            boot_file: Some("{serial}".to_owned()),
            ..class()
        }),
        with_class(RawClass {
            options: vec![option(42, None)],
            ..class()
        }),
        with_class(RawClass {
            options: vec![option(53, Some("x"))],
            ..class()
        }),
    ];
    insta::assert_snapshot!(refused.join("\n"), @r#"
two classes have the name "c"
mac_prefix "02:0" is not 1 to 6 octets in hexadecimal
hostname template "etcd_{index}" does not always give a label: use letters, digits, hyphens, {mac}, {ip} and {index}, at most 61 long when filled in, not beginning with ip-
boot file "{serial}" is longer than 127 octets or has an unknown placeholder
option 42 must have exactly one of text, hex (octet pairs) and addrs
option 53 is decided by the server, or listed twice
"#);
}
