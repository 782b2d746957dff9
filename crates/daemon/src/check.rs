//! A configuration checked where it may not be served: nothing is opened for writing, made or bound.

mod files;
mod located;
mod permits;
mod spans;

use std::path::PathBuf;

use quorate_server::Config as Services;
use quorate_server::check::{Finding, Severity};

use crate::config::Config;
use crate::error::{ConfigError, Refused};
use crate::keys;

pub use located::Located;
pub use quorate_server::check::{Served, Severity as FindingSeverity};

/// What is known of a configuration before the first socket is opened.
#[derive(Debug)]
pub struct Checked {
    /// Errors first.
    pub findings: Vec<Located>,
    /// Key files that cannot be read here: a build machine has no secrets.
    pub unread: Vec<PathBuf>,
    /// What is served.
    pub serves: Vec<Served>,
}

/// What is looked at besides the file itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Files {
    /// Key files and boot files, as they are on the machine that serves.
    Here,
    /// None: they are on another machine.
    Elsewhere,
}

/// Checks all that [`run`](crate::run) checks before it opens the first socket, and more: whether
/// boot files are there.
pub fn check(config: &Config, files: Files) -> Checked {
    let services = &config.services;
    let mut findings = quorate_server::check::check(services);
    let mut unread = Vec::new();
    if files == Files::Here {
        unread = key_files(services, &mut findings);
        permits::check(services, &mut findings);
        files::check(services, &mut findings);
    }
    findings.sort_by_key(|finding| finding.severity);
    Checked {
        findings: findings
            .into_iter()
            .map(|finding| Located::new(finding, config.source()))
            .collect(),
        unread,
        serves: quorate_server::check::summary(services),
    }
}

/// The findings that `serve` ends at, as an error; the others are answered.
///
/// # Errors
/// When something can never work.
pub(crate) fn startable(config: &Config) -> Result<Vec<Located>, ConfigError> {
    let checked = check(config, Files::Here);
    let can_never = |it: &Located| it.severity() == Severity::Error;
    let (errors, others): (Vec<_>, Vec<_>) = checked.findings.into_iter().partition(can_never);
    if errors.is_empty() {
        return Ok(others);
    }
    Err(ConfigError::Refused(Box::new(Refused::new(
        config.source().name(),
        errors,
    ))))
}

/// The key files that can be read hold keys; the others are answered.
fn key_files(services: &Services, findings: &mut Vec<Finding>) -> Vec<PathBuf> {
    let mut unread = Vec::new();
    for (place, path) in keys::files(services) {
        if std::fs::File::open(path).is_err() {
            unread.push(path.clone());
        } else if let Err(error) = keys::read(path) {
            findings.push(
                Finding::error("key-file", error.to_string())
                    .at(place, "no key that we can use")
                    .help("write a file in BIND's format, as tsig-keygen does"),
            );
        }
    }
    unread
}
