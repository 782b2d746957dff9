//! What virtual machines need before a run: QEMU, firmware, an image to boot.

use std::path::{Path, PathBuf};

use quorate_image::disk::DATA_MIB;
use quorate_image::{ImageError, Kernel, Request, SUITE, build, build_disk};
use quorate_obtain::Progress;
use quorate_obtain::debian::packages::{Wanted, packages};
use quorate_scenario::Story;
use quorate_scenario::hardware::Virtual;
use quorate_vm::{Files, Firmware, Thing};

use crate::cli::World;
use crate::inside::{Etcd, Machines};

/// Which machines of a story are virtual in this world.
pub(crate) const fn which(world: World) -> Option<Virtual> {
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
/// When something of that is not here, in words, with what to do about it.
pub(crate) fn machines(
    etcd: Etcd,
    story: &Story,
    world: World,
    progress: &dyn Progress,
) -> Result<Machines, String> {
    let Some(which) = which(world) else {
        return Ok(Machines::Namespaces(etcd));
    };
    let mut story = story.clone();
    story.virtualize(which);
    if !story.has_vms() {
        return Ok(Machines::Namespaces(etcd));
    }
    let cannot = |error: &dyn std::fmt::Display| format!("no virtual machines here: {error}");
    let cache = quorate_obtain::cache::default_dir()
        .ok_or_else(|| cannot(&quorate_obtain::request::NoCacheDir))?;
    // Files are named from within a sandbox.
    let cache = std::path::absolute(cache).map_err(|error| cannot(&error))?;
    let firmware = firmware(&story, &cache, progress)?;
    let program = std::env::current_exe().map_err(|error| cannot(&error))?;
    let request = Request {
        cache: &cache,
        etcd: &etcd.path,
        program: &program,
        kernel: Kernel::default(),
        progress,
    };
    let made = files(firmware, &request, story.to_install().next().is_some());
    let files = made.map_err(|error| cannot(&error))?;
    Ok(Machines::Virtual {
        etcd,
        files: Box::new(files),
        all: which == Virtual::All,
    })
}

/// QEMU and firmware as they are installed here; what is not, of Debian's packages in the cache.
fn firmware(story: &Story, cache: &Path, progress: &dyn Progress) -> Result<Firmware, String> {
    let missing = match Firmware::find(story, &[]) {
        Ok(firmware) => return Ok(firmware),
        Err(missing) => missing,
    };
    let wanted: Vec<Wanted> = missing.things().iter().map(wanted).collect();
    let found = packages(cache, SUITE, &wanted, progress);
    let found = found
        .map_err(|error| error.to_string())
        .and_then(|unpacked| {
            let roots: Vec<PathBuf> = unpacked.into_iter().map(|one| one.root).collect();
            Firmware::find(story, &roots).map_err(|left| format!("in its packages {left}"))
        });
    found.map_err(|reason| {
        let remedy = missing.remedy();
        format!(
            "no virtual machines here: {missing}\n  {remedy}\n  \
             it cannot be fetched from Debian: {reason}"
        )
    })
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
