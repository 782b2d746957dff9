//! The subset of systemd's service units that a node executes.
//!
//! Read: `ExecStartPre=`, `ExecStart=`, `Environment=`, `EnvironmentFile=`, `Restart=`,
//! `RestartSec=`, `StartLimitIntervalSec=`, `StartLimitBurst=`, `LimitNOFILE=`. Accepted because a node does
//! the same anyway: `Type=simple` and `exec`, descriptions, ordering against targets, and the
//! whole of `[Install]`. Any other setting is reported by name and left out; a command line that
//! cannot be run as written makes the unit unusable.

use std::collections::BTreeMap;
use std::time::Duration;

mod environment;
mod span;
mod words;

use environment::is_variable_name;
pub use environment::{EnvironmentFile, read as read_environment};
pub use words::WordError;

/// A service unit, ready to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// Its file's name, such as `etcd.service`.
    pub name: String,
    pub exec_start_pre: Vec<Exec>,
    pub exec_start: Exec,
    pub environment: BTreeMap<String, String>,
    pub environment_files: Vec<EnvironmentFile>,
    pub restart: Restart,
    pub restart_delay: Duration,
    pub start_limit: StartLimit,
    /// `RLIMIT_NOFILE`, soft and hard.
    pub open_files: Option<(u64, u64)>,
}

/// One command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exec {
    /// The program, then its arguments.
    pub argv: Vec<String>,
    /// Its failure counts as success (prefix `-`).
    pub ignore_failure: bool,
}

/// After which ends a service is started again (systemd.service(5), table "Exit causes").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restart {
    No,
    Always,
    OnSuccess,
    OnFailure,
    OnAbnormal,
    OnAbort,
}

/// At most `burst` starts in `interval`; no limit when the interval is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StartLimit {
    pub interval: Duration,
    pub burst: u32,
}

/// The unit cannot be run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    #[error("{unit}: line {line} is neither a section, a setting nor a comment")]
    Syntax { unit: String, line: usize },
    #[error("{unit}: {key}={value}: {why}")]
    Setting {
        unit: String,
        key: String,
        value: String,
        why: String,
    },
    #[error("{unit}: there is no ExecStart=")]
    NothingToRun { unit: String },
    #[error("{unit}: more than one ExecStart=, which only Type=oneshot may have")]
    TooManyToRun { unit: String },
}

/// systemd's defaults: `DefaultRestartSec=`, `DefaultStartLimitIntervalSec=` and
/// `DefaultStartLimitBurst=` (systemd-system.conf(5)).
const RESTART_DELAY: Duration = Duration::from_millis(100);
const START_LIMIT: StartLimit = StartLimit {
    interval: Duration::from_secs(10),
    burst: 5,
};

/// Reads `text` as the unit `name` on the machine `hostname`. Answers it with the settings that
/// were left out.
pub fn parse(name: &str, text: &str, hostname: &str) -> Result<(Unit, Vec<String>), UnitError> {
    let mut reader = Reader {
        name,
        hostname,
        pre: Vec::new(),
        start: Vec::new(),
        environment: BTreeMap::new(),
        environment_files: Vec::new(),
        restart: Restart::No,
        restart_delay: RESTART_DELAY,
        start_limit: START_LIMIT,
        open_files: None,
        left_out: Vec::new(),
    };
    let mut section = String::new();
    for (number, line) in logical_lines(text) {
        if let Some(inner) = line
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            section = inner.to_owned();
        } else if let Some((key, value)) = line.split_once('=') {
            reader.setting(&section, key.trim_end(), value.trim_start())?;
        } else {
            return Err(UnitError::Syntax {
                unit: name.into(),
                line: number,
            });
        }
    }
    reader.finish()
}

/// Lines with continuations joined, without comments and blanks, each with the number of its
/// first line (systemd.syntax(7)).
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let mut lines = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (index, line) in text.lines().enumerate() {
        let trimmed = line.trim_start();
        if trimmed.starts_with(['#', ';']) || (open.is_none() && trimmed.is_empty()) {
            continue;
        }
        let (number, mut joined) = open.take().unwrap_or((index + 1, String::new()));
        if let Some(head) = line.strip_suffix('\\') {
            joined.push_str(head);
            joined.push(' ');
            open = Some((number, joined));
        } else {
            joined.push_str(line);
            lines.push((number, joined.trim().to_owned()));
        }
    }
    lines.extend(open.map(|(number, joined)| (number, joined.trim().to_owned())));
    lines
}

/// The settings of one unit as they are read.
struct Reader<'a> {
    name: &'a str,
    hostname: &'a str,
    pre: Vec<Exec>,
    start: Vec<Exec>,
    environment: BTreeMap<String, String>,
    environment_files: Vec<EnvironmentFile>,
    restart: Restart,
    restart_delay: Duration,
    start_limit: StartLimit,
    open_files: Option<(u64, u64)>,
    left_out: Vec<String>,
}

