//! The log on the disk, as the engines' journal. It is rewritten on a thread of its own.

use std::io;
use std::path::Path;
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::thread;

use quorate_server::journal::COMPACTION_BYTES_MIN;
use quorate_server::{Journal, compact};
use quorate_store::{Log, Records, Rewritten, StoreError};

/// A [`Log`] that engines write to.
#[derive(Debug)]
pub(crate) struct Disk {
    log: Log,
    compaction: Option<Receiver<Result<Rewritten, StoreError>>>,
    compaction_bytes_min: u64,
}

impl Disk {
    /// Opens the log in `dir`, and gives its records.
    pub(crate) fn open(dir: &Path) -> Result<(Self, Records), StoreError> {
        let (log, records) = Log::open(dir)?;
        let disk = Self {
            log,
            compaction: None,
            compaction_bytes_min: std::env::var(BYTES_MIN_VARIABLE)
                .ok()
                .and_then(|bytes| bytes.parse().ok())
                .unwrap_or(COMPACTION_BYTES_MIN),
        };
        Ok((disk, records))
    }
}

impl Journal for Disk {
    type Error = StoreError;

    fn append(&mut self, record: &[u8]) {
        self.log.append(record);
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        self.log.sync()
    }

    fn reopen(&mut self) -> Result<(), StoreError> {
        self.log.reopen()
    }

    fn len_bytes(&self) -> u64 {
        self.log.len_bytes()
    }

    fn live_bytes(&self) -> u64 {
        self.log.live_bytes()
    }

    fn compaction_bytes_min(&self) -> u64 {
        self.compaction_bytes_min
    }

    fn lost_bytes(&self) -> u64 {
        self.log.lost().map_or(0, |lost| lost.bytes)
    }

    fn start_compaction(&mut self) -> Result<(), StoreError> {
        let rewriter = self.log.rewriter()?;
        let (done, compaction) = channel();
        let work = move || {
            let new = rewriter.run(|records, emit| compact(|| records.iter(), emit));
            // The daemon may have ended.
            let _ = done.send(new);
        };
        let thread = thread::Builder::new().name("compaction".to_owned());
        thread
            .spawn(work)
            .map_err(|source| failed("start", source))?;
        self.compaction = Some(compaction);
        Ok(())
    }

    fn poll_compaction(&mut self) -> Option<Result<(), StoreError>> {
        let new = match self.compaction.as_ref()?.try_recv() {
            Ok(new) => new,
            Err(TryRecvError::Empty) => return None,
            Err(TryRecvError::Disconnected) => {
                Err(failed("end", io::Error::other("its thread is gone")))
            }
        };
        self.compaction = None;
        Some(new.and_then(|new| self.log.adopt(new)))
    }
}

/// For tests, which have no time to fill a log.
const BYTES_MIN_VARIABLE: &str = "QUORATE_COMPACTION_BYTES_MIN";

fn failed(what: &'static str, source: io::Error) -> StoreError {
    StoreError::Io {
        what,
        path: "the rewriting of the log".into(),
        source,
    }
}
