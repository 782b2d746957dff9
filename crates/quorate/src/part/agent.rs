//! PID 1 of a machine.

use std::io::{self, Write as _};

use quorate_agent::Config;

/// Runs the agent that `config` describes; its events go to standard output.
pub fn agent<T: From<u8>>(config: Config) -> T {
    let Err(error) = quorate_agent::run(config, io::stdout()) else {
        return T::from(0);
    };
    // The console may be gone; the exit code is left.
    let _ = writeln!(io::stderr(), "{error}");
    T::from(1)
}
