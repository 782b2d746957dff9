//! What machines need of this host: QEMU, and the firmware that their boot begins with.

use std::path::{Path, PathBuf};

use quorate_scenario::Story;
use quorate_scenario::story::Boot;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Where it all is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Firmware {
    pub qemu: PathBuf,
    pub mke2fs: PathBuf,
    /// The directory of the network card's ROM.
    pub roms: Option<PathBuf>,
    /// UEFI: its code, and the variables of a machine that was never on.
    pub ovmf: Option<(PathBuf, PathBuf)>,
    /// The directory of the iPXE that UEFI loads by TFTP, and of the one by HTTP.
    pub loaders: Option<PathBuf>,
    pub http_loader: Option<PathBuf>,
}

/// What virtual machines need and is not here: one thing at least.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("there is no {}", .0.iter().map(|thing| thing.what).collect::<Vec<_>>().join(", no "))]
pub struct Missing(Vec<Thing>);

/// Something that virtual machines need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thing {
    what: &'static str,
    /// The package of Debian's that has it.
    pub package: &'static str,
    /// Its name, when it is a program.
    pub program: Option<&'static str>,
}

impl Missing {
    /// All of it.
    pub fn things(&self) -> &[Thing] {
        &self.0
    }

    /// What to do about it.
    pub fn remedy(&self) -> String {
        let packages: Vec<_> = self.0.iter().map(|thing| thing.package).collect();
        let packages = packages.join(" ");
        format!("install it: as root on Debian or Ubuntu, apt install {packages}")
    }
}

impl Firmware {
    /// Looks for what the virtual machines of `story` need: on this host, then in directories that
    /// have what a host has in `/`, with programs that run there in `usr/local/bin`.
    ///
    /// # Errors
    /// With all that is not there.
    pub fn find(story: &Story, others: &[PathBuf]) -> Result<Self, Missing> {
        let boots = |boot| {
            let mut vms = story.machines.iter().filter(|m| m.hardware.is_vm);
            vms.any(|machine| machine.hardware.boot == boot)
        };
        let mut missing = Vec::new();
        let mut miss = |what, package, program| {
            missing.push(Thing {
                what,
                package,
                program,
            });
        };
        let qemu = program(QEMU, others);
        if qemu.is_none() {
            miss(QEMU, "qemu-system-x86", Some(QEMU));
        }
        let mke2fs = program(MKE2FS, others);
        if mke2fs.is_none() {
            miss(MKE2FS, "e2fsprogs", Some(MKE2FS));
        }
        let roms = find(others, &ROMS, |dir| dir.join(ROM).is_file());
        // QEMU's package has this one come along.
        if roms.is_none() && qemu.is_some() && boots(Boot::Pxe) {
            miss("ROM of iPXE for virtio network cards", "ipxe-qemu", None);
        }
        let ovmf = OVMF.into_iter().find_map(|(code, vars)| {
            let code = find(others, &[code], Path::is_file)?;
            Some((code, find(others, &[vars], Path::is_file)?))
        });
        if ovmf.is_none() && (boots(Boot::Uefi) || boots(Boot::UefiHttp)) {
            miss("UEFI for QEMU (OVMF)", "ovmf", None);
        }
        let with = |loader| {
            let dir = find(others, &LOADERS, |dir| dir.join(loader).is_file())?;
            // Where servers look for it, links of this host lead nowhere.
            let file = dir.join(loader).canonicalize().ok()?;
            file.parent().map(Path::to_owned)
        };
        let (loaders, http_loader) = (with(LOADER), with(HTTP_LOADER));
        let no_loader = [(&loaders, Boot::Uefi), (&http_loader, Boot::UefiHttp)];
        let no_loader = no_loader.map(|(dir, boot)| dir.is_none() && boots(boot));
        if no_loader.contains(&true) {
            miss("iPXE for UEFI (snponly.efi, ipxe.efi)", "ipxe", None);
        }
        match (qemu, mke2fs) {
            (Some(qemu), Some(mke2fs)) if missing.is_empty() => Ok(Self {
                qemu,
                mke2fs,
                roms,
                ovmf,
                loaders,
                http_loader,
            }),
            _ => Err(Missing(missing)),
        }
    }
}

