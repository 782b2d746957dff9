//! What virtual machines need before a run: QEMU, firmware, an image to boot.

use quorate_image::disk::DATA_MIB;
use quorate_image::{ImageError, Kernel, Request, build, build_disk};
use quorate_metal::{Files, Firmware};
use quorate_obtain::Progress;
use quorate_scenario::Story;
use quorate_scenario::hardware::Virtual;

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

/// What the machines of `story` are made of, in a world that may have virtual ones. Gets the image
/// if there are any.
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
    let firmware = Firmware::find(&story)
        .map_err(|error| format!("{}\n  {}", cannot(&error), error.remedy()))?;
    let cache = quorate_obtain::cache::default_dir()
        .ok_or_else(|| cannot(&quorate_obtain::request::NoCacheDir))?;
    // Files are named from within a sandbox.
    let cache = std::path::absolute(cache).map_err(|error| cannot(&error))?;
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

/// The image, with a disk to install when some machine wants one.
fn files(firmware: Firmware, request: &Request<'_>, install: bool) -> Result<Files, ImageError> {
    if install {
        let disk = build_disk(request, DATA_MIB)?;
        Ok(Files::new(firmware, &disk.image, request.cache).with_disk(&disk))
    } else {
        Ok(Files::new(firmware, &build(request)?, request.cache))
    }
}
