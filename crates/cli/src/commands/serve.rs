//! `quorate serve`

use std::fmt::Display;

use quorate_daemon::{Config, Event, EventLines, Line};

use crate::args::{Format, ServeArgs};
use crate::error::CliError;
use crate::service_manager;

mod check;

pub(crate) fn run(args: &ServeArgs) -> Result<u8, CliError> {
    let config = Config::load(&args.config)?;
    if args.check {
        return check::run(&config, args);
    }
    let format = args.format;
    let render = match format {
        Format::Json => |line: &Line| serde_json::to_string(line).unwrap_or_default(),
        Format::Human => |line: &Line| human(&line.event),
    };
    let mut lines = EventLines::to_stdout(render);
    quorate::runner::serve(config, service_manager::stopping, |line| {
        if matches!(line.event, Event::Ready { .. }) {
            service_manager::ready();
        }
        lines.emit(line);
    })?;
    Ok(0)
}

fn dhcp_sender(event: &Event) -> String {
    event.dhcp_sender().unwrap_or_default()
}

fn human(event: &Event) -> String {
    match event {
        Event::Ready { leases } => format!("ready, {leases} leases"),
        Event::Offered {
            addr,
            mac,
            firmware,
        } => format!("offered {addr} to {}{mac}", whose(*firmware)),
        Event::Leased {
            addr,
            mac,
            hostname,
            kind,
            ..
        } => {
            format!("leased {addr} to {mac} ({hostname}, {kind})")
        }
        Event::LeaseEnded { addr, mac, why } => format!("lease of {addr} to {mac} {why}"),
        Event::Nak { addr, mac, why, .. } => format!("refused {addr} to {mac}: {why}"),
        Event::DhcpDropped { why, .. } => format!("{}: {why}", dhcp_sender(event)),
        Event::DhcpOmitted { what, why, .. } => {
            format!("{}: without {what}: {why}", dhcp_sender(event))
        }
        Event::Refused {
            service,
            source,
            why,
        } => refused(service, source.as_ref(), why),
        Event::MacShared { .. } | Event::Repeated { .. } | Event::LinesDropped { .. } => {
            warning(event)
        }
        Event::ZoneChanged { .. } => zone_changed(event),
        Event::NamePublished { hostname, addr } => format!("{hostname} leads to {addr}"),
        Event::ReversePublished { hostname, addr } => format!("{addr} leads to {hostname}"),
        Event::ClockSet { secs } => {
            format!("the wall clock was set by {secs:+} s; leases hold as long as before")
        }
        Event::ClockDoubted { .. }
        | Event::LogFailed { .. }
        | Event::LogRecovered { .. }
        | Event::LogCut { .. }
        | Event::CompactionFailed { .. }
        | Event::Compacted { .. } => of_the_log(event),
        Event::NameConflict { hostname, addr } => {
            format!("{hostname} belongs to another client, {addr} stays without a name")
        }
        Event::GateWaiting { .. }
        | Event::GateOpened { .. }
        | Event::ServicePublished { .. }
        | Event::Late { .. } => of_a_cohort(event),
        Event::UpdateRetried { what, attempt, why } => {
            format!("UPDATE of {what}: attempt {attempt}: {why}")
        }
        Event::SeedServed { mac, file } => format!("{mac} fetched its {file}"),
        Event::BootServed {
            mac: Some(mac),
            file,
            ..
        } => format!("{mac} booted {file}"),
        Event::BootServed { addr, file, .. } => format!("{addr} booted {file}"),
    }
}

/// Firmware asks before the machine does.
const fn whose(firmware: bool) -> &'static str {
    if firmware { "the firmware of " } else { "" }
}

fn refused(service: &impl Display, source: Option<&impl Display>, why: &impl Display) -> String {
    match source {
        Some(source) => format!("{service}: refused {source}: {why}"),
        None => format!("{service}: {why}"),
    }
}

/// What an operator looks into.
#[expect(clippy::wildcard_enum_match_arm, reason = "the caller has the others")]
fn warning(event: &Event) -> String {
    match event {
        Event::MacShared { mac, addr, other } => {
            format!("{mac} has {other}, and another client with this MAC address has {addr}")
        }
        Event::Repeated {
            service,
            why,
            count,
        } => format!("{service}: {count} more within a second: {why}"),
        Event::LinesDropped { count } => {
            format!("{count} lines were dropped: their reader was too slow")
        }
        _ => String::new(),
    }
}

fn zone_changed(event: &Event) -> String {
    let Event::ZoneChanged {
        zone,
        serial,
        added,
        removed,
        key,
        client,
    } = event
    else {
        return String::new();
    };
    let client = client.map_or_else(String::new, |client| format!(" by {client}"));
    let key = key.as_ref();
    let key = key.map_or_else(String::new, |key| format!(" with the key {key}"));
    let (added, removed) = (added.len(), removed.len());
    format!("zone {zone} {serial}: +{added} -{removed}{client}{key}")
}

/// What became of promises, and of the file that keeps them.
#[expect(clippy::wildcard_enum_match_arm, reason = "the caller has the others")]
fn of_the_log(event: &Event) -> String {
    match event {
        Event::ClockDoubted { leases } => format!(
            "by the wall clock {leases} leases ended while the server was away; they are held for \
             one more lease time"
        ),
        Event::LogFailed { why } => {
            format!("the log cannot be written, nothing is promised until it can: {why}")
        }
        Event::LogRecovered { refused } => {
            format!("the log is written again; {refused} batches were refused meanwhile")
        }
        Event::LogCut { bytes, serials } => format!(
            "the log has lost {bytes} bytes at its end: what they said is gone; every zone skips \
             {serials} serials"
        ),
        Event::CompactionFailed { why } => {
            format!("the log was not rewritten, and will be later: {why}")
        }
        Event::Compacted {
            bytes_before,
            bytes,
        } => format!("the log was rewritten: {bytes_before} bytes are {bytes} now"),
        _ => String::new(),
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the caller has the others")]
fn of_a_cohort(event: &Event) -> String {
    match event {
        Event::GateWaiting {
            service,
            have,
            want,
        } => {
            format!("{service}: {have} of {want} members are there")
        }
        Event::GateOpened { service, members } => {
            format!("{service}: complete: {}", members.join(" "))
        }
        Event::ServicePublished { service, members } => {
            format!("{service}: published {}", members.join(" "))
        }
        Event::Late { service, hostname } => {
            format!("{service}: {hostname} came after the set was frozen; add it by the member API")
        }
        _ => String::new(),
    }
}
