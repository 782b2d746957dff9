//! From what processes tell, one JSON line each, to observations.

use std::fs;
use std::io::{self, BufRead as _, BufReader};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::ChildStdout;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use quorate_etcd::LogEvent;
use quorate_node::event::{Event as NodeEvent, ExitStatus, Step};
use quorate_scenario::What;
use quorate_serve::Event as ServeEvent;

use super::Told;
use super::member::LOG_FILE;

/// A member's address, once its agent has told it.
pub(super) type Address = Arc<Mutex<Option<Ipv4Addr>>>;

/// Reads what the daemons tell until they end.
pub(super) fn follow_servers(
    stdout: ChildStdout,
    tell: Sender<Told>,
    ready: Sender<()>,
) -> io::Result<()> {
    let read = move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let Ok(line) = serde_json::from_str::<quorate_serve::Line>(&line) else {
                continue;
            };
            if matches!(line.event, ServeEvent::Ready { .. }) {
                let _ = ready.send(());
            }
            if let Some((machine, what)) = of_servers(line.event)
                && tell.send((line.mono_ns, machine, what)).is_err()
            {
                return;
            }
        }
    };
    thread::Builder::new()
        .name("servers".to_owned())
        .spawn(read)
        .map(drop)
}

/// Reads what a machine's agent tells until the machine is off. `address` learns the lease.
pub(super) fn follow_machine(
    stdout: ChildStdout,
    name: String,
    dir: PathBuf,
    address: Option<Address>,
    tell: Sender<Told>,
) -> io::Result<()> {
    let thread = thread::Builder::new().name(format!("{name} agent"));
    let read = move || {
        let mut leased = None;
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let Ok(line) = serde_json::from_str::<quorate_agent::Line>(&line) else {
                continue;
            };
            if let NodeEvent::Leased(lease) = &line.event {
                leased = Some((lease.addr, lease.hostname.clone()));
                if let Some(address) = &address {
                    *address.lock().unwrap_or_else(PoisonError::into_inner) = Some(lease.addr);
                }
            }
            let Some(what) = of_machine(line.event, leased.as_ref(), &dir) else {
                continue;
            };
            if tell.send((line.mono_ns, Some(name.clone()), what)).is_err() {
                return;
            }
        }
    };
    thread.spawn(read).map(drop)
}

fn of_servers(event: ServeEvent) -> Option<(Option<String>, What)> {
    Some(match event {
        ServeEvent::Ready { .. } => (None, What::ServersReady),
        ServeEvent::NamePublished { hostname, addr } => {
            (Some(hostname), What::NamePublished { addr })
        }
        ServeEvent::ReversePublished { hostname, addr } => {
            (Some(hostname), What::ReversePublished { addr })
        }
        ServeEvent::ZoneChanged {
            zone,
            serial,
            added,
            removed,
        } => (
            None,
            What::ZoneChanged {
                zone,
                serial,
                added,
                removed,
            },
        ),
        ServeEvent::GateWaiting { have, want, .. } => (None, What::GateWaiting { have, want }),
        ServeEvent::GateOpened { members, .. } => (None, What::GateOpened { members }),
        ServeEvent::ServicePublished { members, .. } => (None, What::SrvPublished { members }),
        ServeEvent::Nak { addr, mac, why } => {
            let why = format!("{addr} to {mac}: {why}");
            (
                None,
                What::Refused {
                    by: "dhcp".to_owned(),
                    why,
                },
            )
        }
        ServeEvent::Refused {
            service,
            source,
            why,
        } => {
            let from = source.map_or_else(String::new, |source| format!("{source}: "));
            (
                None,
                What::Refused {
                    by: service,
                    why: format!("{from}{why}"),
                },
            )
        }
        ServeEvent::NameConflict { hostname, addr } => {
            let why = format!("{hostname} at {addr}: the name is another client's");
            (
                Some(hostname),
                What::Refused {
                    by: "ddns".to_owned(),
                    why,
                },
            )
        }
        ServeEvent::Late { service, hostname } => {
            let text = format!("came after the SRV set of {service} was frozen");
            (Some(hostname), What::Note { text })
        }
        ServeEvent::UpdateRetried { what, attempt, why } => {
            let text = format!("UPDATE of {what} sent again ({attempt}): {why}");
            (None, What::Note { text })
        }
        // The machines tell their leases and seeds themselves.
        ServeEvent::Offered { .. }
        | ServeEvent::Leased { .. }
        | ServeEvent::LeaseEnded { .. }
        | ServeEvent::SeedServed { .. } => return None,
    })
}

fn of_machine(
    event: NodeEvent,
    leased: Option<&(Ipv4Addr, Option<String>)>,
    dir: &Path,
) -> Option<What> {
    let note = |text: String| What::Note { text };
    Some(match event {
        NodeEvent::DhcpSent { message, attempt } => What::DhcpSent { message, attempt },
        NodeEvent::Leased(lease) => What::Leased {
            addr: lease.addr,
            hostname: lease.hostname,
            lease_secs: lease.lease_secs,
            renewed: false,
        },
        NodeEvent::LeaseRenewed { lease_secs } => {
            let (addr, hostname) = leased?.clone();
            What::Leased {
                addr,
                hostname,
                lease_secs,
                renewed: true,
            }
        }
        NodeEvent::LeaseLost { reason } => What::LeaseLost { reason },
        NodeEvent::SeedApplied { .. } => What::Seeded,
        NodeEvent::StartUnit {
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
            last_words: last_words(&dir.join(LOG_FILE)),
        },
        NodeEvent::Declined { addr } => note(format!("declined {addr}: somebody else uses it")),
        NodeEvent::SeedRetry { url, why, .. } => note(format!("{url}: {why}")),
        NodeEvent::NoSeed {
            boot_file: Some(file),
        } => note(format!("{file} names no seed")),
        NodeEvent::UnitGaveUp { unit, why } => note(format!("{unit} stays down: {why}")),
        NodeEvent::Unsupported { what } => note(format!("left out of the seed: {what}")),
        NodeEvent::Trouble { what } => note(what),
        NodeEvent::PoweredOn
        | NodeEvent::PoweredOff
        | NodeEvent::DhcpDropped { .. }
        | NodeEvent::Probe { .. }
        | NodeEvent::Configure { .. }
        | NodeEvent::SetHostname { .. }
        | NodeEvent::FetchSeed { .. }
        | NodeEvent::NoSeed { boot_file: None }
        | NodeEvent::InstallFile { .. }
        | NodeEvent::StartUnit {
            step: Step::Pre { .. },
            ..
        }
        | NodeEvent::UnitExited {
            step: Step::Pre { .. },
            ..
        }
        | NodeEvent::UnitUp { .. }
        | NodeEvent::StopUnit { .. } => return None,
    })
}

fn shown(status: &ExitStatus) -> String {
    match status {
        ExitStatus::Code { code } => format!("exit status {code}"),
        ExitStatus::Signal { signal } => format!("signal {signal}"),
        ExitStatus::NotStarted { why } => format!("not started: {why}"),
    }
}

/// Why etcd ended, as the end of its log says.
fn last_words(log: &Path) -> Option<String> {
    let bytes = fs::read(log).ok()?;
    let tail = &bytes[bytes.len().saturating_sub(LOG_TAIL_OCTETS)..];
    let text = String::from_utf8_lossy(tail);
    let fatal = |event| {
        if let LogEvent::Fatal { error } = event {
            Some(error)
        } else {
            None
        }
    };
    quorate_etcd::log::parse(&text).filter_map(fatal).last()
}

const LOG_TAIL_OCTETS: usize = 16 << 10;
