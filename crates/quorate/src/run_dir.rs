//! Where a run keeps its machines' disks and logs while it runs.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// A run directory; removed when dropped, unless it is kept.
#[derive(Debug)]
pub(crate) struct RunDir {
    dir: Option<TempDir>,
    path: PathBuf,
    /// Locked for as long as the run lasts: tells others that the directory is in use.
    _lock: File,
}

impl RunDir {
    /// A new directory for temporary files. Also removes those of runs that were killed: a
    /// sandbox mounts its files over the directory, so what is left of a dead one is empty.
    pub(crate) fn new(keep: bool) -> io::Result<Self> {
        sweep(&std::env::temp_dir());
        let dir = tempfile::Builder::new().prefix(PREFIX).tempdir()?;
        let lock = File::open(dir.path())?;
        lock.lock()?;
        let (dir, path) = if keep {
            (None, dir.keep())
        } else {
            let path = dir.path().to_owned();
            (Some(dir), path)
        };
        Ok(Self {
            dir,
            path,
            _lock: lock,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// True when the files outlive the run.
    pub(crate) const fn is_kept(&self) -> bool {
        self.dir.is_none()
    }
}

/// Removes the empty directories of runs that are no more.
fn sweep(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else {
        return;
    };
    for entry in entries.filter_map(Result::ok) {
        let is_ours = entry
            .file_name()
            .to_str()
            .is_some_and(|name| name.starts_with(PREFIX));
        let is_dead = || File::open(entry.path()).is_ok_and(|dir| dir.try_lock().is_ok());
        if is_ours && is_dead() {
            // Fails on one that is kept, and so not empty, or somebody else's.
            let _ = fs::remove_dir(entry.path());
        }
    }
}

const PREFIX: &str = "quorate-run-";
