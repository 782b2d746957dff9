//! Makes what a machine of metal boots: a kernel, an initial RAM file system, a disk.
//!
//! Nothing of it needs root. The kernel, busybox and the boot loaders are Debian's packages; etcd
//! and the program that becomes the machine's first process, `quorate` itself, are this host's.
//!
//! Nothing in an image is particular to one machine, and there is no secret in it.
//!
//! - `modules`: the drivers, and what each says of itself
//! - `initrd`: what is in the initial RAM file system; `cpio`: its format
//! - [`disk`]: a disk that firmware boots; `partitions`: its first sector
//! - `store`: images in the cache
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")
)]

mod cpio;
pub mod disk;
mod initrd;
mod modules;
mod partitions;
mod store;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use quorate_elf::Program;
use quorate_obtain::debian::packages::{Unpacked, Wanted, packages};
use quorate_obtain::{FetchError, Progress};
use serde::{Deserialize, Serialize};

use crate::initrd::Contents;
use crate::store::{Kind, Store};
pub use disk::{Disk, build_disk};

/// Which of Debian's kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Kernel {
    /// For virtual machines: small, and soon there.
    #[default]
    Cloud,
    /// With drivers for usual network cards and disk controllers.
    Generic,
}

impl Kernel {
    const fn package(self) -> Wanted {
        let of = match self {
            Self::Cloud => "linux-image-cloud-amd64",
            Self::Generic => "linux-image-amd64",
        };
        let prefix = "linux-image-";
        Wanted::Dependency { of, prefix }
    }
}

/// What an image is to be made of.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// Where packages and images are kept ([`quorate_obtain::cache::default_dir`]).
    pub cache: &'a Path,
    pub kernel: Kernel,
    /// The etcd that machines run, a program of this host.
    pub etcd: &'a Path,
    /// The `quorate` that machines run, a program of this host.
    pub program: &'a Path,
    pub progress: &'a dyn Progress,
}

impl std::fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Request")
            .field("cache", &self.cache)
            .field("kernel", &self.kernel)
            .field("etcd", &self.etcd)
            .field("program", &self.program)
            .finish_non_exhaustive()
    }
}

/// What is known of an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The kernel's: `6.1.0-50-cloud-amd64`.
    pub release: String,
    /// File names of Debian's packages in it.
    pub packages: Vec<String>,
    /// How much of a machine's memory the initial RAM file system takes.
    pub unpacked_bytes: u64,
    /// How long the file is from which it is unpacked.
    pub initrd_bytes: u64,
}

/// What a machine boots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Debian's kernel.
    pub kernel: PathBuf,
    /// A cpio archive, compressed.
    pub initrd: PathBuf,
    pub manifest: Manifest,
}

impl Image {
    /// How much memory a machine needs that boots this and runs a small etcd, in MiB: while the
    /// kernel unpacks, it holds the archive too. Later etcd has that room.
    pub fn memory_mib(&self) -> u64 {
        let Manifest {
            unpacked_bytes,
            initrd_bytes,
            ..
        } = self.manifest;
        let files_mib = (unpacked_bytes + initrd_bytes).div_ceil(1 << 20);
        (files_mib + KERNEL_MIB).next_multiple_of(16)
    }
}

/// There is no image.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    #[error("the packages of the image: {0}")]
    Packages(#[source] FetchError),
    #[error("{what}: {source}")]
    Files {
        what: String,
        #[source]
        source: io::Error,
    },
    #[error(
        "there is no mke2fs here: install the package e2fsprogs; it cannot be fetched from Debian: {0}"
    )]
    NoMke2fs(#[source] FetchError),
    #[error("images are for x86-64: {} is not", .0.display())]
    Architecture(PathBuf),
}

impl ImageError {
    fn files(what: impl std::fmt::Display) -> impl FnOnce(io::Error) -> Self {
        let what = what.to_string();
        move |source| Self::Files { what, source }
    }
}

