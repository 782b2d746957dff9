//! From a story file to a [`Story`], or to errors that show the line.

mod etcd;
mod fault;
mod hardware;
mod racks;
mod read;
mod steps;
mod swarm;

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use miette::NamedSource;
use toml::Spanned;

use crate::problem::span;
pub use crate::problem::{LoadError, Problem, StoryError};
use crate::raw;
use crate::story::{Class, Expect, Machine, Network, Story, Warning};
use crate::written::Written;

impl Story {
    /// Reads and validates the scenario at `path`.
    ///
    /// # Errors
    /// When the file cannot be read, is not TOML, or does not make a story.
    pub fn load(path: &Path) -> Result<Self, LoadError> {
        let shown = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|source| LoadError::Read {
            path: shown.clone(),
            source,
        })?;
        Ok(Self::parse(&shown, &text)?)
    }

    /// Validates the scenario in `text`; `name` is what errors call it.
    ///
    /// # Errors
    /// With every problem that was found, each with its span.
    pub fn parse(name: &str, text: &str) -> Result<Self, StoryError> {
        let source = NamedSource::new(name, text.to_owned()).with_language("TOML");
        let fail = |problems| StoryError::new(source.clone(), problems);
        let read = read::read(text);
        let mut check = Check {
            problems: read.problems,
            warnings: Vec::new(),
            is_partial: read.is_partial,
            gone: read.gone,
        };
        let Some(raw) = read.raw else {
            return Err(fail(check.problems));
        };
        let story = check.story(raw, Arc::new(source.clone()));
        if check.problems.is_empty() {
            Ok(story)
        } else {
            Err(fail(check.problems))
        }
    }
}

/// Collects problems so that one run shows them all. A value that is wrong is replaced by a
/// harmless one; the story is not handed out then.
struct Check {
    problems: Vec<Problem>,
    warnings: Vec<Warning>,
    /// Something of the file was left out because it is wrong: what refers to it is not judged.
    is_partial: bool,
    /// The keys that were left out.
    gone: BTreeSet<String>,
}

impl Check {
    fn problem(&mut self, at: Range<usize>, message: String, help: &str) {
        let span = (!at.is_empty()).then(|| span(at));
        self.problems.push(Problem {
            message,
            span,
            help: Some(help.to_owned()),
        });
    }

    /// A problem between two places of the file, one of which may have been left out.
    fn mismatch(&mut self, at: Range<usize>, message: String, help: &str) {
        if !self.is_partial {
            self.problem(at, message, help);
        }
    }

    /// One of these keys must be there; no problem when it is, and was left out as wrong.
    fn missing(&mut self, keys: &[&str], at: Range<usize>, message: &str, help: &str) {
        if !keys.iter().any(|key| self.gone.contains(*key)) {
            self.problem(at, message.to_owned(), help);
        }
    }

    fn story(&mut self, raw: raw::Story, source: Arc<NamedSource<String>>) -> Story {
        let written = written(&raw, source);
        let drawn_racks = raw
            .swarm
            .as_ref()
            .and_then(|swarm| swarm.get_ref().racks.as_ref());
        let has_racks =
            raw.racks.is_some() || drawn_racks.is_some_and(|racks| racks.get_ref().min > 0);
        let mut network = self.network(&raw.network, has_racks);
        let is_flat = raw.racks.is_none();
        let mut machines = self.machines(&raw.machines, is_flat.then_some(&network));
        if let Some(racks) = &raw.racks {
            self.racks(racks, &mut network, &mut machines);
        }
        let swarm = raw.swarm.as_ref();
        let swarm = swarm.and_then(|swarm| Some((swarm.span(), self.ranges(&raw, swarm)?)));
        let is_drawn = raw.swarm.is_some();
        let (etcd, clusters) = self.etcd(raw.etcd, &mut machines, is_drawn);
        let steps = self.steps(&raw.steps, &raw.machines, &machines, &clusters);
        let (faults, decisions) = self.faults(&raw.faults, &machines);
        let lease = self.duration(&raw.dhcp.lease);
        if lease < Duration::from_secs(LEASE_SECS_MIN) {
            let help = format!("write at least \"{LEASE_SECS_MIN}s\"");
            self.problem(
                raw.dhcp.lease.span(),
                "the lease is too short".to_owned(),
                &help,
            );
        }
        let mut story = Story {
            title: raw.title,
            network,
            lease_secs: u32::try_from(lease.as_secs()).unwrap_or(u32::MAX),
            etcd,
            machines,
            clusters,
            steps,
            faults,
            decisions,
            formed_within: self.duration(&raw.expect.formed_within),
            expect: Expect {
                renewals: raw.expect.renewals,
                quorum_gap: self.optional_duration(raw.expect.quorum_gap.as_ref()),
                data_kept: raw.expect.data_kept,
            },
            ranges: None,
            sizes: None,
            warnings: std::mem::take(&mut self.warnings),
            written,
        };
        if let Some((span, ranges)) = swarm {
            self.swarm(&mut story, span, ranges);
        }
        story
    }

