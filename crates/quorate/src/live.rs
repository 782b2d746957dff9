//! What is told while a run goes on, on standard error: on a terminal one live line a machine,
//! elsewhere one line for each thing that matters.

use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use quorate_core::Instant;
use quorate_scenario::lane::Lanes;
use quorate_scenario::{Lane, Link, Observation, Story, What};

/// How much is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LiveMode {
    /// Lines that redraw themselves.
    Terminal,
    /// Lines that stay.
    Plain {
        verbose: bool,
    },
    Quiet,
}

/// The teller of one run.
#[derive(Debug)]
pub(crate) struct Live {
    mode: LiveMode,
    all: MultiProgress,
    /// One a machine, in the order of the story; one in all when there are too many.
    lines: Vec<ProgressBar>,
    drawn: Option<Instant>,
}

impl Live {
    pub(crate) fn new(story: &Story, mode: LiveMode) -> Self {
        let all = MultiProgress::with_draw_target(match mode {
            LiveMode::Terminal => ProgressDrawTarget::stderr(),
            LiveMode::Plain { .. } | LiveMode::Quiet => ProgressDrawTarget::hidden(),
        });
        let count = if story.machines.len() > LINES_MAX {
            1
        } else {
            story.machines.len()
        };
        let style = ProgressStyle::with_template("{msg}").expect("the template is a constant");
        let line = |_| all.add(ProgressBar::new_spinner().with_style(style.clone()));
        let lines = (0..count).map(line).collect();
        Self {
            mode,
            all,
            lines,
            drawn: None,
        }
    }

    /// Tells what was observed; `lanes` have moved by it.
    pub(crate) fn saw(&mut self, observation: &Observation, lanes: &Lanes) {
        match self.mode {
            LiveMode::Terminal => {
                let is_fresh = |drawn: Instant| observation.at - drawn < REDRAW_PERIOD;
                if !self.drawn.is_some_and(is_fresh) || matters(&observation.what) {
                    self.drawn = Some(observation.at);
                    self.draw(lanes);
                }
            }
            LiveMode::Plain { verbose } => {
                if let Some(line) = line(observation, verbose) {
                    eprintln!("{line}");
                }
            }
            LiveMode::Quiet => {}
        }
    }

    /// Takes the live lines away; the report says it all.
    pub(crate) fn finish(self) {
        for line in &self.lines {
            line.finish_and_clear();
        }
        // A terminal that has gone cannot be cleared.
        let _ = self.all.clear();
    }

    fn draw(&self, lanes: &Lanes) {
        if self.lines.len() == lanes.iter().count() {
            for (line, lane) in self.lines.iter().zip(lanes.iter()) {
                line.set_message(of_lane(lane));
            }
        } else if let Some(line) = self.lines.first() {
            line.set_message(of_all(lanes));
        }
    }
}

/// `n1  ● power ● lease ● name ● seed ● etcd ● srv ● cluster ○ voter  2 starts`
fn of_lane(lane: &Lane) -> String {
    let dot = |link: Link| {
        if lane.reached.contains_key(&link) {
            '●'
        } else {
            '○'
        }
    };
    let mut text = format!("{:8}", lane.machine);
    for (link, word) in CHAIN {
        text.push_str(&format!(" {} {word}", dot(link)));
    }
    match (lane.powered, lane.voters) {
        (false, _) => text.push_str("  off"),
        (true, Some(voters)) => text.push_str(&format!("  {voters} voters")),
        (true, None) if lane.starts > 1 => text.push_str(&format!("  {} starts", lane.starts)),
        (true, None) => {}
    }
    text
}

/// How many machines have reached each link.
fn of_all(lanes: &Lanes) -> String {
    let reached = |link| {
        lanes
            .iter()
            .filter(|lane| lane.reached.contains_key(&link))
            .count()
    };
    let parts: Vec<_> = CHAIN
        .iter()
        .map(|(link, word)| format!("{word} {}", reached(*link)))
        .collect();
    format!("{} machines: {}", lanes.iter().count(), parts.join("  "))
}

/// True for what is worth a redraw at once.
const fn matters(what: &What) -> bool {
    matches!(
        what,
        What::Healthy { .. } | What::PoweredOff | What::SrvPublished { .. }
    )
}

/// One line for people, or `None` for what only a verbose run tells.
fn line(observation: &Observation, verbose: bool) -> Option<String> {
    let said = match &observation.what {
        What::ServersReady => "the servers answer".to_owned(),
        What::PoweredOn => "power on".to_owned(),
        What::PoweredOff => "power off".to_owned(),
        What::LinkDown => "link down".to_owned(),
        What::LinkUp => "link up".to_owned(),
        What::Leased {
            addr,
            renewed: false,
            ..
        } => format!("leased {addr}"),
        What::LeaseLost { reason } => format!("lost its lease: {reason}"),
        What::ReversePublished { .. } => "its name leads to its address, and back".to_owned(),
        What::GateWaiting { have, want } => format!("gate: {have} of {want} members are there"),
        What::SrvPublished { members } => format!("SRV published: {}", members.join(" ")),
        What::ServiceStarted { attempt } if *attempt == 1 => "etcd started".to_owned(),
        What::Identified { cluster_id, .. } => format!("in cluster {cluster_id}"),
        What::Healthy { voters, .. } => format!("healthy, {voters} voters"),
        What::Unhealthy { why } => format!("no longer healthy: {why}"),
        What::Refused { by, why } => format!("{by} refused {why}"),
        What::Note { text } => text.clone(),
        What::Leased { addr, .. } if verbose => format!("renewed {addr}"),
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
        | What::DhcpSent { .. }
        | What::NamePublished { .. }
        | What::Seeded
        | What::ServiceStarted { .. }
        | What::ServiceExited { .. }
        | What::ZoneChanged { .. }
        | What::GateOpened { .. } => return None,
    };
    let at = observation.at.as_nanos() as f64 / 1e9;
    let who = observation.machine.as_deref().unwrap_or("-");
    Some(format!("{at:9.3} s  {who:8}  {said}"))
}

/// The links that a live line shows, and what it calls them.
const CHAIN: [(Link, &str); 8] = [
    (Link::Power, "power"),
    (Link::Ack, "lease"),
    (Link::Name, "name"),
    (Link::Seed, "seed"),
    (Link::Srv, "srv"),
    (Link::Etcd, "etcd"),
    (Link::ClusterId, "cluster"),
    (Link::Voter, "voter"),
];
/// Lines that fit on a tall terminal.
const LINES_MAX: usize = 40;
const REDRAW_PERIOD: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests {
    use super::*;

    fn told(what: What, verbose: bool) -> Option<String> {
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
            told(leased, false).unwrap(),
            "    1.234 s  n1        leased 10.77.0.10"
        );
    }

    #[test]
    fn restarts_are_told_to_those_who_ask() {
        let again = || What::ServiceStarted { attempt: 2 };
        assert_eq!(told(again(), false), None);
        assert!(told(again(), true).unwrap().ends_with("etcd started (2)"));
    }
}
