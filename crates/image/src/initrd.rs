//! The initial RAM file system: all that a machine has besides its kernel.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use quorate_elf::{Program, strip};
use quorate_world::servers::{ETCD_INSIDE, QUORATE_INSIDE};

use crate::Kernel;
use crate::cpio::Cpio;

/// What it is made of.
#[derive(Debug)]
pub(crate) struct Contents {
    pub(crate) kernel: Kernel,
    pub(crate) etcd: Program,
    pub(crate) quorate: Program,
    /// Debian's static busybox, for people who look around on a machine.
    pub(crate) busybox: PathBuf,
    /// The directory of the kernel's modules.
    pub(crate) modules: PathBuf,
}

impl Contents {
    /// Writes it, compressed, and answers how much memory it takes unpacked, in bytes.
    pub(crate) fn write(&self, to: &Path) -> io::Result<u64> {
        let file = File::create(to)?;
        let mut encoder = zstd::Encoder::new(file, COMPRESSION)?;
        // The kernel's decoder takes no larger window than 8 MB.
        encoder.window_log(WINDOW_LOG)?;
        encoder.multithread(crate::threads())?;
        let mut cpio = Cpio::new(encoder);
        self.system(&mut cpio)?;
        self.programs(&mut cpio)?;
        self.drivers(&mut cpio)?;
        let (encoder, unpacked) = cpio.finish()?;
        encoder.finish()?.sync_all()?;
        Ok(unpacked)
    }

    fn system(&self, cpio: &mut Cpio<impl Write>) -> io::Result<()> {
        for dir in DIRS {
            cpio.dir(dir)?;
        }
        // The kernel opens the console for PID 1 before anything is mounted.
        cpio.device("/dev/console", 0o600, (5, 1))?;
        cpio.device("/dev/null", 0o666, (1, 3))?;
        for (path, text) in ETC {
            cpio.file(path, 0o644, text.len() as u64, text.as_bytes())?;
        }
        let busybox = File::open(&self.busybox)?;
        let length = busybox.metadata()?.len();
        cpio.file("/bin/busybox", 0o755, length, busybox)?;
        for applet in APPLETS {
            cpio.symlink(&format!("/bin/{applet}"), "busybox")?;
        }
        Ok(())
    }

    fn programs(&self, cpio: &mut Cpio<impl Write>) -> io::Result<()> {
        for (program, inside) in [(&self.quorate, QUORATE_INSIDE), (&self.etcd, ETCD_INSIDE)] {
            let stripped = strip(&program.path)?;
            cpio.file(inside, 0o755, stripped.length(), stripped)?;
        }
        cpio.symlink(quorate_init::INIT, QUORATE_INSIDE)?;
        let mut libraries = [self.quorate.companions(), self.etcd.companions()].concat();
        libraries.sort();
        libraries.dedup();
        for library in libraries {
            let path = library
                .to_str()
                .ok_or_else(|| io::Error::other(format!("{}: not UTF-8", library.display())))?;
            let file = File::open(&library)?;
            let length = file.metadata()?.len();
            cpio.file(path, 0o755, length, file)?;
        }
        Ok(())
    }

    fn drivers(&self, cpio: &mut Cpio<impl Write>) -> io::Result<()> {
        let mut list = String::new();
        for (file, module) in self.kernel.modules(&self.modules, "/lib/modules")? {
            let file = File::open(self.modules.join(file))?;
            let length = file.metadata()?.len();
            cpio.file(&module.path, 0o644, length, file)?;
            list += &format!("{}\n", module.line());
        }
        let length = list.len() as u64;
        cpio.file(quorate_init::MODULES, 0o644, length, list.as_bytes())
    }
}

const DIRS: [&str; 14] = [
    "/proc",
    "/sys",
    "/dev",
    "/run",
    "/tmp",
    "/etc/systemd/system",
    "/var/lib",
    "/var/log",
    "/var/tmp",
    "/root",
    "/mnt",
    "/home",
    "/usr/bin",
    "/sbin",
];
const ETC: [(&str, &str); 6] = [
    ("/etc/hostname", "localhost\n"),
    ("/etc/hosts", "127.0.0.1 localhost\n"),
    ("/etc/resolv.conf", ""),
    (
        "/etc/nsswitch.conf",
        "passwd: files\ngroup: files\nhosts: files dns\n",
    ),
    ("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\n"),
    ("/etc/group", "root:x:0:\n"),
];
const APPLETS: [&str; 17] = [
    "sh", "ls", "cat", "cp", "mv", "rm", "mkdir", "mount", "umount", "ip", "ps", "kill", "dmesg",
    "less", "vi", "reboot", "poweroff",
];
/// Smaller is fetched sooner, and costs a second here, once.
const COMPRESSION: i32 = 9;
const WINDOW_LOG: u32 = 22;
