//! Each value that two sections share, changed on each side. One table: what is changed, and what
//! must be found: its kind, how bad it is, and the keys that disagree.

use super::Severity::{Error, Warning};
use super::{Finding, Severity, findings, with};

type Mutant = (
    &'static str,
    &'static str,
    Severity,
    &'static str,
    &'static [&'static str],
);

#[rustfmt::skip]
const TABLE: &[Mutant] = &[
    // SRV records and etcd units
    ("ddns.services.0.set", "\"ssl\"", Error, "peer-scheme", &["ddns.services.0.set", "seed.etcd.0.unit.peer_scheme"]),
    ("seed.etcd.0.unit.peer_scheme", "\"https\"", Error, "peer-scheme", &["ddns.services.0.set", "seed.etcd.0.unit.peer_scheme"]),
    ("ddns.services.0.srv_name", "\"gis\"", Error, "srv-name", &["ddns.services.0.srv_name", "seed.etcd.0.unit.discovery_srv_name"]),
    ("seed.etcd.0.unit.discovery_srv_name", "\"gis\"", Error, "srv-name", &["ddns.services.0.srv_name", "seed.etcd.0.unit.discovery_srv_name"]),
    ("ddns.services.0.peer_port", "2390", Error, "peer-port", &["ddns.services.0.peer_port", "seed.etcd.0.unit.peer_port"]),
    ("seed.etcd.0.unit.peer_port", "2390", Error, "peer-port", &["ddns.services.0.peer_port", "seed.etcd.0.unit.peer_port"]),
    ("ddns.services.0.client_port", "4001", Error, "client-port", &["ddns.services.0.client_port", "seed.etcd.0.unit.client_port"]),
    ("seed.etcd.0.unit.client_port", "4001", Error, "client-port", &["ddns.services.0.client_port", "seed.etcd.0.unit.client_port"]),
    ("ddns.services.0.client_port", "2380", Error, "etcd-ports", &["ddns.services.0.peer_port", "ddns.services.0.client_port"]),
    ("seed.etcd.0.unit.client_port", "2380", Error, "etcd-ports", &["seed.etcd.0.unit.peer_port", "seed.etcd.0.unit.client_port"]),
    ("seed.etcd.0.unit.peer_port", "2379", Error, "etcd-ports", &["seed.etcd.0.unit.peer_port", "seed.etcd.0.unit.client_port"]),
    ("seed.etcd.0.unit.peer_port", "0", Error, "etcd-ports", &["seed.etcd.0.unit.peer_port"]),
    ("seed.etcd.0.unit.discovery_srv", "\"lab.example\"", Error, "discovery-domain", &["seed.etcd.0.unit.discovery_srv", "ddns.forward_zone"]),
    ("seed.etcd.0.unit.discovery_srv", "-", Error, "seed", &["seed.etcd.0.unit.discovery_srv", "dhcp.hosts.0"]),
    ("seed.etcd.0.unit.discovery_url", "\"http://10.20.0.9/x\"", Error, "seed", &["seed.etcd.0.unit.discovery_srv"]),
    ("ddns.services", "[]", Error, "no-service", &["seed.etcd.0.class"]),
    ("ddns.services.0.class", "\"guest\"", Error, "no-service", &["seed.etcd.0.class", "ddns.services.0.class"]),
    ("seed.etcd.0.class", "\"guest\"", Error, "no-service", &["seed.etcd.0.class", "ddns.services.0.class"]),
    ("seed.etcd.0.class", "\"guest\"", Warning, "no-unit", &["ddns.services.0.class", "seed.etcd.0.class"]),
    ("ddns.services.0.members", "5", Warning, "members", &["ddns.services.0.members", "dhcp.hosts.2.class"]),
    ("ddns.services.0.members", "1", Warning, "members", &["ddns.services.0.members", "dhcp.hosts.2.class"]),
    ("dhcp.hosts.2", "-", Warning, "members", &["ddns.services.0.members", "dhcp.hosts.1.class"]),
    ("dhcp.hosts", "[]", Warning, "members", &["ddns.services.0.members", "dhcp.classes.1.name"]),
    ("dhcp.hosts", "[]", Warning, "class-unused", &["dhcp.classes.1.name", "dhcp.classes.0.name"]),
    ("ddns.services.0.members", "0", Error, "ddns", &["ddns.services.0.members"]),
    ("ddns.services.0.name", "\"consul\"", Error, "ddns", &["ddns.services.0.name"]),
    // what etcd itself refuses
    ("seed.etcd.0.unit.binary", "\"etcd\"", Error, "seed", &["seed.etcd.0.unit.binary", "dhcp.hosts.0"]),
    ("seed.etcd.0.unit.await", "\"quorate\"", Error, "seed", &["seed.etcd.0.unit.await"]),
    ("seed.etcd.0.unit.data_dir", "\"etcd\"", Warning, "data-dir", &["seed.etcd.0.unit.data_dir"]),
    ("seed.etcd.0.unit.data_dir", "\"\"", Error, "data-dir", &["seed.etcd.0.unit.data_dir"]),
    ("seed.etcd.0.unit.heartbeat_ms", "500", Error, "etcd-timers", &["seed.etcd.0.unit.election_ms", "seed.etcd.0.unit.heartbeat_ms"]),
    ("seed.etcd.0.unit.election_ms", "60000", Error, "etcd-timers", &["seed.etcd.0.unit.election_ms"]),
    ("seed.etcd.0.unit.extra_args", "[\"--discovery-srv=lab.example\"]", Error, "extra-args", &["seed.etcd.0.unit.extra_args.0", "seed.etcd.0.unit.discovery_srv"]),
    ("seed.etcd.0.unit.extra_args", "[\"--data-dir\", \"/x\"]", Warning, "extra-args", &["seed.etcd.0.unit.extra_args.0"]),
    ("dhcp.hosts.0.hostname", "\"1\"", Error, "seed", &["dhcp.hosts.0.hostname", "seed.etcd.0.unit"]),
    // classes
    ("seed.etcd.0.class", "\"etdc\"", Error, "no-class", &["seed.etcd.0.class", "dhcp.classes.1.name", "ddns.services.0.class"]),
    ("ddns.services.0.class", "\"etdc\"", Error, "no-class", &["ddns.services.0.class", "dhcp.classes.1.name", "seed.etcd.0.class"]),
    ("boot.scripts.0.class", "\"geust\"", Error, "no-class", &["boot.scripts.0.class", "dhcp.classes.0.name"]),
    ("dhcp.hosts.1.class", "\"etdc\"", Error, "no-class", &["dhcp.hosts.1.class", "dhcp.classes.1.name"]),
    ("dhcp.classes.1.name", "\"etdc\"", Error, "no-class", &["seed.etcd.0.class", "dhcp.classes.1.name"]),
    ("dhcp.classes.1.name", "\"guest\"", Error, "dhcp", &["dhcp.classes.0.name", "dhcp.classes.1.name"]),
    // names and zones
    ("dhcp.subnets.0.domain", "\"lab.example\"", Error, "domain", &["dhcp.subnets.0.domain", "ddns.forward_zone"]),
    ("dhcp.subnets.0.domain", "-", Error, "domain", &["dhcp.subnets.0.domain", "ddns.forward_zone"]),
    ("ddns.forward_zone", "\"closet.exmaple\"", Error, "no-zone", &["ddns.forward_zone", "dns.zones.0.name"]),
    ("ddns.forward_zone", "\"sub.closet.example\"", Error, "no-zone", &["ddns.forward_zone", "dns.zones.0.name"]),
    ("dns.zones.0.name", "\"closet.exmaple\"", Error, "no-zone", &["ddns.forward_zone", "dns.zones.0.name"]),
    ("dns.zones.1.name", "\"1.20.10.in-addr.arpa\"", Error, "no-zone", &["ddns.reverse_zones.0", "dns.zones.1.name"]),
    ("dns.zones.1", "-", Error, "no-zone", &["ddns.reverse_zones.0"]),
    ("ddns.reverse_zones.0", "\"1.20.10.in-addr.arpa\"", Error, "no-zone", &["ddns.reverse_zones.0", "dns.zones.1.name"]),
    ("ddns.reverse_zones.0", "\"1.20.10.in-addr.arpa\"", Error, "reverse-zone", &["ddns.reverse_zones.0", "dhcp.subnets.0.net"]),
    ("ddns.reverse_zones", "[]", Warning, "reverse-zone", &["dhcp.subnets.0.net", "ddns.reverse_zones"]),
    ("dns.zones.0.bootstrap", "false", Warning, "bootstrap", &["dns.zones.0.bootstrap", "ddns.services.0"]),
    ("dns.zones.0.primary_ns", "\"ns2\"", Error, "name-server", &["dns.zones.0.primary_ns", "dns.zones.0.records.0"]),
    ("dns.zones.1.primary_ns", "\"ns2.closet.example.\"", Error, "name-server", &["dns.zones.1.primary_ns", "dns.zones.0.records.0"]),
    ("dns.zones.0.records.0", "\"ns 60 IN A 10.20.0.3\"", Error, "name-server", &["dns.zones.0.records.0", "dns.listen"]),
    ("dns.zones.0.records.0", "\"ns 60 IN A 192.0.2.3\"", Warning, "name-server", &["dns.zones.0.records.0", "dns.listen"]),
    ("dns.zones.0.records.0", "-", Warning, "name-server", &["dns.zones.0.primary_ns"]),
    ("dns.zones.0.records.1", "\"ash 60 IN A 10.20.0.9\"", Error, "name-taken", &["dhcp.hosts.0.hostname", "dns.zones.0.records.1"]),
    ("dhcp.hosts.0.hostname", "\"ns\"", Error, "name-taken", &["dhcp.hosts.0.hostname", "dns.zones.0.records.0"]),
    ("dns.update", "[{\"sources\": [\"10.20.0.0/24\"], \"names\": {\"subdomain\": \"closet.exmaple\"}, \"types\": [\"A\"]}]", Error, "grant", &["dns.update.0.names", "dns.zones.0.name"]),
    // addresses
    ("dhcp.server_id", "\"10.21.0.2\"", Error, "server-id", &["dhcp.server_id", "dhcp.subnets.0.net", "dns.listen.0"]),
    ("dhcp.server_id", "\"10.20.0.255\"", Error, "server-id", &["dhcp.server_id"]),
    ("dhcp.server_id", "\"10.20.0.3\"", Error, "tftp", &["boot.tftp", "dhcp.server_id"]),
    ("dhcp.server_id", "\"10.20.0.3\"", Error, "seed-address", &["dhcp.server_id", "seed.listen"]),
    ("dhcp.subnets.0.net", "\"10.21.0.0/24\"", Error, "dhcp", &["dhcp.subnets.0.pools"]),
    ("dhcp.subnets.0.routers", "[\"10.21.0.1\"]", Error, "router", &["dhcp.subnets.0.routers.0", "dhcp.subnets.0.net"]),
    ("dhcp.subnets.0.routers", "[\"10.20.0.1\"]", Warning, "resolver", &["dhcp.subnets.0.dns", "dhcp.subnets.0.routers"]),
    ("dhcp.subnets.0.dns", "[\"10.20.0.3\"]", Warning, "resolver-elsewhere", &["dhcp.subnets.0.dns", "dns.listen"]),
    ("dhcp.subnets.0.dns", "[]", Error, "no-resolver", &["dhcp.subnets.0.dns", "seed.etcd.0.unit.discovery_srv"]),
    ("dhcp.subnets.0.pools", "[\"10.20.0.100-10.20.0.101\"]", Warning, "pool-size", &["dhcp.hosts.2", "dhcp.subnets.0.pools"]),
    ("dhcp.subnets.0.pools", "[]", Error, "pool-size", &["dhcp.hosts.2", "dhcp.subnets.0.pools"]),
    ("dhcp.subnets.0.dns.1", "\"10.20.0.150\"", Warning, "address-leased", &["dhcp.subnets.0.dns.1", "dhcp.subnets.0.pools"]),
    ("dns.zones.0.records.1", "\"printer 60 IN A 10.20.0.150\"", Warning, "address-leased", &["dns.zones.0.records.1", "dhcp.subnets.0.pools"]),
    ("dns.listen.0", "\"10.20.0.3:53\"", Error, "update-server", &["ddns.server", "dns.listen.0"]),
    ("dns.listen.0", "\"10.20.0.2:5353\"", Error, "update-server", &["ddns.server", "dns.listen.0"]),
    ("dns.listen.0", "\"10.20.0.2:5353\"", Warning, "resolver-port", &["dhcp.subnets.0.dns", "dns.listen"]),
    ("dns.listen", "[]", Error, "no-listener", &["dns.listen"]),
    ("dns.listen.1", "\"10.20.0.2:80\"", Error, "socket-twice", &["dns.listen.1", "seed.listen"]),
    ("dns.listen.1", "\"0.0.0.0:53\"", Error, "socket-twice", &["dns.listen.0", "dns.listen.1"]),
    ("ddns.server", "\"10.20.0.2:5353\"", Error, "update-server", &["ddns.server", "dns.listen.0"]),
    ("ddns.server", "\"10.20.0.3:53\"", Error, "update-server", &["ddns.server", "dns.listen.0"]),
    ("ddns.server", "\"0.0.0.0:0\"", Error, "update-server", &["ddns.server"]),
    ("dhcp.interface", "\"\"", Error, "interface", &["dhcp.interface"]),
    ("dhcp.interface", "\"eth0:1\"", Error, "interface", &["dhcp.interface"]),
    // URLs
    ("seed.listen", "\"10.20.0.3:80\"", Error, "seed-address", &["dhcp.classes.1.boot_file", "seed.listen"]),
    ("seed.listen", "\"10.20.0.2:8080\"", Error, "seed-address", &["dhcp.classes.1.boot_file", "seed.listen"]),
    ("dhcp.classes.1.boot_file", "\"http://10.20.0.3/seed/{mac}/\"", Error, "seed-address", &["dhcp.classes.1.boot_file", "seed.listen"]),
    ("dhcp.classes.1.boot_file", "\"http://10.20.0.2:8080/seed/{mac}/\"", Error, "seed-address", &["dhcp.classes.1.boot_file", "seed.listen"]),
    ("dhcp.classes.1.boot_file", "\"http://10.20.0.2/seed/{ip}/\"", Error, "seed-path", &["dhcp.classes.1.boot_file"]),
    ("dhcp.classes.1.boot_file", "\"http://10.20.0.2/seed/{mac}\"", Warning, "seed-path", &["dhcp.classes.1.boot_file"]),
    ("dhcp.classes.1.boot_file", "\"http://10.20.0.2/seed/\"", Error, "seed-path", &["dhcp.classes.1.boot_file"]),
    ("dhcp.classes.1.next_server", "\"10.20.0.3\"", Warning, "next-server", &["dhcp.classes.1.next_server", "dhcp.classes.1.boot_file"]),
    ("boot.url", "\"http://10.20.0.2:8080\"", Error, "seed-address", &["boot.url", "seed.listen"]),
    ("boot.tftp", "\"10.20.0.3:69\"", Error, "tftp", &["boot.tftp", "dhcp.server_id"]),
    ("boot.tftp", "\"10.20.0.2:6969\"", Error, "tftp", &["boot.tftp", "dhcp.server_id"]),
    ("boot.script.kernel", "\"/vmlinuz\"", Error, "boot", &["boot.script"]),
    ("boot.files.0", "\"boot\"", Warning, "relative-path", &["boot.files.0"]),
    ("boot.files.0", "\"\"", Error, "boot-directory", &["boot.files.0"]),
    ("boot.scripts", "[{\"macs\": [\"02:00:5e:10:00:01\", \"02:00:5e:10:00:01\"], \"script\": {\"kernel\": \"k\"}}]", Warning, "script-twice", &["boot.scripts.0"]),
    ("seed.enable", "false", Error, "boot", &["boot"]),
    ("dhcp.enable", "false", Warning, "no-dhcp", &["ddns", "dhcp"]),
    ("dhcp.enable", "false", Warning, "no-dhcp", &["seed", "dhcp"]),
    ("dhcp.enable", "false", Error, "boot", &["boot.url"]),
    ("seed.etcd.1", "{\"class\": \"etcd\", \"unit\": {}}", Error, "seed-twice", &["seed.etcd.0.class", "seed.etcd.1.class"]),
    // directories
    ("state_dir", "\"\"", Error, "state-dir", &["state_dir"]),
    ("state_dir", "\"state\"", Warning, "relative-path", &["state_dir"]),
    ("dns.key_files", "[\"xfr.key\"]", Warning, "relative-path", &["dns.key_files.0"]),
    ("ddns.key_file", "\"ddns.key\"", Warning, "relative-path", &["ddns.key_file"]),
    // what an engine refuses
    ("dhcp.hosts.0.addr", "\"10.21.0.5\"", Error, "dhcp", &["dhcp.hosts.0.addr"]),
    ("dhcp.hosts.0.addr", "\"10.20.0.2\"", Error, "dhcp", &["dhcp.hosts.0.addr"]),
    ("dhcp.hosts.0.hostname", "\"birch\"", Error, "dhcp", &["dhcp.hosts.0.hostname", "dhcp.hosts.1.hostname"]),
    ("dhcp.hosts.0.mac", "\"02:00:5e:10:00:02\"", Error, "dhcp", &["dhcp.hosts.0.mac", "dhcp.hosts.1.mac"]),
    ("dhcp.reserved_names", "[\"ash\"]", Error, "dhcp", &["dhcp.hosts.0.hostname", "dhcp.reserved_names.0"]),
    ("dhcp.subnets.0.lease_secs", "1", Error, "dhcp", &["dhcp.subnets.0.lease_secs"]),
    ("dns.zones.0.records.0", "\"ns IN AAAA 10.20.0.2\"", Error, "dns", &["dns.zones.0.records.0"]),
    ("dns.zones.1.name", "\"closet.example\"", Error, "dns", &["dns.zones.0.name", "dns.zones.1.name"]),
    ("ddns.services.1", "{\"name\": \"etcd\", \"class\": \"etcd\", \"members\": 3, \"set\": \"plain\"}", Error, "ddns", &["ddns.services.0", "ddns.services.1"]),
];

