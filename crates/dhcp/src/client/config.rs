//! What a client is and wants.

use std::time::Duration;

use quorate_core::MacAddr;

use crate::FqdnFlags;
use crate::wire::code;

/// What a client is and wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientConfig {
    pub mac: MacAddr,
    /// Option 61, at least two octets (RFC 2132 §9.14).
    pub client_id: Option<Vec<u8>>,
    /// The name to ask for, in option 12, or in option 81 when `fqdn` is given.
    pub hostname: Option<String>,
    pub fqdn: Option<FqdnFlags>,
    /// Option 60.
    pub vendor_class: Option<String>,
    /// Option 77, as one item (RFC 3004).
    pub user_class: Option<String>,
    /// Ask for broadcast replies: the driver cannot receive unicast before it has an address.
    pub broadcast_flag: bool,
    /// Option 55.
    pub parameters: Vec<u8>,
    /// The first retransmission's delay; it doubles up to sixteen times this. RFC 2131 §4.1: 4 s.
    pub first_retry: Duration,
    /// Transmissions of a REQUEST before starting over.
    pub requests_max: u32,
    /// Transmissions of an INIT-REBOOT REQUEST before asking for any address.
    pub reboots_max: u32,
    /// How long the driver may take to find an ARP conflict; zero: do not ask it.
    pub probe: Duration,
    /// The longest random wait before the first message. RFC 2131 §4.4.1 wants 1–10 s; zero,
    /// the default, is what a machine that boots alone wants.
    pub initial_delay_max: Duration,
    /// The wait after a DECLINE (RFC 2131 §3.1: at least 10 s).
    pub decline_wait: Duration,
    /// The shortest time between two REQUESTs of RENEWING or REBINDING (RFC 2131 §4.4.5: 60 s).
    pub renew_retry_min: Duration,
}

impl ClientConfig {
    /// The RFC's times, and the parameters that a machine needs to boot and be found.
    pub fn new(mac: MacAddr) -> Self {
        Self {
            mac,
            client_id: None,
            hostname: None,
            fqdn: None,
            vendor_class: None,
            user_class: None,
            broadcast_flag: false,
            parameters: vec![
                code::SUBNET_MASK,
                code::ROUTERS,
                code::DNS_SERVERS,
                code::HOSTNAME,
                code::DOMAIN,
                code::LEASE_SECS,
                code::SERVER_ID,
                code::T1_SECS,
                code::T2_SECS,
                code::TFTP_SERVER,
                code::BOOT_FILE,
            ],
            first_retry: Duration::from_secs(4),
            requests_max: 4,
            reboots_max: 2,
            probe: Duration::ZERO,
            initial_delay_max: Duration::ZERO,
            decline_wait: Duration::from_secs(10),
            renew_retry_min: Duration::from_secs(60),
        }
    }
}
