//! Where every machine stands, and what happened lately. An observation costs the same
//! for any number of machines.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::time::Duration;

use quorate_core::Instant;
use quorate_scenario::progress::StoryProgress;
use quorate_scenario::story::Cluster;
use quorate_scenario::{Link, MachineProgress, Observation, Story, What};

/// All that is drawn.
#[derive(Debug)]
pub(super) struct Board {
    pub(super) title: String,
    /// In the order of the story.
    pub(super) cells: Vec<Cell>,
    by_name: BTreeMap<String, usize>,
    /// For stories of few machines, a line about each.
    pub(super) lines: Option<Lines>,
    /// Leases, DNS updates, starts of etcd.
    pub(super) counters: [Counter; 3],
    /// How many machines were complete, over time.
    complete: Counter,
    pub(super) formed_within: Duration,
    /// When something was last done to a machine.
    pub(super) acted_at: Instant,
    latest: Instant,
}

/// One machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Cell {
    /// It is on, and this is the last link before the first broken one.
    At(Link),
    /// Its network cable is out.
    Unplugged,
    /// It hangs.
    Frozen,
    Off,
    /// Every link holds.
    Complete,
}

impl Cell {
    fn of(machine: &MachineProgress) -> Self {
        match machine.link() {
            None => Self::Off,
            Some(_) if machine.frozen => Self::Frozen,
            Some(_) if !machine.linked => Self::Unplugged,
            Some(_) if machine.is_complete() => Self::Complete,
            Some(link) => Self::At(link),
        }
    }
}

/// How often something happened, in all and lately.
#[derive(Debug, Default)]
pub(super) struct Counter {
    pub(super) total: u64,
    /// Number of each tenth of a second, and how often it happened in it.
    recent: VecDeque<(u64, u64)>,
}

impl Counter {
    fn count(&mut self, at: Instant) {
        self.total += 1;
        let tenth = at.as_nanos() / TENTH;
        match self.recent.back_mut() {
            Some((last, count)) if *last == tenth => *count += 1,
            Some(_) | None => self.recent.push_back((tenth, 1)),
        }
        while self.recent.len() > TENTHS_KEPT {
            self.recent.pop_front();
        }
    }

    /// How often it happened in the `tenths` before `now`, per second.
    pub(super) fn rate(&self, now: Instant, tenths: u64) -> f64 {
        let since = (now.as_nanos() / TENTH).saturating_sub(tenths);
        let recent = self.recent.iter().filter(|(tenth, _)| *tenth > since);
        let count: u64 = recent.map(|(_, count)| count).sum();
        count as f64 * 10.0 / tenths as f64
    }
}

impl Board {
    pub(super) fn new(story: &Story) -> Self {
        let names = story.machines.iter().map(|machine| machine.name.clone());
        Self {
            title: story.title.replace(char::is_control, " "),
            cells: vec![Cell::Off; story.machines.len()],
            by_name: names.zip(0..).collect(),
            lines: (story.machines.len() <= LINES_MAX).then(|| Lines::new(story)),
            counters: Default::default(),
            complete: Counter::default(),
            formed_within: story.formed_within,
            acted_at: Instant::ZERO,
            latest: Instant::ZERO,
        }
    }

    /// Notes what was observed; `progress` has moved by it.
    pub(super) fn observe(&mut self, observation: &Observation, progress: &StoryProgress) {
        self.latest = observation.at;
        match &observation.what {
            What::SrvPublished { members } => {
                for member in members {
                    self.refresh(member, observation.at, progress);
                }
            }
            What::Did(_) => {
                self.acted_at = observation.at;
            }
            What::Leased { addr, renewed, .. } => {
                if !renewed {
                    self.counters[0].count(observation.at);
                }
                let index = observation
                    .machine
                    .as_ref()
                    .and_then(|name| self.by_name.get(name));
                if let (Some(lines), Some(&index)) = (&mut self.lines, index) {
                    lines.addrs[index] = Some(*addr);
                }
            }
            What::ZoneChanged { .. } => self.counters[1].count(observation.at),
            What::ServiceStarted { .. } => self.counters[2].count(observation.at),
            What::ServersReady
            | What::Booting { .. }
            | What::DhcpSent { .. }
            | What::LeaseLost { .. }
            | What::NamePublished { .. }
            | What::ReversePublished { .. }
            | What::Seeded
            | What::ServiceExited { .. }
            | What::Identified { .. }
            | What::Healthy { .. }
            | What::Unhealthy { .. }
            | What::GateWaiting { .. }
            | What::GateOpened { .. }
            | What::Refused { .. }
            | What::SlowWrite { .. }
            | What::ClockRead { .. }
            | What::ClockDrift { .. }
            | What::FaultBegan { .. }
            | What::SrvRead { .. }
            | What::Note { .. } => {}
        }
        if let Some(machine) = &observation.machine {
            self.refresh(machine, observation.at, progress);
        }
    }