/// Words of the kernel's command line that every machine of this image wants: the console is the
/// first serial port; the root file system in memory takes as much as it needs; a machine whose
/// first process ends starts again.
pub const COMMAND_LINE: &str = "console=tty0 console=ttyS0 rootfstype=ramfs panic=10 quiet";

/// Makes the image, or finds it in the cache, made of the same.
///
/// # Errors
/// When a package cannot be had, or a file cannot be read or written.
pub fn build(request: &Request<'_>) -> Result<Image, ImageError> {
    let wanted = [request.kernel.package(), Wanted::Package("busybox-static")];
    let unpacked = packages(request.cache, SUITE, &wanted, request.progress);
    let [kernel, busybox] = <[Unpacked; 2]>::try_from(unpacked.map_err(ImageError::Packages)?)
        .expect("one answer for each package");
    let etcd = program(request.etcd)?;
    let quorate = program(request.program)?;
    let files = [
        vec![etcd.path.clone(), quorate.path.clone()],
        etcd.companions(),
        quorate.companions(),
    ]
    .concat();
    let archives = [kernel.archive.as_str(), busybox.archive.as_str()];
    let key = store::key(&files, &archives).map_err(ImageError::files("the image's key"))?;
    if let Some(found) = store::find(request.cache, Kind::Image, &key) {
        return Ok(image(found));
    }
    let release = release(&kernel.root).map_err(ImageError::files("the kernel package"))?;
    let contents = Contents {
        kernel: request.kernel,
        etcd,
        quorate,
        busybox: busybox.root.join("bin/busybox"),
        modules: kernel.root.join("lib/modules").join(&release),
    };
    let store = Store::open(request.cache).map_err(ImageError::files("the cache"))?;
    let made = store.make(Kind::Image, &key, |dir| {
        let what = format!("an image with Linux {release}");
        request.progress.step(&what);
        let kernel = kernel.root.join("boot").join(format!("vmlinuz-{release}"));
        fs::copy(kernel, dir.join(KERNEL))?;
        let initrd = dir.join(INITRD);
        let unpacked_bytes = contents.write(&initrd)?;
        Ok(Manifest {
            initrd_bytes: fs::metadata(initrd)?.len(),
            release: release.clone(),
            packages: archives.map(str::to_owned).to_vec(),
            unpacked_bytes,
        })
    });
    made.map(image).map_err(ImageError::files("the image"))
}

fn image((dir, manifest): (PathBuf, Manifest)) -> Image {
    Image {
        kernel: dir.join(KERNEL),
        initrd: dir.join(INITRD),
        manifest,
    }
}

/// A program that a machine can run.
fn program(path: &Path) -> Result<Program, ImageError> {
    let program = Program::read(path).map_err(ImageError::files("a program for the image"))?;
    if program.is_x86_64 {
        Ok(program)
    } else {
        Err(ImageError::Architecture(path.to_owned()))
    }
}

/// The release of the one kernel in a package: `6.1.0-50-cloud-amd64`.
fn release(root: &Path) -> io::Result<String> {
    let mut releases = fs::read_dir(root.join("lib/modules"))?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<io::Result<Vec<_>>>()?;
    match (releases.pop(), releases.pop()) {
        (Some(release), None) => Ok(release),
        _ => Err(io::Error::other("not exactly one kernel's modules")),
    }
}

/// How many threads compress.
fn threads() -> u32 {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    u32::try_from(threads.min(THREADS_MAX)).unwrap_or(1)
}

/// The kernel itself, and what it needs to unpack anything.
const KERNEL_MIB: u64 = 88;
const THREADS_MAX: usize = 8;
const KERNEL: &str = "vmlinuz";
const INITRD: &str = "initrd";

/// Debian's release that images are made of: its kernel leaves modules uncompressed, as the
/// machine's init loads them.
pub const SUITE: &str = "bookworm";
