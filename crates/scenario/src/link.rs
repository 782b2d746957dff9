//! The links of the boot chain.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One link from power-on to quorum. A later link cannot hold when an earlier one is broken,
/// so the first broken one is the one to mend.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Link {
    /// The machine is switched on.
    Power,
    /// Its firmware asks for an address. This and the next six only where machines boot.
    Firmware,
    /// Its boot loader has the script that says what to load.
    Script,
    /// It loads its kernel.
    Kernel,
    /// It loads the initial RAM file system.
    Initrd,
    /// What it has loaded is the installer, whose first process runs. This and the next one only
    /// where a machine gets its system first.
    Installer,
    /// The image is on its disk, and it starts again.
    Installed,
    /// The first process of its system runs.
    Userspace,
    /// It asks for an address.
    Discover,
    /// It has one.
    Ack,
    /// Its name leads to its address, and back.
    Name,
    /// It has its seed, and the service is installed.
    Seed,
    /// Its peers can be found: the service's SRV set is complete. Without SRV records: the seed
    /// names them, or etcd's discovery service has named them.
    Srv,
    /// etcd runs.
    Etcd,
    /// etcd computed the cluster ID that all members must agree on.
    ClusterId,
    /// The cluster counts it as a voter.
    Voter,
    /// It knows a leader.
    Quorum,
    /// What is written through it is read through the others.
    Writes,
}

impl Link {
    /// Every link, from the first to the last.
    pub const ALL: [Self; 18] = [
        Self::Power,
        Self::Firmware,
        Self::Script,
        Self::Kernel,
        Self::Initrd,
        Self::Installer,
        Self::Installed,
        Self::Userspace,
        Self::Discover,
        Self::Ack,
        Self::Name,
        Self::Seed,
        Self::Srv,
        Self::Etcd,
        Self::ClusterId,
        Self::Voter,
        Self::Quorum,
        Self::Writes,
    ];
}

impl Link {
    /// True for those between power and the system. No world but one with firmware has them, and
    /// a machine that reaches a later link has no need of them.
    pub const fn is_boot(self) -> bool {
        matches!(
            self,
            Self::Firmware
                | Self::Script
                | Self::Kernel
                | Self::Initrd
                | Self::Installer
                | Self::Installed
                | Self::Userspace
        )
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Power => "power",
            Self::Firmware => "firmware",
            Self::Script => "script",
            Self::Kernel => "kernel",
            Self::Initrd => "initrd",
            Self::Installer => "installer",
            Self::Installed => "installed",
            Self::Userspace => "userspace",
            Self::Discover => "discover",
            Self::Ack => "ack",
            Self::Name => "name",
            Self::Seed => "seed",
            Self::Srv => "srv",
            Self::Etcd => "etcd",
            Self::ClusterId => "cluster-id",
            Self::Voter => "voter",
            Self::Quorum => "quorum",
            Self::Writes => "writes",
        })
    }
}
