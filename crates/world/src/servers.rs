//! The servers of a story, as a configuration of `quorate serve`.

use std::net::Ipv4Addr;
use std::time::Duration;

use quorate_scenario::story::{
    CLIENT_PORT, Class, Cluster, Discovery, Machine, PEER_PORT, Scheme, Story,
};
use serde_json::{Value, json};

/// Where machines find etcd.
pub const ETCD_INSIDE: &str = "/opt/etcd/etcd";

/// Where machines find quorate itself.
pub const QUORATE_INSIDE: &str = "/opt/quorate/bin/quorate";

/// What machines boot from the servers over the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Boot {
    /// Directories of boot files, as the servers see them.
    pub files: Vec<String>,
    /// Names in there.
    pub kernel: String,
    pub initrd: String,
    /// The kernel's command line, without the seed, which is each machine's own.
    pub cmdline: String,
    /// What machines boot whose disks are empty.
    pub install: Option<Install>,
}

/// An installer: the same kernel with other words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Install {
    /// The name of the disk image among the boot files.
    pub image: String,
    /// The kernel's command line, without the image's place.
    pub cmdline: String,
}

/// The configuration `config` of the servers of `story`, which let machines boot.
pub fn with_boot(mut config: Value, story: &Story, boot: &Boot) -> Value {
    let server = story.network.server();
    let script = |cmdline: String| {
        json!({
            "kernel": boot.kernel,
            "initrd": [boot.initrd],
            "cmdline": cmdline,
        })
    };
    let to_install: Vec<_> = story.to_install().map(|machine| machine.mac).collect();
    // The firmware of these tries the disk first, so they ask while there is nothing on it.
    let install = boot.install.as_ref().filter(|_| !to_install.is_empty());
    let install = install.map(|install| {
        let Install { image, cmdline } = install;
        let script = script(format!("{cmdline} quorate.install={{files}}{image}"));
        json!({ "macs": to_install, "script": script })
    });
    config["boot"] = json!({
        "files": boot.files,
        "tftp": format!("{server}:69"),
        "script": script(format!("{} ds=nocloud-net;s={{seed}}", boot.cmdline)),
        "scripts": install.into_iter().collect::<Vec<_>>(),
    });
    config
}

/// `quorate.toml` of `story` for machines that run an etcd of version `major.minor`, as JSON.
pub fn config(story: &Story, (major, minor): (u32, u32)) -> Value {
    let (network, etcd) = (&story.network, &story.etcd);
    let server = network.server();
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
                "class": class_of(story, machine),
            })
        })
        .collect();
    // A member that finds its peers in another way needs no records.
    let by_srv = etcd.discovery == Discovery::Dns;
    let services: Vec<Value> = story
        .clusters
        .iter()
        .filter(|_| by_srv)
        .map(|cluster| {
            json!({
                "name": "etcd",
                "class": class_name(story, cluster),
                "members": cluster.size(),
                "gate": etcd.gate,
                "set": set,
                "srv_name": cluster.srv_name,
            })
        })
        .collect();
    let units: Vec<Value> = story
        .clusters
        .iter()
        .map(|cluster| {
            json!({
                "class": class_name(story, cluster),
                "unit": {
                    "binary": ETCD_INSIDE,
                    "discovery_srv": if by_srv { &network.domain } else { "" },
                    "discovery_srv_name": cluster.srv_name.as_ref().filter(|_| by_srv),
                    "initial_cluster": initial_cluster(story, cluster, scheme),
                    "discovery_url": story.registry_url(cluster),
                    "token": etcd.token,
                    "peer_scheme": peer_scheme,
                    "peer_port": PEER_PORT,
                    "client_port": CLIENT_PORT,
                    "heartbeat_ms": etcd.heartbeat.map(millis),
                    "election_ms": etcd.election.map(millis),
                    "await": (etcd.await_peers && by_srv).then_some(QUORATE_INSIDE),
                },
            })
        })
        .collect();
    let boot_file = format!("http://{server}/seed/{{mac}}/");
    let mut classes: Vec<Value> = story
        .clusters
        .iter()
        .map(|cluster| {
            json!({
                "name": class_name(story, cluster),
                "mac_prefix": NO_MAC,
                "boot_file": boot_file,
                "next_server": server,
            })
        })
        .collect();
    classes.push(json!({ "name": PLAIN, "mac_prefix": NO_MAC }));
    let reverse = reverse_zone(network.prefix, network.prefix_len);
    let mut config = json!({
        "state_dir": "/var/lib/quorate",
        "dhcp": {
            "interface": "eth0",
            "server_id": server,
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
        },
        "seed": {
            "listen": format!("{server}:80"),
        },
    });
    // Moved: `json!` would copy each list, of tens of thousands of machines.
    config["dhcp"]["subnets"] = subnets(story).into();
    config["dhcp"]["classes"] = classes.into();
    config["dhcp"]["hosts"] = hosts.into();
    config["ddns"]["services"] = services.into();
    config["seed"]["etcd"] = units.into();
    config
}

/// Every member of a cluster as `name=peer URL`, in a story whose machines know their peers.
fn initial_cluster(story: &Story, cluster: &Cluster, scheme: Scheme) -> Vec<String> {
    let is_static = story.etcd.discovery == Discovery::Static;
    let members = story.members_of(cluster).filter(|_| is_static);
    members
        .map(|machine| format!("{}={}", machine.name, story.peer_url(machine, scheme)))
        .collect()
}

/// The servers' segment, and each rack: the server distinguishes them by giaddr.
fn subnets(story: &Story) -> Vec<Value> {
    let network = &story.network;
    let subnet = |(prefix, prefix_len), pools, routers| {
        json!({
            "net": format!("{prefix}/{prefix_len}"),
            "pools": pools,
            "routers": routers,
            "dns": [network.server()],
            "domain": network.domain,
            "lease_secs": story.lease_secs,
        })
    };
    let range = |(first, last): (Ipv4Addr, Ipv4Addr)| vec![format!("{first}-{last}")];
    let own = (network.prefix, network.servers_prefix_len());
    let pools = match network.racks.as_slice() {
        [] => range(network.pool()),
        _ => Vec::new(),
    };
    let mut subnets = vec![subnet(own, pools, Vec::new())];
    subnets.extend(network.racks.iter().map(|rack| {
        let net = (rack.prefix, rack.prefix_len);
        subnet(net, range(rack.pool()), vec![rack.gateway()])
    }));
    subnets
}

fn class_of(story: &Story, machine: &Machine) -> String {
    let cluster = machine.cluster.map(|index| &story.clusters[index]);
    match (machine.class, cluster) {
        (Class::Etcd, Some(cluster)) => class_name(story, cluster),
        (Class::Etcd | Class::Plain, _) => PLAIN.to_owned(),
    }
}

/// The class of the members of a cluster: `etcd`, or `etcd-c7` when there are others. Lease,
/// gate and seed meet in it.
fn class_name(story: &Story, cluster: &Cluster) -> String {
    if story.clusters.len() == 1 {
        "etcd".to_owned()
    } else {
        format!("etcd-{}", cluster.name)
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

const PLAIN: &str = "plain";
/// No machine's: who is of which class is written down for each.
const NO_MAC: &str = "ff";

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
