//! The directory that a run leaves its report in.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use thiserror::Error;

/// A directory that is empty, or holds the report of an earlier run and gives way to this one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportDir(PathBuf);

/// Why a directory cannot get the report.
#[derive(Debug, Error)]
pub enum ReportDirError {
    /// It holds something, and that is no report.
    #[error(
        "{}: it is not empty and holds no report of quorate\n  \
         name a new or empty directory, or one that `--report` has written",
        .0.display()
    )]
    NotOurs(PathBuf),
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
}

impl ReportDir {
    /// Makes the directory when it is not there. Changes nothing of what it holds.
    ///
    /// # Errors
    /// When it cannot be made, or holds what is not a report.
    pub fn new(dir: &Path) -> Result<Self, ReportDirError> {
        let failed = |source| ReportDirError::Io {
            path: dir.to_owned(),
            source,
        };
        fs::create_dir_all(dir).map_err(failed)?;
        let is_empty = fs::read_dir(dir).map_err(failed)?.next().is_none();
        if !is_empty && !holds_report(dir) {
            return Err(ReportDirError::NotOurs(dir.to_owned()));
        }
        dir.canonicalize().map(Self).map_err(failed)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Removes the report of an earlier run, and no other file.
    ///
    /// # Errors
    /// When something of it cannot be removed.
    pub fn clear(&self) -> Result<(), ReportDirError> {
        for name in FILES {
            self.remove(name, |path| fs::remove_file(path))?;
        }
        self.remove(LOGS, |path| fs::remove_dir_all(path))
    }

    fn remove(
        &self,
        name: &str,
        remove: impl FnOnce(&Path) -> io::Result<()>,
    ) -> Result<(), ReportDirError> {
        let path = self.0.join(name);
        match remove(&path) {
            Err(source) if source.kind() != ErrorKind::NotFound => {
                Err(ReportDirError::Io { path, source })
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

/// True for a directory with a recording, which every report has.
fn holds_report(dir: &Path) -> bool {
    /// The key that only recordings have.
    #[derive(Deserialize)]
    struct Header {
        #[serde(rename = "recording")]
        _format: u32,
    }
    let text = fs::read(dir.join(RECORDING)).unwrap_or_default();
    serde_json::from_slice::<Header>(&text).is_ok()
}

const RECORDING: &str = "recording.json";
/// What [`quorate_report::artifacts`] and the switch write.
const FILES: [&str; 12] = [
    RECORDING,
    "capture.pcapng",
    "events.jsonl",
    "evidence.json",
    "junit.xml",
    "leases.json",
    "names.json",
    "report.html",
    "report.json",
    "report.txt",
    "scenario.toml",
    "zone-history.jsonl",
];
/// What machines and servers write.
const LOGS: &str = "logs";
