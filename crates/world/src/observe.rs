//! Translates the events of servers and machines to observations.

use std::net::Ipv4Addr;

use quorate_node::event::{Event as NodeEvent, ExitStatus, Step};
use quorate_scenario::story::{Machine, Story};
use quorate_scenario::{Link, What};
use quorate_server::Event;

use crate::servers::Boot;

/// What an event of the servers shows, and of which machine.
pub fn server_event(event: Event) -> Option<(Option<String>, What)> {
    Some(match event {
        Event::Ready { .. } => (None, What::ServersReady),
        Event::NamePublished { hostname, addr } => (Some(hostname), What::NamePublished { addr }),
        Event::ReversePublished { hostname, addr } => {
            (Some(hostname), What::ReversePublished { addr })
        }
        Event::ZoneChanged {
            zone,
            serial,
            added,
            removed,
            ..
        } => (
            None,
            What::ZoneChanged {
                zone,
                serial,
                added,
                removed,
            },
        ),
        Event::GateWaiting {
            service,
            have,
            want,
        } => (
            None,
            What::GateWaiting {
                service,
                have,
                want,
            },
        ),
        Event::GateOpened { members, .. } => (None, What::GateOpened { members }),
        Event::ServicePublished { members, .. } => (None, What::SrvPublished { members }),
        Event::Nak { .. }
        | Event::DhcpDropped { .. }
        | Event::DhcpOmitted { .. }
        | Event::Refused { .. } => (None, refusal(event)?),
        Event::NameConflict { hostname, addr } => {
            let why = format!("{hostname} at {addr}: the name is another client's");
            (Some(hostname), refused("ddns", why))
        }
        Event::Late { service, hostname } => {
            let text = format!("came after the SRV set of {service} was frozen");
            (Some(hostname), What::Note { text })
        }
        Event::UpdateRetried { .. }
        | Event::ClockSet { .. }
        | Event::ClockDoubted { .. }
        | Event::LogFailed { .. }
        | Event::LogRecovered { .. }
        | Event::LogCut { .. }
        | Event::CompactionFailed { .. } => {
            let text = note(event)?;
            (None, What::Note { text })
        }
        // The machines report their leases and seeds themselves.
        Event::Offered { .. }
        | Event::Leased { .. }
        | Event::LeaseEnded { .. }
        | Event::SeedServed { .. }
        | Event::BootServed { .. }
        | Event::MacShared { .. }
        | Event::Compacted { .. }
        | Event::Repeated { .. }
        | Event::LinesDropped { .. } => return None,
    })
}

/// What was not done for somebody, or not wholly.
#[expect(clippy::wildcard_enum_match_arm, reason = "the caller has the others")]
fn refusal(event: Event) -> Option<What> {
    Some(match event {
        Event::Nak { addr, mac, why, .. } => refused("dhcp", format!("{addr} to {mac}: {why}")),
        Event::DhcpDropped { ref why, .. } => {
            let sender = event.dhcp_sender().unwrap_or_default();
            refused("dhcp", format!("{sender}: {why}"))
        }
        Event::DhcpOmitted {
            ref what, ref why, ..
        } => {
            let sender = event.dhcp_sender().unwrap_or_default();
            let text = format!("dhcp: {sender}: without {what}: {why}");
            What::Note { text }
        }
        Event::Refused {
            service,
            source,
            why,
        } => {
            let from = source.map_or_else(String::new, |source| format!("{source}: "));
            refused(service, format!("{from}{why}"))
        }
        _ => return None,
    })
}

/// What became of the servers' clock, of their log and of an UPDATE.
#[expect(clippy::wildcard_enum_match_arm, reason = "the caller has the others")]
fn note(event: Event) -> Option<String> {
    Some(match event {
        Event::UpdateRetried { what, attempt, why } => {
            format!("UPDATE of {what} sent again ({attempt}): {why}")
        }
        Event::ClockSet { secs } => {
            format!("the servers' wall clock was set by {secs:+} s")
        }
        Event::ClockDoubted { leases } => {
            format!(
                "by the servers' clock {leases} leases ended while they were away; they are held"
            )
        }
        Event::LogFailed { why } => {
            format!("the servers' log cannot be written: {why}")
        }
        Event::LogRecovered { .. } => "the servers' log is written again".to_owned(),
        Event::LogCut { bytes, .. } => {
            format!("the servers' log has lost {bytes} octets")
        }
        Event::CompactionFailed { why } => {
            format!("the servers' log cannot be rewritten: {why}")
        }
        _ => return None,
    })
}

fn refused(by: impl Into<String>, why: String) -> What {
    What::Refused { by: by.into(), why }
}

/// Sees machines boot, as far as the servers see it.
#[derive(Clone, Debug)]
pub struct BootObserver {
    machines: Vec<Machine>,
    boot: Boot,
}

impl BootObserver {
    /// For the virtual machines of `story`, which boot this.
    pub fn new(story: &Story, boot: Boot) -> Self {
        let machines = story.machines.iter();
        let machines = machines.filter(|machine| machine.hardware.is_vm).cloned();
        Self {
            machines: machines.collect(),
            boot,
        }
    }

