//! One run, as the process outside of the sandbox describes it to the one inside.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::world::World;

/// Crosses into the sandbox as JSON on standard input. `V` is the [`View`](crate::runner::View).
#[derive(Debug, Serialize, Deserialize)]
pub struct Job<V> {
    /// What errors and reports call the scenario.
    pub scenario: PathBuf,
    /// The scenario itself.
    pub text: String,
    pub machines: Machines,
    pub seed: u64,
    pub run_dir: PathBuf,
    /// Machines' disks outlive the run.
    pub keep: bool,
    pub view: V,
}

/// What the machines are made of.
#[derive(Debug, Serialize, Deserialize)]
pub enum Machines {
    Namespaces(Etcd),
    /// Containers of an image that is made from this etcd.
    Containers(Etcd),
    /// Containers of this image.
    Image(String),
    /// Virtual machines, all of them or those that the story says; the others in namespaces.
    Virtual {
        etcd: Etcd,
        files: Box<quorate_vm::Files>,
        all: bool,
    },
}

impl Machines {
    pub const fn world(&self) -> World {
        match self {
            Self::Namespaces(_) | Self::Virtual { all: false, .. } => World::Host,
            Self::Virtual { all: true, .. } => World::Vm,
            Self::Containers(_) | Self::Image(_) => World::Container,
        }
    }

    /// The etcd of this host that the machines run; an image has its own.
    pub const fn etcd(&self) -> Option<&Etcd> {
        match self {
            Self::Namespaces(etcd) | Self::Containers(etcd) | Self::Virtual { etcd, .. } => {
                Some(etcd)
            }
            Self::Image(_) => None,
        }
    }
}

/// The etcd that machines run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Etcd {
    pub path: PathBuf,
    /// Major and minor.
    pub version: (u32, u32),
    /// Version and origin, for people.
    pub shown: String,
}

impl From<quorate_obtain::Etcd> for Etcd {
    fn from(etcd: quorate_obtain::Etcd) -> Self {
        Self {
            version: (etcd.version.major, etcd.version.minor),
            shown: format!("{} ({})", etcd.version, etcd.origin),
            path: etcd.etcd.canonicalize().unwrap_or(etcd.etcd),
        }
    }
}
