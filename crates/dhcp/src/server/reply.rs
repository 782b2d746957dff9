//! What a reply says, and where it goes.

use std::net::{Ipv4Addr, SocketAddr};

use quorate_core::{Destination, Random, Transmit};

use super::NakReason;
use super::lease::Lease;
use super::options::ExtraOption;
use super::query::Query;
use super::validate::{Boot, Class, ServerConfig, Subnet};
use crate::name::Values;
use crate::wire::{Message, MessageType, code, option_len};
use crate::{CLIENT_PORT, ClientFqdn, FqdnFlags, SERVER_PORT};

/// Every host accepts an IP datagram of this size (RFC 2131 §2).
const DATAGRAM_LEN_MIN: u16 = 576;
/// And no reply needs a larger one than Ethernet carries.
const DATAGRAM_LEN_MAX: u16 = 1500;
/// IPv4 and UDP headers.
const DATAGRAM_OVERHEAD: u16 = 28;
/// What a client without a parameter request list gets.
const PARAMETERS_DEFAULT: [u8; 6] = [
    code::SUBNET_MASK,
    code::ROUTERS,
    code::DNS_SERVERS,
    code::DOMAIN,
    code::HOSTNAME,
    code::BOOT_FILE,
];

/// What a reply is made from.
pub(super) struct Reply<'a> {
    pub(super) config: &'a ServerConfig,
    pub(super) query: &'a Query<'a>,
}

impl<'a> Reply<'a> {
    /// An OFFER or ACK of `lease` (RFC 2131 table 3), and the options that did not fit.
    pub(super) fn lease(
        &self,
        kind: MessageType,
        lease: &Lease,
        class: Option<&Class>,
        random: &mut Random,
    ) -> (Transmit, Vec<u8>) {
        let subnet = &self.config.subnets[self.query.subnet];
        let request = &self.query.message;
        let mut message = self.begin(kind);
        message.yiaddr = lease.addr;
        if kind == MessageType::Ack {
            message.ciaddr = request.ciaddr;
        }
        let options = &mut message.options;
        options.set_u32(code::LEASE_SECS, subnet.lease_secs);
        let (t1, t2) = renewal_secs(subnet.lease_secs, self.fuzz(random));
        options.set_u32(code::T1_SECS, t1);
        options.set_u32(code::T2_SECS, t2);
        if let Some(client) = request
            .options
            .bytes(code::FQDN)
            .and_then(ClientFqdn::decode)
        {
            options.set(code::FQDN, fqdn(client.flags, lease).encode_reply());
        }
        let terms = self.terms(subnet, class, Some(lease));
        if let Some(next_server) = terms.next_server() {
            message.siaddr = next_server;
        }
        if let Some(file) = terms.boot_file() {
            message.file = file.into();
        }
        let omitted = self.parameters(&mut message, &terms);
        (self.address(message, Some(lease.addr)), omitted)
    }

    /// An ACK to an INFORM: parameters, no lease (RFC 2131 §4.3.5).
    pub(super) fn inform(&self, class: Option<&Class>) -> (Transmit, Vec<u8>) {
        let mut message = self.begin(MessageType::Ack);
        message.ciaddr = self.query.message.ciaddr;
        let subnet = &self.config.subnets[self.query.subnet];
        let omitted = self.parameters(&mut message, &self.terms(subnet, class, None));
        (self.address(message, None), omitted)
    }

    /// A NAK (RFC 2131 table 3: nothing but its reason).
    pub(super) fn nak(&self, reason: NakReason) -> Transmit {
        let mut message = self.begin(MessageType::Nak);
        let text = reason.to_string().into_bytes();
        message.options.set(code::TEXT, text);
        let relayed = message.giaddr != Ipv4Addr::UNSPECIFIED;
        // The relay agent must broadcast it: the client's address is wrong (RFC 2131 §4.3.2).
        message.broadcast |= relayed;
        let destination = if relayed {
            Destination::Udp(SocketAddr::from((message.giaddr, SERVER_PORT)))
        } else {
            // Also when ciaddr is set (RFC 2131 §4.1).
            Destination::Broadcast { port: CLIENT_PORT }
        };
        self.transmit(message, destination)
    }

