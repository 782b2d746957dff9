//! `quorate serve`

use std::io::Write as _;

use quorate_daemon::{Config, Event, Line, ServeError};
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::{Format, ServeArgs};
use crate::{exit, notify};

pub(crate) fn run<T: From<u8>>(args: &ServeArgs) -> T {
    let config = match Config::load(&args.config) {
        Ok(config) => config,
        Err(error) => {
            exit::show(error);
            return T::from(exit::BAD_INPUT);
        }
    };
    if args.check {
        return check(&config);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("no threads to serve with: {error}");
            return T::from(exit::CANNOT_RUN);
        }
    };
    let format = args.format;
    match runtime.block_on(quorate_daemon::run(config, stop(), |line| {
        tell(line, format)
    })) {
        Ok(()) => T::from(0),
        Err(ServeError::Config(error)) => {
            exit::show(error);
            T::from(exit::BAD_INPUT)
        }
        Err(error) => {
            eprintln!("{error}");
            T::from(exit::CANNOT_RUN)
        }
    }
}

/// Says whether these servers would start, as far as the file decides it.
fn check<T: From<u8>>(config: &Config) -> T {
    match quorate_daemon::check(config) {
        Ok(unread) => {
            for path in unread {
                eprintln!("not read: {}", path.display());
            }
            T::from(0)
        }
        Err(error) => {
            exit::show(error);
            T::from(exit::BAD_INPUT)
        }
    }
}

/// Completes at the first SIGINT or SIGTERM.
async fn stop() {
    let (Ok(mut interrupt), Ok(mut terminate)) = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
    ) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    notify::stopping();
}

fn tell(line: &Line, format: Format) {
    if matches!(line.event, Event::Ready { .. }) {
        notify::ready();
    }
    let text = match format {
        Format::Json => serde_json::to_string(line).unwrap_or_default(),
        Format::Human => human(&line.event),
    };
    // Whoever reads may have gone; the services go on.
    let _ = writeln!(std::io::stdout(), "{text}");
}

fn human(event: &Event) -> String {
    match event {
        Event::Ready { leases } => format!("ready, {leases} leases"),
        Event::Offered {
            addr,
            mac,
            firmware,
        } => {
            let whose = if *firmware { "the firmware of " } else { "" };
            format!("offered {addr} to {whose}{mac}")
        }
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
        Event::Nak { addr, mac, why } => format!("refused {addr} to {mac}: {why}"),
        Event::Refused {
            service,
            source,
            why,
        } => match source {
            Some(source) => format!("{service}: refused {source}: {why}"),
            None => format!("{service}: {why}"),
        },
        Event::ZoneChanged {
            zone,
            serial,
            added,
            removed,
        } => {
            format!("zone {zone} {serial}: +{} -{}", added.len(), removed.len())
        }
        Event::NamePublished { hostname, addr } => format!("{hostname} leads to {addr}"),
        Event::ReversePublished { hostname, addr } => format!("{addr} leads to {hostname}"),
        Event::ClockSet { secs } => {
            format!("the wall clock was set by {secs:+} s, every lease is written again")
        }
        Event::NameConflict { hostname, addr } => {
            format!("{hostname} belongs to another client, {addr} stays without a name")
        }
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

/// The main loop waits for the disk in place; the other thread serves meanwhile.
const WORKERS: usize = 2;
