//! What can be read of a damaged log, and what cannot.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::files::{self, LOG_NAME, NEW_NAME, StoreError, io_error};
use crate::frame::{self, FILE_HEADER};
use crate::log::body;
use crate::mark::{Extent, Mark};

const DAMAGED_NAME: &str = "log.damaged";

/// What a salvage found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Salvaged {
    /// How many records were kept.
    pub records: usize,
    /// What could not be read: where in the damaged file it begins and ends.
    pub lost: Vec<(u64, u64)>,
    /// The damaged file, as it was; `None` when nothing is damaged and nothing was done.
    pub damaged: Option<PathBuf>,
}

/// Replaces a damaged log by all records of it that can be read, and keeps the damaged file
/// beside it. The next [`Log::open`](crate::Log::open) reports the loss.
///
/// # Errors
/// When another process has the log, or the disk fails; the log is as it was.
pub fn salvage(dir: &Path) -> Result<Salvaged, StoreError> {
    let path = dir.join(LOG_NAME);
    let bytes = fs::read(&path).map_err(io_error("read", &path))?;
    let _lock = files::lock(dir)?;
    let header_bytes = FILE_HEADER.len();
    // Damage may be in the header too.
    let body = body(&bytes).or_else(|| bytes.get(header_bytes..));
    let body = body.ok_or_else(|| StoreError::Foreign(path.clone()))?;
    let (mut records, mut lost) = (Vec::new(), Vec::new());
    let mut offset = 0;
    loop {
        let end = frame::decode_run(body, offset, &mut records);
        if end == body.len() {
            break;
        }
        let next = frame::next_batch(body, end + 1);
        offset = next.unwrap_or(body.len());
        lost.push(((header_bytes + end) as u64, (header_bytes + offset) as u64));
        if next.is_none() {
            break;
        }
    }
    let is_foreign = crate::log::body(&bytes).is_none();
    if is_foreign && records.is_empty() {
        return Err(StoreError::Foreign(path));
    }
    if is_foreign {
        lost.insert(0, (0, header_bytes as u64));
    }
    let mut salvaged = Salvaged {
        records: records.len(),
        lost,
        damaged: None,
    };
    if salvaged.lost.is_empty() {
        return Ok(salvaged);
    }
    let mut whole = FILE_HEADER.to_vec();
    for record in &records {
        frame::encode(record, true, &mut whole);
    }
    let lost_bytes: u64 = salvaged.lost.iter().map(|(from, to)| to - from).sum();
    salvaged.damaged = Some(replace(dir, &whole, lost_bytes)?);
    Ok(salvaged)
}

/// Puts `whole` in the place of the log, and answers where that is now.
fn replace(dir: &Path, whole: &[u8], lost_bytes: u64) -> Result<PathBuf, StoreError> {
    let new = dir.join(NEW_NAME);
    let file = files::create(&new)?;
    file.write_all_at(whole, 0)
        .map_err(io_error("write", &new))?;
    file.sync_all().map_err(io_error("sync", &new))?;
    let damaged = unused(dir);
    let path = dir.join(LOG_NAME);
    // A second name before the first one goes: there is a log at every moment.
    fs::hard_link(&path, &damaged).map_err(io_error("keep as", &damaged))?;
    // The next open finds less than this, and says so.
    let extent = Extent {
        durable_bytes: whole.len() as u64 + lost_bytes,
        live_bytes: 0,
    };
    Mark::open(dir).write(files::identity(&file, &new)?.1, extent);
    files::put_in_place(dir, &new)?;
    files::sync_dir(dir)?;
    Ok(damaged)
}

/// A name for the damaged file that no earlier one has.
fn unused(dir: &Path) -> PathBuf {
    let name = |n: u32| match n {
        0 => dir.join(DAMAGED_NAME),
        n => dir.join(format!("{DAMAGED_NAME}.{n}")),
    };
    let mut n = 0;
    while name(n).exists() {
        n += 1;
    }
    name(n)
}

#[cfg(test)]
mod tests;
