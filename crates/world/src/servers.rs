//! The servers of a story, as a configuration of `quorate serve`.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use quorate_scenario::story::{
    CLIENT_PORT, Class, Cluster, Discovery, Machine, PEER_PORT, Scheme, Story,
};
use quorate_server::Config;
use quorate_server::config::{
    self, AddrRange, EtcdUnit, Ipv4Net, Limits, PeerScheme, RawClass, RawHost, RawService, RawSet,
    RawSubnet, RawZone, Script, ScriptFor, SeedEtcd,
};

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

/// Lets the servers of `story`, configured by `config`, boot machines over the network.
pub fn add_boot(config: &mut Config, story: &Story, boot: &Boot) {
    let script = |cmdline: String| Script {
        kernel: boot.kernel.clone(),
        initrd: vec![boot.initrd.clone()],
        cmdline,
    };
    let to_install: Vec<_> = story.to_install().map(|machine| machine.mac).collect();
    // The firmware of these tries the disk first, so they ask while there is nothing on it.
    let install = boot.install.as_ref().filter(|_| !to_install.is_empty());
    let install = install.map(|Install { image, cmdline }| ScriptFor {
        macs: to_install,
        class: None,
        script: script(format!("{cmdline} quorate.install={{files}}{image}")),
    });
    config.boot = Some(config::Boot {
        enable: true,
        files: boot.files.iter().map(PathBuf::from).collect(),
        tftp: Some(SocketAddr::new(story.network.server().into(), TFTP_PORT)),
        url: None,
        no_ipv6_router: true,
        script: script(format!("{} ds=nocloud-net;s={{seed}}", boot.cmdline)),
        scripts: install.into_iter().collect(),
    });
}

/// The configuration of the servers of `story`, for machines that run etcd `major.minor`.
pub fn config(story: &Story, (major, minor): (u32, u32)) -> Config {
    let network = &story.network;
    let server = network.server();
    let listen = |port| SocketAddr::new(server.into(), port);
    let scheme = story.etcd.scheme(major, minor);
    let reverse = reverse_zone(network.prefix, network.prefix_len);
    let zone = |name: &str, primary_ns: String| RawZone {
        name: name.to_owned(),
        bootstrap: false,
        default_ttl_secs: None,
        primary_ns,
        records: Vec::new(),
    };
    let forward = RawZone {
        bootstrap: true,
        records: vec![format!("ns 60 IN A {server}")],
        ..zone(&network.domain, "ns".to_owned())
    };
    Config {
        state_dir: "/var/lib/quorate".into(),
        dhcp: Some(dhcp(story)),
        dns: Some(config::Dns {
            enable: true,
            listen: vec![listen(DNS_PORT)],
            zones: vec![forward, zone(&reverse, format!("ns.{}.", network.domain))],
            update: Vec::new(),
            transfer: Vec::new(),
            key_files: Vec::new(),
        }),
        ddns: Some(config::Ddns {
            enable: true,
            server: listen(DNS_PORT),
            key_file: None,
            forward_zone: network.domain.clone(),
            reverse_zones: vec![reverse],
            ttl_secs: config::DEFAULT_TTL_SECS,
            services: services(story, scheme),
        }),
        seed: Some(config::Seed {
            enable: true,
            listen: listen(HTTP_PORT),
            etcd: units(story, scheme),
        }),
        boot: None,
    }
}

fn dhcp(story: &Story) -> config::Dhcp {
    let server = story.network.server();
    let boot_file = format!("http://{server}/seed/{{mac}}/");
    let class = |name: String| RawClass {
        name,
        mac_prefix: Some(NO_MAC.to_owned()),
        ..RawClass::default()
    };
    let clusters = story.clusters.iter();
    let mut classes: Vec<RawClass> = clusters
        .map(|cluster| RawClass {
            boot_file: Some(boot_file.clone()),
            next_server: Some(server),
            ..class(class_name(story, cluster))
        })
        .collect();
    classes.push(class(PLAIN.to_owned()));
    let machines = story.machines.iter();
    let hosts = machines.map(|machine| RawHost {
        mac: Some(machine.mac),
        hostname: Some(machine.name.clone()),
        class: Some(class_of(story, machine)),
        ..RawHost::default()
    });
    config::Dhcp {
        enable: true,
        interface: "eth0".to_owned(),
        server_id: server,
        subnets: subnets(story),
        classes,
        boot: Vec::new(),
        hosts: hosts.collect(),
        reserved_names: Vec::new(),
        override_client_updates: true,
        limits: Limits::default(),
    }
}

