//! Where a run keeps its machines' disks and logs while it runs.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// A run directory; removed when dropped, unless it is kept.
#[derive(Debug)]
pub(crate) struct RunDir {
    dir: Option<TempDir>,
    path: PathBuf,
}

impl RunDir {
    /// A new directory for temporary files. Also removes those of runs that were killed: a
    /// sandbox mounts its files over the directory, so what is left of a dead one is empty.
    pub(crate) fn new(keep: bool) -> io::Result<Self> {
        sweep(&std::env::temp_dir());
        let dir = tempfile::Builder::new().prefix(PREFIX).tempdir()?;
        let path = dir.path().to_owned();
        let dir = if keep {
            dir.keep();
            None
        } else {
            Some(dir)
        };
        Ok(Self { dir, path })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// True when the files outlive the run.
    pub(crate) const fn is_kept(&self) -> bool {
        self.dir.is_none()
    }
}

/// Removes empty run directories that nobody has used for a while.
fn sweep(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.filter_map(Result::ok) {
        let is_ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
        let age = entry.metadata().and_then(|metadata| metadata.modified()).ok();
        let is_old = age.and_then(|at| at.elapsed().ok()).is_some_and(|age| age > STALE_AFTER);
        if is_ours && is_old {
            // Fails on one that is not empty, or somebody else's.
            let _ = fs::remove_dir(entry.path());
        }
    }
}

const PREFIX: &str = "quorate-run-";
/// No run takes longer.
const STALE_AFTER: std::time::Duration = std::time::Duration::from_secs(24 * 3600);
