//! What the command line is built on: one run as a process in a sandbox.
//!
//! A caller who wants no more than the outcome uses [`run`]. One who shows the run while it goes on
//! describes it as a [`Job`], and starts its own program again under a verb of its own, for which
//! that calls [`main`] with its [`View`].

pub use crate::containers::run_dir_parent;
pub use crate::etcd::{EtcdError, find as find_etcd};
pub use crate::job::{Etcd, Job, Machines};
pub use crate::part::{agent, await_peers, serve};
pub use crate::report_dir::{ReportDir, ReportDirError};
pub use crate::run::{RunRequest, run};
pub use crate::run_dir::RunDir;
pub use crate::sandboxed::{HIDDEN_VERB, main};
pub use crate::sim::{NoVersion, options as sim_options};
pub use crate::stop::StopHandle;
pub use crate::view::{Ended, RunFacts, View};
pub use crate::virtual_machines::{NoMachines, machines, which as which_are_virtual};
