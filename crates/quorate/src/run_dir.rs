//! Where a run keeps its machines' disks and logs while it runs.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// A run directory; removed when dropped, unless it is kept.
#[derive(Debug)]
pub struct RunDir {
    dir: Option<TempDir>,
    path: PathBuf,
    /// Locked for as long as the run lasts: shows others that the directory is in use.
    _lock: File,
}

impl RunDir {
    /// A new directory in `parent`. Also removes those of runs that were killed, of which there
    /// is hardly more than the directory: a sandbox mounts its files over it, and a container
    /// empties those of containers.
    ///
    /// # Errors
    /// When the directory cannot be made.
    pub fn new(parent: &Path, keep: bool) -> io::Result<Self> {
        remove_dead(parent);
        let prefix = if keep { KEPT_PREFIX } else { PREFIX };
        let dir = tempfile::Builder::new().prefix(prefix).tempdir_in(parent)?;
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

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// True when the files outlive the run.
    pub const fn is_kept(&self) -> bool {
        self.dir.is_none()
    }
}

/// Removes the directories of runs that are no more.
fn remove_dead(parent: &Path) {
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
            // Fails on another user's directory.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

const PREFIX: &str = "quorate-run-";
/// What is kept is never removed.
const KEPT_PREFIX: &str = "quorate-kept-";
