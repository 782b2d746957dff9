//! Words that several verbs have.

use clap::ValueEnum;
use quorate::World;
use serde::{Deserialize, Serialize};

/// Which world a scenario runs in
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum WorldArg {
    /// Real kernels' network stacks in namespaces, real servers, real etcd processes; no root
    Host,
    /// The same, each machine a container of a Docker engine
    Container,
    /// The same, each machine a virtual one under QEMU that boots over the network
    Vm,
    /// The same engines and bytes on virtual time, with a model of etcd; no namespaces, no etcd
    Sim,
}

impl From<WorldArg> for World {
    fn from(world: WorldArg) -> Self {
        match world {
            WorldArg::Host => Self::Host,
            WorldArg::Container => Self::Container,
            WorldArg::Vm => Self::Vm,
            WorldArg::Sim => Self::Sim,
        }
    }
}

/// How results are printed
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
pub(crate) enum Format {
    /// For people
    Human,
    /// For programs
    Json,
}
