//! The files that virtual machines boot.

use std::path::{Path, PathBuf};

use quorate_image::{Disk, Image};
use serde::{Deserialize, Serialize};

use crate::firmware::Firmware;

/// What every virtual machine boots.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Files {
    pub firmware: Firmware,
    /// An image of [`quorate_image`].
    pub kernel: PathBuf,
    pub initrd: PathBuf,
    /// How much memory a machine wants that boots them.
    pub memory_mib: u32,
    /// What is installed on machines whose disks are empty.
    pub disk: Option<Installed>,
    /// Where it is kept what this host can do.
    pub cache: PathBuf,
}

/// The system that a machine has on its disk once it is installed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Installed {
    /// The compressed disk.
    pub image: PathBuf,
    /// How long it is.
    pub bytes: u64,
}

impl Files {
    /// What machines boot: an image, with the firmware of this host and what it keeps in `cache`.
    pub fn new(firmware: Firmware, image: &Image, cache: &Path) -> Self {
        Self {
            firmware,
            kernel: image.kernel.clone(),
            initrd: image.initrd.clone(),
            memory_mib: u32::try_from(image.memory_mib()).unwrap_or(u32::MAX),
            disk: None,
            cache: cache.to_owned(),
        }
    }

    /// For machines whose disks are empty, too.
    #[must_use]
    pub fn with_disk(mut self, disk: &Disk) -> Self {
        self.disk = Some(Installed {
            image: disk.compressed.clone(),
            bytes: disk.bytes,
        });
        self
    }
}
