//! What a configuration that is right serves.

use serde::Serialize;

use crate::config::{Config, RawSet};

/// One service, in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Served {
    /// The section.
    pub service: &'static str,
    pub what: String,
}

/// What `config` serves, a line each.
pub fn summary(config: &Config) -> Vec<Served> {
    let mut lines = Vec::new();
    let mut push = |service, what| lines.push(Served { service, what });
    if let Some(dhcp) = config.dhcp() {
        for subnet in &dhcp.subnets {
            let pools = subnet
                .pools
                .iter()
                .map(|pool| (pool.first.to_bits(), pool.last.to_bits()));
            let size: u64 = pools
                .map(|(first, last)| u64::from(last.saturating_sub(first)) + 1)
                .sum();
            let hosts = dhcp.hosts.len();
            push(
                "dhcp",
                format!(
                    "{} on {}, as {}: {size} addresses, {hosts} hosts known",
                    subnet.net, dhcp.interface, dhcp.server_id
                ),
            );
        }
    }
    if let Some(dns) = config.dns() {
        let listen = listed(dns.listen.iter());
        for zone in &dns.zones {
            push(
                "dns",
                format!(
                    "{} at {listen}, with {} records of this file",
                    zone.name,
                    zone.records.len()
                ),
            );
        }
    }
    if let Some(ddns) = config.ddns() {
        let reverse = ddns.reverse_zones.iter().map(|zone| format!(" and {zone}"));
        let reverse = reverse.collect::<String>();
        push(
            "ddns",
            format!(
                "names in {}{reverse}, by {}",
                ddns.forward_zone, ddns.server
            ),
        );
        for service in &ddns.services {
            let ssl = match service.set {
                RawSet::Plain => "",
                RawSet::Ssl => "-ssl",
            };
            let suffix = service.srv_name.as_ref();
            let suffix = suffix.map_or_else(String::new, |name| format!("-{name}"));
            push(
                "ddns",
                format!(
                    "_etcd-server{ssl}{suffix}._tcp.{}: {} members of class {}",
                    ddns.forward_zone, service.members, service.class
                ),
            );
        }
    }
    seeds(config, &mut push);
    lines
}

fn seeds(config: &Config, push: &mut impl FnMut(&'static str, String)) {
    let Some(seed) = config.seed() else { return };
    push("seed", format!("http://{}/seed/MAC/", seed.listen));
    for etcd in &seed.etcd {
        let hosts = config.dhcp().into_iter().flat_map(|dhcp| &dhcp.hosts);
        let own = hosts.filter(|host| host.class.as_ref() == Some(&etcd.class));
        let names = own.filter_map(|host| host.hostname.as_ref());
        let names = match listed(names) {
            names if names.is_empty() => format!("machines of class {}", etcd.class),
            names => names,
        };
        push("seed", format!("{names}: {}", etcd.unit.binary));
    }
    if let Some(boot) = config.boot() {
        let files = listed(boot.files.iter().map(|dir| dir.display()));
        push(
            "boot",
            format!(
                "{} with {}, of {files}",
                boot.script.kernel,
                listed(boot.script.initrd.iter())
            ),
        );
        if let Some(tftp) = boot.tftp {
            push("boot", format!("loaders by TFTP at {tftp}"));
        }
    }
}

fn listed(items: impl Iterator<Item = impl std::fmt::Display>) -> String {
    let texts: Vec<_> = items
        .take(LISTED_MAX)
        .map(|item| item.to_string())
        .collect();
    texts.join(", ")
}

const LISTED_MAX: usize = 16;
