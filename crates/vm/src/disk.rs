//! What a machine keeps without power: a file that takes as much as is in it.

use std::fs::File;
use std::io;
use std::path::Path;
use std::process::Command;

use quorate_init::DATA_LABEL;

/// Makes the disk of a machine that was never on: an empty file system that its init finds.
pub(crate) fn make(mke2fs: &Path, disk: &Path) -> io::Result<()> {
    File::create(disk)?.set_len(DISK_OCTETS)?;
    let made = Command::new(mke2fs)
        .args(["-q", "-F", "-t", "ext4", "-L", DATA_LABEL])
        // Nothing that the first mount would have to do at its leisure, on one slow processor.
        .args(["-E", "lazy_itable_init=0,lazy_journal_init=0,nodiscard"])
        .args(["-N", INODES, "-J", "size=4", "-m", "0"])
        .arg(disk)
        .output()?;
    if made.status.success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&made.stderr);
    Err(io::Error::other(format!("mke2fs: {}", words.trim())))
}

/// Makes the disk of a machine that is to be installed: empty, and somewhat larger than the `image`
/// of so many bytes, as disks have sizes of their own.
pub(crate) fn blank(disk: &Path, image: u64) -> io::Result<()> {
    File::create(disk)?.set_len(image + MORE_OCTETS)
}

/// etcd allocates 64 MB at a time for its log, and keeps some.
const DISK_OCTETS: u64 = 320 << 20;
const MORE_OCTETS: u64 = 64 << 20;
const INODES: &str = "4096";

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    #[test]
    fn a_disk_has_the_label_and_takes_no_room() {
        let dir = tempfile::tempdir().unwrap();
        let disk = dir.path().join("disk.img");
        let made = make(Path::new("/sbin/mke2fs"), &disk);
        if made
            .as_ref()
            .is_err_and(|e| e.kind() == io::ErrorKind::NotFound)
        {
            // e2fsprogs is not installed; `Firmware::find` says so where it matters.
            return;
        }
        made.unwrap();
        let file = File::open(&disk).unwrap();
        let label = quorate_init::disk::ext_label(&file).unwrap();
        assert_eq!(label.as_deref(), Some(DATA_LABEL));
        assert!(file.metadata().unwrap().blocks() * 512 < 16 << 20);
    }
}
