//! The kernel's own file systems, and memory for what need not last.

use std::ffi::CStr;
use std::fs;

use rustix::mount::{MountFlags, mount};

use crate::InitError;

/// Source, place, type, options.
type Entry = (&'static str, &'static str, &'static str, &'static CStr);

const MOUNTS: [Entry; 8] = [
    ("proc", "/proc", "proc", c""),
    ("sysfs", "/sys", "sysfs", c""),
    ("devtmpfs", "/dev", "devtmpfs", c"mode=0755"),
    ("devpts", "/dev/pts", "devpts", c"mode=0620,ptmxmode=0666"),
    ("tmpfs", "/dev/shm", "tmpfs", c"mode=1777"),
    ("tmpfs", "/run", "tmpfs", c"mode=0755"),
    ("tmpfs", "/tmp", "tmpfs", c"mode=1777"),
    ("cgroup2", "/sys/fs/cgroup", "cgroup2", c""),
];

pub(crate) fn mount_all() -> Result<(), InitError> {
    for (source, place, kind, options) in MOUNTS {
        let failed = || InitError::at(format!("mount {kind} at {place}"));
        fs::create_dir_all(place).map_err(failed())?;
        mount(source, place, kind, MountFlags::NOSUID, options)
            .map_err(|error| failed()(error.into()))?;
    }
    Ok(())
}
