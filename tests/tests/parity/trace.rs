//! What was observed, without what may differ between worlds.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::Ipv4Addr;

use quorate_scenario::{Observation, What};

/// Lines for each machine, and for the servers under the empty name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Trace(BTreeMap<String, Vec<String>>);

impl Trace {
    pub(crate) fn new(observations: &[Observation]) -> Self {
        let mut reader = Reader {
            names: names(observations),
            lines: BTreeMap::new(),
            health: BTreeMap::new(),
            zones: BTreeMap::new(),
        };
        for observation in observations {
            reader.observe(observation);
        }
        reader.finish()
    }
}

struct Reader {
    /// Whose address it was.
    names: BTreeMap<Ipv4Addr, String>,
    lines: BTreeMap<String, Vec<String>>,
    /// How each member answered last.
    health: BTreeMap<String, String>,
    /// What is in each zone now.
    zones: BTreeMap<String, BTreeSet<String>>,
}

impl Reader {
    fn observe(&mut self, observation: &Observation) {
        let mut machine = observation.machine.clone().unwrap_or_default();
        let line = match &observation.what {
            What::ServersReady => "servers ready".to_owned(),
            What::Did(action) => action.to_string(),
            What::Booting { link } => format!("boots: {link}"),
            What::DhcpSent { message, .. } => format!("sent {message}"),
            What::Leased {
                addr,
                hostname,
                lease_secs,
                renewed,
            } => {
                let (addr, hostname) = (self.addr(*addr), hostname.as_deref().unwrap_or("?"));
                format!("leased {addr} as {hostname} for {lease_secs} s, renewed: {renewed}")
            }
            What::LeaseLost { reason } => format!("lease lost: {reason}"),
            What::NamePublished { addr } => {
                machine.push_str(IN_DNS);
                format!("name leads to {}", self.addr(*addr))
            }
            What::ReversePublished { addr } => {
                machine.push_str(IN_DNS);
                format!("{} leads to the name", self.addr(*addr))
            }
            What::Seeded => "seeded".to_owned(),
            What::ServiceStarted { .. } => "service started".to_owned(),
            What::ServiceExited { status, .. } => format!("service exited: {status}"),
            What::Identified {
                cluster_id: cluster,
                member_id: member,
            } => format!("is {member} of {cluster}"),
            What::Healthy {
                cluster_id,
                member_id,
                voters,
            } => {
                let health = format!("healthy: {member_id} of {cluster_id}, {voters} voters");
                self.health.insert(machine, health);
                return;
            }
            What::Unhealthy { .. } => {
                self.health.insert(machine, "unhealthy".to_owned());
                return;
            }
            What::ZoneChanged {
                zone,
                added,
                removed,
                ..
            } => {
                self.change_zone(zone, added, removed);
                return;
            }
            What::GateOpened { members } => format!("gate opened for {}", list(members)),
            What::SrvPublished { members } => format!("SRV published for {}", list(members)),
            What::FaultBegan { fault } => format!("fault: {fault}"),
            What::SrvRead { records } => format!("read SRV: {}", list(records)),
            // Members may be counted two at a time; how long a disk takes is the world's.
            What::GateWaiting { .. }
            | What::SlowWrite { .. }
            | What::ClockRead { .. }
            | What::ClockDrift { .. }
            | What::Note { .. } => return,
            What::Refused { by, why } => format!("{by} refused: {why}"),
        };
        self.add(machine, line);
    }

    fn add(&mut self, machine: String, line: String) {
        let lines = self.lines.entry(machine).or_default();
        if !lines.contains(&line) {
            lines.push(line);
        }
    }

    fn change_zone(&mut self, zone: &str, added: &[String], removed: &[String]) {
        let change = |records: &[String]| -> Vec<String> {
            let kept = records.iter().filter(|record| !record.contains(" SOA "));
            kept.map(|record| self.record(record)).collect()
        };
        let (gone, come) = (change(removed), change(added));
        let records = self.zones.entry(zone.to_owned()).or_default();
        gone.iter().for_each(|record| {
            records.remove(record);
        });
        records.extend(come);
    }

