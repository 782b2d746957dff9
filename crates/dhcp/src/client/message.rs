//! What a client writes and what it reads out of an ACK (RFC 2131 §4.4).

use std::net::{Ipv4Addr, SocketAddr};

use quorate_core::{Destination, Instant};

use super::config::ClientConfig;
use super::event::Configuration;
use super::state::{Held, State};
use crate::wire::{Message, code};
use crate::{ClientFqdn, MessageType, SERVER_PORT};

/// The largest reply the client accepts: Ethernet's MTU.
const DATAGRAM_LEN_MAX: u16 = 1500;

/// The message that an exchange of this state sends, and where to (RFC 2131 table 5).
pub(super) fn of_state(
    config: &ClientConfig,
    state: &State,
    now: Instant,
) -> Option<(Message<'static>, Destination)> {
    let exchange = state.exchange()?;
    let kind = if matches!(state, State::Selecting { .. }) {
        MessageType::Discover
    } else {
        MessageType::Request
    };
    let mut message = asking(config, kind, exchange.xid);
    let secs = now.since(exchange.begun).as_secs();
    message.secs = u16::try_from(secs).unwrap_or(u16::MAX);
    let mut destination = Destination::Broadcast { port: SERVER_PORT };
    match state {
        State::Requesting { offer, .. } => {
            message.options.set_addrs(code::SERVER_ID, &[offer.server]);
            message
                .options
                .set_addrs(code::REQUESTED_ADDR, &[offer.addr]);
        }
        State::Rebooting { addr, .. } => {
            message.options.set_addrs(code::REQUESTED_ADDR, &[*addr]);
        }
        State::Renewing { held, .. } => {
            configured(&mut message, held);
            let server = SocketAddr::from((held.configuration.server, SERVER_PORT));
            destination = Destination::Udp(server);
        }
        State::Rebinding { held, .. } => configured(&mut message, held),
        State::Selecting { .. }
        | State::Stopped
        | State::Init { .. }
        | State::Probing { .. }
        | State::Bound { .. } => {}
    }
    Some((message, destination))
}

/// RFC 2131 §4.4.4.
pub(super) fn decline(config: &ClientConfig, held: &Held, xid: u32) -> Message<'static> {
    let mut message = bare(config, MessageType::Decline, xid);
    let Configuration { server, addr, .. } = held.configuration;
    message.options.set_addrs(code::SERVER_ID, &[server]);
    message.options.set_addrs(code::REQUESTED_ADDR, &[addr]);
    message
}

/// RFC 2131 §4.4.6.
pub(super) fn release(config: &ClientConfig, held: &Held, xid: u32) -> Message<'static> {
    let mut message = bare(config, MessageType::Release, xid);
    let Configuration { server, addr, .. } = held.configuration;
    message.options.set_addrs(code::SERVER_ID, &[server]);
    message.ciaddr = addr;
    message
}

/// What an ACK configures; `None` when it lacks what a lease needs.
pub(super) fn configuration(ack: &Message<'_>) -> Option<Configuration> {
    let options = &ack.options;
    let lease_secs = options.u32(code::LEASE_SECS).filter(|secs| *secs > 0)?;
    let given = |addr: Ipv4Addr| (addr != Ipv4Addr::UNSPECIFIED).then_some(addr);
    let text = |code| {
        options
            .text(code)
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
    };
    let (t1, t2) = times(
        lease_secs,
        options.u32(code::T1_SECS),
        options.u32(code::T2_SECS),
    );
    let addr = given(ack.yiaddr)?;
    let mask = options
        .addr(code::SUBNET_MASK)
        .unwrap_or(classful_mask(addr));
    let file = || {
        let file = std::str::from_utf8(&ack.file).ok()?;
        (!file.is_empty()).then(|| file.to_owned())
    };
    Some(Configuration {
        addr,
        prefix_len: mask.to_bits().leading_ones() as u8,
        routers: options.addrs(code::ROUTERS),
        dns: options.addrs(code::DNS_SERVERS),
        domain: text(code::DOMAIN),
        hostname: text(code::HOSTNAME),
        server: options.addr(code::SERVER_ID)?,
        boot_file: text(code::BOOT_FILE).or_else(file),
        next_server: given(ack.siaddr),
        lease_secs,
        t1,
        t2,
    })
}

impl Configuration {
    pub(super) fn differs_only_in_time(&self, other: &Self) -> bool {
        let timeless = |configuration: &Self| Self {
            lease_secs: 0,
            t1: 0,
            t2: 0,
            ..configuration.clone()
        };
        timeless(self) == timeless(other)
    }
}

/// The server's T1 and T2 when they are in order, else half and seven eighths of the lease
/// (RFC 2131 §4.4.5).
fn times(lease_secs: u32, t1: Option<u32>, t2: Option<u32>) -> (u32, u32) {
    let eighths = u64::from(lease_secs) * 7 / 8;
    let t1 = t1.unwrap_or(lease_secs / 2);
    let t2 = t2.unwrap_or(eighths as u32);
    if 0 < t1 && t1 < t2 && t2 < lease_secs {
        (t1, t2)
    } else {
        (lease_secs / 2, eighths as u32)
    }
}

/// For an ACK without option 1.
fn classful_mask(addr: Ipv4Addr) -> Ipv4Addr {
    match addr.octets()[0] {
        0..128 => Ipv4Addr::new(255, 0, 0, 0),
        128..192 => Ipv4Addr::new(255, 255, 0, 0),
        192.. => Ipv4Addr::new(255, 255, 255, 0),
    }
}

/// A DISCOVER or REQUEST: who we are and what we want.
fn asking(config: &ClientConfig, kind: MessageType, xid: u32) -> Message<'static> {
    let mut message = bare(config, kind, xid);
    message.broadcast = config.broadcast_flag;
    let options = &mut message.options;
    options.set(code::PARAMETERS, config.parameters.clone());
    let len = DATAGRAM_LEN_MAX.to_be_bytes().to_vec();
    options.set(code::MESSAGE_LEN_MAX, len);
    if let Some(class) = &config.vendor_class {
        options.set(code::VENDOR_CLASS, class.clone().into_bytes());
    }
    if let Some(class) = &config.user_class {
        let item = &class.as_bytes()[..class.len().min(254)];
        let counted = [&[item.len() as u8], item].concat();
        options.set(code::USER_CLASS, counted);
    }
    // Never both (RFC 4702 §3.1).
    match (&config.fqdn, &config.hostname) {
        (Some(flags), name) => {
            let fqdn = ClientFqdn {
                flags: *flags,
                name: name.clone().unwrap_or_default(),
            };
            options.set(code::FQDN, fqdn.encode_request());
        }
        (None, Some(name)) => options.set(code::HOSTNAME, name.clone().into_bytes()),
        (None, None) => {}
    }
    message
}

/// A message that carries only our identity (RFC 2131 table 5, DECLINE and RELEASE).
fn bare(config: &ClientConfig, kind: MessageType, xid: u32) -> Message<'static> {
    let mut message = Message::request(kind, xid, config.mac);
    if let Some(id) = &config.client_id {
        message.options.set(code::CLIENT_ID, id.clone());
    }
    message
}

/// The client can receive unicast at its address (RFC 2131 §4.3.2).
fn configured(message: &mut Message<'_>, held: &Held) {
    message.ciaddr = held.configuration.addr;
    message.broadcast = false;
}
