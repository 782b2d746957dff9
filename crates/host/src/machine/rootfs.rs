//! A machine's root file system: its own /etc, /dev, /proc, /run and /tmp; the host's programs,
//! read-only; and a disk that outlives it.

use std::fs::{self, Permissions};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use rustix::mount::{
    MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_bind_recursive, mount_change,
    unmount,
};
use rustix::process::{chdir, pivot_root};

use super::{BootRequest, PROGRAM};

/// Builds the root file system that `request` describes, and moves the calling process into it.
/// It must be in a mount namespace of its own, and in the PID namespace that /proc is to show.
pub(super) fn enter(request: &BootRequest) -> io::Result<()> {
    // Nothing of this may reach the sandbox's mounts.
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    mount_change("/", private)?;
    let root = Root::create(&request.dir.join("root"))?;
    root.show_programs()?;
    root.mount_kernel()?;
    root.make_devices()?;
    root.write_etc(&request.hostname)?;
    root.bind(
        &request.dir.join("disk"),
        Path::new("/var/lib"),
        Access::Write,
    )?;
    root.bind(
        &request.dir.join("log"),
        Path::new("/var/log"),
        Access::Write,
    )?;
    root.bind(
        &fs::read_link("/proc/self/exe")?,
        Path::new(PROGRAM),
        Access::Read,
    )?;
    for bind in &request.binds {
        let access = match bind.read_only {
            true => Access::Read,
            false => Access::Write,
        };
        root.bind(&bind.host, &bind.inside, access)?;
    }
    root.become_root()
}

/// The new root, where the old one still sees it.
#[derive(Debug)]
struct Root {
    path: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    Read,
    Write,
}

impl Root {
    fn create(path: &Path) -> io::Result<Self> {
        fs::create_dir_all(path)?;
        let flags = MountFlags::NOSUID | MountFlags::NODEV;
        mount("tmpfs", path, "tmpfs", flags, Some(c"mode=0755"))
            .map_err(at("mount a root at", path))?;
        let root = Self { path: path.into() };
        for dir in ["etc", "root", "run", "var/tmp", "mnt", "home"] {
            fs::create_dir_all(root.path.join(dir))?;
        }
        fs::create_dir(root.path.join("tmp"))?;
        fs::set_permissions(root.path.join("tmp"), Permissions::from_mode(0o1777))?;
        symlink("/run", root.path.join("var/run"))?;
        Ok(root)
    }

    /// The host's programs and libraries. Where /bin and its like are links into /usr, they
    /// are the same links here.
    fn show_programs(&self) -> io::Result<()> {
        for host in HOST_DIRS.map(Path::new) {
            match fs::symlink_metadata(host) {
                Ok(metadata) if metadata.is_symlink() => {
                    symlink(fs::read_link(host)?, self.inside(host))?;
                }
                Ok(_) => self.bind(host, host, Access::Read)?,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(at("look at", host)(error)),
            }
        }
        Ok(())
    }

    fn mount_kernel(&self) -> io::Result<()> {
        let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
        let proc = self.directory(Path::new("/proc"))?;
        mount("proc", &proc, "proc", flags, None).map_err(at("mount", &proc))?;
        // As in the sandbox: a container may refuse this one, and nothing depends on it.
        let sys = self.directory(Path::new("/sys"))?;
        let _ = mount("sysfs", &sys, "sysfs", flags, None);
        Ok(())
    }

    fn make_devices(&self) -> io::Result<()> {
        for name in ["null", "zero", "full", "random", "urandom", "tty"] {
            let host = Path::new("/dev").join(name);
            // A container without a terminal may lack /dev/tty.
            if host.exists() {
                self.bind(&host, &host, Access::Write)?;
            }
        }
        let shared = self.directory(Path::new("/dev/shm"))?;
        let flags = MountFlags::NOSUID | MountFlags::NODEV;
        mount("tmpfs", &shared, "tmpfs", flags, Some(c"mode=1777"))
            .map_err(at("mount", &shared))?;
        let links = [
            ("fd", "/proc/self/fd"),
            ("stdin", "/proc/self/fd/0"),
            ("stdout", "/proc/self/fd/1"),
            ("stderr", "/proc/self/fd/2"),
        ];
        for (name, target) in links {
            symlink(target, self.path.join("dev").join(name))?;
        }
        Ok(())
    }

