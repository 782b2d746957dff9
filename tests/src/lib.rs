//! Shared by the test targets of this package.

pub mod checks;
pub mod debian;
pub mod dns_tools;
pub mod emulator;
pub mod network;
pub mod sandboxed;
pub mod stories;

use std::path::{Path, PathBuf};

/// The root of the workspace.
pub fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().expect("this package is in tests/").into()
}

/// The text of a file, by its path from the root of the workspace.
///
/// # Panics
/// When the file cannot be read.
pub fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
