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
    /// UEFI: its code, and the variables of a machine that was never on.
    pub ovmf: Option<(PathBuf, PathBuf)>,
    /// The directory of the iPXE that UEFI loads.
    pub loaders: Option<PathBuf>,
}

/// Something that virtual machines need is not here.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("there is no {what} here")]
pub struct Missing {
    what: &'static str,
    package: &'static str,
}

impl Missing {
    /// What to do about it.
    pub fn remedy(&self) -> String {
        let package = self.package;
        format!("install it: as root on Debian or Ubuntu, apt install {package}")
    }
}

impl Firmware {
    /// Looks for what the virtual machines of `story` need.
    ///
    /// # Errors
    /// With the first thing that is not here.
    pub fn find(story: &Story) -> Result<Self, Missing> {
        let missing = |what, package| Missing { what, package };
        let boots = |boot| {
            let mut vms = story.machines.iter().filter(|m| m.hardware.is_vm);
            vms.any(|machine| machine.hardware.boot == boot)
        };
        let qemu = program("qemu-system-x86_64")
            .ok_or_else(|| missing("qemu-system-x86_64", "qemu-system-x86"))?;
        let mke2fs = program("mke2fs").ok_or_else(|| missing("mke2fs", "e2fsprogs"))?;
        // QEMU finds it by itself, or ends.
        let has_rom = ROMS.iter().any(|path| Path::new(path).is_file());
        if !has_rom && boots(Boot::Pxe) {
            return Err(missing("ROM of iPXE for virtio network cards", "ipxe-qemu"));
        }
        let ovmf = OVMF.into_iter().find_map(|(code, vars)| {
            let all = [code, vars].map(PathBuf::from);
            let [code, vars] = all;
            (code.is_file() && vars.is_file()).then_some((code, vars))
        });
        if ovmf.is_none() && boots(Boot::Uefi) {
            return Err(missing("UEFI for QEMU (OVMF)", "ovmf"));
        }
        let loaders = LOADERS.into_iter().map(PathBuf::from);
        let loaders = loaders.into_iter().find(|dir| dir.join(LOADER).is_file());
        if loaders.is_none() && boots(Boot::Uefi) {
            return Err(missing("iPXE for UEFI (snponly.efi)", "ipxe"));
        }
        Ok(Self {
            qemu,
            mke2fs,
            ovmf,
            loaders,
        })
    }
}

/// A program in `PATH`, or where a user's does not lead.
fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let dirs = std::env::split_paths(&path).chain(["/usr/sbin", "/sbin"].map(PathBuf::from));
    dirs.map(|dir| dir.join(name)).find(|path| path.is_file())
}

/// As Debian and Ubuntu, Fedora, and QEMU's own installation have it: for BIOS and UEFI both.
const ROMS: [&str; 4] = [
    "/usr/lib/ipxe/qemu/efi-virtio.rom",
    "/usr/share/ipxe/qemu/efi-virtio.rom",
    "/usr/share/qemu/efi-virtio.rom",
    "/usr/local/share/qemu/efi-virtio.rom",
];
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
const LOADERS: [&str; 3] = ["/usr/lib/ipxe", "/usr/share/ipxe", "/usr/share/ipxe/x86_64"];
const LOADER: &str = "snponly.efi";
