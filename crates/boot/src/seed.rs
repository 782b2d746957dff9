//! The four files of a NoCloud seed.
//!
//! The machine gets its address by DHCP and keeps renewing it: `network-config` names the
//! interface by its MAC address and says `dhcp4`, since an address written there would outlive
//! the lease it came from. cloud-init asks a URL for that file since 24.3; an older one lets the
//! system ask for an address by DHCP with its own client.
//!
//! The facts of the lease stand in `meta-data`, where cloud-init offers them to templates
//! (`{{ ds.meta_data.… }}`).

use serde::Serialize;
use serde_json::{Value, json};

use crate::etcd_unit::{EtcdUnit, UNIT_PATH, UnitError};
use crate::json::to_yaml_safe_json;
use crate::{Facts, File};

/// The text of each file of one machine's seed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seed {
    pub meta_data: String,
    pub user_data: String,
    pub vendor_data: String,
    pub network_config: String,
}

/// The seed of the machine that `facts` describe, which runs etcd when `etcd` is given.
///
/// Fails only when no unit can be written; facts that are merely hostile are data in the seed.
pub fn seed(facts: &Facts, etcd: Option<&EtcdUnit>) -> Result<Seed, UnitError> {
    let file = |file| seed_file(facts, etcd, file);
    Ok(Seed {
        meta_data: file(File::MetaData)?,
        user_data: file(File::UserData)?,
        vendor_data: file(File::VendorData)?,
        network_config: file(File::NetworkConfig)?,
    })
}

/// One file of that seed. A machine that no unit fits gets none of them.
pub fn seed_file(facts: &Facts, etcd: Option<&EtcdUnit>, file: File) -> Result<String, UnitError> {
    let unit = etcd.map(|etcd| etcd.render(facts)).transpose()?;
    Ok(match file {
        File::MetaData => to_yaml_safe_json(&MetaData::from(facts)),
        File::UserData => cloud_config(&user_data(facts, unit)),
        File::VendorData => cloud_config(&json!({})),
        File::NetworkConfig => to_yaml_safe_json(&network_config(facts)),
    })
}

/// `instance-id` and `local-hostname` are NoCloud's; the rest is for templates and people.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct MetaData<'a> {
    instance_id: &'a str,
    local_hostname: &'a str,
    domain: &'a str,
    mac: String,
    local_ipv4: String,
    prefix_length: u8,
    gateway: Option<String>,
    dns: Vec<String>,
    class: Option<&'a str>,
}

impl<'a> From<&'a Facts> for MetaData<'a> {
    fn from(facts: &'a Facts) -> Self {
        Self {
            instance_id: &facts.instance_id,
            local_hostname: &facts.hostname,
            domain: &facts.domain,
            mac: facts.mac.to_string(),
            local_ipv4: facts.addr.to_string(),
            prefix_length: facts.prefix_len,
            gateway: facts.gateway.map(|addr| addr.to_string()),
            dns: facts.dns.iter().map(ToString::to_string).collect(),
            class: facts.class.as_deref(),
        }
    }
}

fn user_data(facts: &Facts, unit: Option<String>) -> Value {
    let mut config = json!({
        "hostname": facts.hostname,
        "fqdn": facts.fqdn(),
        // etcd must learn its own address from DNS, as its peers do: a line of /etc/hosts that
        // maps the machine's name to 127.0.1.1 makes it fail to find itself among the records.
        "manage_etc_hosts": false,
    });
    if let Some(unit) = unit {
        config["write_files"] = json!([{
            "path": UNIT_PATH,
            "owner": "root:root",
            "permissions": "0644",
            "content": unit,
        }]);
        // --no-block: cloud-init's final stage is itself a unit, and one that waits here for
        // another to start can wait for ever.
        config["runcmd"] = json!([
            ["systemctl", "daemon-reload"],
            ["systemctl", "enable", "--now", "--no-block", "etcd.service"],
        ]);
    }
    config
}

fn network_config(facts: &Facts) -> Value {
    json!({
        "version": 2,
        "ethernets": {
            "boot": {
                "match": { "macaddress": facts.mac.to_string() },
                "dhcp4": true,
                // The lease was given to this MAC address; a client that identifies itself by
                // DUID (RFC 4361) would be given another one.
                "dhcp-identifier": "mac",
            },
        },
    })
}

fn cloud_config(config: &Value) -> String {
    format!("#cloud-config\n{}", to_yaml_safe_json(config))
}

#[cfg(test)]
mod tests;