#[test]
fn every_mutant_is_found_with_the_keys_that_disagree() {
    let mut wrong = Vec::new();
    for (path, value, severity, code, places) in TABLE {
        let found = findings(&with(path, value));
        let is_it = |it: &Finding| {
            let mut places = places.iter();
            let named = |path: &&str| it.places.iter().any(|place| place.path == **path);
            it.code == *code && it.severity == *severity && places.all(named)
        };
        if !found.iter().any(is_it) {
            wrong.push(format!("{path} = {value}: {code}: {found:#?}"));
        }
        for it in &found {
            assert!(
                !it.help.is_empty() || it.code.len() < 5,
                "{it:?} has no remedy"
            );
            assert!(!it.places.is_empty(), "{it:?} is nowhere");
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}: {}",
        wrong.len(),
        TABLE.len(),
        wrong.join("\n")
    );
}

/// A value that no other section repeats can be anything; every other one is in the table.
#[test]
fn every_key_of_the_good_configuration_is_changed_or_free() {
    const FREE: [&str; 12] = [
        "dhcp.subnets.0.lease_secs",
        "dhcp.classes.0.client_hostname",
        "dhcp.hosts.0.mac",
        "dhcp.hosts.1",
        "dhcp.hosts.2",
        "dhcp.classes.0.name",
        "seed.etcd.0.unit.token",
        "boot.script.initrd",
        "boot.script.cmdline",
        "boot.scripts.0.script.kernel",
        "boot.script.kernel",
        "ddns.services.0.name",
    ];
    let mut keys = Vec::new();
    leaves(&super::good(), String::new(), &mut keys);
    let is_known = |key: &String| {
        let mut changed = TABLE.iter().map(|(path, ..)| *path);
        let covers = |path: &str| key.starts_with(path) || path.starts_with(key.as_str());
        changed.any(covers) || FREE.iter().any(|free| key.starts_with(free))
    };
    let missing: Vec<_> = keys.iter().filter(|key| !is_known(key)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

fn leaves(value: &serde_json::Value, path: String, keys: &mut Vec<String>) {
    let below = |key: &str| match path.as_str() {
        "" => key.to_owned(),
        path => format!("{path}.{key}"),
    };
    match value {
        serde_json::Value::Object(map) => map
            .iter()
            .for_each(|(key, value)| leaves(value, below(key), keys)),
        serde_json::Value::Array(items) => {
            let items = items.iter().enumerate();
            items.for_each(|(at, value)| leaves(value, below(&at.to_string()), keys));
        }
        serde_json::Value::Null
        | serde_json::Value::Bool(_)
        | serde_json::Value::Number(_)
        | serde_json::Value::String(_) => keys.push(path),
    }
}