    fn finish(mut self) -> Trace {
        for (machine, health) in self.health {
            self.lines.entry(machine).or_default().push(health);
        }
        let servers = self.lines.entry(String::new()).or_default();
        // With several clusters, or without a gate, their order is that of machines.
        servers.sort();
        for (zone, records) in self.zones {
            servers.push(format!("zone {zone}"));
            servers.extend(records.into_iter().map(|record| format!("  {record}")));
        }
        Trace(self.lines)
    }

    fn addr(&self, addr: Ipv4Addr) -> String {
        match self.names.get(&addr) {
            Some(name) => format!("<{name}>"),
            None => addr.to_string(),
        }
    }

    /// A record with names instead of addresses, forward and reverse.
    fn record(&self, record: &str) -> String {
        let mut record = record.to_owned();
        for (addr, name) in &self.names {
            let [a, b, c, d] = addr.octets();
            let reverse = format!("{d}.{c}.{b}.{a}.in-addr.arpa.");
            if record.starts_with(&reverse) {
                record = record.replacen(&reverse, &format!("<{name}>"), 1);
            }
            if let Some(rest) = record.strip_suffix(&format!(" A {addr}")) {
                record = format!("{rest} A <{name}>");
            }
        }
        record
    }
}

/// Which machine got which address.
fn names(observations: &[Observation]) -> BTreeMap<Ipv4Addr, String> {
    let leased = observations.iter().filter_map(|observation| {
        let machine = observation.machine.clone()?;
        if let What::Leased { addr, .. } = &observation.what {
            Some((*addr, machine))
        } else {
            None
        }
    });
    leased.collect()
}

fn list(members: &[String]) -> String {
    let mut members = members.to_vec();
    members.sort();
    members.join(" ")
}

/// Both traces, line by line, those that differ marked by `≠`.
pub(crate) fn side_by_side(host: &Trace, sim: &Trace) -> String {
    let mut table = String::new();
    let machines: BTreeSet<&String> = host.0.keys().chain(sim.0.keys()).collect();
    for machine in machines {
        let none = Vec::new();
        let (left, right) = (
            host.0.get(machine).unwrap_or(&none),
            sim.0.get(machine).unwrap_or(&none),
        );
        let name = if machine.is_empty() {
            "servers"
        } else {
            machine
        };
        let _ = writeln!(table, "  {name:<WIDTH$} | in sim");
        for row in aligned(left, right) {
            let mark = if row.0 == row.1 { ' ' } else { '≠' };
            let (left, right) = (row.0.unwrap_or_default(), row.1.unwrap_or_default());
            let _ = writeln!(table, "{mark} {left:<WIDTH$} | {right}");
        }
    }
    table
}

type Row<'a> = (Option<&'a str>, Option<&'a str>);

/// Pairs lines that are the same, in order; what only one side has stands alone.
fn aligned<'a>(left: &'a [String], right: &'a [String]) -> Vec<Row<'a>> {
    let (mut rows, mut from) = (Vec::new(), 0);
    for line in left {
        match right[from..].iter().position(|other| other == line) {
            Some(ahead) => {
                let skipped = &right[from..from + ahead];
                rows.extend(skipped.iter().map(|other| (None, Some(other.as_str()))));
                rows.push((Some(line.as_str()), Some(line.as_str())));
                from += ahead + 1;
            }
            None => rows.push((Some(line.as_str()), None)),
        }
    }
    rows.extend(
        right[from..]
            .iter()
            .map(|other| (None, Some(other.as_str()))),
    );
    rows
}

/// A machine's names have a track of their own.
const IN_DNS: &str = ", in the DNS";
const WIDTH: usize = 72;