    /// A fresh installation, which knows nothing of a network. What a program needs of
    /// the host's installation (the linker's cache, certificates) shows through.
    fn write_etc(&self, hostname: &str) -> io::Result<()> {
        let etc = self.path.join("etc");
        let files = [
            ("hostname", format!("{hostname}\n")),
            ("hosts", "127.0.0.1 localhost\n".to_owned()),
            ("resolv.conf", String::new()),
            ("nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n".to_owned()),
            (
                "passwd",
                "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n".to_owned(),
            ),
            ("group", "root:x:0:\nnogroup:x:65534:\n".to_owned()),
        ];
        for (name, text) in files {
            fs::write(etc.join(name), text)?;
        }
        for host in HOST_ETC.map(Path::new) {
            if host.exists() {
                self.bind(host, host, Access::Read)?;
            }
        }
        Ok(())
    }

    /// Shows a file or directory of the host at `inside`.
    fn bind(&self, host: &Path, inside: &Path, access: Access) -> io::Result<()> {
        let metadata = fs::metadata(host).map_err(at("find", host))?;
        let target = if metadata.is_dir() {
            self.directory(inside)?
        } else {
            self.file(inside)?
        };
        mount_bind_recursive(host, &target).map_err(at("show", host))?;
        match access {
            Access::Write => Ok(()),
            Access::Read => make_read_only(&target).map_err(at("protect", host)),
        }
    }

    fn directory(&self, inside: &Path) -> io::Result<PathBuf> {
        let path = self.inside(inside);
        fs::create_dir_all(&path).map_err(at("create", inside))?;
        Ok(path)
    }

    fn file(&self, inside: &Path) -> io::Result<PathBuf> {
        let path = self.inside(inside);
        if let Some(parent) = inside.parent() {
            self.directory(parent)?;
        }
        if !path.exists() {
            fs::write(&path, []).map_err(at("create", inside))?;
        }
        Ok(path)
    }

    fn inside(&self, path: &Path) -> PathBuf {
        self.path.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// Moves this process in, and lets go of the old root (pivot_root(2), "pivot_root(".", ".")").
    fn become_root(&self) -> io::Result<()> {
        chdir(&self.path)?;
        pivot_root(".", ".").map_err(at("enter", &self.path))?;
        unmount(".", UnmountFlags::DETACH)?;
        chdir("/")?;
        Ok(())
    }
}

/// Forbids writing to a mount and all below it. (MS_REMOUNT would have to repeat the flags that
/// an outer user namespace has locked, and does not recurse.)
#[expect(unsafe_code, reason = "mount_setattr has no safe wrapper")]
fn make_read_only(path: &Path) -> io::Result<()> {
    let path = std::ffi::CString::new(path.as_os_str().as_bytes())?;
    let attributes = libc::mount_attr {
        attr_set: libc::MOUNT_ATTR_RDONLY,
        attr_clr: 0,
        propagation: 0,
        userns_fd: 0,
    };
    // SAFETY: the path is terminated, the size is that of the structure, and the kernel only
    // reads both.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            rustix::fs::CWD.as_raw_fd(),
            path.as_ptr(),
            libc::AT_RECURSIVE,
            &raw const attributes,
            size_of::<libc::mount_attr>(),
        )
    };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Says what could not be done to which path.
fn at<E: Into<io::Error>>(verb: &str, path: &Path) -> impl FnOnce(E) -> io::Error {
    let doing = format!("cannot {verb} {}", path.display());
    move |error| {
        let error = error.into();
        io::Error::new(error.kind(), format!("{doing}: {error}"))
    }
}

/// Where programs and libraries lie, on one distribution or another.
const HOST_DIRS: [&str; 9] = [
    "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix", "/gnu",
];

/// What programs need of the host's own /etc.
const HOST_ETC: [&str; 8] = [
    "/etc/alternatives",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/protocols",
    "/etc/services",
    "/etc/ssl",
    "/etc/pki",
    "/etc/ca-certificates",
];
