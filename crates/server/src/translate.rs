//! From the events of engines to those that daemons write: strings instead of protocol types.

use quorate_dhcp::server::{LeaseKind, Sender};
use quorate_dns::text;

use crate::event::Event;

pub(crate) fn dhcp(event: quorate_dhcp::server::Event) -> Option<Event> {
    use quorate_dhcp::server::Event as Dhcp;
    let ended = |lease: quorate_dhcp::Lease, why: &str| Event::LeaseEnded {
        addr: lease.addr,
        mac: lease.mac,
        why: why.to_owned(),
    };
    Some(match event {
        Dhcp::Offered {
            addr,
            mac,
            firmware,
            ..
        } => Event::Offered {
            addr,
            mac,
            firmware,
        },
        Dhcp::Leased { lease, kind } => {
            let kind = lease_kind(kind);
            Event::Leased {
                addr: lease.addr,
                mac: lease.mac,
                hostname: lease.hostname,
                class: lease.class,
                kind: kind.to_owned(),
            }
        }
        Dhcp::Released { lease } => ended(lease, "released"),
        Dhcp::Expired { lease } => ended(lease, "expired"),
        Dhcp::Declined { lease, .. } => ended(lease, "declined"),
        Dhcp::Revoked { lease } => ended(lease, "revoked"),
        Dhcp::Nak {
            sender,
            addr,
            reason,
        } => Event::Nak {
            addr,
            mac: sender.mac.unwrap_or_default(),
            relay: sender.giaddr,
            why: reason.to_string(),
        },
        Dhcp::ClockSet { secs } => Event::ClockSet { secs },
        Dhcp::ClockDoubted { leases } => Event::ClockDoubted { leases },
        Dhcp::Dropped { sender, reason } => Event::DhcpDropped {
            source: sender.source.ip(),
            mac: sender.mac,
            message: sender.message.map(|kind| kind.to_string()),
            relay: sender.giaddr,
            why: reason.to_string(),
        },
        Dhcp::OptionsOmitted { sender, options } => {
            let codes: Vec<String> = options.iter().map(u8::to_string).collect();
            let what = format!("options {}", codes.join(", "));
            omitted(
                sender,
                what,
                "the message that the client accepts has no room",
            )
        }
        Dhcp::NameRefused {
            sender, refusal, ..
        } => {
            // Any octets: quoted, and no longer than a line.
            let wanted: String = refusal.wanted().chars().take(NAME_CHARS_MAX).collect();
            omitted(sender, format!("the name {wanted:?}"), &refusal.to_string())
        }
        Dhcp::Informed { .. } => return None,
    })
}

fn omitted(sender: Sender, what: String, why: &str) -> Event {
    Event::DhcpOmitted {
        mac: sender.mac.unwrap_or_default(),
        message: sender
            .message
            .map_or_else(String::new, |kind| kind.to_string()),
        relay: sender.giaddr,
        what,
        why: why.to_owned(),
    }
}

const NAME_CHARS_MAX: usize = 63;

const fn lease_kind(kind: LeaseKind) -> &'static str {
    match kind {
        LeaseKind::New => "new",
        LeaseKind::Renewed => "renewed",
        LeaseKind::Rebound => "rebound",
        LeaseKind::Rebooted => "rebooted",
    }
}

pub(crate) fn dns(event: quorate_dns::Event) -> Option<Event> {
    use quorate_dns::Event as Dns;
    let refused = |source: std::net::SocketAddr, why: String| Event::Refused {
        service: "dns".to_owned(),
        source: Some(source.ip()),
        why,
    };
    Some(match event {
        Dns::UpdateApplied {
            zone,
            serial,
            added,
            removed,
            key,
            source,
        } => Event::ZoneChanged {
            zone: text::name(&zone),
            serial: serial.0,
            added: added.iter().map(text::record).collect(),
            removed: removed.iter().map(text::record).collect(),
            key: key.as_ref().map(text::name),
            client: source.map(|source| source.ip()),
        },
        // An unmet prerequisite is how clients of RFC 4703 ask; it is no refusal.
        Dns::UpdateRefused {
            rcode,
            reason,
            source,
        } => refused(source, format!("UPDATE {rcode}: {reason}")),
        Dns::Rejected {
            rcode,
            reason,
            source,
        } => refused(source, format!("{rcode}: {reason}")),
        Dns::Dropped { reason, source } => refused(source, reason.to_owned()),
        Dns::Queried { .. } => return None,
    })
}

pub(crate) fn ddns(event: quorate_ddns::Event) -> Option<Event> {
    use quorate_ddns::Event as Ddns;
    Some(match event {
        Ddns::NamePublished { hostname, addr } => Event::NamePublished { hostname, addr },
        Ddns::ReversePublished { hostname, addr } => Event::ReversePublished { hostname, addr },
        Ddns::Withdrawn { .. } => return None,
        Ddns::Conflict { hostname, addr } => Event::NameConflict { hostname, addr },
        Ddns::GateWaiting {
            service,
            have,
            want,
        } => Event::GateWaiting {
            service,
            have,
            want,
        },
        Ddns::GateOpened { service, members } => Event::GateOpened { service, members },
        Ddns::ServicePublished { service, members } => Event::ServicePublished { service, members },
        Ddns::ServiceConflict { service } => Event::Refused {
            service: "ddns".to_owned(),
            source: None,
            why: format!("the zone already has other SRV records for {service}"),
        },
        Ddns::Late { service, hostname } => Event::Late { service, hostname },
        Ddns::Retrying {
            what,
            attempt,
            reason,
        } => Event::UpdateRetried {
            what,
            attempt,
            why: reason.to_string(),
        },
        Ddns::Dropped { reason } => Event::Refused {
            service: "ddns".to_owned(),
            source: None,
            why: reason.to_string(),
        },
    })
}
