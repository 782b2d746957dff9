//! `quorate run --world container`: what it needs of a Docker engine.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use quorate_container::{Containers, Disks, Engine, EngineError, Image, RunContext};
use quorate_scenario::Story;
use rustix::fs::{Access, access, statvfs};

use crate::cli::RunArgs;
use crate::inside::{Etcd, Job, Machines, Trouble, tell};
use crate::{exit, run};

/// What the machines are to be made of. Before anything is fetched or started, this asks
/// whether there is an engine.
pub(crate) fn machines(args: &RunArgs, story: &Story) -> Result<Machines, ExitCode> {
    if let Err(error) = Engine::connect() {
        show(&error);
        return Err(exit::cannot_run());
    }
    match &args.image {
        Some(image) => Ok(Machines::Image(image.clone())),
        None => run::etcd_of(args, story).map(Machines::Containers),
    }
}

/// Where run directories are: where `$TMPDIR` says, else in memory when that has some room. The
/// engine has to see it, so the sandbox cannot put memory of its own over it.
pub(crate) fn run_dir_parent() -> PathBuf {
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

/// Tells the story to containers, and leaves nothing of them.
pub(crate) fn run<T: From<u8>>(job: &Job, etcd: Option<&Etcd>, image: &str) -> Result<T, Trouble> {
    let engine = Arc::new(Engine::connect().map_err(Trouble::Engine)?);
    let image = match etcd {
        Some(etcd) => Image::with_etcd(&engine, &etcd.path).map_err(Trouble::Engine)?,
        None => Image::named(image),
    };
    let disks = match job.keep {
        true => Disks::Kept,
        false => Disks::Removed,
    };
    let context = RunContext::open(engine, image, &job.run_dir, disks).map_err(Trouble::Engine)?;
    let (version, shown) = match etcd {
        Some(etcd) => (etcd.version, etcd.shown.clone()),
        None => context.etcd_version().map_err(Trouble::Engine)?,
    };
    let context = Arc::new(context);
    let backend = Containers::new(Arc::clone(&context));
    let backend =
        backend.map_err(|error| Trouble::Files("the network namespace".to_owned(), error))?;
    let code = tell(job, backend, version, &shown)?;
    match Arc::into_inner(context).map_or(Ok(()), RunContext::close) {
        // On a starved host the end is late, too. The next run sweeps away what is left.
        Err(error) if code == exit::INCONCLUSIVE => eprintln!("{error}"),
        closed => closed.map_err(Trouble::Engine)?,
    }
    Ok(T::from(code))
}

/// Shows why there are no containers, and what can be done about it.
pub(crate) fn show(error: &EngineError) {
    eprintln!("the world `container` cannot run here: {error}");
    if let Some(remedy) = error.remedy() {
        eprintln!("  {remedy}");
    }
}

/// What a small story's machines may write; etcd alone takes 64 MB a member for its log.
const ROOM_OCTETS: u64 = 1 << 30;