    /// What an event of the servers shows of a machine's boot.
    pub fn observe(&self, event: &Event) -> Option<(String, What)> {
        let (mac, link) = if let Event::Offered {
            mac,
            firmware: true,
            ..
        } = event
        {
            (*mac, Link::Firmware)
        } else if let Event::BootServed {
            mac: Some(mac),
            file,
            ..
        } = event
        {
            let file = file.as_str();
            let links = [
                ("script", Link::Script),
                (&self.boot.kernel, Link::Kernel),
                (&self.boot.initrd, Link::Initrd),
            ];
            let (_, link) = links.into_iter().find(|(name, _)| *name == file)?;
            (*mac, link)
        } else {
            return None;
        };
        let machine = self.machines.iter().find(|machine| machine.mac == mac)?;
        Some((machine.name.clone(), What::Booting { link }))
    }
}

/// Translates the events of one machine; remembers the lease, which a renewal does not repeat.
#[derive(Clone, Debug, Default)]
pub struct MachineObserver {
    leased: Option<(Ipv4Addr, Option<String>)>,
}

impl MachineObserver {
    /// What an event of the machine shows. `last_words` is what the service's log ends with.
    pub fn observe(
        &mut self,
        event: NodeEvent,
        last_words: impl FnOnce() -> Option<String>,
    ) -> Option<What> {
        let note = |text: String| What::Note { text };
        Some(match event {
            NodeEvent::DhcpSent { message, attempt } => What::DhcpSent { message, attempt },
            NodeEvent::Leased(lease) => {
                self.leased = Some((lease.addr, lease.hostname.clone()));
                What::Leased {
                    addr: lease.addr,
                    hostname: lease.hostname,
                    lease_secs: lease.lease_secs,
                    renewed: false,
                }
            }
            NodeEvent::LeaseRenewed { lease_secs } => {
                let (addr, hostname) = self.leased.clone()?;
                What::Leased {
                    addr,
                    hostname,
                    lease_secs,
                    renewed: true,
                }
            }
            NodeEvent::LeaseLost { reason } => What::LeaseLost { reason },
            NodeEvent::SeedApplied { .. } => What::Seeded,
            NodeEvent::UnitStarting {
                step: Step::Main,
                attempt,
                ..
            } => What::ServiceStarted { attempt },
            NodeEvent::UnitExited {
                step: Step::Main,
                status,
                ..
            } => What::ServiceExited {
                status: shown(&status),
                last_words: last_words(),
            },
            NodeEvent::Declined { addr } => note(format!("declined {addr}: somebody else uses it")),
            NodeEvent::SeedRetry { url, why, .. } => note(format!("{url}: {why}")),
            NodeEvent::NoSeed {
                boot_file: Some(file),
            } => note(format!("{file} names no seed")),
            NodeEvent::UnitGaveUp { unit, why } => note(format!("{unit} stays down: {why}")),
            NodeEvent::Unsupported { what } => note(format!("left out of the seed: {what}")),
            NodeEvent::Failure { what } => note(what),
            NodeEvent::PoweredOn
            | NodeEvent::PoweredOff
            | NodeEvent::DhcpDropped { .. }
            | NodeEvent::NoSeed { boot_file: None }
            | NodeEvent::UnitStarting {
                step: Step::Pre { .. },
                ..
            }
            | NodeEvent::UnitExited {
                step: Step::Pre { .. },
                ..
            }
            | NodeEvent::UnitUp { .. } => return None,
        })
    }
}

fn shown(status: &ExitStatus) -> String {
    match status {
        ExitStatus::Code { code } => format!("exit status {code}"),
        ExitStatus::Signal { signal } => format!("signal {signal}"),
        ExitStatus::NotStarted { why } => format!("not started: {why}"),
    }
}

#[cfg(test)]
mod tests {
    use quorate_scenario::hardware::Virtual;

    use super::*;

    #[test]
    fn servers_see_virtual_machines_boot() {
        let text = "title = \"t\"\n[etcd]\n[[machines]]\nname = \"n1\"\nclass = \"etcd\"\n\
                    world = \"vm\"\n[[machines]]\nname = \"n2\"\nclass = \"etcd\"\n";
        let mut story = Story::parse("story.toml", text).unwrap();
        story.virtualize(Virtual::Wanted);
        let observer = BootObserver::new(
            &story,
            Boot {
                files: Vec::new(),
                kernel: "vmlinuz".to_owned(),
                initrd: "initrd".to_owned(),
                cmdline: String::new(),
                install: None,
            },
        );
        let [vm, other] = [story.machines[0].mac, story.machines[1].mac];
        let addr = Ipv4Addr::new(10, 77, 0, 10);
        let offered = |mac, firmware| Event::Offered {
            addr,
            mac,
            firmware,
        };
        let served = |file: &str| Event::BootServed {
            addr: addr.into(),
            mac: Some(vm),
            file: file.to_owned(),
        };
        let links: Vec<_> = [
            offered(vm, true),
            offered(vm, false),
            offered(other, true),
            served("script"),
            served("vmlinuz"),
            served("snponly.efi"),
            served("initrd"),
        ]
        .iter()
        .filter_map(|event| observer.observe(event))
        .collect();
        let n1 = |link| ("n1".to_owned(), What::Booting { link });
        let expected = [Link::Firmware, Link::Script, Link::Kernel, Link::Initrd];
        assert_eq!(links, expected.map(n1));
    }
}
