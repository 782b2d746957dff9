//! A disk that machines boot from, and keep their data on.
//!
//! ```text
//!   sector 0   boot code, table of partitions
//!   1 MiB      FAT: boot loaders of BIOS (syslinux) and UEFI (systemd-boot), kernel, initrd
//!   then       ext4, labelled for the machine's data; empty
//! ```
//!
//! It is the same for every machine. Beside it lies a compressed copy, which is what the
//! installer fetches.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use quorate_init::DATA_LABEL;
use quorate_obtain::debian::packages::{Unpacked, Wanted, packages};
use quorate_obtain::tool::{find_in, run};
use quorate_obtain::{FetchError, Progress};
use serde::{Deserialize, Serialize};

use crate::partitions::{EFI_SYSTEM, LINUX, Partition, SECTOR, first_sector};
use crate::store::{self, Kind, Store};
use crate::{COMMAND_LINE, Image, ImageError, Request, SUITE, build};

/// A disk that boots, and the image that it boots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disk {
    /// Raw, with holes.
    pub disk: PathBuf,
    /// The same, compressed by zstd, for `quorate install`.
    pub compressed: PathBuf,
    /// Its length in bytes: a disk to install on has no fewer.
    pub bytes: u64,
    pub image: Image,
}

#[derive(Debug, Serialize, Deserialize)]
struct Manifest {
    bytes: u64,
}

/// How much room for data a disk has by default: etcd lays out its log in files of 64 MB.
pub const DATA_MIB: u32 = 1024;

/// Makes the image and a disk that boots it, or finds them in the cache.
///
/// # Errors
/// As [`build`]; also when there is no mke2fs here, nor can be had.
pub fn build_disk(request: &Request<'_>, data_mib: u32) -> Result<Disk, ImageError> {
    let image = build(request)?;
    let unpacked = packages(request.cache, SUITE, &PACKAGES, request.progress)
        .map_err(ImageError::Packages)?;
    let files = [image.kernel.clone(), image.initrd.clone()];
    let archives: Vec<_> = unpacked.iter().map(|one| one.archive.clone()).collect();
    let others = [archives.join("\n"), data_mib.to_string()];
    let key = store::key(&files, &others.each_ref().map(String::as_str));
    let key = key.map_err(ImageError::files("the disk's key"))?;
    let make = |dir: &Path, tools: &Tools<'_>| {
        request.progress.step("a disk that boots it");
        let plan = Plan::new(&image, data_mib)?;
        plan.write(&dir.join(DISK), tools)?;
        request.progress.step("a copy for the installer");
        compress(&dir.join(DISK), &dir.join(COMPRESSED))?;
        let bytes = plan.bytes();
        Ok(Manifest { bytes })
    };
    let found = match store::find(request.cache, Kind::Disk, &key) {
        Some(found) => Ok(found),
        None => {
            let tools = Tools::new(&unpacked, request)?;
            let store = Store::open(request.cache).map_err(ImageError::files("the cache"))?;
            store.make(Kind::Disk, &key, |dir| make(dir, &tools))
        }
    };
    let (dir, Manifest { bytes }) = found.map_err(ImageError::files("the disk"))?;
    Ok(Disk {
        disk: dir.join(DISK),
        compressed: dir.join(COMPRESSED),
        bytes,
        image,
    })
}

/// What goes where.
#[derive(Debug)]
struct Plan<'a> {
    image: &'a Image,
    boot: Partition,
    data: Partition,
}

impl<'a> Plan<'a> {
    fn new(image: &'a Image, data_mib: u32) -> io::Result<Self> {
        let length = |path: &Path| Ok::<_, io::Error>(fs::metadata(path)?.len());
        let content = length(&image.kernel)? + length(&image.initrd)?;
        // An eighth more for the file system and the boot loaders.
        let boot_mib = (content + content / 8).div_ceil(MIB) + LOADERS_MIB;
        let sectors = |mib: u64| {
            u32::try_from(mib * MIB / SECTOR)
                .map_err(|_| io::Error::other("a disk of this kind has at most 2 TiB"))
        };
        let boot = Partition {
            kind: EFI_SYSTEM,
            start: sectors(1)?,
            length: sectors(boot_mib.max(BOOT_MIB_MIN))?,
        };
        let data = Partition {
            kind: LINUX,
            start: boot.start + boot.length,
            length: sectors(data_mib.into())?,
        };
        Ok(Self { image, boot, data })
    }

    fn bytes(&self) -> u64 {
        (u64::from(self.data.start) + u64::from(self.data.length)) * SECTOR
    }

