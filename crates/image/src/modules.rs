//! Which kernel modules a machine needs, and what each says of itself.
//!
//! Debian's package has no `modules.dep` and no `modules.alias`, which are made where a kernel is
//! installed. But each module says in its section `.modinfo` what it needs, and which devices it
//! is for.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use quorate_init::drivers::{Module, name_of};

use crate::Kernel;

impl Kernel {
    /// Drivers of network cards, disks, and the buses that they are on.
    const fn drivers(self) -> &'static [&'static str] {
        match self {
            Self::Cloud => &[
                "virtio_pci",
                "virtio_rng",
                "virtio_net",
                "virtio_blk",
                "virtio_console",
                "virtio_scsi",
                "sd_mod",
                "ena",
            ],
            Self::Generic => &[
                "virtio_pci",
                "virtio_rng",
                "virtio_net",
                "virtio_blk",
                "virtio_scsi",
                "sd_mod",
                "ahci",
                "ata_piix",
                "nvme",
                "megaraid_sas",
                "mpt3sas",
                "hpsa",
                "smartpqi",
                "aacraid",
                "vmw_pvscsi",
                "hv_storvsc",
                "e1000",
                "e1000e",
                "igb",
                "igc",
                "ixgbe",
                "i40e",
                "ice",
                "bnxt_en",
                "tg3",
                "r8169",
                "mlx5_core",
                "vmxnet3",
                "hv_netvsc",
            ],
        }
    }

    /// What no device asks for: file systems, and what they compute with.
    const fn always(self) -> &'static [&'static str] {
        &["crc32c_generic", "ext4"]
    }

    /// The modules of a kernel whose modules lie in `dir`: each with its file below `dir`, and as
    /// it will lie below `inside`.
    ///
    /// # Errors
    /// When there is no such module. (A kernel may well have a driver built in: then it is said
    /// in `modules.builtin`.)
    pub(crate) fn modules(self, dir: &Path, inside: &str) -> io::Result<Vec<(PathBuf, Module)>> {
        chosen(dir, inside, self.always(), self.drivers())
    }
}

fn chosen(
    dir: &Path,
    inside: &str,
    always: &[&str],
    drivers: &[&str],
) -> io::Result<Vec<(PathBuf, Module)>> {
    let mut files = BTreeMap::new();
    collect(dir, Path::new(""), &mut files)?;
    let builtin = fs::read_to_string(dir.join("modules.builtin")).unwrap_or_default();
    let mut choice = Choice {
        dir,
        inside,
        files,
        builtin: builtin
            .lines()
            .map(|line| name_of(Path::new(line)))
            .collect(),
        visited: BTreeSet::new(),
        chosen: Vec::new(),
    };
    for (names, is_always) in [(always, true), (drivers, false)] {
        for module in names {
            choice.visit(module, is_always)?;
        }
    }
    Ok(choice.chosen)
}

struct Choice<'a> {
    dir: &'a Path,
    inside: &'a str,
    files: BTreeMap<String, PathBuf>,
    builtin: BTreeSet<String>,
    visited: BTreeSet<String>,
    chosen: Vec<(PathBuf, Module)>,
}

impl Choice<'_> {
    /// Takes a module and all that it needs.
    fn visit(&mut self, name: &str, always: bool) -> io::Result<()> {
        let name = name.replace('-', "_");
        if self.builtin.contains(&name) || !self.visited.insert(name.clone()) {
            return Ok(());
        }
        let file = self.files.get(&name).cloned();
        let file = file.ok_or_else(|| io::Error::other(format!("there is no module {name}")))?;
        let said = said(&fs::read(self.dir.join(&file))?);
        let values = |key: &'static str| {
            let ours = said.iter().filter(move |(one, _)| one == key);
            ours.map(|(_, value)| value.as_str())
        };
        let depends = values("depends").flat_map(|value| value.split(','));
        let mut needs: Vec<_> = depends.map(str::to_owned).collect();
        // What it works better with, when it is loaded before: some network cards' own parts.
        let soft = values("softdep").filter_map(|value| value.strip_prefix("pre: "));
        let soft = soft.flat_map(|value| value.split(' ').take_while(|word| *word != "post:"));
        needs.extend(soft.map(str::to_owned).filter(|soft| self.has(soft)));
        needs.retain(|needed| !needed.is_empty());
        let aliases = values("alias").map(str::to_owned).collect();
        for needed in &needs {
            self.visit(needed, false)?;
        }
        let base = file.file_name().unwrap_or_default().to_string_lossy();
        let path = format!("{}/{base}", self.inside);
        let needs = needs
            .iter()
            .map(|needed| needed.replace('-', "_"))
            .collect();
        let module = Module {
            path,
            needs,
            aliases,
            always,
        };
        self.chosen.push((file, module));
        Ok(())
    }

    fn has(&self, name: &str) -> bool {
        self.files.contains_key(&name.replace('-', "_"))
    }
}