    /// What every reply carries: the server, the client's identifier (RFC 6842), and what the
    /// relay agent sent (RFC 3046 §2.2).
    fn begin(&self, kind: MessageType) -> Message<'a> {
        let query = self.query;
        let mut message = Message::reply(kind, &query.message);
        let server_id = query.server_id_override().unwrap_or(self.config.server_id);
        message.options.set_addrs(code::SERVER_ID, &[server_id]);
        for code in [code::CLIENT_ID, code::RELAY_AGENT] {
            if let Some(value) = query.message.options.bytes(code) {
                message.options.set(code, value);
            }
        }
        message
    }

    /// Adds what the client asked for and we have, most wanted first, while there is room. What did
    /// not fit.
    fn parameters(&self, message: &mut Message<'_>, terms: &Terms<'_>) -> Vec<u8> {
        let request = &self.query.message;
        let asked = request
            .options
            .bytes(code::PARAMETERS)
            .filter(|list| !list.is_empty());
        let extra = |always: bool| {
            let options = terms.options();
            options.filter(move |(_, option)| option.always || !always)
        };
        let mut wanted: Vec<u8> = extra(true).map(|(code, _)| *code).collect();
        match asked {
            Some(list) => wanted.extend(list),
            None => {
                wanted.extend(PARAMETERS_DEFAULT);
                wanted.extend(extra(false).map(|(code, _)| *code));
            }
        }
        let room = self.room();
        let mut omitted = Vec::new();
        for code in wanted {
            // A list may name a code often; and what the engine decided stays decided.
            if message.options.contains(code) || omitted.contains(&code) {
                continue;
            }
            let Some(value) = terms.parameter(code) else {
                continue;
            };
            if message.encoded_len() + option_len(&value) <= room {
                message.options.set(code, value);
            } else {
                omitted.push(code);
            }
        }
        omitted
    }

    fn terms<'t>(
        &'t self,
        subnet: &'t Subnet,
        class: Option<&'t Class>,
        lease: Option<&'t Lease>,
    ) -> Terms<'t> {
        let boot = self.config.boot_of(&self.query.message);
        Terms {
            subnet,
            class,
            boot,
            lease,
        }
    }

    /// Octets that the client accepts (option 57 counts the IP and UDP headers).
    fn room(&self) -> usize {
        let asked = self.query.message.options.u16(code::MESSAGE_LEN_MAX);
        let datagram = asked
            .unwrap_or(DATAGRAM_LEN_MIN)
            .clamp(DATAGRAM_LEN_MIN, DATAGRAM_LEN_MAX);
        usize::from(datagram - DATAGRAM_OVERHEAD)
    }

    /// Parts per hundred by which T1 and T2 come early.
    fn fuzz(&self, random: &mut Random) -> u32 {
        match self.config.limits.renewal_fuzz_percent {
            0 => 0,
            percent => random.below(u64::from(percent.min(50)) + 1) as u32,
        }
    }

    /// RFC 2131 §4.1: relay agent, else the address the client has, else broadcast if it must,
    /// else straight to its hardware address.
    fn address(&self, message: Message<'_>, yiaddr: Option<Ipv4Addr>) -> Transmit {
        let ciaddr = self.query.message.ciaddr;
        let destination = if message.giaddr != Ipv4Addr::UNSPECIFIED {
            Destination::Udp(SocketAddr::from((message.giaddr, SERVER_PORT)))
        } else if ciaddr != Ipv4Addr::UNSPECIFIED {
            Destination::Udp(SocketAddr::from((ciaddr, CLIENT_PORT)))
        } else {
            match yiaddr.filter(|_| !message.broadcast) {
                Some(addr) => Destination::Link {
                    mac: message.chaddr,
                    addr,
                    port: CLIENT_PORT,
                },
                None => Destination::Broadcast { port: CLIENT_PORT },
            }
        };
        self.transmit(message, destination)
    }

    fn transmit(&self, message: Message<'_>, destination: Destination) -> Transmit {
        Transmit {
            source: SocketAddr::from((self.config.server_id, SERVER_PORT)),
            destination,
            payload: message.encode(),
        }
    }
}

/// T1 = 0.5 and T2 = 0.875 of the lease (RFC 2131 §4.4.5), less `fuzz` percent.
fn renewal_secs(lease_secs: u32, fuzz: u32) -> (u32, u32) {
    let early = |secs: u64| secs - secs * u64::from(fuzz) / 100;
    let lease = u64::from(lease_secs);
    let t1 = early(lease / 2).max(1);
    let t2 = early(lease * 7 / 8).max(t1 + 1);
    (t1 as u32, t2 as u32)
}

/// The server's half of option 81 (RFC 4702 §4).
fn fqdn(client: FqdnFlags, lease: &Lease) -> ClientFqdn {
    let forward = lease.updates.forward;
    let name = match &lease.domain {
        Some(domain) => format!("{}.{domain}", lease.hostname),
        None => lease.hostname.clone(),
    };
    ClientFqdn {
        flags: FqdnFlags {
            server_updates: forward,
            overridden: forward != client.server_updates,
            encoded: client.encoded,
            no_updates: !forward && !lease.updates.reverse,
        },
        name,
    }
}

/// Where the values in a reply come from.
struct Terms<'a> {
    subnet: &'a Subnet,
    class: Option<&'a Class>,
    boot: Option<&'a Boot>,
    lease: Option<&'a Lease>,
}

impl Terms<'_> {
    fn next_server(&self) -> Option<Ipv4Addr> {
        match self.boot {
            Some(boot) => boot.next_server,
            None => self.class?.next_server,
        }
    }

    fn boot_file(&self) -> Option<Vec<u8>> {
        let template = match self.boot {
            Some(boot) => &boot.boot_file,
            None => self.class?.boot_file.as_ref()?,
        };
        let lease = self.lease?;
        let values = Values {
            mac: lease.mac,
            addr: lease.addr,
            index: lease.index.unwrap_or(0),
        };
        Some(template.fill(values).into_bytes())
    }

    /// What is configured beside the usual; an option of the boot rule comes before its
    /// namesake of the class.
    fn options(&self) -> impl Iterator<Item = (&u8, &ExtraOption)> {
        let boot = self.boot.into_iter().flat_map(|boot| &boot.options);
        let class = self.class.into_iter().flat_map(|class| &class.options);
        boot.chain(class)
    }

    /// The value we have for one option.
    fn parameter(&self, code: u8) -> Option<Vec<u8>> {
        if let Some((_, option)) = self.options().find(|(known, _)| **known == code) {
            return Some(option.value.clone());
        }
        let addrs = |addrs: &[Ipv4Addr]| -> Option<Vec<u8>> {
            (!addrs.is_empty()).then(|| addrs.iter().flat_map(Ipv4Addr::octets).collect())
        };
        match code {
            code::SUBNET_MASK => Some(self.subnet.net.mask().octets().to_vec()),
            code::ROUTERS => addrs(&self.subnet.routers),
            code::DNS_SERVERS => addrs(&self.subnet.dns),
            code::DOMAIN => Some(self.subnet.domain.clone()?.into_bytes()),
            code::HOSTNAME => Some(self.lease?.hostname.clone().into_bytes()),
            code::BOOT_FILE => self.boot_file(),
            _ => None,
        }
    }
}
