//! PID 1 of a machine.

use std::io::{self, Write as _};

use crate::exit::BAD_INPUT;

/// Runs the agent that `config` describes; its events go to standard output.
pub fn agent<T: From<u8>>(config: serde_json::Value) -> T {
    let (code, failure) = match serde_json::from_value(config) {
        Ok(config) => match quorate_agent::run(config, io::stdout()) {
            Ok(()) => return T::from(0),
            Err(error) => (1, error.to_string()),
        },
        Err(error) => (BAD_INPUT, format!("the agent's configuration: {error}")),
    };
    // The console may be gone; the exit code is left.
    let _ = writeln!(io::stderr(), "{failure}");
    T::from(code)
}