/// What a module says of itself: `key=value`, each ending with a zero byte.
fn said(module: &[u8]) -> Vec<(String, String)> {
    const KEYS: [&str; 3] = ["alias", "depends", "softdep"];
    let strings = module.split(|byte| *byte == 0);
    let pairs = strings.filter_map(|string| {
        let (key, value) = std::str::from_utf8(string).ok()?.split_once('=')?;
        KEYS.contains(&key)
            .then(|| (key.to_owned(), value.to_owned()))
    });
    pairs.collect()
}

/// Every module below `dir`, by its name.
fn collect(dir: &Path, below: &Path, files: &mut BTreeMap<String, PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(dir.join(below))? {
        let entry = entry?;
        let path = below.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            collect(dir, &path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "ko") {
            files.insert(name_of(&path), path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A kernel with these modules and what they say.
    fn kernel(modules: &[(&str, &[&str])]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (path, said) in modules {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let text = format!("\x7fELF code\0license=GPL\0{}\0name=x\0", said.join("\0"));
            fs::write(path, text).unwrap();
        }
        fs::write(
            dir.path().join("modules.builtin"),
            "kernel/fs/ext4/ext4.ko\n",
        )
        .unwrap();
        dir
    }

    fn lines(dir: &tempfile::TempDir, always: &[&str], drivers: &[&str]) -> Vec<String> {
        let chosen = chosen(dir.path(), "/m", always, drivers).unwrap();
        chosen.iter().map(|(_, module)| module.line()).collect()
    }

    #[test]
    fn modules_come_once_with_what_they_need_and_are_for() {
        let dir = kernel(&[
            ("kernel/drivers/virtio/virtio.ko", &["depends="]),
            (
                "kernel/drivers/char/hw_random/virtio-rng.ko",
                &["alias=virtio:d00000004v*", "depends=virtio"],
            ),
            (
                "kernel/drivers/net/r8169.ko",
                &[
                    "alias=pci:v1d1*",
                    "alias=pci:v1d2*",
                    "softdep=pre: realtek nowhere post: late",
                    "depends=virtio,mdio",
                ],
            ),
            ("kernel/drivers/net/phy/realtek.ko", &["depends="]),
            ("kernel/drivers/net/mdio.ko", &[]),
            ("kernel/crypto/crc32c_generic.ko", &["alias=crypto-crc32c"]),
            ("kernel/unused.ko", &["depends=nothing"]),
        ]);
        assert_eq!(
            lines(&dir, &["crc32c_generic", "ext4"], &["virtio_rng", "r8169"]),
            [
                "/m/crc32c_generic.ko\talways\t\tcrypto-crc32c",
                "/m/virtio.ko\t\t\t",
                "/m/virtio-rng.ko\t\tvirtio\tvirtio:d00000004v*",
                "/m/mdio.ko\t\t\t",
                "/m/realtek.ko\t\t\t",
                "/m/r8169.ko\t\tvirtio mdio realtek\tpci:v1d1* pci:v1d2*",
            ]
        );
    }

    #[test]
    fn a_module_that_is_nowhere_is_an_error() {
        let dir = kernel(&[("kernel/a.ko", &["depends=b"])]);
        let error = chosen(dir.path(), "/m", &[], &["a"]).unwrap_err();
        assert_eq!(error.to_string(), "there is no module b");
    }

    #[test]
    fn modules_that_need_each_other_do_not_hang() {
        let dir = kernel(&[
            ("kernel/a.ko", &["depends=b"]),
            ("kernel/b.ko", &["depends=a"]),
        ]);
        assert_eq!(lines(&dir, &[], &["a"]).len(), 2);
    }
}
