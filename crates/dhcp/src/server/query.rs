//! Who sent a message, and from where.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use quorate_core::{Datagram, MacAddr};

use super::Server;
use super::event::{DropReason, Sender};
use super::lease::ClientKey;
use crate::relay::RelayAgent;
use crate::wire::{Message, Op, code};

/// Relays beyond this many drop a message (RFC 1542 §4.1.1).
const HOPS_MAX: u8 = 16;

/// A client's message with what the server worked out about it.
pub(super) struct Query<'a> {
    pub(super) message: Message<'a>,
    pub(super) client: ClientKey,
    /// The client has a reservation.
    pub(super) is_known: bool,
    pub(super) subnet: usize,
    pub(super) relay: Option<RelayAgent>,
    pub(super) source: SocketAddr,
    pub(super) destination: IpAddr,
}

impl Query<'_> {
    /// True when the client sent it to this server alone; a relay agent passes on broadcasts.
    pub(super) fn was_unicast(&self) -> bool {
        let broadcast = match self.destination {
            IpAddr::V4(addr) => addr.is_broadcast(),
            IpAddr::V6(_) => false,
        };
        !broadcast && self.message.giaddr == Ipv4Addr::UNSPECIFIED
    }

    pub(super) fn sender(&self) -> Sender {
        let giaddr = self.message.giaddr;
        Sender {
            source: self.source,
            mac: Some(self.message.chaddr),
            message: Some(self.message.kind),
            giaddr: (giaddr != Ipv4Addr::UNSPECIFIED).then_some(giaddr),
        }
    }

    pub(super) fn server_id_override(&self) -> Option<Ipv4Addr> {
        self.relay.as_ref()?.server_id_override
    }
}

impl Sender {
    /// As much of a message as can be read before it is known to be one: types are not.
    pub(super) fn peek(datagram: &Datagram<'_>) -> Self {
        let message = Message::decode(datagram.payload).ok();
        let octets = |at: usize| datagram.payload.get(at..);
        let giaddr = octets(GIADDR_AT).and_then(|rest| rest.first_chunk::<4>());
        let giaddr = giaddr.map(|octets| Ipv4Addr::from(*octets));
        let mac = octets(CHADDR_AT).and_then(|rest| rest.first_chunk::<6>());
        Self {
            source: datagram.source,
            mac: mac.map(|octets| MacAddr(*octets)),
            message: message.map(|message| message.kind),
            giaddr: giaddr.filter(|giaddr| *giaddr != Ipv4Addr::UNSPECIFIED),
        }
    }
}

/// Where these fields are in the fixed header (RFC 2131 §2).
const GIADDR_AT: usize = 24;
const CHADDR_AT: usize = 28;

impl Server {
    /// Works out which client of which subnet sent it, or why it deserves no answer.
    pub(super) fn query<'a>(&self, datagram: &Datagram<'a>) -> Result<Query<'a>, DropReason> {
        let message = Message::decode(datagram.payload).map_err(DropReason::Malformed)?;
        if message.op != Op::Request {
            return Err(DropReason::NotARequest);
        }
        if message.chaddr.is_group() {
            return Err(DropReason::GroupAddress);
        }
        if message.hops > HOPS_MAX {
            return Err(DropReason::TooManyHops);
        }
        if message.giaddr == self.config.server_id {
            return Err(DropReason::RelayIsSelf);
        }
        let relay = message
            .options
            .bytes(code::RELAY_AGENT)
            .and_then(RelayAgent::decode);
        let relayed = message.giaddr != Ipv4Addr::UNSPECIFIED;
        // Only a relay agent may speak as one (RFC 3046 §2.1).
        let relay = relay.filter(|_| relayed);
        let link = if relayed {
            let selection = relay.as_ref().and_then(|relay| relay.link_selection);
            selection.unwrap_or(message.giaddr)
        } else if message.ciaddr != Ipv4Addr::UNSPECIFIED {
            message.ciaddr
        } else {
            self.config.server_id
        };
        let subnet = self.config.subnet_of(link).ok_or(DropReason::NoSubnet)?;
        let client = self.client(&message);
        Ok(Query {
            is_known: self.config.host(&client, message.chaddr).is_some(),
            message,
            client,
            subnet,
            relay,
            source: datagram.source,
            destination: datagram.destination.ip(),
        })
    }

    /// The client identifier, else the hardware address (RFC 2131 §4.2). But a reservation by
    /// hardware address is the machine's, whichever program speaks: a UEFI, a boot loader and a
    /// system each present an identifier of their own, or none, and are one machine.
    fn client(&self, message: &Message<'_>) -> ClientKey {
        let card = ClientKey::Mac(message.chaddr);
        match message.options.bytes(code::CLIENT_ID) {
            Some(id) => {
                let id = ClientKey::Id(id.to_vec());
                let hosts = &self.config.hosts;
                let reserved = hosts.contains_key(&card) && !hosts.contains_key(&id);
                if reserved { card } else { id }
            }
            None => card,
        }
    }
}
