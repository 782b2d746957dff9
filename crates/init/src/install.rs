//! The installer: a disk image from the network onto this machine's disk.
//!
//! The image comes compressed by zstd, which carries a checksum, and is never whole in memory.
//! What is zero in it is made zero on the disk without being written, where the disk can do that.
//!
//! The disk's beginning, which firmware looks at, is written last: a machine that loses power before
//! that finds nothing to start on its disk, and is installed when it has power again.

mod partitions;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek as _, SeekFrom};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FallocateFlags, fallocate};

/// The image could not be installed.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    #[error("{url}: {why}")]
    Fetch { url: String, why: String },
    #[error("this machine has no disk to install on")]
    NoDisk,
    #[error("{}: {source}", path.display())]
    Disk {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the image is larger than the disk, which has {disk_bytes} bytes")]
    TooLarge { disk_bytes: u64 },
    #[error("the image came to an end after {at_bytes} bytes: {source}")]
    Image {
        at_bytes: u64,
        #[source]
        source: io::Error,
    },
}

/// Fetches the image at `url` and writes it to `disk`, to the last byte. `progress` gets how
/// many percent of it are there.
pub fn install(url: &str, disk: &Path, progress: impl FnMut(u64)) -> Result<u64, InstallError> {
    let failed = |why: String| InstallError::Fetch {
        url: url.to_owned(),
        why,
    };
    // No limit on the whole: an image is large, and a whole rack asks for it at once.
    let config = ureq::Agent::config_builder()
        .timeout_connect(Some(CONNECT_TIMEOUT))
        .timeout_recv_response(Some(CONNECT_TIMEOUT))
        .proxy(None)
        .max_redirects(3)
        .build();
    let response = ureq::Agent::from(config)
        .get(url)
        .call()
        .map_err(|error| failed(error.to_string()))?;
    let body = response.into_body();
    let length = body.content_length();
    let mut counted = Counted {
        inner: body.into_reader(),
        read: 0,
        length,
        reported: 0,
        progress,
    };
    write(&mut counted, disk)
}

/// The disk of this machine to install on: the first one that is not removable, by name.
pub fn first_disk() -> Result<PathBuf, InstallError> {
    disk_in(Path::new("/sys/class/block")).ok_or(InstallError::NoDisk)
}

fn disk_in(class: &Path) -> Option<PathBuf> {
    let is = |dir: &Path, attribute: &str, value: &str| {
        let text = fs::read_to_string(dir.join(attribute));
        text.is_ok_and(|text| text.trim() == value)
    };
    let entries = fs::read_dir(class).ok()?.flatten();
    let mut names: Vec<_> = entries.map(|entry| entry.file_name()).collect();
    names.sort();
    let found = names.into_iter().find(|name| {
        let dir = class.join(name);
        dir.join("device").exists()
            && is(&dir, "removable", "0")
            && is(&dir, "ro", "0")
            && !is(&dir, "size", "0")
    });
    found.map(|name| Path::new("/dev").join(name))
}

/// Writes a compressed image to a disk, whose last partition gets what the disk has more. Answers the
/// image's length.
fn write(compressed: impl Read, path: &Path) -> Result<u64, InstallError> {
    let at_disk = |source| InstallError::Disk {
        path: path.to_owned(),
        source,
    };
    let at_image = |at_bytes| move |source| InstallError::Image { at_bytes, source };
    let mut disk = OpenOptions::new().write(true).open(path).map_err(at_disk)?;
    let disk_bytes = disk.seek(SeekFrom::End(0)).map_err(at_disk)?;
    let mut image = zstd::Decoder::new(compressed).map_err(at_image(0))?;
    let mut first = vec![0; BLOCK];
    let read = fill(&mut image, &mut first).map_err(at_image(0))?;
    first.truncate(read);
    let (mut at, mut zeros) = (read as u64, 0);
    if at > disk_bytes {
        return Err(InstallError::TooLarge { disk_bytes });
    }
    disk.write_all_at(&ZEROS[..read], 0).map_err(at_disk)?;
    disk.sync_all().map_err(at_disk)?;
    let mut block = vec![0; BLOCK];
    loop {
        let read = fill(&mut image, &mut block).map_err(at_image(at))?;
        let length = read as u64;
        if length > disk_bytes - at {
            return Err(InstallError::TooLarge { disk_bytes });
        }
        let is_zero = block[..read] == ZEROS[..read];
        if read == 0 || !is_zero {
            zero(&disk, at - zeros, zeros).map_err(at_disk)?;
            zeros = 0;
        }
        if read == 0 {
            break;
        }
        if is_zero {
            zeros += length;
        } else {
            disk.write_all_at(&block[..read], at).map_err(at_disk)?;
        }
        at += length;
    }
    disk.sync_all().map_err(at_disk)?;
    partitions::stretch(&mut first, at, disk_bytes);
    disk.write_all_at(&first, 0).map_err(at_disk)?;
    disk.sync_all().map_err(at_disk)?;
    Ok(at)
}

/// Reads until the block is full or the image ends.
fn fill(image: &mut impl Read, block: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < block.len() {
        match image.read(&mut block[filled..])? {
            0 => break,
            read => filled += read,
        }
    }
    Ok(filled)
}

/// Makes a range of a disk zero, as the disk itself can, or by writing.
fn zero(disk: &File, mut at: u64, length: u64) -> io::Result<()> {
    let end = at + length;
    // A hole first: a disk that is a file, or flash, need not store it.
    let ways = [FallocateFlags::PUNCH_HOLE, FallocateFlags::ZERO_RANGE];
    let done = |way| fallocate(disk, way | FallocateFlags::KEEP_SIZE, at, length).is_ok();
    if length == 0 || ways.into_iter().any(done) {
        return Ok(());
    }
    while at < end {
        let part = usize::try_from(end - at).unwrap_or(BLOCK).min(BLOCK);
        disk.write_all_at(&ZEROS[..part], at)?;
        at += part as u64;
    }
    Ok(())
}

/// Reports how much of the answer has come.
struct Counted<R, F> {
    inner: R,
    read: u64,
    length: Option<u64>,
    reported: u64,
    progress: F,
}

impl<R: Read, F: FnMut(u64)> Read for Counted<R, F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.read += read as u64;
        if let Some(length) = self.length.filter(|length| *length > 0) {
            let percent = self.read * 100 / length;
            if percent > self.reported {
                self.reported = percent;
                (self.progress)(percent);
            }
        }
        Ok(read)
    }
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const BLOCK: usize = 1 << 17;
static ZEROS: [u8; BLOCK] = [0; BLOCK];

#[cfg(test)]
mod tests;
