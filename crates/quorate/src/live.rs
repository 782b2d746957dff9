//! What is told while a run goes on, on standard error: on a terminal one live line a machine,
//! elsewhere one line for each thing that matters.

use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
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
    /// All lines are one message, so that they are drawn together.
    bar: ProgressBar,
    page: Page,
}

impl Live {
    /// On a terminal this starts a thread, so it has to come after every `fork`.
    pub(crate) fn new(story: &Story, mode: LiveMode) -> Self {
        let bar = match mode {
            LiveMode::Terminal => spinner(),
            LiveMode::Plain { .. } | LiveMode::Quiet => ProgressBar::hidden(),
        };
        let mode = if mode == LiveMode::Terminal && bar.is_hidden() {
            // A terminal that cannot move its cursor.
            LiveMode::Plain { verbose: false }
        } else {
            mode
        };
        let page = Page::new(story);
        Self { mode, bar, page }
    }

    /// Tells what was observed; `lanes` have moved by it.
    pub(crate) fn saw(&mut self, observation: &Observation, lanes: &Lanes) {
        match self.mode {
            LiveMode::Terminal => {
                self.page.take(observation, lanes);
                self.bar.set_message(self.page.text(lanes));
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
        self.bar.finish_and_clear();
    }
}

/// Redraws itself, because etcd elects in silence: what the last observation changed must not
/// wait for the next one, and the clock has to go on.
fn spinner() -> ProgressBar {
    let clock = |state: &ProgressState, out: &mut dyn std::fmt::Write| {
        // Writing to a string cannot fail.
        let _ = write!(out, "{:.1} s", state.elapsed().as_secs_f64());
    };
    let style = ProgressStyle::with_template("{msg}\n{spinner} {clock}")
        .expect("the template is a constant")
        .with_key("clock", clock);
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()).with_style(style);
    bar.enable_steady_tick(REDRAW_PERIOD);
    bar
}

/// What the live lines say.
#[derive(Debug)]
struct Page {
    /// Of each machine, in the order of the story.
    addrs: Vec<Option<Ipv4Addr>>,
    members: usize,
    name_width: usize,
}

impl Page {
    fn new(story: &Story) -> Self {
        let names = story.machines.iter().map(|machine| machine.name.len());
        Self {
            addrs: vec![None; story.machines.len()],
            members: story.etcd.members,
            name_width: names.max().unwrap_or(0),
        }
    }

    fn take(&mut self, observation: &Observation, lanes: &Lanes) {
        let What::Leased { addr, .. } = observation.what else {
            return;
        };
        for (known, lane) in self.addrs.iter_mut().zip(lanes.iter()) {
            if observation.machine.as_deref() == Some(&lane.machine) {
                *known = Some(addr);
            }
        }
    }

    fn text(&self, lanes: &Lanes) -> String {
        if self.addrs.len() > LINES_MAX {
            return of_all(lanes);
        }
        let lines = lanes.iter().zip(&self.addrs);
        let lines = lines.map(|(lane, addr)| self.of_lane(lane, *addr));
        lines.collect::<Vec<_>>().join("\n")
    }

