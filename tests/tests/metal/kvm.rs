//! KVM as this host has it: it is used where a machine boots under it, and nowhere else.

use std::fs;
use std::path::Path;
use std::process::Command;

use libtest_mimic::Failed;
use quorate_image::Disk;
use quorate_tests::checks::succeed;
use quorate_tests::stories::check;
use quorate_vm::{Accelerator, Files, find_accelerator};
use serde_json::json;

/// With the processor as it is, and with a plainer one, with which fewer hosts have QEMU give up and
/// more have it hang.
pub(crate) fn is_tried_first(disk: &Disk) -> Result<(), Failed> {
    for processor in ["host", "qemu64"] {
        let dir = tempfile::tempdir()?;
        let files = files(disk, dir.path(), processor)?;
        let probe = dir.path().join("probe");
        let find = || {
            let mut asked = false;
            let found = find_accelerator(&files, &probe, |_| asked = true);
            (found, asked)
        };
        let (first, asked) = find();
        if let Accelerator::Tcg { why } = &first {
            let known = ["did not boot within", "QEMU ended with"];
            let is_known = known.iter().any(|known| why.contains(known));
            check(is_known, "no boot is why", why)?;
        }
        check(asked, "a machine that was booted", "none")?;
        let left = naming(&probe);
        check(left.is_empty(), "no QEMU that is left", &left.join("\n"))?;
        let again = find();
        let got = format!("{again:?}");
        check(again == (first, false), "the same without a boot", &got)?;
    }
    Ok(())
}

/// What machines boot, with this processor.
fn files(disk: &Disk, dir: &Path, processor: &str) -> Result<Files, Failed> {
    let qemu = dir.join("qemu");
    let script = format!(
        "#!/bin/sh\n\
         for word; do\n\
         \t[ \"$word\" = host ] && word={processor}\n\
         \tset -- \"$@\" \"$word\"\n\
         \tshift\n\
         done\n\
         exec qemu-system-x86_64 \"$@\"\n"
    );
    let written = dir.join("script");
    fs::write(&written, script)?;
    // By another process: a child of another test has open for a moment what this one has, and
    // nobody runs a program that is open for writing.
    let mut install = Command::new("install");
    succeed(install.args(["-m", "755"]).arg(written).arg(&qemu));
    let firmware = serde_json::from_value(json!({ "qemu": qemu, "mke2fs": "mke2fs" }))?;
    Ok(Files::new(firmware, &disk.image, dir))
}

/// The command lines of processes that name a file in `dir`.
fn naming(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let lines = entries.filter_map(|entry| {
        let line = fs::read(entry.path().join("cmdline")).ok()?;
        Some(String::from_utf8_lossy(&line).replace('\0', " "))
    });
    let dir = dir.display().to_string();
    lines.filter(|line| line.contains(&dir)).collect()
}