    fn refresh(&mut self, machine: &str, at: Instant, progress: &StoryProgress) {
        let Some(&index) = self.by_name.get(machine) else {
            return;
        };
        let machine = &progress[index];
        let cell = Cell::of(machine);
        if cell == Cell::Complete && self.cells[index] != Cell::Complete {
            self.complete.count(at);
        }
        self.cells[index] = cell;
        if let Some(lines) = &mut self.lines {
            lines.text[index] = lines.of_machine(machine, lines.addrs[index]);
        }
    }

    pub(super) const fn latest(&self) -> Instant {
        self.latest
    }

    pub(super) fn count(&self, wanted: Cell) -> usize {
        self.cells.iter().filter(|cell| **cell == wanted).count()
    }

    /// How long it takes until all machines are complete, if they go on as lately.
    pub(super) fn eta(&self, now: Instant) -> Option<Duration> {
        let missing = self.cells.len() - self.count(Cell::Complete);
        let rate = self.complete.rate(now, ETA_TENTHS);
        let secs = missing as f64 / rate;
        (missing > 0 && rate > 0.0 && secs < SECS_MAX).then(|| Duration::from_secs_f64(secs))
    }
}

/// Lines about single machines.
#[derive(Debug)]
pub(super) struct Lines {
    pub(super) text: Vec<String>,
    addrs: Vec<Option<Ipv4Addr>>,
    /// Of each cluster.
    members: Vec<usize>,
    name_width: usize,
}

impl Lines {
    fn new(story: &Story) -> Self {
        let names = story.machines.iter().map(|machine| machine.name.len());
        let progress = StoryProgress::new(story);
        let mut lines = Self {
            text: Vec::new(),
            addrs: vec![None; story.machines.len()],
            members: story.clusters.iter().map(Cluster::size).collect(),
            name_width: names.max().unwrap_or(0),
        };
        lines.text = progress
            .iter()
            .map(|machine| lines.of_machine(machine, None))
            .collect();
        lines
    }

    /// `n1  ● power ● lease 10.77.0.10 ● name ● SRV ● etcd ● voter 3/3  1.2 s`
    fn of_machine(&self, machine: &MachineProgress, addr: Option<Ipv4Addr>) -> String {
        let mut text = format!("{:width$} ", machine.name, width = self.name_width);
        for (link, word) in CHAIN {
            let is_reached = holds(machine, link);
            let dot = if is_reached { '●' } else { '○' };
            let _ = write!(text, " {dot} {word}");
            match (link, addr, machine.voters) {
                (Link::Ack, Some(addr), _) => {
                    let _ = write!(text, " {addr}");
                }
                (Link::Voter, _, Some(voters)) => {
                    let size = machine.cluster.map_or(0, |cluster| self.members[cluster]);
                    let _ = write!(text, " {voters}/{size}");
                }
                (_, _, _) => {}
            }
        }
        if !machine.powered {
            text.push_str("  off");
        } else if machine.frozen {
            text.push_str("  frozen");
        } else if !machine.linked {
            text.push_str("  link down");
        } else if machine.starts > 1 && machine.voters.is_none() {
            let _ = write!(text, "  {} starts", machine.starts);
        } else if let Some(took) = took(machine) {
            let _ = write!(text, "  {:.1} s", took.as_secs_f64());
        }
        text
    }
}

/// From the last power-on to the last link that was reached since.
fn took(machine: &MachineProgress) -> Option<Duration> {
    let boot = machine.boots.last()?;
    let last = boot.reached.values().max()?;
    Some(*last - boot.on)
}

/// True when `link` is not behind the last one that holds.
fn holds(machine: &MachineProgress, link: Link) -> bool {
    machine.link().is_some_and(|last| link <= last)
}

/// The links that a line about a machine shows, and what it calls them.
const CHAIN: [(Link, &str); 6] = [
    (Link::Power, "power"),
    (Link::Ack, "lease"),
    (Link::Name, "name"),
    (Link::Srv, "SRV"),
    (Link::Etcd, "etcd"),
    (Link::Voter, "voter"),
];
/// Of so many machines each has a line.
const LINES_MAX: usize = 12;
/// In nanoseconds.
const TENTH: u64 = 100_000_000;
const TENTHS_KEPT: usize = 64;
/// What happened longer ago does not predict what comes.
const ETA_TENTHS: u64 = 30;
const SECS_MAX: f64 = 86_400.0;
