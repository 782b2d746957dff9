//! Which kernel modules a machine needs, in the order in which they can be loaded.
//!
//! Debian's package has no `modules.dep`, which is made where a kernel is installed. But each
//! module says itself what it needs, in its section `.modinfo`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The drivers of virtual and real machines that Debian's cloud kernel does not have built in.
/// (NVMe and ext4 are.)
pub(crate) const DRIVERS: [&str; 8] = [
    "virtio_pci",
    "virtio_rng",
    "virtio_net",
    "virtio_blk",
    "virtio_console",
    "virtio_scsi",
    "sd_mod",
    "ena",
];

/// The files of `wanted` and of all that they need, each after what it needs. Relative to
/// `dir`, the directory of one kernel's modules.
///
/// # Errors
/// When there is no such module. (A kernel may well have a driver built in: then it is said in
/// `modules.builtin`.)
pub(crate) fn ordered(dir: &Path, wanted: &[&str]) -> io::Result<Vec<PathBuf>> {
    let mut files = BTreeMap::new();
    collect(dir, Path::new(""), &mut files)?;
    let builtin = fs::read_to_string(dir.join("modules.builtin")).unwrap_or_default();
    let mut order = Order {
        dir,
        files,
        builtin: builtin.lines().map(|line| name(Path::new(line))).collect(),
        visited: BTreeSet::new(),
        ordered: Vec::new(),
    };
    for module in wanted {
        order.visit(module)?;
    }
    Ok(order.ordered)
}

struct Order<'a> {
    dir: &'a Path,
    files: BTreeMap<String, PathBuf>,
    builtin: BTreeSet<String>,
    visited: BTreeSet<String>,
    ordered: Vec<PathBuf>,
}

impl Order<'_> {
    fn visit(&mut self, module: &str) -> io::Result<()> {
        let module = module.replace('-', "_");
        if self.builtin.contains(&module) || !self.visited.insert(module.clone()) {
            return Ok(());
        }
        let file = self.files.get(&module).cloned();
        let file = file.ok_or_else(|| io::Error::other(format!("there is no module {module}")))?;
        let bytes = fs::read(self.dir.join(&file))?;
        for needed in needs(&bytes) {
            self.visit(&needed)?;
        }
        self.ordered.push(file);
        Ok(())
    }
}

/// What a module says it needs.
fn needs(module: &[u8]) -> Vec<String> {
    const FIELD: &[u8] = b"\0depends=";
    let found = module
        .windows(FIELD.len())
        .position(|window| window == FIELD);
    let Some(at) = found else {
        return Vec::new();
    };
    let value = &module[at + FIELD.len()..];
    let value = value.split(|byte| *byte == 0).next().unwrap_or_default();
    let value = String::from_utf8_lossy(value);
    let names = value.split(',').filter(|name| !name.is_empty());
    names.map(str::to_owned).collect()
}

/// Every module below `dir`, by its name.
fn collect(dir: &Path, below: &Path, files: &mut BTreeMap<String, PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(dir.join(below))? {
        let entry = entry?;
        let path = below.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            collect(dir, &path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "ko") {
            files.insert(name(&path), path);
        }
    }
    Ok(())
}

/// A module's name: hyphens and underscores are the same.
fn name(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default();
    stem.to_string_lossy().replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A kernel with these modules and what they need.
    fn kernel(modules: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (path, depends) in modules {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let text = format!("\x7fELF code\0license=GPL\0depends={depends}\0name=x\0");
            fs::write(path, text).unwrap();
        }
        fs::write(
            dir.path().join("modules.builtin"),
            "kernel/fs/ext4/ext4.ko\n",
        )
        .unwrap();
        dir
    }

    #[test]
    fn each_comes_after_what_it_needs_and_once() {
        let dir = kernel(&[
            ("kernel/drivers/virtio/virtio.ko", ""),
            ("kernel/drivers/virtio/virtio_ring.ko", ""),
            ("kernel/drivers/virtio/virtio_pci.ko", "virtio_ring,virtio"),
            ("kernel/net/core/failover.ko", ""),
            ("kernel/drivers/net/net_failover.ko", "failover"),
            (
                "kernel/drivers/net/virtio_net.ko",
                "net_failover,virtio,virtio_ring",
            ),
            ("kernel/drivers/char/hw_random/virtio-rng.ko", "virtio"),
        ]);
        let found = ordered(
            dir.path(),
            &["ext4", "virtio_pci", "virtio_rng", "virtio_net"],
        );
        let names: Vec<_> = found.unwrap().iter().map(|path| name(path)).collect();
        assert_eq!(
            names,
            [
                "virtio_ring",
                "virtio",
                "virtio_pci",
                "virtio_rng",
                "failover",
                "net_failover",
                "virtio_net"
            ]
        );
    }

    #[test]
    fn a_module_that_is_nowhere_is_an_error() {
        let dir = kernel(&[("kernel/a.ko", "b")]);
        let error = ordered(dir.path(), &["a"]).unwrap_err();
        assert_eq!(error.to_string(), "there is no module b");
    }

    #[test]
    fn modules_that_need_each_other_do_not_hang() {
        let dir = kernel(&[("kernel/a.ko", "b"), ("kernel/b.ko", "a")]);
        assert_eq!(ordered(dir.path(), &["a"]).unwrap().len(), 2);
    }
}
