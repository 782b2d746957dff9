//! Standard error: what is for people.

use std::fmt;
use std::io::{self, Write as _};

/// Prints a line for people on standard error, where it is not missed when it cannot be read.
pub(crate) fn note(text: impl fmt::Display) {
    let _ = writeln!(io::stderr(), "{text}");
}
