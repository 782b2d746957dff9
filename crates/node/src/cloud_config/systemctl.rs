//! The `systemctl` commands that a seed may run.

use super::error::EntryError;

/// What a `systemctl` command asks of the machine's units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    Start { unit: String },
    Restart { unit: String },
}

/// The actions of one command line, in order. `daemon-reload` and a bare `enable` ask for none:
/// a node reads a unit's file when it starts it, and a machine fetches its seed at each boot.
pub(super) fn actions(words: &[String]) -> Result<Vec<Action>, EntryError> {
    let refused = || EntryError::Command(words.join(" "));
    let (program, args) = words.split_first().ok_or_else(refused)?;
    if !matches!(
        program.as_str(),
        "systemctl" | "/bin/systemctl" | "/usr/bin/systemctl"
    ) {
        return Err(refused());
    }
    let mut now = false;
    let mut plain = Vec::new();
    for arg in args {
        match arg.as_str() {
            "--now" => now = true,
            // Nothing here waits for a unit, and nothing is printed.
            "--no-block" | "--quiet" | "-q" => {}
            flag if flag.starts_with('-') => return Err(refused()),
            word => plain.push(word),
        }
    }
    let (verb, units) = plain.split_first().ok_or_else(refused)?;
    let units = units.iter().map(|unit| service_name(unit));
    let units: Vec<String> = units.collect::<Option<_>>().ok_or_else(refused)?;
    let start = |unit| Action::Start { unit };
    let restart = |unit| Action::Restart { unit };
    match (*verb, now) {
        ("daemon-reload", false) if units.is_empty() => Ok(Vec::new()),
        (_, _) if units.is_empty() => Err(refused()),
        ("enable", false) => Ok(Vec::new()),
        ("enable", true) | ("start", false) => Ok(units.into_iter().map(start).collect()),
        ("restart", false) => Ok(units.into_iter().map(restart).collect()),
        _ => Err(refused()),
    }
}

/// A unit without a suffix is a service (systemctl(1)); other kinds are not run.
fn service_name(unit: &str) -> Option<String> {
    if unit.contains('/') {
        return None;
    }
    match unit.rsplit_once('.') {
        None => Some(format!("{unit}.service")),
        Some((stem, "service")) if !stem.is_empty() => Some(unit.to_owned()),
        Some(_) => None,
    }
}
