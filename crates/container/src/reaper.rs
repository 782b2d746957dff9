//! The reaper cleans up after a run, however that ends.
//!
//! What a container writes to a machine's disk belongs to root, which the runner may not be;
//! and a runner that was killed cleans up nothing. So one more container sees the directory of
//! the run, and waits. When the runner's end of the control socket closes, it empties the directory, or
//! gives everything in it to its owner when the disks are kept.

use std::fs;
use std::io::{self, Read as _};
use std::net::Shutdown;
use std::os::unix::fs::{MetadataExt as _, chown, lchown};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use crate::container::Container;
use crate::control;

/// What happens to the disks in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disks {
    Removed,
    /// They outlive the run, as files of the owner of the run's directory.
    Kept,
}

impl Disks {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Removed => "remove",
            Self::Kept => "keep",
        }
    }
}

/// The name under which the reaper connects. No machine has it: theirs have no space.
pub(crate) const NAME: &str = "the reaper";

/// Where the reaper sees the directory of the run.
pub(crate) const RUN_DIR: &str = "/mnt/run";

/// The reaper, as the runner sees it. Works when dropped, at the latest.
#[derive(Debug)]
pub(crate) struct Reaper {
    /// `None` when it has worked.
    control: Option<UnixStream>,
    _container: Container,
}

impl Reaper {
    pub(crate) const fn new(control: UnixStream, container: Container) -> Self {
        Self {
            control: Some(control),
            _container: container,
        }
    }

    /// Has it do its work, and returns when it is done.
    pub(crate) fn work(&mut self) -> io::Result<()> {
        let Some(mut control) = self.control.take() else {
            return Ok(());
        };
        control.shutdown(Shutdown::Write)?;
        control.set_read_timeout(Some(WORK_MAX))?;
        // It has nothing to say; its end closes when it ends.
        let mut rest = Vec::new();
        control.read_to_end(&mut rest).map(drop)
    }
}

impl Drop for Reaper {
    fn drop(&mut self) {
        // Callers who need the error use `work`.
        let _ = self.work();
    }
}

/// The reaper's container.
pub(crate) fn main(word: &str) -> io::Result<()> {
    // The runner may be gone already. This end stays open until the work is
    // done: that is how the runner knows.
    let control = control::connect(NAME);
    if let Ok(mut control) = control.as_ref() {
        // Nothing is ever said on it.
        while matches!(control.read(&mut [0; 64]), Ok(1..)) {}
    }
    if word == Disks::Kept.word() {
        let owner = fs::metadata(RUN_DIR)?;
        hand_over(Path::new(RUN_DIR), owner.uid(), owner.gid())?;
    } else {
        remove_all(Path::new(RUN_DIR))?;
    }
    Ok(())
}

/// Empties a directory. Machines that are just ending may still write, so it tries again until
/// they have ended.
fn remove_all(dir: &Path) -> io::Result<()> {
    let end = Instant::now() + WORK_MAX;
    loop {
        let removed = fs::read_dir(dir)?.try_for_each(|entry| {
            let entry = entry?;
            match entry.file_type()?.is_dir() {
                true => fs::remove_dir_all(entry.path()),
                false => fs::remove_file(entry.path()),
            }
        });
        match removed {
            Err(error) if Instant::now() > end => return Err(error),
            Err(_) => thread::sleep(AGAIN),
            Ok(()) => return Ok(()),
        }
    }
}

/// Makes this user and group the owners of a directory and all in it.
fn hand_over(dir: &Path, user: u32, group: u32) -> io::Result<()> {
    chown(dir, Some(user), Some(group))?;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            hand_over(&entry.path(), user, group)?;
        } else {
            lchown(entry.path(), Some(user), Some(group))?;
        }
    }
    Ok(())
}

const AGAIN: Duration = Duration::from_millis(10);
const WORK_MAX: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_emptied_while_a_process_still_writes() {
        let dir = tempfile::tempdir().unwrap();
        let disk = dir.path().join("n1/disk");
        fs::create_dir_all(disk.join("member/wal")).unwrap();
        fs::write(disk.join("member/wal/0.wal"), "x").unwrap();
        fs::write(dir.path().join("capture.pcapng"), "x").unwrap();
        let writer = thread::spawn(move || {
            // A machine that is ending: it writes on for a while, unless its directory is gone.
            for written in 0..500 {
                if fs::write(disk.join(written.to_string()), "x").is_err() {
                    break;
                }
                thread::sleep(Duration::from_micros(200));
            }
        });
        remove_all(dir.path()).unwrap();
        writer.join().unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn links_are_handed_over_and_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("disk")).unwrap();
        std::os::unix::fs::symlink("/nowhere", dir.path().join("disk/link")).unwrap();
        let me = fs::metadata(dir.path()).unwrap();
        hand_over(dir.path(), me.uid(), me.gid()).unwrap();
    }
}
