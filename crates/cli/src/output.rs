//! Standard output: data.

use std::fmt;
use std::io::{self, ErrorKind, Write as _};

use crate::error::CliError;

/// Prints data on standard output. A reader who has seen enough and closed the pipe is content.
pub(crate) fn print(text: impl fmt::Display) -> Result<(), CliError> {
    let mut out = io::stdout().lock();
    match write!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(CliError::Output(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Prints a JSON document on standard output.
pub(crate) fn print_json(value: &serde_json::Value) -> Result<(), CliError> {
    print(format_args!("{value:#}\n"))
}