    fn network(&mut self, raw: &raw::Network, has_racks: bool) -> Network {
        let (shortest, help) = if has_racks {
            (8, "write a prefix from /8 to /28, as in \"10.0.0.0/8\"")
        } else {
            (16, "write a prefix from /16 to /28, as in \"10.77.0.0/24\"")
        };
        let parsed = parse_prefix(raw.subnet.get_ref(), shortest);
        let (prefix, prefix_len) = parsed.unwrap_or_else(|message| {
            self.problem(raw.subnet.span(), message, help);
            (Ipv4Addr::new(10, 77, 0, 0), 24)
        });
        let domain = raw.domain.get_ref().trim_end_matches('.').to_owned();
        if !domain.split('.').all(is_label) || domain.len() > DOMAIN_LEN_MAX {
            let message = format!("{domain:?} is not a domain name");
            self.problem(
                raw.domain.span(),
                message,
                "write letters, digits and hyphens, as in \"lab.test\"",
            );
        }
        Network {
            prefix,
            prefix_len,
            domain,
            racks: Vec::new(),
            racking: None,
        }
    }

    /// All of them; on a flat network they must find their addresses there.
    fn machines(
        &mut self,
        groups: &[Spanned<raw::Machines>],
        flat: Option<&Network>,
    ) -> Vec<Machine> {
        let mut machines = Vec::new();
        let mut names = BTreeSet::new();
        for group in groups {
            self.group(group.get_ref(), &mut machines, &mut names);
            if flat.is_some_and(|network| machines.len() > network.pool_size()) {
                let message = format!(
                    "{} machines do not find an address in the subnet",
                    machines.len()
                );
                self.problem(
                    group.span(),
                    message,
                    "give [network] a shorter prefix, as in \"10.77.0.0/20\", or the machines [racks]",
                );
                self.is_partial = true;
                break;
            }
        }
        machines
    }

    fn group(
        &mut self,
        group: &raw::Machines,
        machines: &mut Vec<Machine>,
        names: &mut BTreeSet<String>,
    ) {
        let mut time = |written: &Option<Spanned<String>>| {
            self.optional_duration(written.as_ref()).unwrap_or_default()
        };
        let (start, every) = (time(&group.power_on), time(&group.every));
        let spread = time(&group.spread);
        let count = *group.count.get_ref();
        if count == 0 || count > MACHINES_MAX {
            let message = format!("{count} machines cannot be switched on");
            let help = format!("write 1 to {MACHINES_MAX}");
            self.problem(group.count.span(), message, &help);
            self.is_partial = true;
            return;
        }
        let hollow = self.hollow(group);
        let hardware = self.hardware(group);
        let mut is_named = true;
        for number in 1..=count {
            let name = match count {
                1 => group.name.get_ref().clone(),
                _ => format!("{}{number}", group.name.get_ref()),
            };
            is_named = is_named && self.name(&name, group, names);
            let power_on = start + every * u32::try_from(number - 1).unwrap_or(u32::MAX);
            let number = machines.len() + 1;
            let kind = (group.class, hollow);
            let mut machine = Machine::new(name, number, kind, power_on, spread);
            machine.hardware = hardware.clone();
            machines.push(machine);
        }
    }

