//! Messages to the services, and what the servers want done.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::Duration;

use quorate_core::{Channel, Destination, StreamId, Transmit};
use quorate_server::{Event, Service};

use crate::lan::Target;

/// One message to a service.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) service: Service,
    pub(crate) source: SocketAddr,
    pub(crate) destination: SocketAddr,
    pub(crate) channel: Channel,
    pub(crate) payload: Vec<u8>,
}

/// What the servers want done.
#[derive(Debug)]
pub(crate) enum ServerOutput {
    /// A datagram to the wire, from this address.
    Wire(SocketAddrV4, Target, Vec<u8>),
    /// A message between two of their own services.
    Loopback(Message),
    /// An answer on a stream that a machine opened.
    Stream(StreamId, Vec<u8>),
    /// The disk is done after so long, for the process of this start.
    Sync(u32, Duration),
    Event(Event),
}

impl Message {
    /// A datagram from the wire, if a service listens on its port.
    pub(super) fn from_wire(
        source: SocketAddrV4,
        destination: SocketAddrV4,
        payload: &[u8],
    ) -> Option<Self> {
        let service = match destination.port() {
            DHCP_PORT => Service::Dhcp,
            DNS_PORT => Service::Dns,
            _ => return None,
        };
        Some(Self {
            service,
            source: SocketAddr::V4(source),
            destination: SocketAddr::V4(destination),
            channel: Channel::Udp,
            payload: payload.to_vec(),
        })
    }
}

/// Where a message goes: to the wire, or to another service on this machine.
pub(super) fn route(addr: Ipv4Addr, service: Service, transmit: Transmit) -> Option<ServerOutput> {
    let ours = |port| SocketAddr::new(addr.into(), port);
    let loopback = |service, (from, to), channel, payload| {
        Some(ServerOutput::Loopback(Message {
            service,
            source: ours(from),
            destination: ours(to),
            channel,
            payload,
        }))
    };
    let wire = |port, transmit: Transmit| {
        let target = Target::of(&transmit)?;
        let from = SocketAddrV4::new(addr, port);
        Some(ServerOutput::Wire(from, target, transmit.payload))
    };
    let (to_dns, to_ddns) = ((DDNS_PORT, DNS_PORT), (DNS_PORT, DDNS_PORT));
    match (service, transmit.destination) {
        (Service::Ddns, Destination::Stream(StreamId(id))) => {
            let channel = Channel::Stream(StreamId(id | DDNS_STREAMS));
            loopback(Service::Dns, to_dns, channel, transmit.payload)
        }
        (Service::Dns, Destination::Stream(StreamId(id))) if id & DDNS_STREAMS != 0 => {
            let channel = Channel::Stream(StreamId(id & !DDNS_STREAMS));
            loopback(Service::Ddns, to_ddns, channel, transmit.payload)
        }
        (Service::Dns, Destination::Stream(id)) => Some(ServerOutput::Stream(id, transmit.payload)),
        (Service::Ddns, Destination::Udp(_)) => {
            loopback(Service::Dns, to_dns, Channel::Udp, transmit.payload)
        }
        (Service::Dns, Destination::Udp(to)) if to == ours(DDNS_PORT) => {
            loopback(Service::Ddns, to_ddns, Channel::Udp, transmit.payload)
        }
        (Service::Dns, _) => wire(DNS_PORT, transmit),
        (Service::Dhcp, _) => wire(DHCP_PORT, transmit),
        (Service::Ddns, _) => None,
    }
}

pub(crate) const DNS_PORT: u16 = 53;
const DHCP_PORT: u16 = 67;
/// Where the registrar hears replies.
const DDNS_PORT: u16 = 40_053;
/// Set in the names of streams that the registrar opened.
pub(super) const DDNS_STREAMS: u64 = 1 << 63;
