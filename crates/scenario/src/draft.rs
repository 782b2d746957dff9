//! A story file in the making: cut, shortened, and written out again.
//!
//! Every machine stands for itself, with its name and its time, so that any of them can be left
//! out and the others stay who they are.

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};
use std::net::Ipv4Addr;
use std::time::Duration;

use quorate_core::Seed;

use crate::action::Action;
use crate::decision::{Decision, Fate};
use crate::fault::{Fault, Whom};
use crate::story::{
    Class, Discovery, Etcd, Expect, Fill, Machine, Moment, Network, Racking, Scheme, Story, Target,
};

/// A story, to be changed piece by piece. `Display` writes the file.
#[derive(Clone, Debug)]
pub struct Draft {
    pub title: String,
    pub network: Network,
    /// `None` puts all machines on one segment.
    pub racking: Option<Racking>,
    pub lease_secs: u32,
    pub etcd: Etcd,
    pub clusters: Vec<DraftCluster>,
    /// Those that are members of nothing.
    pub plain: Vec<DraftMachine>,
    pub steps: Vec<DraftStep>,
    pub faults: Vec<Fault>,
    pub decisions: Vec<Decision>,
    pub formed_within: Duration,
    pub expect: Expect,
}

/// One cluster.
#[derive(Clone, Debug)]
pub struct DraftCluster {
    pub srv_name: Option<String>,
    pub members: Vec<DraftMachine>,
}

/// One machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DraftMachine {
    pub name: String,
    pub power_on: Duration,
    pub hollow: bool,
}

/// One step.
#[derive(Clone, Debug)]
pub struct DraftStep {
    pub moment: Moment,
    /// What is done.
    pub action: Action,
    pub target: DraftTarget,
}

/// Whom a step concerns, by name.
#[derive(Clone, Debug)]
pub enum DraftTarget {
    Servers,
    Machine(String),
    /// The leader of the cluster of these members.
    LeaderOf(Vec<String>),
}

impl Draft {
    /// The story as it runs under this seed: every power-on at the time that was drawn.
    pub fn of(story: &Story, seed: u64) -> Self {
        let seed = Seed::new(seed);
        let machine = |machine: &Machine| DraftMachine {
            name: machine.name.clone(),
            power_on: machine.power_on(seed),
            hollow: machine.hollow,
        };
        let clusters = story.clusters.iter().map(|cluster| DraftCluster {
            srv_name: cluster.srv_name.clone(),
            members: story.members_of(cluster).map(machine).collect(),
        });
        let plain = story.machines.iter();
        let plain = plain.filter(|machine| machine.class == Class::Plain);
        let steps = story.steps.iter().map(|step| DraftStep {
            moment: step.moment,
            action: step.action,
            target: match step.target {
                Target::Servers => DraftTarget::Servers,
                Target::Machine(machine) => {
                    DraftTarget::Machine(story.machines[machine].name.clone())
                }
                Target::LeaderOf(cluster) => {
                    let members = story.members_of(&story.clusters[cluster]);
                    let names = members.map(|machine| machine.name.clone());
                    DraftTarget::LeaderOf(names.collect())
                }
            },
        });
        Self {
            title: story.title.clone(),
            network: story.network.clone(),
            racking: story.network.racking,
            lease_secs: story.lease_secs,
            etcd: story.etcd.clone(),
            clusters: clusters.collect(),
            plain: plain.map(machine).collect(),
            steps: steps.collect(),
            faults: story.faults.clone(),
            decisions: story.decisions.clone(),
            formed_within: story.formed_within,
            expect: story.expect,
        }
    }

    /// Every machine, members first.
    pub fn machines(&self) -> impl Iterator<Item = &DraftMachine> {
        let members = self.clusters.iter().flat_map(|cluster| &cluster.members);
        members.chain(&self.plain)
    }

    /// The same, to be changed.
    pub fn machines_mut(&mut self) -> impl Iterator<Item = &mut DraftMachine> {
        let members = self
            .clusters
            .iter_mut()
            .flat_map(|cluster| &mut cluster.members);
        members.chain(&mut self.plain)
    }

