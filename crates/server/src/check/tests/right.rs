//! What is right although it looks unusual: nothing is found.

use super::{Finding, Severity, findings, good, set, summary, with};

fn codes(found: &[Finding]) -> Vec<&str> {
    found.iter().map(|it| it.code).collect()
}

#[test]
fn the_good_configuration_has_no_finding() {
    assert_eq!(findings(&good()), []);
}

#[test]
fn what_is_spelt_otherwise_and_means_the_same_is_no_finding() {
    for (path, value) in [
        ("ddns.forward_zone", "\"Closet.Example.\""),
        ("dhcp.subnets.0.domain", "\"CLOSET.example\""),
        ("seed.etcd.0.unit.discovery_srv", "\"closet.example.\""),
        ("seed.etcd.0.unit.peer_port", "2380"),
        ("dns.zones.0.primary_ns", "\"ns.closet.example.\""),
        ("dns.zones.0.primary_ns", "\"ns.elsewhere.example.\""),
        ("dns.listen.0", "\"0.0.0.0:53\""),
        ("dns.listen.0", "\"[::]:53\""),
        ("seed.listen", "\"0.0.0.0:80\""),
        ("boot.tftp", "\"0.0.0.0:69\""),
        ("boot.url", "\"http://boot.closet.example\""),
        (
            "dhcp.classes.1.boot_file",
            "\"http://seeds.closet.example/seed/{mac}/\"",
        ),
        ("ddns.server", "\"10.20.0.2:53\""),
        ("dhcp.hosts.0.addr", "\"10.20.0.50\""),
        ("dhcp.subnets.0.exclude", "[\"10.20.0.150-10.20.0.160\"]"),
    ] {
        let found = findings(&with(path, value));
        assert!(found.is_empty(), "{path} = {value}: {found:#?}");
    }
}

#[test]
fn two_clusters_with_their_own_names_and_ports_agree() {
    let mut config = good();
    let service = "{\"name\": \"etcd\", \"class\": \"gis\", \"members\": 1, \"set\": \"ssl\", \
                   \"srv_name\": \"gis\", \"peer_port\": 2390, \"client_port\": 2389}";
    let unit = "{\"class\": \"gis\", \"unit\": {\"discovery_srv\": \"closet.example\", \"token\": \"g\", \
                \"discovery_srv_name\": \"gis\", \"peer_port\": 2390, \"client_port\": 2389, \
                \"peer_scheme\": \"https\"}}";
    for (path, value) in [
        (
            "dhcp.classes.2",
            "{\"name\": \"gis\", \"boot_file\": \"http://10.20.0.2/seed/{mac}/\"}",
        ),
        (
            "dhcp.hosts.3",
            "{\"mac\": \"02:00:5e:10:00:04\", \"hostname\": \"d\", \"class\": \"gis\"}",
        ),
        ("ddns.services.1", service),
        ("seed.etcd.1", unit),
    ] {
        set(&mut config, path, value);
    }
    assert_eq!(findings(&config), []);
}

#[test]
fn members_that_know_their_peers_know_themselves() {
    let mut config = good();
    let peers = "[\"ash=http://ash.closet.example:2380\", \"birch=http://birch.closet.example:2380\", \
                 \"cedar=http://cedar.closet.example:2380\"]";
    set(&mut config, "seed.etcd.0.unit.discovery_srv", "-");
    set(&mut config, "seed.etcd.0.unit.initial_cluster", peers);
    set(&mut config, "ddns.services", "[]");
    assert_eq!(findings(&config), []);
    set(
        &mut config,
        "seed.etcd.0.unit.initial_cluster.1",
        "\"birch=http://birch:2380\"",
    );
    let found = findings(&config);
    assert_eq!(codes(&found), ["initial-cluster"]);
    assert_eq!(
        found[0].places[1].path,
        "seed.etcd.0.unit.initial_cluster.1"
    );
}

/// A guest network beside that of the members may have another domain.
#[test]
fn another_domain_where_no_member_must_be_is_a_warning() {
    let mut config = good();
    let guests = "{\"net\": \"10.21.0.0/24\", \"pools\": [\"10.21.0.100-10.21.0.199\"], \
                  \"dns\": [\"10.20.0.2\"], \"domain\": \"guest.example\"}";
    set(&mut config, "dhcp.subnets.1", guests);
    let found = findings(&config);
    assert_eq!(codes(&found), ["domain", "reverse-zone"], "{found:#?}");
    assert!(found.iter().all(|it| it.severity == Severity::Warning));
    set(&mut config, "dhcp.hosts.0.addr", "\"10.21.0.5\"");
    assert_eq!(findings(&config)[0].severity, Severity::Error);
}

/// Every mistake is found, not the first alone.
#[test]
fn all_at_once() {
    let mut config = good();
    for (path, value) in [
        ("dhcp.hosts.0.addr", "\"10.9.9.9\""),
        ("dhcp.hosts.1.hostname", "\"-\""),
        ("dns.zones.0.records.0", "\"ns A\""),
        ("ddns.services.0.set", "\"ssl\""),
        ("seed.etcd.0.unit.binary", "\"etcd\""),
        ("state_dir", "\"\""),
    ] {
        set(&mut config, path, value);
    }
    let found = findings(&config);
    let codes = codes(&found);
    for code in ["dhcp", "dns", "peer-scheme", "seed", "state-dir"] {
        assert!(codes.contains(&code), "{code}: {found:#?}");
    }
    assert_eq!(
        codes.iter().filter(|code| **code == "dhcp").count(),
        2,
        "{found:#?}"
    );
}

#[test]
fn success_says_what_is_served() {
    let config = serde_json::from_value(good()).unwrap();
    let lines: Vec<_> = summary(&config)
        .into_iter()
        .map(|it| format!("{} {}", it.service, it.what))
        .collect();
    assert_eq!(
        lines,
        [
            "dhcp 10.20.0.0/24 on eth0, as 10.20.0.2: 100 addresses, 3 hosts known",
            "dns closet.example at 10.20.0.2:53, with 1 records of this file",
            "dns 0.20.10.in-addr.arpa at 10.20.0.2:53, with 0 records of this file",
            "ddns names in closet.example and 0.20.10.in-addr.arpa, by 10.20.0.2:53",
            "ddns _etcd-server._tcp.closet.example: 3 members of class etcd",
            "seed http://10.20.0.2:80/seed/MAC/",
            "seed ash, birch, cedar: /usr/bin/etcd",
            "boot vmlinuz with initrd, of /srv/boot",
            "boot loaders by TFTP at 10.20.0.2:69",
        ]
    );
}
