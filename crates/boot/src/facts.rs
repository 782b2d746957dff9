//! What is known of one machine when its seed is rendered.

use std::net::Ipv4Addr;

use quorate_core::MacAddr;
use serde::{Deserialize, Serialize};

/// One machine, as its lease and the operator's configuration describe it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    pub mac: MacAddr,
    pub addr: Ipv4Addr,
    /// The length of the network prefix in bits, at most 32.
    pub prefix_len: u8,
    /// The first label of the machine's name.
    pub hostname: String,
    /// The rest of the machine's name, with no dot at either end. Empty when there is none.
    pub domain: String,
    #[serde(default)]
    pub gateway: Option<Ipv4Addr>,
    #[serde(default)]
    pub dns: Vec<Ipv4Addr>,
    /// cloud-init configures a machine once for each instance id that it sees.
    pub instance_id: String,
    /// The role that the operator gave the machine.
    #[serde(default)]
    pub class: Option<String>,
}

impl Facts {
    /// `hostname.domain`, or the hostname alone when there is no domain.
    pub fn fqdn(&self) -> String {
        if self.domain.is_empty() {
            self.hostname.clone()
        } else {
            format!("{}.{}", self.hostname, self.domain)
        }
    }
}
