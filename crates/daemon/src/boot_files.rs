//! Boot files: regular files beneath some directories, and nothing that is hidden or elsewhere.
//!
//! The kernel resolves each path beneath its directory (`openat2(2)`): a link that leads out of it
//! leads nowhere. Kernels before 5.6, and filters of system calls that do not know the call, get the
//! path one component at a time, without links.

use std::fs::{File, Metadata};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, ResolveFlags, open, openat, openat2};
use rustix::io::Errno;

/// The directories, the first one first.
#[derive(Clone, Debug)]
pub(crate) struct BootFiles {
    dirs: Vec<PathBuf>,
}

/// An open file.
#[derive(Debug)]
pub(crate) struct BootFile {
    pub(crate) file: File,
    pub(crate) metadata: Metadata,
}

impl BootFiles {
    pub(crate) const fn new(dirs: Vec<PathBuf>) -> Self {
        Self { dirs }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.dirs.is_empty()
    }

    /// Opens the first regular file of that name.
    ///
    /// # Errors
    /// `NotFound` when there is none, and what the kernel says of the last directory otherwise.
    pub(crate) fn open(&self, path: &str) -> io::Result<BootFile> {
        if !is_visible(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let mut absent = io::ErrorKind::NotFound.into();
        for dir in &self.dirs {
            match open_beneath(dir, path) {
                Ok(found) => return Ok(found),
                Err(error) => absent = error,
            }
        }
        Err(absent)
    }
}

/// True for a relative path, each of whose parts has a name that is not hidden.
fn is_visible(path: &str) -> bool {
    let mut parts = path.split('/');
    parts.all(|part| !part.is_empty() && !part.starts_with('.') && !part.contains('\0'))
}

fn open_beneath(dir: &Path, path: &str) -> io::Result<BootFile> {
    // Each time: what is served may be replaced while it is served.
    let dir = open(dir, DIRECTORY, Mode::empty())?;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    let opened = match openat2(&dir, path, FILE, Mode::empty(), resolve) {
        Err(Errno::NOSYS | Errno::PERM) => step_by_step(&dir, path)?,
        opened => opened?,
    };
    let file = File::from(opened);
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::ErrorKind::NotFound.into());
    }
    Ok(BootFile { file, metadata })
}

/// Opens `path` beneath `dir` without following any link.
fn step_by_step(dir: impl AsFd, path: &str) -> Result<OwnedFd, Errno> {
    let Some((first, rest)) = path.split_once('/') else {
        return openat(dir, path, FILE | OFlags::NOFOLLOW, Mode::empty());
    };
    let next = openat(dir, first, DIRECTORY | OFlags::NOFOLLOW, Mode::empty())?;
    step_by_step(next, rest)
}

const DIRECTORY: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
/// A pipe in the directory does not block.
const FILE: OFlags = OFlags::RDONLY
    .union(OFlags::CLOEXEC)
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY);

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Read as _;
    use std::os::unix::fs::symlink;

    use super::*;

    /// A file outside of `boot`, and links of every kind in it.
    fn tree() -> (tempfile::TempDir, BootFiles) {
        let dir = tempfile::tempdir().unwrap();
        let boot = dir.path().join("boot");
        fs::create_dir_all(boot.join("sub/.hidden")).unwrap();
        fs::write(dir.path().join("secret"), "secret").unwrap();
        fs::write(boot.join("kernel"), "kernel").unwrap();
        fs::write(boot.join("sub/initrd"), "initrd").unwrap();
        fs::write(boot.join(".htpasswd"), "hidden").unwrap();
        fs::write(boot.join("sub/.hidden/x"), "hidden").unwrap();
        symlink("sub/initrd", boot.join("inside")).unwrap();
        symlink("../secret", boot.join("outside")).unwrap();
        symlink(dir.path().join("secret"), boot.join("absolute")).unwrap();
        symlink(dir.path(), boot.join("up")).unwrap();
        symlink("/proc/self/root", boot.join("magic")).unwrap();
        (dir, BootFiles::new(vec![boot]))
    }

    fn read(files: &BootFiles, path: &str) -> Option<String> {
        let mut text = String::new();
        files.open(path).ok()?.file.read_to_string(&mut text).ok()?;
        Some(text)
    }

    const REFUSED: [&str; 14] = [
        "outside",
        "absolute",
        "up/secret",
        "magic/etc/passwd",
        "../secret",
        "sub/../../secret",
        "/etc/passwd",
        ".htpasswd",
        "sub/.hidden/x",
        "sub",
        "",
        "sub//initrd",
        "./kernel",
        "kernel\0",
    ];

    #[test]
    fn only_what_lies_beneath_and_is_not_hidden_is_opened() {
        let (_dir, files) = tree();
        assert_eq!(read(&files, "kernel").as_deref(), Some("kernel"));
        assert_eq!(read(&files, "sub/initrd").as_deref(), Some("initrd"));
        assert_eq!(read(&files, "inside").as_deref(), Some("initrd"));
        for path in REFUSED {
            assert_eq!(read(&files, path), None, "{path:?}");
        }
    }

    #[test]
    fn kernels_without_the_call_follow_no_link_at_all() {
        let (_dir, files) = tree();
        let dir = open(&files.dirs[0], DIRECTORY, Mode::empty()).unwrap();
        assert!(step_by_step(&dir, "sub/initrd").is_ok());
        for path in [
            "inside",
            "outside",
            "absolute",
            "up/secret",
            "magic/etc/passwd",
        ] {
            assert!(step_by_step(&dir, path).is_err(), "{path}");
        }
    }

    #[test]
    fn a_pipe_blocks_nothing_and_is_no_file() {
        let (dir, files) = tree();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            dir.path().join("boot/pipe"),
            rustix::fs::FileType::Fifo,
            Mode::RUSR,
            0,
        )
        .unwrap();
        assert!(files.open("pipe").is_err());
    }

    #[test]
    fn the_first_directory_that_has_it_wins() {
        let (dir, files) = tree();
        let second = dir.path().join("second");
        fs::create_dir(&second).unwrap();
        fs::write(second.join("kernel"), "other").unwrap();
        fs::write(second.join("more"), "more").unwrap();
        let dirs = [dir.path().join("absent"), files.dirs[0].clone(), second];
        let files = BootFiles::new(dirs.into());
        assert_eq!(read(&files, "kernel").as_deref(), Some("kernel"));
        assert_eq!(read(&files, "more").as_deref(), Some("more"));
    }
}