/// The SRV sets of the clusters. A member that finds its peers in another way needs no records.
fn services(story: &Story, scheme: Scheme) -> Vec<RawService> {
    let by_srv = story.etcd.discovery == Discovery::Dns;
    let clusters = story.clusters.iter().filter(|_| by_srv);
    clusters
        .map(|cluster| RawService {
            gate: story.etcd.gate,
            set: match scheme {
                Scheme::Http => RawSet::Plain,
                Scheme::Https => RawSet::Ssl,
            },
            srv_name: cluster.srv_name.clone(),
            ..RawService::new("etcd", class_name(story, cluster), cluster.size())
        })
        .collect()
}

/// The etcd units that the seeds install.
fn units(story: &Story, scheme: Scheme) -> Vec<SeedEtcd> {
    let etcd = &story.etcd;
    let by_srv = etcd.discovery == Discovery::Dns;
    let unit = |cluster: &Cluster| EtcdUnit {
        binary: ETCD_INSIDE.to_owned(),
        discovery_srv: match by_srv {
            true => story.network.domain.clone(),
            false => String::new(),
        },
        discovery_srv_name: cluster.srv_name.clone().filter(|_| by_srv),
        initial_cluster: initial_cluster(story, cluster, scheme),
        discovery_url: story.registry_url(cluster),
        token: etcd.token.clone(),
        peer_scheme: match scheme {
            Scheme::Http => PeerScheme::Http,
            Scheme::Https => PeerScheme::Https,
        },
        peer_port: PEER_PORT,
        client_port: CLIENT_PORT,
        heartbeat_ms: etcd.heartbeat.map(millis),
        election_ms: etcd.election.map(millis),
        await_peers: (etcd.await_peers && by_srv).then(|| QUORATE_INSIDE.to_owned()),
        ..EtcdUnit::default()
    };
    let clusters = story.clusters.iter();
    clusters
        .map(|cluster| SeedEtcd {
            class: class_name(story, cluster),
            unit: unit(cluster),
        })
        .collect()
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
fn subnets(story: &Story) -> Vec<RawSubnet> {
    let network = &story.network;
    let subnet = |(prefix, prefix_len), pools, routers| RawSubnet {
        net: Ipv4Net::new(prefix, prefix_len).expect("a story's network has no host bit set"),
        pools,
        exclude: Vec::new(),
        routers,
        dns: vec![network.server()],
        domain: Some(network.domain.clone()),
        lease_secs: story.lease_secs,
    };
    let range = |(first, last)| vec![AddrRange { first, last }];
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

fn millis(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}

const DNS_PORT: u16 = 53;
const TFTP_PORT: u16 = 69;
const HTTP_PORT: u16 = 80;
const PLAIN: &str = "plain";
/// No machine's: the class of each machine is written down by its MAC address.
const NO_MAC: &str = "ff";

#[cfg(test)]
mod tests {
    use super::*;

    /// The world `host` hands it to `quorate serve` as a file.
    #[test]
    fn a_configuration_survives_json() {
        let text = "title = \"t\"\n[etcd]\n[[machines]]\nname = \"n1\"\nclass = \"etcd\"\n\
                    [[machines]]\nname = \"n2\"\nclass = \"plain\"\n";
        let story = Story::parse("story.toml", text).unwrap();
        let mut config = config(&story, (3, 4));
        add_boot(
            &mut config,
            &story,
            &Boot {
                files: vec!["/srv/boot/0".to_owned()],
                kernel: "vmlinuz".to_owned(),
                initrd: "initrd".to_owned(),
                cmdline: "quiet".to_owned(),
                install: None,
            },
        );
        let text = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<Config>(&text).unwrap(), config);
    }

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