    /// `n1  ● power ● lease 10.77.0.10 ● name ● SRV ● etcd ● voter 3/3  1.2 s`
    fn of_lane(&self, lane: &Lane, addr: Option<Ipv4Addr>) -> String {
        let mut text = format!("{:width$} ", lane.machine, width = self.name_width);
        for (link, word) in CHAIN {
            let is_reached = lane.reached.contains_key(&link);
            let dot = if is_reached { '●' } else { '○' };
            let _ = write!(text, " {dot} {word}");
            match (link, addr, lane.voters) {
                (Link::Ack, Some(addr), _) => {
                    let _ = write!(text, " {addr}");
                }
                (Link::Voter, _, Some(voters)) => {
                    let _ = write!(text, " {voters}/{}", self.members);
                }
                (_, _, _) => {}
            }
        }
        if !lane.powered {
            text.push_str("  off");
        } else if !lane.linked {
            text.push_str("  link down");
        } else if lane.starts > 1 && lane.voters.is_none() {
            let _ = write!(text, "  {} starts", lane.starts);
        } else if let Some(took) = took(lane) {
            let _ = write!(text, "  {:.1} s", took.as_secs_f64());
        }
        text
    }
}

/// From power-on to the last link that was reached.
fn took(lane: &Lane) -> Option<Duration> {
    let on = lane.reached.get(&Link::Power)?;
    let last = lane.reached.values().max()?;
    Some(*last - *on)
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
    // What others said must not move the cursor.
    let said = said.replace(char::is_control, " ");
    Some(format!("{at:9.3} s  {who:8}  {said}"))
}

/// The links that a live line shows, and what it calls them.
const CHAIN: [(Link, &str); 6] = [
    (Link::Power, "power"),
    (Link::Ack, "lease"),
    (Link::Name, "name"),
    (Link::Srv, "SRV"),
    (Link::Etcd, "etcd"),
    (Link::Voter, "voter"),
];
/// Lines that fit on a tall terminal.
const LINES_MAX: usize = 40;
const REDRAW_PERIOD: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests {
    use quorate_core::Instant;

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

    #[test]
    fn what_others_said_stays_on_its_line() {
        let text = "late\n\x1b[2Jgone".to_owned();
        let line = told(What::Note { text }, false).unwrap();
        assert!(line.ends_with("late  [2Jgone"), "{line:?}");
    }

    #[test]
    fn a_plain_run_does_not_tell_every_message() {
        let sent = || What::DhcpSent {
            message: "DISCOVER".to_owned(),
            attempt: 3,
        };
        assert_eq!(told(sent(), false), None);
        assert!(told(sent(), true).unwrap().ends_with("DISCOVER (3)"));
    }

    /// A story of so many members, and what the page says after `whats` happened to the first
    /// one, half a second apart.
    fn page(count: usize, whats: Vec<What>) -> String {
        let text = format!(
            "title = \"t\"\n[etcd]\n[[machines]]\nname = \"n\"\ncount = {count}\nclass = \"etcd\"\n"
        );
        let story = Story::parse("story.toml", &text).unwrap();
        let (mut page, mut lanes) = (Page::new(&story), Lanes::new(&story));
        for (index, what) in whats.into_iter().enumerate() {
            let observation = Observation {
                at: Instant::from_nanos(500_000_000 * (index as u64 + 1)),
                machine: Some("n1".to_owned()),
                what,
            };
            lanes.take(&observation);
            page.take(&observation, &lanes);
        }
        page.text(&lanes)
    }

    fn leased() -> What {
        What::Leased {
            addr: [10, 77, 0, 10].into(),
            hostname: None,
            lease_secs: 60,
            renewed: false,
        }
    }

    #[test]
    fn a_live_line_says_how_far_its_machine_is() {
        assert_eq!(
            page(3, vec![What::PoweredOn, leased()]),
            "n1  ● power ● lease 10.77.0.10 ○ name ○ SRV ○ etcd ○ voter  0.5 s\n\
             n2  ○ power ○ lease ○ name ○ SRV ○ etcd ○ voter  off\n\
             n3  ○ power ○ lease ○ name ○ SRV ○ etcd ○ voter  off"
        );
        let healthy = What::Healthy {
            cluster_id: "7".parse().unwrap(),
            member_id: "8".parse().unwrap(),
            voters: 2,
        };
        let text = page(3, vec![What::PoweredOn, leased(), healthy]);
        assert!(text.contains("● voter 2/3  1.0 s\n"), "{text}");
        let again = What::ServiceStarted { attempt: 4 };
        assert!(page(3, vec![What::PoweredOn, again]).contains("  4 starts\n"));
        assert!(page(3, vec![What::PoweredOn, What::LinkDown]).contains("  link down\n"));
    }

    #[test]
    fn many_machines_have_one_line() {
        assert_eq!(page(40, Vec::new()).lines().count(), 40);
        assert_eq!(
            page(41, vec![What::PoweredOn, leased()]),
            "41 machines: power 1  lease 1  name 0  SRV 0  etcd 0  voter 0"
        );
    }
}