impl Reader<'_> {
    fn setting(&mut self, section: &str, key: &str, value: &str) -> Result<(), UnitError> {
        let wrong = |why: &str| UnitError::Setting {
            unit: self.name.into(),
            key: key.into(),
            value: value.into(),
            why: why.into(),
        };
        let span = |text| span::parse(text).ok_or_else(|| wrong("not a time span"));
        match (section, key) {
            ("Install", _) | ("Unit", "Description" | "Documentation") => {}
            // A node starts units when its network is up and its files are there, which is what
            // the targets stand for.
            ("Unit", "After" | "Before" | "Wants" | "Requires")
                if value
                    .split_whitespace()
                    .all(|unit| unit.ends_with(".target")) => {}
            ("Service", "Type") if matches!(value, "simple" | "exec") => {}
            // A node gives every start all the time that it takes.
            ("Service", "TimeoutStartSec") if value == "infinity" => {}
            ("Service", "ExecStartPre") => match self.exec(key, value)? {
                Some(exec) => self.pre.push(exec),
                None => self.pre.clear(),
            },
            ("Service", "ExecStart") => match self.exec(key, value)? {
                Some(exec) => self.start.push(exec),
                None => self.start.clear(),
            },
            ("Service", "Environment") => self.environment(key, value)?,
            ("Service", "EnvironmentFile") if value.is_empty() => self.environment_files.clear(),
            ("Service", "EnvironmentFile") => {
                let file = EnvironmentFile::parse(value).ok_or_else(|| wrong("not a path"))?;
                self.environment_files.push(file);
            }
            ("Service", "Restart") => {
                self.restart = restart(value).ok_or_else(|| wrong("not a restart policy"))?;
            }
            ("Service", "RestartSec") => self.restart_delay = span(value)?,
            // Older units have the limits in [Service].
            ("Unit" | "Service", "StartLimitIntervalSec" | "StartLimitInterval") => {
                self.start_limit.interval = span(value)?;
            }
            ("Unit" | "Service", "StartLimitBurst") => {
                self.start_limit.burst = value.parse().map_err(|_| wrong("not a number"))?;
            }
            ("Service", "LimitNOFILE") => {
                self.open_files = Some(limit(value).ok_or_else(|| wrong("not a limit"))?);
            }
            (section, key) => self
                .left_out
                .push(format!("{}: [{section}] {key}={value}", self.name)),
        }
        Ok(())
    }

    /// A command line, or nothing when the value is empty, which resets the list.
    fn exec(&self, key: &str, value: &str) -> Result<Option<Exec>, UnitError> {
        if value.is_empty() {
            return Ok(None);
        }
        let wrong = |why: String| UnitError::Setting {
            unit: self.name.into(),
            key: key.into(),
            value: value.into(),
            why,
        };
        let (ignore_failure, line) = match value.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, value),
        };
        let words = words::split(line).map_err(|error| wrong(error.to_string()))?;
        let mut argv = Vec::with_capacity(words.len());
        for word in words {
            let word = words::expand_specifiers(&word, self.hostname)
                .map_err(|error| wrong(error.to_string()))?;
            // The program's path is taken as it stands (systemd.service(5)).
            argv.push(if argv.is_empty() {
                word
            } else {
                words::expand_dollars(&word).map_err(|error| wrong(error.to_string()))?
            });
        }
        if !argv.first().is_some_and(|program| program.starts_with('/')) {
            return Err(wrong("the program must be an absolute path".into()));
        }
        Ok(Some(Exec {
            argv,
            ignore_failure,
        }))
    }

    fn environment(&mut self, key: &str, value: &str) -> Result<(), UnitError> {
        if value.is_empty() {
            self.environment.clear();
            return Ok(());
        }
        let wrong = |why: String| UnitError::Setting {
            unit: self.name.into(),
            key: key.into(),
            value: value.into(),
            why,
        };
        for word in words::split(value).map_err(|error| wrong(error.to_string()))? {
            let word = words::expand_specifiers(&word, self.hostname)
                .map_err(|error| wrong(error.to_string()))?;
            match word.split_once('=') {
                Some((name, value)) if is_variable_name(name) => {
                    self.environment.insert(name.into(), value.into());
                }
                Some(_) | None => return Err(wrong("not NAME=value".into())),
            }
        }
        Ok(())
    }

    fn finish(mut self) -> Result<(Unit, Vec<String>), UnitError> {
        let unit = || self.name.to_owned();
        let exec_start = match self.start.len() {
            0 => return Err(UnitError::NothingToRun { unit: unit() }),
            1 => self.start.remove(0),
            _ => return Err(UnitError::TooManyToRun { unit: unit() }),
        };
        let unit = Unit {
            name: self.name.into(),
            exec_start_pre: self.pre,
            exec_start,
            environment: self.environment,
            environment_files: self.environment_files,
            restart: self.restart,
            restart_delay: self.restart_delay,
            start_limit: self.start_limit,
            open_files: self.open_files,
        };
        Ok((unit, self.left_out))
    }
}

fn restart(value: &str) -> Option<Restart> {
    Some(match value {
        "no" => Restart::No,
        "always" => Restart::Always,
        "on-success" => Restart::OnSuccess,
        "on-failure" => Restart::OnFailure,
        "on-abnormal" => Restart::OnAbnormal,
        "on-abort" => Restart::OnAbort,
        // A node watches no watchdog, so nothing would ever restart it.
        "on-watchdog" => Restart::No,
        _ => return None,
    })
}

/// `N` or `SOFT:HARD`, either `infinity`.
fn limit(value: &str) -> Option<(u64, u64)> {
    let one = |text: &str| match text {
        "infinity" => Some(u64::MAX),
        number => number.parse().ok(),
    };
    match value.split_once(':') {
        Some((soft, hard)) => Some((one(soft)?, one(hard)?)).filter(|(soft, hard)| soft <= hard),
        None => one(value).map(|both| (both, both)),
    }
}

#[cfg(test)]
mod tests;
