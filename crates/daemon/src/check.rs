//! A configuration checked where it is not served: nothing is opened, made or written.

use std::path::PathBuf;

use quorate_server::{Keys, Setup};

use crate::config::Config;
use crate::error::ConfigError;
use crate::keys;

/// Checks all that [`run`](crate::run) checks before it opens the first socket. A build machine
/// has no secrets, so key files that cannot be read here are no error. They are the answer.
///
/// # Errors
/// With the place or the section.
pub fn check(config: &Config) -> Result<Vec<PathBuf>, ConfigError> {
    let services = &config.services;
    let files = keys::files(services).into_iter().cloned();
    let (readable, unread): (Vec<_>, Vec<_>) =
        files.partition(|path| std::fs::File::open(path).is_ok());
    for path in &readable {
        keys::read(path)?;
    }
    Setup::new(services, Keys::default())?;
    config.permits_known_keys()?;
    Ok(unread)
}