    /// Forgets what is said about machines that are not there.
    pub fn tidy(&mut self) {
        let names: BTreeSet<String> = self
            .machines()
            .map(|machine| machine.name.clone())
            .collect();
        let is_gone = |name: &String| !names.contains(name);
        self.steps.retain(|step| match &step.target {
            DraftTarget::Servers => true,
            DraftTarget::Machine(name) => !is_gone(name),
            DraftTarget::LeaderOf(members) => !members.iter().all(is_gone),
        });
        for fault in &mut self.faults {
            if let Whom::Machines(whom) = &mut fault.whom {
                whom.retain(|name| !is_gone(name));
            }
        }
        self.faults
            .retain(|fault| fault.whom != Whom::Machines(Vec::new()));
        let others = [crate::decision::SERVERS, crate::decision::CLUSTERS];
        self.decisions.retain(|decision| {
            let of = &decision.occasion.of;
            others.contains(&of.as_str()) || !is_gone(of)
        });
    }
}

impl fmt::Display for Draft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "title = {}", text(&self.title))?;
        let is_as_before = self.network.racking.is_some() == self.racking.is_some();
        let (prefix, prefix_len) = if is_as_before {
            (self.network.prefix, self.network.prefix_len)
        } else {
            FLAT
        };
        write!(f, "\n[network]\nsubnet = \"{prefix}/{prefix_len}\"\n")?;
        writeln!(f, "domain = \"{}\"", self.network.domain)?;
        write!(f, "\n[dhcp]\nlease = \"{}s\"\n", self.lease_secs)?;
        if let Some(Racking { each, fill }) = self.racking {
            let fill = match fill {
                Fill::InOrder => "in-order",
                Fill::InTurn => "in-turn",
            };
            write!(f, "\n[racks]\nmachines = {each}\nfill = \"{fill}\"\n")?;
        }
        self.write_etcd(f)?;
        write!(
            f,
            "\n[expect]\nformed_within = \"{}\"\n",
            time(self.formed_within)
        )?;
        if self.expect.renewals > 0 {
            writeln!(f, "renewals = {}", self.expect.renewals)?;
        }
        if let Some(gap) = self.expect.quorum_gap {
            writeln!(f, "quorum_gap = \"{}\"", time(gap))?;
        }
        for (class, machine) in self.classes() {
            write!(
                f,
                "\n[[machines]]\nname = \"{}\"\nclass = \"{class}\"\n",
                machine.name
            )?;
            if !machine.power_on.is_zero() {
                writeln!(f, "power_on = \"{}\"", time(machine.power_on))?;
            }
            if machine.hollow {
                writeln!(f, "hollow = true")?;
            }
        }
        for step in &self.steps {
            self.write_step(step, f)?;
        }
        for fault in &self.faults {
            let fault = toml::to_string(fault).map_err(|_| fmt::Error)?;
            write!(f, "\n[[faults]]\n{fault}")?;
        }
        for decision in &self.decisions {
            write!(f, "\n[[faults]]\n{}", single(decision)?)?;
        }
        Ok(())
    }
}

impl Draft {
    fn classes(&self) -> impl Iterator<Item = (&'static str, &DraftMachine)> {
        let members = self.clusters.iter().flat_map(|cluster| &cluster.members);
        let members = members.map(|machine| ("etcd", machine));
        members.chain(self.plain.iter().map(|machine| ("plain", machine)))
    }

    fn write_step(&self, step: &DraftStep, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\n[[steps]]\n")?;
        match step.moment {
            Moment::Start(at) => writeln!(f, "at = \"{}\"", time(at))?,
            Moment::Formed { nth, after } => {
                writeln!(f, "after_formed = \"{}\"", time(after))?;
                if nth > 1 {
                    writeln!(f, "formation = {nth}")?;
                }
            }
        }
        writeln!(f, "do = \"{}\"", step.action.word())?;
        match &step.target {
            DraftTarget::Servers => {}
            DraftTarget::Machine(name) => writeln!(f, "machine = \"{name}\"")?,
            DraftTarget::LeaderOf(members) => {
                // Clusters are numbered anew when some are gone.
                let is_it = |cluster: &DraftCluster| {
                    let mut left = cluster.members.iter();
                    left.any(|machine| members.contains(&machine.name))
                };
                let position = self.clusters.iter().position(is_it);
                let number = position.map_or(1, |position| position + 1);
                writeln!(f, "leader_of = \"c{number}\"")?;
            }
        }
        if let Action::DiskSlow { iops } = step.action {
            writeln!(f, "iops = {iops}")?;
        }
        Ok(())
    }

