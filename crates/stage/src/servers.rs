//! The servers of a story, as a configuration of `quorate serve`.

use std::net::Ipv4Addr;
use std::time::Duration;

use quorate_scenario::story::{CLIENT_PORT, Class, PEER_PORT, Scheme, Story};
use serde_json::{Value, json};

/// Where machines find etcd.
pub const ETCD_INSIDE: &str = "/opt/etcd/etcd";

/// `quorate.toml` of `story` for machines that run an etcd of version `major.minor`, as JSON.
pub fn config(story: &Story, (major, minor): (u32, u32)) -> Value {
    let (network, etcd) = (&story.network, &story.etcd);
    let server = network.server();
    let (first, last) = network.pool();
    let scheme = etcd.scheme(major, minor);
    let (set, peer_scheme) = match scheme {
        Scheme::Http => ("plain", "http"),
        Scheme::Https => ("ssl", "https"),
    };
    let hosts: Vec<Value> = story
        .machines
        .iter()
        .map(|machine| {
            json!({
                "mac": machine.mac,
                "hostname": machine.name,
                "class": class_name(machine.class),
            })
        })
        .collect();
    let boot_file = format!("http://{server}/seed/{{mac}}/");
    let reverse = reverse_zone(network.prefix, network.prefix_len);
    json!({
        "state_dir": "/var/lib/quorate",
        "dhcp": {
            "interface": "eth0",
            "server_id": server,
            "subnets": [{
                "net": format!("{}/{}", network.prefix, network.prefix_len),
                "pools": [format!("{first}-{last}")],
                "dns": [server],
                "domain": network.domain,
                "lease_secs": story.lease_secs,
            }],
            "classes": [
                { "name": "etcd", "mac_prefix": "ff", "boot_file": boot_file, "next_server": server },
                { "name": "plain", "mac_prefix": "ff" },
            ],
            "hosts": hosts,
        },
        "dns": {
            "listen": [format!("{server}:53")],
            "zones": [
                {
                    "name": network.domain,
                    "bootstrap": true,
                    "primary_ns": "ns",
                    "records": [format!("ns 60 IN A {server}")],
                },
                { "name": reverse, "primary_ns": format!("ns.{}.", network.domain) },
            ],
        },
        "ddns": {
            "server": format!("{server}:53"),
            "forward_zone": network.domain,
            "reverse_zones": [reverse],
            "services": [{
                "name": "etcd",
                "class": "etcd",
                "members": etcd.members,
                "gate": etcd.gate,
                "set": set,
                "srv_name": etcd.srv_name,
            }],
        },
        "seed": {
            "listen": format!("{server}:80"),
            "etcd": {
                "class": "etcd",
                "unit": {
                    "binary": ETCD_INSIDE,
                    "discovery_srv": network.domain,
                    "discovery_srv_name": etcd.srv_name,
                    "token": etcd.token,
                    "peer_scheme": peer_scheme,
                    "peer_port": PEER_PORT,
                    "client_port": CLIENT_PORT,
                    "heartbeat_ms": etcd.heartbeat.map(millis),
                    "election_ms": etcd.election.map(millis),
                },
            },
        },
    })
}

const fn class_name(class: Class) -> &'static str {
    match class {
        Class::Etcd => "etcd",
        Class::Plain => "plain",
    }
}

/// The reverse zone of the prefix, cut at whole octets.
fn reverse_zone(prefix: Ipv4Addr, prefix_len: u8) -> String {
    let octets = &prefix.octets()[..usize::from(prefix_len / 8)];
    let labels: Vec<String> = octets.iter().rev().map(u8::to_string).collect();
    format!("{}.in-addr.arpa", labels.join("."))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reverse_zones_end_at_whole_octets() {
        assert_eq!(
            reverse_zone([10, 77, 0, 0].into(), 24),
            "0.77.10.in-addr.arpa"
        );
        assert_eq!(
            reverse_zone([10, 77, 16, 0].into(), 20),
            "77.10.in-addr.arpa"
        );
        assert_eq!(
            reverse_zone([10, 77, 3, 16].into(), 28),
            "3.77.10.in-addr.arpa"
        );
    }
}
