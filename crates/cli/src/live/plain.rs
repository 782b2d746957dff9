//! Lines that stay, for logs and continuous integration.

use quorate_scenario::hardware::clock_text;
use quorate_scenario::{Observation, What};

/// One line for people, or `None` for what only a verbose run shows.
pub(super) fn line(observation: &Observation, verbose: bool) -> Option<String> {
    let said = match &observation.what {
        What::ServersReady => "the servers answer".to_owned(),
        What::Did(action) => action.to_string(),
        What::Leased {
            addr,
            renewed: false,
            ..
        } => format!("leased {addr}"),
        What::LeaseLost { reason } => format!("lost its lease: {reason}"),
        What::ReversePublished { .. } => "its name leads to its address, and back".to_owned(),
        What::GateWaiting {
            service,
            have,
            want,
        } => {
            // The one cluster of most stories needs no name.
            let which = service.strip_prefix("etcd-");
            let which = which.map_or_else(String::new, |name| format!(" of {name}"));
            format!("gate{which}: {have} of {want} members are there")
        }
        What::SrvPublished { members } => format!("SRV published: {}", members.join(" ")),
        What::ServiceStarted { attempt } if *attempt == 1 => "etcd started".to_owned(),
        What::FaultBegan { fault } => format!("fault {fault}"),
        What::SrvRead { records } if verbose => format!("read SRV: {}", records.join(" ")),
        What::Identified { cluster_id, .. } => format!("in cluster {cluster_id}"),
        What::Healthy { voters: 1, .. } => "healthy, 1 voter".to_owned(),
        What::Healthy { voters, .. } => format!("healthy, {voters} voters"),
        What::Unhealthy { why } => format!("no longer healthy: {why}"),
        What::Refused { by, why } => format!("{by} refused {why}"),
        What::Note { text } => text.clone(),
        What::SlowWrite { took } if verbose => format!("its disk took {took} to keep a write"),
        What::ClockRead { unix_secs, .. } if verbose => {
            format!("its clock says {}", clock_text(*unix_secs))
        }
        What::ClockDrift { drift } if verbose => format!("finds the clock of a peer {drift} off"),
        What::Leased { addr, .. } if verbose => format!("renewed {addr}"),
        What::Booting { link } if verbose => format!("boots: {link}"),
        What::DhcpSent { message, attempt } if verbose => format!("{message} ({attempt})"),
        What::NamePublished { addr } if verbose => format!("A {addr} published"),
        What::Seeded if verbose => "applied its seed".to_owned(),
        What::ServiceStarted { attempt } if verbose => format!("etcd started ({attempt})"),
        What::ServiceExited { status, last_words } if verbose => {
            format!("etcd ended: {}", last_words.as_ref().unwrap_or(status))
        }
        What::ZoneChanged {
            zone,
            serial,
            added,
            removed,
        } if verbose => {
            format!("zone {zone} {serial}: +{} -{}", added.len(), removed.len())
        }
        What::Leased { .. }
        | What::Booting { .. }
        | What::DhcpSent { .. }
        | What::NamePublished { .. }
        | What::Seeded
        | What::SlowWrite { .. }
        | What::ClockRead { .. }
        | What::ClockDrift { .. }
        | What::SrvRead { .. }
        | What::ServiceStarted { .. }
        | What::ServiceExited { .. }
        | What::ZoneChanged { .. }
        | What::GateOpened { .. } => return None,
    };
    Some(stamped(observation, &said))
}

/// With time and machine before it.
fn stamped(observation: &Observation, said: &str) -> String {
    let at = observation.at.as_nanos() as f64 / 1e9;
    let who = observation.machine.as_deref().unwrap_or("-");
    // What others said must not move the cursor.
    let said = said.replace(char::is_control, " ");
    format!("{at:9.3} s  {who:8}  {said}")
}

/// True for what is worth a line of its own even among hundreds of machines.
pub(super) const fn stands_out(what: &What) -> bool {
    matches!(
        what,
        What::ServersReady
            | What::FaultBegan { .. }
            | What::Did(_)
            | What::LeaseLost { .. }
            | What::Unhealthy { .. }
            | What::Refused { .. }
            | What::Note { .. }
    )
}

#[cfg(test)]
mod tests {
    use quorate_core::Instant;

    use super::*;

    fn shown(what: What, verbose: bool) -> Option<String> {
        let at = Instant::from_nanos(1_234_000_000);
        line(
            &Observation {
                at,
                machine: Some("n1".to_owned()),
                what,
            },
            verbose,
        )
    }

    #[test]
    fn a_plain_line_has_time_machine_and_what_happened() {
        let leased = What::Leased {
            addr: [10, 77, 0, 10].into(),
            hostname: None,
            lease_secs: 60,
            renewed: false,
        };
        assert_eq!(
            shown(leased, false).unwrap(),
            "    1.234 s  n1        leased 10.77.0.10"
        );
    }

    #[test]
    fn a_verbose_run_shows_restarts() {
        let again = || What::ServiceStarted { attempt: 2 };
        assert_eq!(shown(again(), false), None);
        assert!(shown(again(), true).unwrap().ends_with("etcd started (2)"));
    }

    #[test]
    fn what_others_said_stays_on_its_line() {
        let text = "late\n\x1b[2Jgone".to_owned();
        let line = shown(What::Note { text }, false).unwrap();
        assert!(line.ends_with("late  [2Jgone"), "{line:?}");
    }

    #[test]
    fn a_plain_run_does_not_show_every_message() {
        let sent = || What::DhcpSent {
            message: "DISCOVER".to_owned(),
            attempt: 3,
        };
        assert_eq!(shown(sent(), false), None);
        assert!(shown(sent(), true).unwrap().ends_with("DISCOVER (3)"));
    }
}
