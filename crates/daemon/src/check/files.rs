//! Boot files: what machines are sent to is there.

use std::fs::{self, File};
use std::path::PathBuf;

use quorate_server::Config as Services;
use quorate_server::check::{Finding, boot_files, loaders};

pub(super) fn check(services: &Services, findings: &mut Vec<Finding>) {
    let Some(boot) = services.boot() else { return };
    let mut dirs: Vec<&PathBuf> = Vec::new();
    for (place, dir) in boot.files.iter().enumerate() {
        // Empty text is reported as such.
        if dir.as_os_str().is_empty() {
            continue;
        }
        match fs::read_dir(dir) {
            Ok(_) => dirs.push(dir),
            Err(error) => findings.push(
                Finding::not_there(
                    "boot-directory",
                    format!(
                        "[boot] the directory {} cannot be read: {error}",
                        dir.display()
                    ),
                )
                .at(format!("boot.files.{place}"), "not there")
                .help("make it, or write the one that has the boot files"),
            ),
        }
    }
    if dirs.is_empty() {
        return;
    }
    let is_there = |file: &str| {
        let mut paths = dirs.iter().map(|dir| dir.join(file));
        paths.any(|path| path.is_file() && File::open(path).is_ok())
    };
    for (path, file) in boot_files(services) {
        if is_there(&file) {
            continue;
        }
        findings.push(
            Finding::not_there(
                "boot-file",
                format!("[boot] no directory has a file {file} that can be read"),
            )
            .at(path, format!("machines are sent to {file}"))
            .at("boot.files", "not in these")
            .help("put it there, or write the name that it has"),
        );
    }
    let loaders = loaders(services);
    if !loaders.is_empty() && !loaders.iter().any(|file| is_there(file)) {
        findings.push(
            Finding::warning(
                "no-loader",
                format!(
                    "[boot] no directory has a boot loader: {}",
                    loaders.join(", ")
                ),
            )
            .at("boot.files", "not in these")
            .at("boot.tftp", "firmware asks for them here")
            .help("add the directory of iPXE, as Debian's /usr/lib/ipxe"),
        );
    }
}
