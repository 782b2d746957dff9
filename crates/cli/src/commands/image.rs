//! `quorate image build`

use std::fmt::Write as _;

use quorate::runner::find_etcd;
use quorate_image::{COMMAND_LINE, Disk, Image, Kernel, Request, build, build_disk};
use quorate_obtain::request::NoCacheDir;
use serde_json::json;

use crate::args::{Format, ImageArgs, ImageBuildArgs, ImageKernel, ImageVerb};
use crate::error::CliError;
use crate::output::{print, print_json};
use crate::run_view::Steps;

pub(crate) fn run(args: &ImageArgs) -> Result<u8, CliError> {
    match &args.verb {
        ImageVerb::Build(args) => make(args),
    }
}

fn make(args: &ImageBuildArgs) -> Result<u8, CliError> {
    let cache = quorate_obtain::cache::default_dir().ok_or(NoCacheDir)?;
    let program = match &args.program {
        Some(path) => path.clone(),
        None => std::env::current_exe().map_err(|source| CliError::System {
            what: "this program",
            source,
        })?,
    };
    let etcd = find_etcd(args.etcd.as_deref(), None, &Steps)?;
    let request = Request {
        cache: &cache,
        kernel: match args.kernel {
            ImageKernel::Cloud => Kernel::Cloud,
            ImageKernel::Generic => Kernel::Generic,
        },
        etcd: &etcd.etcd,
        program: &program,
        progress: &Steps,
    };
    let (image, disk) = if args.no_disk {
        (build(&request)?, None)
    } else {
        let disk = build_disk(&request, args.data_mib)?;
        (disk.image.clone(), Some(disk))
    };
    match args.format {
        Format::Human => print(human(&image, disk.as_ref()))?,
        Format::Json => print_json(&json(&image, disk.as_ref()))?,
    }
    Ok(0)
}

fn human(image: &Image, disk: Option<&Disk>) -> String {
    let manifest = &image.manifest;
    let mib = manifest.unpacked_bytes.div_ceil(1 << 20);
    let (release, least) = (&manifest.release, image.memory_mib());
    let mut out = format!(
        "Linux {release}, {mib} MiB unpacked: for machines with {least} MiB of memory or more\n"
    );
    let mut line = |what: &str, value: &dyn std::fmt::Display| {
        let _ = writeln!(out, "  {what:14}{value}");
    };
    line("kernel", &image.kernel.display());
    line("initrd", &image.initrd.display());
    line("command line", &COMMAND_LINE);
    if let Some(disk) = disk {
        line("disk", &disk.disk.display());
        line("to install", &disk.compressed.display());
    }
    out
}

fn json(image: &Image, disk: Option<&Disk>) -> serde_json::Value {
    json!({
        "release": image.manifest.release,
        "packages": image.manifest.packages,
        "unpacked_bytes": image.manifest.unpacked_bytes,
        "memory_mib": image.memory_mib(),
        "kernel": image.kernel,
        "initrd": image.initrd,
        "command_line": COMMAND_LINE,
        "disk": disk.map(|disk| &disk.disk),
        "disk_bytes": disk.map(|disk| disk.bytes),
        "compressed": disk.map(|disk| &disk.compressed),
    })
}
