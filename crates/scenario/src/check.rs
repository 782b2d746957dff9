//! From a story file to a [`Story`], or to errors that show the line.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use miette::{Diagnostic, NamedSource, SourceSpan};
use thiserror::Error;
use toml::Spanned;

use crate::raw;
use crate::story::{Class, Etcd, Machine, Moment, Network, Step, Story};

/// The file cannot be read as a story.
#[derive(Debug, Error, Diagnostic)]
#[error("{}: this is not a scenario that can run", source_code.name())]
pub struct StoryError {
    #[source_code]
    source_code: NamedSource<String>,
    #[related]
    pub problems: Vec<Problem>,
}

/// One thing that is wrong, where, and what to write instead.
#[derive(Debug, Error, Diagnostic, PartialEq, Eq)]
#[error("{message}")]
pub struct Problem {
    pub message: String,
    #[label("here")]
    pub span: Option<SourceSpan>,
    #[help]
    pub help: Option<String>,
}

/// The file cannot be read at all.
#[derive(Debug, Error, Diagnostic)]
pub enum LoadError {
    #[error("{path}: {source}")]
    #[diagnostic(help("`quorate list` shows the scenarios in ./scenarios"))]
    Read {
        path: String,
        source: std::io::Error,
    },
    #[error(transparent)]
    #[diagnostic(transparent)]
    Story(#[from] StoryError),
}

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
        let fail = |problems| StoryError {
            source_code: NamedSource::new(name, text.to_owned()).with_language("TOML"),
            problems,
        };
        let raw: raw::Story = toml::from_str(text).map_err(|error| {
            fail(vec![Problem {
                message: error.message().to_owned(),
                span: error.span().map(span),
                help: Some("`quorate schema` prints every key with its meaning".to_owned()),
            }])
        })?;
        let mut check = Check {
            problems: Vec::new(),
        };
        let story = check.story(raw);
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

    fn story(&mut self, raw: raw::Story) -> Story {
        let network = self.network(&raw.network);
        let machines = self.machines(&raw.machines, &network);
        let etcd = self.etcd(raw.etcd, &machines);
        let steps = self.steps(&raw.steps, &machines);
        let lease = self.duration(&raw.dhcp.lease);
        if lease < Duration::from_secs(LEASE_SECS_MIN) {
            let help = format!("write at least \"{LEASE_SECS_MIN}s\"");
            self.problem(
                raw.dhcp.lease.span(),
                "the lease is too short".to_owned(),
                &help,
            );
        }
        Story {
            title: raw.title,
            network,
            lease_secs: u32::try_from(lease.as_secs()).unwrap_or(u32::MAX),
            etcd,
            machines,
            steps,
            formed_within: self.duration(&raw.expect.formed_within),
        }
    }

