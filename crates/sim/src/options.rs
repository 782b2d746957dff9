//! What a run in this world needs beside its story.

use crate::search::swarm::Swarm;

/// What a run in this world needs beside its story.
#[derive(Clone, Debug)]
pub struct Options {
    /// Major and minor version of the etcd that machines pretend to run.
    pub etcd_version: (u32, u32),
    /// Everything that is drawn comes from here.
    pub seed: u64,
    /// The most steps that the run may take; `None` lets it grow with the number of machines.
    pub steps_max: Option<u64>,
    /// What goes wrong beside the story.
    pub swarm: Option<Swarm>,
}

impl Options {
    /// Nothing goes wrong but what the story says.
    pub const fn calm(etcd_version: (u32, u32), seed: u64) -> Self {
        Self {
            etcd_version,
            seed,
            steps_max: None,
            swarm: None,
        }
    }
}
