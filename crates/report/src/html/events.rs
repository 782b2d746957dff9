//! Rows above the machines: when the servers were down, and what was broken on purpose.

use std::time::Duration;

use maud::{Markup, html};
use quorate_core::Instant;
use quorate_scenario::fault::{Fault, Group, Whom};
use quorate_scenario::{Action, What};

use super::Page;
use super::plot::bar;
use crate::axis::WIDTH;
use crate::text;

/// The rows; none in a run in which nothing of this happened.
pub(super) fn rows(page: &Page<'_>) -> Markup {
    let outages = outages(page);
    let faults = faults(page);
    let shown = faults.len().min(ROWS_MAX);
    let (single, others) = faults.split_at(shown);
    html! {
        @if !outages.is_empty() {
            @let down: Duration = outages.iter().map(|(from, to)| to.since(*from)).sum();
            (row(page, "servers", &format!("down {}", text::duration(down)), &outage_tip(&outages), &outages))
        }
        @for fault in single {
            (row(page, fault.what.name(), &whom(fault), &fault.to_string(), &[time(page, fault)]))
        }
        @if !others.is_empty() {
            @let times: Vec<_> = others.iter().map(|fault| time(page, fault)).collect();
            @let tip: Vec<_> = others.iter().take(TIP_MAX).map(|fault| fault.to_string()).collect();
            (row(page, "other faults", &format!("{} more", others.len()), &tip.join("\n"), &times))
        }
    }
}

/// True when [`rows`] has some.
pub(super) fn is_any(page: &Page<'_>) -> bool {
    page.outcome.observations.iter().any(|seen| {
        matches!(
            seen.what,
            What::Did(Action::ServersStop) | What::FaultBegan { .. }
        )
    })
}

fn row(page: &Page<'_>, name: &str, end: &str, tip: &str, times: &[(Instant, Instant)]) -> Markup {
    let bars: String = times
        .iter()
        .map(|(from, to)| {
            let (from, to) = (page.axis.x(from.as_nanos()), page.axis.x(to.as_nanos()));
            bar(from, HEIGHT * 0.1, (to - from).max(WIDTH_MIN), HEIGHT * 0.8)
        })
        .collect();
    html! {
        div.row.event title=(tip) {
            span.name { (name) }
            div.draw {
                svg viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) preserveAspectRatio="none"
                    aria-hidden="true" { path.fault d=(bars) {} }
            }
            span.end { (end) }
        }
    }
}

/// When the servers were killed, and when they were started again.
fn outages(page: &Page<'_>) -> Vec<(Instant, Instant)> {
    let mut outages = Vec::new();
    let mut since = None;
    for observation in &page.outcome.observations {
        if let What::Did(Action::ServersStop) = observation.what {
            since.get_or_insert(observation.at);
        } else if let What::Did(Action::ServersStart) = observation.what {
            outages.extend(since.take().map(|from| (from, observation.at)));
        }
    }
    outages.extend(since.map(|from| (from, page.outcome.ended_at)));
    outages
}

fn outage_tip(outages: &[(Instant, Instant)]) -> String {
    let lines = outages.iter().map(|(from, to)| {
        let at = |time: &Instant| text::duration(time.since(Instant::ZERO));
        format!("servers down from {} to {}", at(from), at(to))
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// In the order in which they began.
fn faults<'a>(page: &Page<'a>) -> Vec<&'a Fault> {
    let observations = page.outcome.observations.iter();
    observations
        .filter_map(|observation| {
            let What::FaultBegan { fault } = &observation.what else {
                return None;
            };
            Some(fault)
        })
        .collect()
}

fn time(page: &Page<'_>, fault: &Fault) -> (Instant, Instant) {
    let until = fault.until().min(page.outcome.ended_at);
    (Instant::ZERO + fault.from, until)
}

fn whom(fault: &Fault) -> String {
    match &fault.whom {
        Whom::Group(Group::Servers) => "servers".to_owned(),
        Whom::Group(Group::AllMachines) => "all machines".to_owned(),
        Whom::Machines(names) => match names.as_slice() {
            [] => String::new(),
            [one] => one.clone(),
            several => text::count(several.len(), "machine"),
        },
    }
}

/// So many faults have rows of their own.
const ROWS_MAX: usize = 12;
/// Faults named in the text under the pointer.
const TIP_MAX: usize = 20;
const HEIGHT: f64 = 12.0;
const WIDTH_MIN: f64 = 1.5;
