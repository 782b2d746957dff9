//! Which pairs of ports are cut off from each other, or impaired, and for which traffic.

use std::collections::{BTreeMap, BTreeSet};

use crate::frame::ETHERNET_HEADER_LEN;
use crate::link::Faults;
use crate::port::PortId;

/// Names one rule of one switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleId(pub u32);

/// What befalls matching frames between two groups of ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pub from: Ports,
    pub to: Ports,
    /// The rule also holds for frames from `to` to `from`.
    pub both_ways: bool,
    pub traffic: Traffic,
    pub action: Action,
}

/// A group of ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ports {
    Any,
    Only(BTreeSet<PortId>),
}

/// A kind of frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Traffic {
    Any,
    Arp,
    /// UDP over IPv4 with this port at either end.
    Udp(u16),
    /// TCP over IPv4 with this port at either end.
    Tcp(u16),
}

/// What a rule does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// No matching frame passes.
    Drop,
    /// Matching frames meet these faults.
    Impair(Faults),
}

/// What the rules say about one frame from one port to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Pass,
    Drop(RuleId),
    Impair(RuleId, Faults),
}

impl Rule {
    /// A network partition: nothing passes between the two groups.
    pub fn partition(
        one: impl IntoIterator<Item = PortId>,
        other: impl IntoIterator<Item = PortId>,
    ) -> Self {
        Self {
            from: Ports::only(one),
            to: Ports::only(other),
            both_ways: true,
            traffic: Traffic::Any,
            action: Action::Drop,
        }
    }

    /// The same in one direction: `to` hears nothing from `from`, and `from` hears `to`.
    pub fn partition_one_way(
        from: impl IntoIterator<Item = PortId>,
        to: impl IntoIterator<Item = PortId>,
    ) -> Self {
        Self {
            both_ways: false,
            ..Self::partition(from, to)
        }
    }

    fn matches(&self, from: PortId, to: PortId, frame: &[u8]) -> bool {
        let there = self.from.contains(from) && self.to.contains(to);
        let back = self.both_ways && self.from.contains(to) && self.to.contains(from);
        (there || back) && self.traffic.matches(frame)
    }
}

impl Ports {
    /// Exactly these.
    pub fn only(ports: impl IntoIterator<Item = PortId>) -> Self {
        Self::Only(ports.into_iter().collect())
    }

    fn contains(&self, port: PortId) -> bool {
        match self {
            Self::Any => true,
            Self::Only(ports) => ports.contains(&port),
        }
    }
}

impl Traffic {
    fn matches(self, frame: &[u8]) -> bool {
        match self {
            Self::Any => true,
            Self::Arp => frame.get(12..14) == Some(&ETHERTYPE_ARP),
            Self::Udp(port) => has_port(frame, IP_PROTOCOL_UDP, port),
            Self::Tcp(port) => has_port(frame, IP_PROTOCOL_TCP, port),
        }
    }
}

/// The rules of one switch.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rules {
    rules: BTreeMap<RuleId, Rule>,
    next: u32,
}

impl Rules {
    pub(crate) fn add(&mut self, rule: Rule) -> RuleId {
        let id = RuleId(self.next);
        self.next += 1;
        self.rules.insert(id, rule);
        id
    }

    pub(crate) fn remove(&mut self, id: RuleId) -> bool {
        self.rules.remove(&id).is_some()
    }

    pub(crate) fn clear(&mut self) {
        self.rules.clear();
    }

    /// A rule that drops beats one that impairs; among those that impair, the newest holds.
    pub(crate) fn verdict(&self, from: PortId, to: PortId, frame: &[u8]) -> Verdict {
        let mut verdict = Verdict::Pass;
        for (id, rule) in &self.rules {
            if rule.matches(from, to, frame) {
                match rule.action {
                    Action::Drop => return Verdict::Drop(*id),
                    Action::Impair(faults) => verdict = Verdict::Impair(*id, faults),
                }
            }
        }
        verdict
    }
}

/// True when the frame is of this protocol and one of its ports is `port`.
fn has_port(frame: &[u8], protocol: u8, port: u16) -> bool {
    ports(frame, protocol)
        .is_some_and(|(source, destination)| port == source || port == destination)
}