    fn write(&self, disk: &Path, tools: &Tools<'_>) -> io::Result<()> {
        let file = File::create(disk)?;
        file.set_len(self.bytes())?;
        let code = fs::read(&tools.boot_code)?;
        file.write_all_at(&first_sector(&code, &[self.boot, self.data]), 0)?;
        self.write_boot(disk, tools)?;
        self.write_data(disk, tools)?;
        file.sync_all()
    }

    fn write_boot(&self, disk: &Path, tools: &Tools<'_>) -> io::Result<()> {
        let (start, length) = (self.boot.start.to_string(), self.boot.length.to_string());
        let offset = u64::from(self.boot.start) * SECTOR;
        // mtools' way to name a part of a file.
        let mut part = OsString::from(disk);
        part.push(format!("@@{offset}"));
        let mtool = |name: &str| {
            let mut command = tools.command(name);
            command.arg("-i").arg(&part);
            command
        };
        let geometry = ["-h", "64", "-s", "32", "-v", "QUORATE"];
        tools.run(
            mtool("mformat")
                .args(["-T", &length, "-H", &start])
                .args(geometry)
                .arg("::"),
        )?;
        tools.run(mtool("mmd").args([
            "::/EFI",
            "::/EFI/BOOT",
            "::/loader",
            "::/loader/entries",
        ]))?;
        let scratch = disk.with_extension("files");
        fs::create_dir(&scratch)?;
        let line = format!("{COMMAND_LINE} quorate.data=required");
        let texts = [
            ("::/syslinux.cfg", syslinux_config(&line)),
            (
                "::/loader/loader.conf",
                "default quorate.conf\ntimeout 0\n".to_owned(),
            ),
            ("::/loader/entries/quorate.conf", loader_entry(&line)),
        ];
        let text_file = scratch.join("text");
        for (inside, text) in texts {
            fs::write(&text_file, text)?;
            tools.run(mtool("mcopy").arg(&text_file).arg(inside))?;
        }
        for (from, inside) in [
            (&tools.uefi_loader, "::/EFI/BOOT/BOOTX64.EFI"),
            (&self.image.kernel, "::/vmlinuz"),
            (&self.image.initrd, "::/initrd"),
        ] {
            tools.run(mtool("mcopy").arg(from).arg(inside))?;
        }
        fs::remove_dir_all(scratch)?;
        let mut syslinux = tools.command("syslinux");
        syslinux.args(["--install", "--offset", &offset.to_string()]);
        tools.run(syslinux.arg(disk))
    }

    fn write_data(&self, disk: &Path, tools: &Tools<'_>) -> io::Result<()> {
        let offset = u64::from(self.data.start) * SECTOR;
        let kib = u64::from(self.data.length) * SECTOR / 1024;
        let mut mke2fs = Command::new(&tools.mke2fs);
        mke2fs
            .args(["-q", "-F", "-t", "ext4", "-L", DATA_LABEL, "-E"])
            .arg(format!("offset={offset}"))
            .arg(disk)
            .arg(format!("{kib}k"));
        tools.run(&mut mke2fs)
    }
}

/// The programs that write file systems and boot loaders: all work on plain files.
struct Tools<'a> {
    /// Where mtools are; syslinux calls them by name.
    path: OsString,
    boot_code: PathBuf,
    uefi_loader: PathBuf,
    mke2fs: PathBuf,
    progress: &'a dyn Progress,
}

impl<'a> Tools<'a> {
    fn new(unpacked: &[Unpacked], request: &Request<'a>) -> Result<Self, ImageError> {
        let [syslinux, common, mtools, boot] = unpacked else {
            unreachable!("one answer for each package");
        };
        let host = std::env::var_os("PATH").unwrap_or_default();
        let bin = |package: &Unpacked| package.root.join("usr/bin");
        let mut dirs = vec![bin(syslinux), bin(mtools)];
        dirs.extend(std::env::split_paths(&host));
        // Where Debian has mke2fs, which is not on every user's path.
        dirs.extend(["/usr/sbin", "/sbin"].map(PathBuf::from));
        let path = std::env::join_paths(dirs)
            .map_err(io::Error::other)
            .map_err(ImageError::files(
                "the cache's path cannot be a part of $PATH",
            ))?;
        let mke2fs = match find_in("mke2fs", &path) {
            Some(here) => here,
            None => mke2fs(request).map_err(ImageError::NoMke2fs)?,
        };
        Ok(Self {
            path,
            boot_code: common.root.join("usr/lib/syslinux/mbr/mbr.bin"),
            uefi_loader: boot
                .root
                .join("usr/lib/systemd/boot/efi/systemd-bootx64.efi"),
            mke2fs,
            progress: request.progress,
        })
    }

