//! The file system that a machine keeps its data on: any disk or partition with ext4 on it and
//! the label [`DATA_LABEL`]. Its directories `lib` and `log` are the machine's `/var/lib` and
//! `/var/log`.

use std::fs::{self, File};
use std::io::{self, Seek as _, SeekFrom};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::ioctl::{Opcode, Setter, ioctl, opcode};
use rustix::mount::{MountFlags, mount as mount_file_system, mount_bind};

use crate::drivers::Drivers;
use crate::install::first_disk;
use crate::{DATA_LABEL, Data, InitError, stage};

/// Mounts the data disk. Without one the machine's data stays in memory, if that will do.
pub(crate) fn mount(data: Data, drivers: &mut Drivers) -> Result<(), InitError> {
    let since = Instant::now();
    let device = loop {
        if let Some(device) = find() {
            break device;
        }
        if data == Data::Optional {
            stage::say("no data disk: what this machine writes is lost with its power");
            return Ok(());
        }
        if since.elapsed() > APPEARS_WITHIN {
            return Err(InitError::NoDisk(APPEARS_WITHIN));
        }
        // No event announces it: there is no udev here.
        std::thread::sleep(LOOK_AGAIN);
        drivers.load_matching();
    };
    let at = || InitError::at(format!("mount {} at {PLACE}", device.display()));
    fs::create_dir_all(PLACE).map_err(at())?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOATIME;
    mount_file_system(&device, PLACE, "ext4", flags, OPTIONS)
        .map_err(|error| at()(error.into()))?;
    grow(&device);
    for (part, place) in PARTS {
        let from = Path::new(PLACE).join(part);
        let at = || InitError::at(format!("show {} at {place}", from.display()));
        fs::create_dir_all(&from).map_err(at())?;
        fs::create_dir_all(place).map_err(at())?;
        mount_bind(&from, place).map_err(|error| at()(error.into()))?;
    }
    Ok(())
}

/// Lets the file system take the whole of its partition, which may have become larger when the
/// system was installed. One that cannot grow will do.
fn grow(device: &Path) {
    let grown = || {
        let mut device = File::open(device)?;
        let bytes = device.seek(SeekFrom::End(0))?;
        let (blocks, block_bytes) = ext_size(&device)?;
        let fit = bytes / block_bytes;
        if fit <= blocks {
            return Ok(());
        }
        let place = File::open(PLACE)?;
        // SAFETY: the kernel reads one u64 at the address that it is given, and `Setter` gives that
        // of the value which it holds.
        #[expect(unsafe_code, reason = "rustix has no call for this ioctl of ext4")]
        unsafe { ioctl(place, Setter::<EXT4_IOC_RESIZE_FS, u64>::new(fit)) }
            .map_err(io::Error::from)
    };
    if let Err(error) = grown() {
        let shown = device.display();
        stage::say(&format!(
            "{shown} stays smaller than its partition: {error}"
        ));
    }
}

/// How many blocks an ext4 file system has, and how many bytes a block.
fn ext_size(file: &File) -> io::Result<(u64, u64)> {
    let mut block = [0; SUPERBLOCK_LEN];
    file.read_exact_at(&mut block, SUPERBLOCK)?;
    let number = |at: usize| {
        let octets = block[at..].first_chunk::<4>();
        octets.map_or(0, |octets| u64::from(u32::from_le_bytes(*octets)))
    };
    let low = number(BLOCKS_LOW);
    let high = match number(FEATURES_INCOMPAT) & INCOMPAT_64BIT {
        0 => 0,
        _ => number(BLOCKS_HIGH),
    };
    let block_bytes = 1024_u64
        .checked_shl(u32::try_from(number(LOG_BLOCK_SIZE)).unwrap_or(u32::MAX))
        .filter(|bytes| *bytes > 0)
        .ok_or(io::ErrorKind::InvalidData)?;
    Ok((high << 32 | low, block_bytes))
}

/// Waits for a disk to install on, whatever is on it.
pub(crate) fn await_blank(drivers: &mut Drivers) -> Result<(), InitError> {
    let since = Instant::now();
    while first_disk().is_err() {
        if since.elapsed() > APPEARS_WITHIN {
            return Err(InitError::NoBlank(APPEARS_WITHIN));
        }
        std::thread::sleep(LOOK_AGAIN);
        drivers.load_matching();
    }
    Ok(())
}

/// The first block device with our label, by name.
fn find() -> Option<PathBuf> {
    let entries = fs::read_dir("/sys/class/block").ok()?.flatten();
    let mut names: Vec<_> = entries.map(|entry| entry.file_name()).collect();
    names.sort();
    let devices = names.into_iter().map(|name| Path::new("/dev").join(name));
    devices.into_iter().find(|device| {
        let label = File::open(device).and_then(|file| ext_label(&file));
        label.is_ok_and(|label| label.as_deref() == Some(DATA_LABEL))
    })
}

/// The label of an ext2, 3 or 4 file system; `None` for anything else.
pub fn ext_label(file: &File) -> io::Result<Option<String>> {
    let mut block = [0; SUPERBLOCK_LEN];
    file.read_exact_at(&mut block, SUPERBLOCK)?;
    if block[MAGIC] != [0x53, 0xef] {
        return Ok(None);
    }
    let label = block[LABEL].split(|byte| *byte == 0).next();
    Ok(label.map(|label| String::from_utf8_lossy(label).into_owned()))
}

/// On the data disk, and in the machine.
const PARTS: [(&str, &str); 2] = [("lib", "/var/lib"), ("log", "/var/log")];
const PLACE: &str = "/disk";
/// The disk was made with empty inode tables. Without this the kernel writes them again, all of
/// them, while the machine boots.
const OPTIONS: &std::ffi::CStr = c"noinit_itable";
const APPEARS_WITHIN: Duration = Duration::from_secs(60);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

// include/uapi/linux/ext4.h
const EXT4_IOC_RESIZE_FS: Opcode = opcode::write::<u64>(b'f', 16);

// struct ext4_super_block (Documentation/filesystems/ext4/super.rst)
const SUPERBLOCK: u64 = 1024;
const SUPERBLOCK_LEN: usize = 0x154;
const BLOCKS_LOW: usize = 0x4;
const LOG_BLOCK_SIZE: usize = 0x18;
const FEATURES_INCOMPAT: usize = 0x60;
const INCOMPAT_64BIT: u64 = 0x80;
const BLOCKS_HIGH: usize = 0x150;
const MAGIC: std::ops::Range<usize> = 0x38..0x3a;
const LABEL: std::ops::Range<usize> = 0x78..0x88;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_those_of_ext_file_systems() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("disk");
        let mut bytes = vec![0; 4096];
        let label = |bytes: &[u8]| {
            fs::write(&path, bytes).unwrap();
            ext_label(&File::open(&path).unwrap()).unwrap()
        };
        assert_eq!(label(&bytes), None);
        bytes[1024 + 0x38..1024 + 0x3a].copy_from_slice(&[0x53, 0xef]);
        assert_eq!(label(&bytes).as_deref(), Some(""));
        let name = DATA_LABEL.as_bytes();
        bytes[1024 + 0x78..1024 + 0x78 + name.len()].copy_from_slice(name);
        assert_eq!(label(&bytes).as_deref(), Some(DATA_LABEL));
        fs::write(&path, "short").unwrap();
        assert!(ext_label(&File::open(&path).unwrap()).is_err());
    }
}
