//! What virtual machines need before a run: QEMU, firmware, an image to boot.

use std::io;
use std::path::{Path, PathBuf};

use quorate_image::disk::DATA_MIB;
use quorate_image::{ImageError, Kernel, Request, SUITE, build, build_disk};
use quorate_obtain::Progress;
use quorate_obtain::debian::packages::{Wanted, packages};
use quorate_scenario::Story;
use quorate_scenario::hardware::Virtual;
use quorate_vm::{Files, Firmware, Missing, Thing};
use thiserror::Error;

use crate::job::{Etcd, Machines};
use crate::world::World;

/// Why a story's virtual machines cannot be here.
#[derive(Debug, Error)]
pub enum NoMachines {
    #[error("no virtual machines here: {0}")]
    NoCache(#[from] quorate_obtain::request::NoCacheDir),
    #[error("no virtual machines here: {0}")]
    Image(#[from] ImageError),
    #[error("no virtual machines here: {0}")]
    Files(#[from] io::Error),
    #[error(
        "no virtual machines here: {missing}\n  {}\n  it cannot be fetched from Debian: {fetch}",
        missing.remedy()
    )]
    Firmware { missing: Missing, fetch: String },
}

/// Which machines of a story are virtual in this world.
pub const fn which(world: World) -> Option<Virtual> {
    match world {
        World::Vm => Some(Virtual::All),
        World::Host => Some(Virtual::Wanted),
        World::Container | World::Sim => None,
    }
}

/// What the machines of `story` are made of, in a world that may have virtual ones. Gets what is
/// not here of what those need.
///
/// # Errors
/// When something of that is not here; the error says what to do about it.
pub fn machines(
    etcd: Etcd,
    story: &Story,
    world: World,
    progress: &dyn Progress,
) -> Result<Machines, NoMachines> {
    let Some(which) = which(world) else {
        return Ok(Machines::Namespaces(etcd));
    };
    let mut story = story.clone();
    story.virtualize(which);
    if !story.has_vms() {
        return Ok(Machines::Namespaces(etcd));
    }
    let cache = quorate_obtain::cache::default_dir().ok_or(quorate_obtain::request::NoCacheDir)?;
    // Files are named from within a sandbox.
    let cache = std::path::absolute(cache)?;
    let firmware = firmware(&story, &cache, progress)?;
    let program = std::env::current_exe()?;
    let request = Request {
        cache: &cache,
        etcd: &etcd.path,
        program: &program,
        kernel: Kernel::default(),
        progress,
    };
    let files = files(firmware, &request, story.to_install().next().is_some())?;
    Ok(Machines::Virtual {
        etcd,
        files: Box::new(files),
        all: which == Virtual::All,
    })
}

/// QEMU and firmware as they are installed here; what is not, of Debian's packages in the cache.
fn firmware(story: &Story, cache: &Path, progress: &dyn Progress) -> Result<Firmware, NoMachines> {
    let missing = match Firmware::find(story, &[]) {
        Ok(firmware) => return Ok(firmware),
        Err(missing) => missing,
    };
    let wanted: Vec<Wanted> = missing.things().iter().map(wanted).collect();
    let unpacked = packages(cache, SUITE, &wanted, progress).map_err(|error| error.to_string());
    let found = unpacked.and_then(|unpacked| {
        let roots: Vec<PathBuf> = unpacked.into_iter().map(|one| one.root).collect();
        Firmware::find(story, &roots).map_err(|left| format!("in its packages {left}"))
    });
    found.map_err(|fetch| NoMachines::Firmware { missing, fetch })
}

const fn wanted(thing: &Thing) -> Wanted {
    match thing.program {
        Some(name) => Wanted::Program {
            of: thing.package,
            name,
        },
        None => Wanted::Package(thing.package),
    }
}

/// The image, with a disk to install when some machine wants one.
fn files(firmware: Firmware, request: &Request<'_>, install: bool) -> Result<Files, ImageError> {
    if install {
        let disk = build_disk(request, DATA_MIB)?;
        Ok(Files::new(firmware, &disk.image, request.cache).with_disk(&disk))
    } else {
        Ok(Files::new(firmware, &build(request)?, request.cache))
    }
}
