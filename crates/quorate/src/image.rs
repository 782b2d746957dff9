//! `quorate image build`

use std::process::ExitCode;

use quorate_image::{Disk, Image, ImageError, Kernel, Request, build, build_disk};
use serde_json::json;

use crate::cli::{Format, ImageArgs, ImageBuildArgs, ImageKernel, ImageVerb};
use crate::etcd::{self, Steps};
use crate::exit;

pub(crate) fn run(args: &ImageArgs) -> ExitCode {
    match &args.verb {
        ImageVerb::Build(args) => made(args).unwrap_or_else(|code| code),
    }
}

fn made(args: &ImageBuildArgs) -> Result<ExitCode, ExitCode> {
    let fail = |error: &dyn std::fmt::Display| {
        eprintln!("{error}");
        exit::cannot_run()
    };
    let cache = quorate_obtain::cache::default_dir()
        .ok_or_else(|| fail(&quorate_obtain::request::NoCacheDir))?;
    let program = match &args.program {
        Some(path) => path.clone(),
        None => std::env::current_exe().map_err(|error| fail(&error))?,
    };
    let etcd = etcd::get(args.etcd.as_deref(), None)?;
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
    let made = match args.no_disk {
        true => build(&request).map(|image| (image, None)),
        false => build_disk(&request, args.data_mib).map(|disk| (disk.image.clone(), Some(disk))),
    };
    match made {
        Ok((image, disk)) => {
            show(&image, disk.as_ref(), args.format);
            Ok(ExitCode::SUCCESS)
        }
        Err(error @ ImageError::Architecture(_)) => {
            eprintln!("{error}");
            Err(exit::bad_input())
        }
        Err(error) => Err(fail(&error)),
    }
}

fn show(image: &Image, disk: Option<&Disk>, format: Format) {
    let manifest = &image.manifest;
    match format {
        Format::Human => {
            let mib = manifest.unpacked_bytes.div_ceil(1 << 20);
            let least = image.memory_mib();
            println!(
                "Linux {}, {mib} MiB unpacked: for machines with {least} MiB of memory or more",
                manifest.release
            );
            println!("  kernel        {}", image.kernel.display());
            println!("  initrd        {}", image.initrd.display());
            println!("  command line  {}", quorate_image::COMMAND_LINE);
            if let Some(disk) = disk {
                println!("  disk          {}", disk.disk.display());
                println!("  to install    {}", disk.compressed.display());
            }
        }
        Format::Json => println!(
            "{:#}",
            json!({
                "release": manifest.release,
                "packages": manifest.packages,
                "unpacked_bytes": manifest.unpacked_bytes,
                "memory_mib": image.memory_mib(),
                "kernel": image.kernel,
                "initrd": image.initrd,
                "command_line": quorate_image::COMMAND_LINE,
                "disk": disk.map(|disk| &disk.disk),
                "disk_bytes": disk.map(|disk| disk.bytes),
                "compressed": disk.map(|disk| &disk.compressed),
            })
        ),
    }
}