    fn network(&mut self, raw: &raw::Network) -> Network {
        let (prefix, prefix_len) = parse_prefix(raw.subnet.get_ref()).unwrap_or_else(|message| {
            self.problem(
                raw.subnet.span(),
                message,
                "write a prefix from /16 to /28, as in \"10.77.0.0/24\"",
            );
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
        }
    }

    fn machines(&mut self, groups: &[Spanned<raw::Machines>], network: &Network) -> Vec<Machine> {
        let mut machines = Vec::new();
        let mut names = BTreeSet::new();
        for group in groups {
            let (span, group) = (group.span(), group.get_ref());
            let (start, every, spread) = (
                self.optional_duration(group.power_on.as_ref())
                    .unwrap_or_default(),
                self.optional_duration(group.every.as_ref())
                    .unwrap_or_default(),
                self.optional_duration(group.spread.as_ref())
                    .unwrap_or_default(),
            );
            let count = *group.count.get_ref();
            if count == 0 || count > MACHINES_MAX {
                let message = format!("{count} machines cannot be switched on");
                self.problem(
                    group.count.span(),
                    message,
                    &format!("write 1 to {MACHINES_MAX}"),
                );
                continue;
            }
            let stem = group.name.get_ref();
            for number in 1..=count {
                let name = if count == 1 {
                    stem.clone()
                } else {
                    format!("{stem}{number}")
                };
                let numeric = name.bytes().all(|byte| byte.is_ascii_digit());
                if !is_label(&name) || (numeric && group.class == Class::Etcd) {
                    let message = format!("{name:?} cannot be the name of a machine");
                    let help = "write lower-case letters, digits and hyphens; etcd gives its peers numbers as temporary names, so a member's name has a letter";
                    self.problem(group.name.span(), message, help);
                    break;
                }
                if !names.insert(name.clone()) {
                    let message = format!("two machines are called {name:?}");
                    self.problem(
                        group.name.span(),
                        message,
                        "give each group a name of its own",
                    );
                    break;
                }
                let power_on = start + every * u32::try_from(number - 1).unwrap_or(u32::MAX);
                machines.push(Machine::new(
                    name,
                    machines.len() + 1,
                    group.class,
                    power_on,
                    spread,
                ));
            }
            if machines.len() > network.pool_size() {
                let message = format!(
                    "{} machines do not find an address in the subnet",
                    machines.len()
                );
                self.problem(
                    span,
                    message,
                    "give [network] a shorter prefix, as in \"10.77.0.0/20\"",
                );
                break;
            }
        }
        machines
    }

    fn etcd(&mut self, raw: raw::Etcd, machines: &[Machine]) -> Etcd {
        let there = machines
            .iter()
            .filter(|machine| machine.class == Class::Etcd)
            .count();
        if there == 0 && self.problems.is_empty() {
            self.problem(
                0..0,
                "no machine has the class \"etcd\"".to_owned(),
                "add [[machines]] with class = \"etcd\"",
            );
        }
        let members = raw
            .members
            .as_ref()
            .map_or(there, |members| *members.get_ref());
        if members != there
            && let Some(written) = &raw.members
        {
            let message = format!(
                "the cluster shall have {members} members, but {there} machines have class \"etcd\""
            );
            self.problem(
                written.span(),
                message,
                "make them equal, or leave `members` out",
            );
        }
        if let Some(version) = &raw.version
            && !version
                .get_ref()
                .split('.')
                .all(|part| part.parse::<u32>().is_ok())
        {
            let message = format!("{:?} is not an etcd version", version.get_ref());
            self.problem(version.span(), message, "write \"3.5\" or \"3.5.16\"");
        }
        if let Some(name) = &raw.srv_name
            && !is_label(name.get_ref())
        {
            let message = format!("{:?} cannot be part of an SRV owner name", name.get_ref());
            self.problem(
                name.span(),
                message,
                "write lower-case letters, digits and hyphens",
            );
        }
        let heartbeat = self.optional_duration(raw.heartbeat.as_ref());
        let election = self.optional_duration(raw.election.as_ref());
        if let (Some(beat), Some(elect), Some(written)) = (heartbeat, election, &raw.election)
            && elect < beat * ELECTION_PER_HEARTBEAT_MIN
        {
            let help = format!("etcd wants at least {ELECTION_PER_HEARTBEAT_MIN} heartbeats");
            self.problem(
                written.span(),
                "the election timeout is too short".to_owned(),
                &help,
            );
        }
        Etcd {
            members,
            version: raw.version.map(Spanned::into_inner),
            gate: raw.gate,
            peers: raw.peers,
            srv_name: raw.srv_name.map(Spanned::into_inner),
            token: raw.token.unwrap_or_else(|| DEFAULT_TOKEN.to_owned()),
            heartbeat,
            election,
        }
    }

    fn steps(&mut self, raw: &[Spanned<raw::Step>], machines: &[Machine]) -> Vec<Step> {
        let by_name: BTreeMap<&str, usize> = machines
            .iter()
            .enumerate()
            .map(|(index, machine)| (machine.name.as_str(), index))
            .collect();
        let mut steps = Vec::new();
        for step in raw {
            let (span, step) = (step.span(), step.get_ref());
            let moment = match (&step.at, &step.after_formed) {
                (Some(at), None) => Moment::Start(self.duration(at)),
                (None, Some(after)) => Moment::Formed(self.duration(after)),
                (Some(_), Some(_)) | (None, None) => {
                    self.problem(
                        span,
                        "when does this step happen?".to_owned(),
                        "give either `at` or `after_formed`",
                    );
                    continue;
                }
            };
            let Some(&machine) = by_name.get(step.machine.get_ref().as_str()) else {
                let message = format!("no machine is called {:?}", step.machine.get_ref());
                let known = by_name
                    .keys()
                    .take(8)
                    .copied()
                    .collect::<Vec<_>>()
                    .join(", ");
                self.problem(step.machine.span(), message, &format!("there are: {known}"));
                continue;
            };
            steps.push(Step {
                moment,
                action: step.action,
                machine,
            });
        }
        steps.sort_by_key(|step| step.moment);
        steps
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

fn span(range: Range<usize>) -> SourceSpan {
    SourceSpan::new(range.start.into(), range.len())
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

fn parse_prefix(text: &str) -> Result<(Ipv4Addr, u8), String> {
    let parsed = text
        .split_once('/')
        .and_then(|(addr, len)| Some((addr.parse::<Ipv4Addr>().ok()?, len.parse::<u8>().ok()?)));
    let Some((addr, len)) = parsed else {
        return Err(format!("{text:?} is not an IPv4 prefix"));
    };
    if !(16..=28).contains(&len) {
        return Err(format!(
            "a /{len} is too {}",
            if len < 16 { "large" } else { "small" }
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

const DOMAIN_LEN_MAX: usize = 200;
const DEFAULT_TOKEN: &str = "quorate";
const MACHINES_MAX: usize = 100_000;
const LEASE_SECS_MIN: u64 = 10;
const DURATION_MAX: Duration = Duration::from_secs(24 * 3600);
/// etcd refuses to start below this.
const ELECTION_PER_HEARTBEAT_MIN: u32 = 5;

#[cfg(test)]
mod tests;