/// A program in `PATH`, or where a user's does not lead, or in one of the others.
fn program(name: &str, others: &[PathBuf]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut dirs: Vec<PathBuf> = std::env::split_paths(&path).collect();
    dirs.extend(["/usr/sbin", "/sbin"].map(PathBuf::from));
    dirs.extend(others.iter().map(|other| other.join("usr/local/bin")));
    let mut places = dirs.into_iter().map(|dir| dir.join(name));
    places.find(|place| place.is_file())
}

/// The first of these places that will do, of this host or of one of the others.
fn find(others: &[PathBuf], places: &[&str], will_do: impl Fn(&Path) -> bool) -> Option<PathBuf> {
    let within = |root: &Path| {
        let mut places = places
            .iter()
            .map(|place| root.join(place.trim_start_matches('/')));
        places.find(|place| will_do(place))
    };
    let others = others.iter().map(PathBuf::as_path);
    std::iter::once(Path::new("/"))
        .chain(others)
        .find_map(within)
}

const QEMU: &str = "qemu-system-x86_64";
const MKE2FS: &str = "mke2fs";
/// As Debian and Ubuntu, Fedora, and QEMU's own installation have it.
const ROMS: [&str; 4] = [
    "/usr/lib/ipxe/qemu",
    "/usr/share/ipxe/qemu",
    "/usr/share/qemu",
    "/usr/local/share/qemu",
];
/// For BIOS and UEFI both.
const ROM: &str = "efi-virtio.rom";
const OVMF: [(&str, &str); 3] = [
    (
        "/usr/share/OVMF/OVMF_CODE_4M.fd",
        "/usr/share/OVMF/OVMF_VARS_4M.fd",
    ),
    (
        "/usr/share/edk2/ovmf/OVMF_CODE.fd",
        "/usr/share/edk2/ovmf/OVMF_VARS.fd",
    ),
    (
        "/usr/share/edk2/x64/OVMF_CODE.4m.fd",
        "/usr/share/edk2/x64/OVMF_VARS.4m.fd",
    ),
];
/// Debian has the second one in the last, and in the first directory a link to it.
const LOADERS: [&str; 4] = [
    "/usr/lib/ipxe",
    "/usr/share/ipxe",
    "/usr/share/ipxe/x86_64",
    "/boot",
];
const LOADER: &str = "snponly.efi";
const HTTP_LOADER: &str = "ipxe.efi";

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_the_host_has_not_is_found_in_the_others() {
        let dir = tempfile::tempdir().unwrap();
        let [empty, other] = ["empty", "other"].map(|name| dir.path().join(name));
        let starts = other.join("usr/local/bin");
        let roms = other.join("usr/no-host-has-this");
        for (dir, file) in [(&starts, "no-host-has-this"), (&roms, ROM)] {
            fs::create_dir_all(dir).unwrap();
            fs::write(dir.join(file), "").unwrap();
        }
        // A program of the packages themselves lacks its libraries.
        let raw = other.join("usr/bin/nor-this");
        fs::create_dir_all(raw.parent().unwrap()).unwrap();
        fs::write(&raw, "").unwrap();
        let others = [empty, other];
        let found = program("no-host-has-this", &others);
        assert_eq!(found, Some(starts.join("no-host-has-this")));
        assert_eq!(program("nor-this", &others), None);
        let has_rom = |dir: &Path| dir.join(ROM).is_file();
        let places = ["/usr/nor-this", "/usr/no-host-has-this"];
        assert_eq!(find(&others, &places, has_rom), Some(roms));
        let [root, etc] = [Path::new("/"), Path::new("/etc")];
        let host = find(&others, &["/no-host-has-this", "/etc"], |dir| {
            dir == etc || dir == root
        });
        assert_eq!(host.as_deref(), Some(etc), "the host's own comes first");
    }

    #[test]
    fn all_that_is_missing_is_said_at_once() {
        let thing = |what, package| Thing {
            what,
            package,
            program: None,
        };
        let missing = Missing(vec![thing("QEMU", "qemu"), thing("UEFI", "ovmf")]);
        assert_eq!(missing.to_string(), "there is no QEMU, no UEFI");
        assert!(missing.remedy().ends_with("apt install qemu ovmf"));
    }
}