    fn command(&self, name: &str) -> Command {
        let program = find_in(name, &self.path).unwrap_or_else(|| name.into());
        let mut command = Command::new(program);
        command
            .env("PATH", &self.path)
            // No user's own configuration of drives.
            .env("MTOOLSRC", "/dev/null")
            .env("MTOOLS_SKIP_CHECK", "1");
        command
    }

    fn run(&self, command: &mut Command) -> io::Result<()> {
        run(command, self.progress)
            .map(drop)
            .map_err(io::Error::other)
    }
}

/// Debian's, in the cache.
fn mke2fs(request: &Request<'_>) -> Result<PathBuf, FetchError> {
    let (of, name) = ("e2fsprogs", "mke2fs");
    let wanted = [Wanted::Program { of, name }];
    let unpacked = packages(request.cache, SUITE, &wanted, request.progress)?;
    Ok(unpacked[0].program(name))
}

fn syslinux_config(line: &str) -> String {
    format!(
        "DEFAULT quorate\nPROMPT 0\nLABEL quorate\nLINUX /vmlinuz\nINITRD /initrd\nAPPEND {line}\n"
    )
}

/// The Boot Loader Specification's type #1.
fn loader_entry(line: &str) -> String {
    format!("title quorate\nlinux /vmlinuz\ninitrd /initrd\noptions {line}\n")
}

/// Compresses a disk, most of which is zero.
fn compress(from: &Path, to: &Path) -> io::Result<()> {
    let mut encoder = zstd::Encoder::new(File::create(to)?, COMPRESSION)?;
    encoder.include_checksum(true)?;
    encoder.multithread(crate::threads())?;
    io::copy(&mut File::open(from)?, &mut encoder)?;
    let mut file = encoder.finish()?;
    file.flush()?;
    file.sync_all()
}

const DISK: &str = "disk.img";
const COMPRESSED: &str = "disk.img.zst";
const MIB: u64 = 1 << 20;
const LOADERS_MIB: u64 = 8;
/// FAT with 16 bits, which every firmware reads, needs so much with clusters of a usual size.
const BOOT_MIB_MIN: u64 = 64;
/// What fills it is compressed already.
const COMPRESSION: i32 = 1;

const PACKAGES: [Wanted; 4] = [
    Wanted::Package("syslinux"),
    Wanted::Package("syslinux-common"),
    Wanted::Package("mtools"),
    Wanted::Package("systemd-boot-efi"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn image(dir: &Path, initrd_bytes: u64) -> Image {
        let file = |name: &str, bytes| {
            let path = dir.join(name);
            File::create(&path).unwrap().set_len(bytes).unwrap();
            path
        };
        Image {
            kernel: file("vmlinuz", 14 * MIB),
            initrd: file("initrd", initrd_bytes),
            manifest: crate::Manifest {
                release: "6.1".into(),
                packages: Vec::new(),
                unpacked_bytes: 0,
                initrd_bytes,
            },
        }
    }

    #[test]
    fn partitions_follow_each_other_and_hold_what_they_must() {
        let dir = tempfile::tempdir().unwrap();
        for initrd_mib in [1, 25, 300] {
            let image = image(dir.path(), initrd_mib * MIB);
            let plan = Plan::new(&image, 100).unwrap();
            assert_eq!(plan.boot.start, 2048);
            assert_eq!(plan.data.start, plan.boot.start + plan.boot.length);
            let boot_bytes = u64::from(plan.boot.length) * SECTOR;
            assert!(boot_bytes > (14 + initrd_mib) * MIB + LOADERS_MIB * MIB / 2);
            assert_eq!(plan.data.length, 100 * 2048);
            let end = u64::from(plan.data.start + plan.data.length) * SECTOR;
            assert_eq!(plan.bytes(), end);
        }
    }

    #[test]
    fn a_disk_is_never_longer_than_its_table_can_say() {
        let dir = tempfile::tempdir().unwrap();
        let image = image(dir.path(), MIB);
        assert!(Plan::new(&image, u32::MAX).is_err());
    }

    #[test]
    fn both_boot_loaders_are_told_the_same() {
        let line = "console=ttyS0 quorate.data=required";
        assert!(syslinux_config(line).ends_with(&format!("APPEND {line}\n")));
        assert!(loader_entry(line).ends_with(&format!("options {line}\n")));
    }
}
