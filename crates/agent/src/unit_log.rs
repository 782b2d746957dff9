//! Where units' output goes: files that take so much and no more, whatever a machine runs for.
//!
//! ```text
//!   unit ──pipe──► thread ──► etcd.service.log ──when it is full──► etcd.service.log.1
//! ```
//!
//! A process never has the file itself, which therefore can be put away while it runs. The pipe
//! ends with the agent: what runs on without it has no reader.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, PipeReader, PipeWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use rustix::event::{PollFd, PollFlags};

/// The logs of all units.
#[derive(Debug, Default)]
pub(crate) struct UnitLogs {
    by_path: BTreeMap<PathBuf, UnitLog>,
}

impl UnitLogs {
    /// What a process is started with, so that all it says goes to the log at `path`.
    pub(crate) fn open(&mut self, path: &Path) -> io::Result<[Stdio; 2]> {
        // A serial port takes everything, and has readers of its own.
        if fs::metadata(path).is_ok_and(|it| !it.is_file()) {
            let port = OpenOptions::new().append(true).open(path)?;
            return Ok([port.try_clone()?.into(), port.into()]);
        }
        if !self.by_path.contains_key(path) {
            let log = UnitLog::open(path, LOG_OCTETS_MAX)?;
            self.by_path.insert(path.to_owned(), log);
        }
        let writer = &self.by_path[path].writer;
        Ok([writer.try_clone()?.into(), writer.try_clone()?.into()])
    }

    /// Whatever was said until now is in the files when this returns.
    pub(crate) fn catch_up(&self) {
        for log in self.by_path.values() {
            log.shared
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .keep();
        }
    }
}

/// One log.
#[derive(Debug)]
struct UnitLog {
    writer: PipeWriter,
    shared: Arc<Mutex<Keeper>>,
}

impl UnitLog {
    fn open(path: &Path, octets_max: u64) -> io::Result<Self> {
        let (reader, writer) = io::pipe()?;
        rustix::io::ioctl_fionbio(&reader, true)?;
        let waited_for = reader.try_clone()?;
        let shared = Arc::new(Mutex::new(Keeper {
            reader,
            file: Bounded::open(path, octets_max)?,
        }));
        let keeps = Arc::clone(&shared);
        let copy = move || loop {
            let mut fds = [PollFd::new(&waited_for, PollFlags::IN)];
            let polled = rustix::event::poll(&mut fds, None);
            let mut shared = keeps.lock().unwrap_or_else(PoisonError::into_inner);
            // All its writers are gone, or the kernel has no memory to say so.
            if shared.keep() || polled.is_err_and(|error| error != rustix::io::Errno::INTR) {
                return;
            }
        };
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        thread::Builder::new().name(name.into()).spawn(copy)?;
        Ok(Self { writer, shared })
    }
}

/// The reading end of a log.
#[derive(Debug)]
struct Keeper {
    reader: PipeReader,
    file: Bounded,
}

impl Keeper {
    /// Puts all that is there now into the file; a unit that never pauses must not hold anybody
    /// up. True when nothing more can come.
    fn keep(&mut self) -> bool {
        let mut text = [0; PIPE_OCTETS];
        let length = loop {
            match self.reader.read(&mut text) {
                Ok(length) => break length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return false,
            }
        };
        // Neither must a full disk.
        let _ = self.file.append(&text[..length]);
        length == 0
    }
}

/// A file that is put away as `<name>.1` when it is full, in place of the one before.
#[derive(Debug)]
struct Bounded {
    path: PathBuf,
    file: File,
    octets: u64,
    octets_max: u64,
}

impl Bounded {
    fn open(path: &Path, octets_max: u64) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).create(true).open(path)?;
        let octets = file.metadata()?.len();
        Ok(Self {
            path: path.to_owned(),
            file,
            octets,
            octets_max,
        })
    }

    /// Lines stay whole where they came whole.
    fn append(&mut self, mut text: &[u8]) -> io::Result<()> {
        while self.octets + text.len() as u64 > self.octets_max {
            let room = self.octets_max.saturating_sub(self.octets);
            let room = usize::try_from(room).unwrap_or(usize::MAX).min(text.len());
            let line_end = text[..room].iter().rposition(|octet| *octet == b'\n');
            // A line that fits into no file is cut.
            let fits = line_end.map_or(if self.octets == 0 { room } else { 0 }, |end| end + 1);
            let (now, later) = text.split_at(fits);
            self.write(now)?;
            self.put_away()?;
            text = later;
        }
        self.write(text)
    }

    fn write(&mut self, text: &[u8]) -> io::Result<()> {
        self.octets += text.len() as u64;
        self.file.write_all(text)
    }

    fn put_away(&mut self) -> io::Result<()> {
        let mut old = self.path.clone().into_os_string();
        old.push(".1");
        fs::rename(&self.path, old)?;
        *self = Self::open(&self.path, self.octets_max)?;
        Ok(())
    }
}

/// What a log takes; it and the one before are twice as much. A member of a cluster that is well
/// says some hundred KB in a day.
const LOG_OCTETS_MAX: u64 = 8 << 20;
/// What a pipe holds.
const PIPE_OCTETS: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &Path) -> String {
        fs::read_to_string(path).unwrap_or_default()
    }

    #[test]
    fn a_log_that_is_full_is_put_away_with_its_last_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let old = dir.path().join("log.1");
        let mut log = Bounded::open(&path, 10).unwrap();
        for text in ["one\n", "two\n", "3\nfour\nfive", "\nsix\n"] {
            log.append(text.as_bytes()).unwrap();
        }
        assert_eq!(
            (read(&old).as_str(), read(&path).as_str()),
            ("four\nfive\n", "six\n")
        );
        // One that was begun before is gone on with.
        let mut log = Bounded::open(&path, 10).unwrap();
        log.append(b"seven\n").unwrap();
        assert_eq!(read(&path), "six\nseven\n");
        log.append(b"8").unwrap();
        assert_eq!(
            (read(&old).as_str(), read(&path).as_str()),
            ("six\nseven\n", "8")
        );
    }

    #[test]
    fn no_file_is_longer_than_it_may_be_whatever_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut log = Bounded::open(&path, 100).unwrap();
        for length in [1, 99, 100, 101, 250, 1000, 7] {
            log.append(&vec![b'x'; length]).unwrap();
            log.append(&b"ab\n".repeat(length)).unwrap();
            for entry in fs::read_dir(dir.path()).unwrap() {
                assert!(entry.unwrap().metadata().unwrap().len() <= 100);
            }
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    }
}