    fn hollow(&mut self, group: &raw::Machines) -> bool {
        let Some(written) = group.hollow.as_ref().filter(|hollow| *hollow.get_ref()) else {
            return false;
        };
        if group.class == Class::Etcd {
            self.problem(
                written.span(),
                "a hollow machine cannot run etcd".to_owned(),
                "leave `hollow` out, or write class = \"plain\"",
            );
        }
        true
    }

    /// Whether a machine can have this name, which no other has.
    fn name(&mut self, name: &str, group: &raw::Machines, names: &mut BTreeSet<String>) -> bool {
        let numeric = name.bytes().all(|byte| byte.is_ascii_digit());
        let (message, help) = if !is_label(name) || (numeric && group.class == Class::Etcd) {
            (
                format!("{name:?} cannot be the name of a machine"),
                "write lower-case letters, digits and hyphens; etcd gives its peers numbers as temporary names, so a member's name has a letter",
            )
        } else if !names.insert(name.to_owned()) {
            (
                format!("two machines are called {name:?}"),
                "give each group a name of its own",
            )
        } else {
            return true;
        };
        self.problem(group.name.span(), message, help);
        false
    }

    fn optional_duration(&mut self, text: Option<&Spanned<String>>) -> Option<Duration> {
        text.map(|text| self.duration(text))
    }

    fn duration(&mut self, text: &Spanned<String>) -> Duration {
        match humantime::parse_duration(text.get_ref()) {
            Ok(duration) if duration <= DURATION_MAX => duration,
            Ok(_) => {
                self.problem(
                    text.span(),
                    "longer than a day".to_owned(),
                    "write at most \"24h\"",
                );
                Duration::ZERO
            }
            Err(_) => {
                let message = format!("{:?} is not a duration", text.get_ref());
                self.problem(
                    text.span(),
                    message,
                    "write a number and a unit: \"500ms\", \"5s\", \"2m\", \"1h\"",
                );
                Duration::ZERO
            }
        }
    }
}

/// Where those things are that some worlds refuse.
fn written(raw: &raw::Story, source: Arc<NamedSource<String>>) -> Written {
    let drawn = raw.swarm.as_ref();
    let drawn = drawn.and_then(|swarm| swarm.get_ref().racks.as_ref());
    let racks = raw.racks.as_ref().map(Spanned::span);
    let version = raw.etcd.version.as_ref();
    Written {
        source,
        racks: racks.or_else(|| drawn.map(Spanned::span)),
        faults: raw.faults.iter().map(Spanned::span).collect(),
        version: version.map(Spanned::span),
    }
}

/// A lower-case LDH label (RFC 952, RFC 1123 §2.1).
fn is_label(text: &str) -> bool {
    let edge =
        |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let bytes = text.as_bytes();
    bytes.len() <= 63
        && edge(bytes.first())
        && edge(bytes.last())
        && bytes
            .iter()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-')
}

fn parse_prefix(text: &str, shortest: u8) -> Result<(Ipv4Addr, u8), String> {
    let parsed = text
        .split_once('/')
        .and_then(|(addr, len)| Some((addr.parse::<Ipv4Addr>().ok()?, len.parse::<u8>().ok()?)));
    let Some((addr, len)) = parsed else {
        return Err(format!("{text:?} is not an IPv4 prefix"));
    };
    if !(shortest..=28).contains(&len) {
        return Err(format!(
            "a /{len} is too {}",
            if len < shortest { "large" } else { "small" }
        ));
    }
    let network = Ipv4Addr::from(u32::from(addr) & (u32::MAX << (32 - len)));
    if network != addr {
        return Err(format!(
            "{addr} is not the first address of a /{len}; {network} is"
        ));
    }
    Ok((addr, len))
}

/// Whom else it can concern, when no machine has a name yet.
fn there_are<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let known: Vec<&str> = names.take(8).collect();
    if known.is_empty() {
        return "[swarm] draws the machines anew for every seed: name the servers, or all machines"
            .to_owned();
    }
    format!("there are: {}", known.join(", "))
}

const DOMAIN_LEN_MAX: usize = 200;
const MACHINES_MAX: usize = 100_000;
const LEASE_SECS_MIN: u64 = 10;
const DURATION_MAX: Duration = Duration::from_secs(24 * 3600);

#[cfg(test)]
mod tests;
