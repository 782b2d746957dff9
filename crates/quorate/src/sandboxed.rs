//! One run, inside of its sandbox.

use std::io::{self, Read as _, Write as _};

use quorate_host::sandbox;
use quorate_host::world::backend::Namespaces;
use quorate_vm::{VirtualMachines, find_accelerator};
use rustix::process::{Signal, set_parent_process_death_signal};

use crate::containers;
use crate::exit::CANNOT_RUN;
use crate::job::{Job, Machines};
use crate::view::View;
use crate::world_run::{Failure, run_on};

/// The first argument under which a program is a run in a sandbox, with a recording as its output.
pub const HIDDEN_VERB: &str = "__inside";

/// Reads the job, enters the sandbox, and runs it. Call it first thing in a program: it must have
/// one thread.
pub fn main<V: View, T: From<u8>>() -> T {
    // Without `quorate run` there is no one to clean up for, and no reader of the outcome.
    if set_parent_process_death_signal(Some(Signal::KILL)).is_err() {
        return T::from(CANNOT_RUN);
    }
    match read_job().and_then(run::<V>) {
        Ok(code) => T::from(code),
        Err(failure) => {
            // The exit code says it too.
            let _ = writeln!(io::stderr(), "{failure}");
            T::from(failure.exit_code())
        }
    }
}

fn read_job<V: View>() -> Result<Job<V>, Failure> {
    let mut text = String::new();
    let job = io::stdin()
        .read_to_string(&mut text)
        .and_then(|_| serde_json::from_str(&text).map_err(io::Error::from));
    job.map_err(|_| Failure::NoJob)
}

fn run<V: View>(job: Job<V>) -> Result<u8, Failure> {
    sandbox::enter().map_err(|error| Failure::Sandbox(job.machines.world(), error))?;
    match &job.machines {
        Machines::Containers(_) | Machines::Image(_) => containers::run(job),
        Machines::Namespaces(etcd) => {
            mount_memory(&job)?;
            let backend = Namespaces::new(etcd.path.clone());
            let etcd = etcd.clone();
            run_on(job, backend, &etcd)
        }
        Machines::Virtual { etcd, files, .. } => {
            mount_memory(&job)?;
            let dir = job.run_dir.join("probe");
            let progress = job.view.progress();
            let accelerator = find_accelerator(files, &dir, |what| progress.step(what));
            let backend = VirtualMachines::new((**files).clone(), accelerator, etcd.path.clone());
            let etcd = etcd.clone();
            run_on(job, backend, &etcd)
        }
    }
}

/// Puts a file system in memory over the run directory, for this sandbox alone, unless the machines'
/// disks are kept.
fn mount_memory<V>(job: &Job<V>) -> Result<(), Failure> {
    use rustix::mount::{MountFlags, mount};
    if job.keep {
        return Ok(());
    }
    let flags = MountFlags::NOSUID | MountFlags::NODEV;
    mount("quorate", &job.run_dir, "tmpfs", flags, c"mode=0755")
        .map_err(|error| Failure::Files(job.run_dir.display().to_string(), error.into()))
}
