//! What the world `container` needs of a Docker engine, and its runs.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use quorate_container::{Containers, Disks, Engine, Image, RunContext};
use rustix::fs::{Access, access, statvfs};

use crate::exit::INCONCLUSIVE;
use crate::job::{Etcd, Job, Machines};
use crate::view::View;
use crate::world_run::{Failure, run_on};

/// Where run directories are: where `$TMPDIR` says, else in memory when that has some room. The
/// engine has to see it, so the sandbox cannot put memory of its own over it.
pub fn run_dir_parent() -> PathBuf {
    if std::env::var_os("TMPDIR").is_some() {
        return std::env::temp_dir();
    }
    let shared = Path::new("/dev/shm");
    let has_room = statvfs(shared).is_ok_and(|fs| fs.f_bavail * fs.f_frsize > ROOM_OCTETS);
    if has_room && access(shared, Access::WRITE_OK | Access::EXEC_OK).is_ok() {
        shared.to_owned()
    } else {
        std::env::temp_dir()
    }
}

/// Runs the job with containers, and leaves nothing of them. Answers the exit code.
pub(crate) fn run<V: View>(job: Job<V>) -> Result<u8, Failure> {
    let engine = Arc::new(Engine::connect()?);
    let image = match &job.machines {
        Machines::Image(name) => Image::named(name),
        Machines::Containers(etcd)
        | Machines::Namespaces(etcd)
        | Machines::Virtual { etcd, .. } => Image::with_etcd(&engine, &etcd.path)?,
    };
    let disks = match job.keep {
        true => Disks::Kept,
        false => Disks::Removed,
    };
    let context = RunContext::open(engine, image, &job.run_dir, disks)?;
    let etcd = match job.machines.etcd() {
        Some(etcd) => etcd.clone(),
        None => {
            let (version, shown) = context.etcd_version()?;
            Etcd {
                path: PathBuf::new(),
                version,
                shown,
            }
        }
    };
    let context = Arc::new(context);
    let backend = Containers::new(Arc::clone(&context));
    let backend =
        backend.map_err(|error| Failure::Files("the network namespace".to_owned(), error))?;
    let code = run_on(job, backend, &etcd)?;
    match Arc::into_inner(context).map_or(Ok(()), RunContext::close) {
        // On a starved host the end is late, too. The next run removes what is left.
        Err(error) if code == INCONCLUSIVE => {
            let _ = writeln!(io::stderr(), "{error}");
        }
        closed => closed?,
    }
    Ok(code)
}

/// What a small story's machines may write; etcd alone takes 64 MB a member for its log.
const ROOM_OCTETS: u64 = 1 << 30;