    fn write_etcd(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let etcd = &self.etcd;
        f.write_str("\n[etcd]\n")?;
        let sizes: Vec<usize> = self
            .clusters
            .iter()
            .map(|cluster| cluster.members.len())
            .collect();
        let size = sizes.first().copied().unwrap_or(0);
        match sizes.as_slice() {
            [_] => writeln!(f, "members = {size}")?,
            several if several.iter().all(|other| *other == size) => {
                writeln!(f, "clusters = {}\nmembers = {size}", several.len())?;
            }
            _ => writeln!(f, "members = {sizes:?}")?,
        }
        writeln!(f, "gate = {}", etcd.gate)?;
        writeln!(f, "await = {}", etcd.await_peers)?;
        let discovery = match etcd.discovery {
            Discovery::Static => "static",
            Discovery::Etcd => "etcd",
            Discovery::Dns => "dns",
        };
        writeln!(f, "discovery = \"{discovery}\"")?;
        writeln!(f, "token = {}", text(&etcd.token))?;
        if let Some(version) = &etcd.version {
            writeln!(f, "version = {}", text(version))?;
        }
        if let Some(peers) = etcd.peers {
            let peers = match peers {
                Scheme::Http => "http",
                Scheme::Https => "https",
            };
            writeln!(f, "peers = \"{peers}\"")?;
        }
        if let Some(name) = self.srv_name() {
            writeln!(f, "srv_name = \"{name}\"")?;
        }
        for (key, value) in [("heartbeat", etcd.heartbeat), ("election", etcd.election)] {
            if let Some(value) = value {
                writeln!(f, "{key} = \"{}\"", time(value))?;
            }
        }
        Ok(())
    }

    /// One cluster keeps the name that it had among others. Several are numbered anew behind
    /// what their names have in common.
    fn srv_name(&self) -> Option<&str> {
        let first = self.clusters.first()?.srv_name.as_deref()?;
        match self.clusters.as_slice() {
            [_] => Some(first),
            _ => first.rsplit_once("-c").map(|(common, _)| common),
        }
    }
}

/// One single fault, as `[[faults]]` has it.
fn single(decision: &Decision) -> Result<String, fmt::Error> {
    let mut written = String::new();
    let Decision { occasion, is } = decision;
    let what = text(&occasion.what);
    match is {
        Fate::Lost => writeln!(written, "lose = {what}")?,
        Fate::Lie => writeln!(written, "lie = {what}")?,
        Fate::Takes(takes) => writeln!(written, "time = {what}\ntakes = \"{}\"", time(*takes))?,
        Fate::Chosen(chosen) => writeln!(written, "choose = {what}\nchosen = {}", text(chosen))?,
        Fate::Arrives(arrival) => {
            writeln!(written, "delay = {what}\nby = \"{}\"", time(arrival.after))?;
            if arrival.twice {
                writeln!(written, "twice = true")?;
            }
            if let Some(bit) = arrival.flipped_bit {
                writeln!(written, "bit = {bit}")?;
            }
        }
    }
    writeln!(
        written,
        "machine = {}\nnth = {}",
        text(&occasion.of),
        occasion.nth
    )?;
    Ok(written)
}

fn text(text: &str) -> String {
    toml::Value::from(text).to_string()
}

fn time(time: Duration) -> String {
    humantime::format_duration(time).to_string()
}

/// The one segment of a story that had racks: those it does without.
const FLAT: (Ipv4Addr, u8) = (Ipv4Addr::new(10, 64, 0, 0), 16);
