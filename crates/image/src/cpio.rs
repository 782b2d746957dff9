//! A cpio archive in the format `newc`, which the kernel unpacks before it starts anything
//! (Documentation/driver-api/early-userspace/buffer-format.rst).
//!
//! The same contents make the same bytes: all times are 0, all owners root.

use std::io::{self, Read, Write};

/// Writes one archive.
#[derive(Debug)]
pub(crate) struct Cpio<W> {
    out: W,
    inode: u32,
    written: u64,
    /// Directories that are there already.
    dirs: std::collections::BTreeSet<String>,
}

impl<W: Write> Cpio<W> {
    pub(crate) fn new(out: W) -> Self {
        Self {
            out,
            inode: 0,
            written: 0,
            dirs: std::collections::BTreeSet::new(),
        }
    }

    /// A directory and all above it. `path` is absolute, as it will be on the machine.
    pub(crate) fn dir(&mut self, path: &str) -> io::Result<()> {
        let path = path.trim_matches('/');
        let ends = path.match_indices('/').map(|(at, _)| at);
        for end in ends.chain([path.len()]) {
            let dir = &path[..end];
            if !dir.is_empty() && self.dirs.insert(dir.to_owned()) {
                self.entry(dir, DIRECTORY | 0o755, (0, 0), 0, io::empty())?;
            }
        }
        Ok(())
    }

    /// A file of exactly `length` bytes.
    pub(crate) fn file(
        &mut self,
        path: &str,
        permissions: u32,
        length: u64,
        content: impl Read,
    ) -> io::Result<()> {
        self.parent(path)?;
        self.entry(path, FILE | permissions, (0, 0), length, content)
    }

    pub(crate) fn symlink(&mut self, path: &str, target: &str) -> io::Result<()> {
        self.parent(path)?;
        let length = target.len() as u64;
        self.entry(path, SYMLINK | 0o777, (0, 0), length, target.as_bytes())
    }

    /// A character device.
    pub(crate) fn device(
        &mut self,
        path: &str,
        permissions: u32,
        number: (u32, u32),
    ) -> io::Result<()> {
        self.parent(path)?;
        self.entry(path, DEVICE | permissions, number, 0, io::empty())
    }

    /// Ends the archive. Answers its length.
    pub(crate) fn finish(mut self) -> io::Result<(W, u64)> {
        self.entry("TRAILER!!!", 0, (0, 0), 0, io::empty())?;
        Ok((self.out, self.written))
    }

    fn parent(&mut self, path: &str) -> io::Result<()> {
        match path.rsplit_once('/') {
            Some((parent, _)) => self.dir(parent),
            None => Ok(()),
        }
    }

    fn entry(
        &mut self,
        path: &str,
        mode: u32,
        (major, minor): (u32, u32),
        length: u64,
        content: impl Read,
    ) -> io::Result<()> {
        self.inode += 1;
        let name = path.trim_start_matches('/');
        let size = u32::try_from(length)
            .map_err(|_| io::Error::other(format!("{path} is longer than cpio can hold")))?;
        let name_size = u32::try_from(name.len() + 1).map_err(io::Error::other)?;
        let links = 1 + u32::from(mode & DIRECTORY == DIRECTORY);
        let fields = [
            self.inode, mode, 0, 0, links, 0, size, 0, 0, major, minor, name_size, 0,
        ];
        let mut header = String::from("070701");
        for field in fields {
            header += &format!("{field:08x}");
        }
        self.put(header.as_bytes())?;
        self.put(name.as_bytes())?;
        self.put(&[0])?;
        self.pad()?;
        let copied = io::copy(&mut content.take(length), &mut self.out)?;
        if copied != length {
            return Err(io::Error::other(format!("{path} became shorter meanwhile")));
        }
        self.written += copied;
        self.pad()
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.written += bytes.len() as u64;
        self.out.write_all(bytes)
    }

    /// To a multiple of four bytes.
    fn pad(&mut self) -> io::Result<()> {
        let missing = self.written.next_multiple_of(4) - self.written;
        self.put(&[0; 3][..usize::try_from(missing).unwrap_or_default()])
    }
}

// The types of inode(7).
const DIRECTORY: u32 = 0o040_000;
const FILE: u32 = 0o100_000;
const SYMLINK: u32 = 0o120_000;
const DEVICE: u32 = 0o020_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn archive() -> Vec<u8> {
        let mut cpio = Cpio::new(Vec::new());
        cpio.file("/etc/a/b", 0o600, 5, &b"hello"[..]).unwrap();
        cpio.file("/etc/a/c", 0o755, 0, io::empty()).unwrap();
        cpio.symlink("/init", "/bin/quorate").unwrap();
        cpio.device("/dev/console", 0o600, (5, 1)).unwrap();
        let (bytes, length) = cpio.finish().unwrap();
        assert_eq!(bytes.len() as u64, length);
        bytes
    }

    #[test]
    fn headers_are_those_of_newc() {
        let bytes = archive();
        assert_eq!(
            std::str::from_utf8(&bytes[..110]).unwrap(),
            "070701\
             00000001000041ed00000000000000000000000200000000\
             0000000000000000000000000000000000000000\
             0000000400000000"
        );
        assert_eq!(&bytes[110..116], b"etc\0\0\0".split_at(6).0);
        assert_eq!(bytes.len() % 4, 0);
    }

    #[test]
    fn directories_come_once_and_before_what_is_in_them() {
        let bytes = archive();
        let text = String::from_utf8_lossy(&bytes);
        let names = ["etc\0", "etc/a\0", "etc/a/b\0", "etc/a/c\0", "TRAILER!!!\0"];
        let places = names.map(|name| text.find(name).unwrap());
        assert!(places.is_sorted(), "{places:?}");
        assert_eq!(text.matches("etc/a\0").count(), 1);
    }

    #[test]
    fn what_is_shorter_than_it_says_is_an_error() {
        let mut cpio = Cpio::new(Vec::new());
        let error = cpio.file("/a", 0o600, 6, &b"hello"[..]).unwrap_err();
        assert!(error.to_string().contains("shorter"), "{error}");
    }
}