/// True for what DHCP clients send to servers (RFC 2131 §4.1).
pub(crate) fn is_to_dhcp_server(frame: &[u8]) -> bool {
    ports(frame, IP_PROTOCOL_UDP).is_some_and(|(_, destination)| destination == DHCP_SERVER_PORT)
}

/// The source and the destination port of an IPv4 packet of this protocol that shows its ports:
/// not a later fragment.
fn ports(frame: &[u8], protocol: u8) -> Option<(u16, u16)> {
    let packet = frame.get(ETHERNET_HEADER_LEN..)?;
    let ipv4 = frame.get(12..14)? == ETHERTYPE_IPV4 && packet.first()? >> 4 == 4;
    let later_fragment = packet.get(6)? & 0x1f != 0 || *packet.get(7)? != 0;
    if !ipv4 || later_fragment || *packet.get(9)? != protocol {
        return None;
    }
    let ports = packet.get(usize::from(packet[0] & 0x0f) * 4..)?;
    let port = |at: usize| Some(u16::from_be_bytes([*ports.get(at)?, *ports.get(at + 1)?]));
    Some((port(0)?, port(2)?))
}

const ETHERTYPE_IPV4: [u8; 2] = [0x08, 0x00];
const ETHERTYPE_ARP: [u8; 2] = [0x08, 0x06];
const IP_PROTOCOL_TCP: u8 = 6;
const IP_PROTOCOL_UDP: u8 = 17;
const DHCP_SERVER_PORT: u16 = 67;

#[cfg(test)]
mod tests {
    use quorate_core::MacAddr;

    use super::*;
    use crate::frame::udp_frame;

    const A: PortId = PortId(0);
    const B: PortId = PortId(1);
    const C: PortId = PortId(2);

    fn dns_query() -> Vec<u8> {
        let mac = MacAddr::default();
        let source = "10.0.0.1:40000".parse().unwrap();
        let destination = "10.0.0.2:53".parse().unwrap();
        udp_frame(mac, mac, source, destination, b"?")
    }

    #[test]
    fn a_partition_cuts_both_ways_and_a_one_way_one_only_there() {
        let mut rules = Rules::default();
        let both = rules.add(Rule::partition([A], [B]));
        assert_eq!(rules.verdict(A, B, &[]), Verdict::Drop(both));
        assert_eq!(rules.verdict(B, A, &[]), Verdict::Drop(both));
        assert_eq!(rules.verdict(A, C, &[]), Verdict::Pass);
        assert!(rules.remove(both));
        assert_eq!(rules.verdict(A, B, &[]), Verdict::Pass);

        let one = rules.add(Rule::partition_one_way([A], [B]));
        assert_eq!(rules.verdict(A, B, &[]), Verdict::Drop(one));
        assert_eq!(rules.verdict(B, A, &[]), Verdict::Pass);
    }

    #[test]
    fn drop_beats_impair_and_the_newest_impairment_holds() {
        let mut rules = Rules::default();
        let impair = |loss| Rule {
            from: Ports::Any,
            to: Ports::Any,
            both_ways: false,
            traffic: Traffic::Any,
            action: Action::Impair(Faults {
                loss: crate::link::Chance::from_ppm(loss),
                ..Faults::default()
            }),
        };
        rules.add(impair(1));
        let newer = rules.add(impair(2));
        assert!(matches!(rules.verdict(A, B, &[]), Verdict::Impair(id, _) if id == newer));
        let cut = rules.add(Rule::partition([A], [B]));
        assert_eq!(rules.verdict(A, B, &[]), Verdict::Drop(cut));
        rules.clear();
        assert_eq!(rules.verdict(A, B, &[]), Verdict::Pass);
    }

    #[test]
    fn traffic_is_told_apart_by_protocol_and_port() {
        let frame = dns_query();
        let matching = [Traffic::Any, Traffic::Udp(53), Traffic::Udp(40_000)];
        let other = [Traffic::Arp, Traffic::Udp(67), Traffic::Tcp(53)];
        assert!(matching.iter().all(|traffic| traffic.matches(&frame)));
        assert!(!other.iter().any(|traffic| traffic.matches(&frame)));
        let mut later_fragment = frame;
        later_fragment[21] = 1;
        assert!(!Traffic::Udp(53).matches(&later_fragment));
    }
}
