//! The worlds by name.

use std::fmt;

use quorate_scenario::WorldKind;

/// Where a scenario runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum World {
    /// Kernel network stacks in namespaces, servers and etcd as processes; no root.
    Host,
    /// As `Host`, with each machine a container of a Docker engine.
    Container,
    /// As `Host`, with each machine a virtual one under QEMU that boots over the network.
    Vm,
    /// The same engines and bytes on virtual time, with a model of etcd.
    Sim,
}

impl World {
    /// The name that the command line and reports use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Container => "container",
            Self::Vm => "vm",
            Self::Sim => "sim",
        }
    }
}

impl World {
    /// What kind it is, as far as scenarios differ in worlds.
    pub const fn kind(self) -> WorldKind {
        match self {
            Self::Host => WorldKind::Host,
            Self::Container => WorldKind::Container,
            Self::Vm => WorldKind::Vm,
            Self::Sim => WorldKind::Sim,
        }
    }
}

impl fmt::Display for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
