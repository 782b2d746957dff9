//! A damaged log is replaced by what can be read of it.

use quorate_store::Salvaged;

use crate::config::Config;
use crate::control::log_dir;
use crate::error::ServeError;

/// Makes the log of these servers one that opens, and answers what that costs.
///
/// # Errors
/// When the servers run, or the disk fails.
pub fn salvage(config: &Config) -> Result<Salvaged, ServeError> {
    Ok(quorate_store::salvage(&log_dir(
        &config.services.state_dir,
    ))?)
}
