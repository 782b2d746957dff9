//! Debian roots of a test's own, made by mmdebstrap from Debian's packages.

use std::process::Command;

use crate::checks::foreign;

/// A command that makes a root of this host's own release, so that programs that were built here
/// run there. What it makes is what the arguments and the target say, which the caller adds.
///
/// It cannot run in a sandbox: its files belong to several users.
pub fn mmdebstrap(arguments: &[&str]) -> Command {
    let mut command = foreign("mmdebstrap");
    command
        .arg("--variant=minbase")
        .args(arguments)
        .arg(suite());
    command
}

/// The release that runs here; on something else than Debian, the one whose C library is old
/// enough for most.
fn suite() -> String {
    let text = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let value = |key: &str| {
        let mut values = text.lines().filter_map(|line| line.strip_prefix(key));
        values
            .next()
            .map(|value| value.trim_matches('"').to_owned())
    };
    match value("ID=").as_deref() {
        Some("debian") => value("VERSION_CODENAME="),
        _ => None,
    }
    .unwrap_or_else(|| "bookworm".to_owned())
}
