//! A program and what it needs to run where nothing else is: its loader and its libraries.
//!
//! - [`Program`]: which files it needs
//! - [`strip`]: what of its own file it needs
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")
)]

mod strip;

pub use strip::{Stripped, strip};

use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A program of this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    pub path: PathBuf,
    pub is_x86_64: bool,
    /// `None` for a static program.
    pub dynamic: Option<Dynamic>,
}

/// What a dynamic program needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dynamic {
    /// The program interpreter that its header names.
    pub loader: PathBuf,
    /// Where the loader finds its libraries here, the loader itself aside.
    pub libraries: Vec<PathBuf>,
}

impl Program {
    /// Reads what the program in `path` needs.
    pub fn read(path: &Path) -> io::Result<Self> {
        let file = File::open(path).map_err(about(path))?;
        let dynamic = match interpreter(&file).map_err(about(path))? {
            Some(loader) => Some(Dynamic {
                libraries: libraries(&loader, path)?,
                loader,
            }),
            None => None,
        };
        let mut machine = [0; 2];
        file.read_exact_at(&mut machine, E_MACHINE)
            .map_err(about(path))?;
        Ok(Self {
            path: path.to_owned(),
            is_x86_64: u16::from_le_bytes(machine) == EM_X86_64,
            dynamic,
        })
    }

    /// Every other file that the program needs, each once, in order. Each is to lie at the same
    /// path where the program runs.
    pub fn companions(&self) -> Vec<PathBuf> {
        let Some(dynamic) = &self.dynamic else {
            return Vec::new();
        };
        // Before version 2.34 the C library loads the files of its resolver when it is asked.
        let beside = |library: &PathBuf| {
            let dir = library.parent().map(Path::to_owned).unwrap_or_default();
            RESOLVER.map(|name| dir.join(name))
        };
        let is_libc = |library: &&PathBuf| library.ends_with("libc.so.6");
        let libc = dynamic.libraries.iter().find(is_libc);
        let resolver = libc.map(beside).into_iter().flatten();
        let resolver = resolver.filter(|path| path.exists());
        let mut all: Vec<_> = dynamic.libraries.iter().cloned().chain(resolver).collect();
        all.push(dynamic.loader.clone());
        all.sort();
        all.dedup();
        all
    }
}

/// The interpreter that an ELF file of this machine's class names, from its program headers.
fn interpreter(file: &File) -> io::Result<Option<PathBuf>> {
    for segment in segments(file)? {
        if segment.kind == PT_INTERP {
            let length = segment.length.min(PATH_MAX);
            let mut name = vec![0; usize::try_from(length).unwrap_or_default()];
            file.read_exact_at(&mut name, segment.offset)?;
            let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
            return Ok(Some(std::ffi::OsStr::from_bytes(name).into()));
        }
    }
    Ok(None)
}

/// One entry of the table by which the kernel loads a program.
#[derive(Clone, Copy, Debug)]
struct Segment {
    kind: u32,
    /// Where in the file, and how many bytes of it.
    offset: u64,
    length: u64,
}

/// The program headers of an ELF file of this machine's class.
fn segments(file: &File) -> io::Result<Vec<Segment>> {
    let mut header = [0; HEADER_LEN];
    file.read_exact_at(&mut header, 0)?;
    let is_elf = header.starts_with(b"\x7fELF\x02\x01");
    if !is_elf {
        return Err(io::Error::other("not a 64-bit little-endian ELF program"));
    }
    let (offset, length) = (u64_at(&header, 0x20), u16_at(&header, 0x36));
    let entry = |number| {
        let mut entry = [0; PROGRAM_HEADER_LEN];
        file.read_exact_at(&mut entry, offset + number * u64::from(length))?;
        Ok(Segment {
            kind: u32_at(&entry, 0),
            offset: u64_at(&entry, 8),
            length: u64_at(&entry, 0x20),
        })
    };
    (0..u64::from(u16_at(&header, 0x38))).map(entry).collect()
}

/// Asks the loader itself, as ldd(1) does.
fn libraries(loader: &Path, program: &Path) -> io::Result<Vec<PathBuf>> {
    let output = Command::new(loader)
        .arg("--list")
        .arg(program)
        .output()
        .map_err(about(loader))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(about(program)(io::Error::other(said.trim().to_owned())));
    }
    listed(&String::from_utf8_lossy(&output.stdout), loader).map_err(about(program))
}

/// The libraries in lines such as `libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x…)`.
fn listed(text: &str, loader: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for line in text.lines() {
        let Some((name, target)) = line.split_once("=>") else {
            // The kernel's own library, which is no file, and the loader.
            continue;
        };
        let target = target.trim();
        if target.starts_with("not found") {
            return Err(io::Error::other(format!("{} is missing", name.trim())));
        }
        let path = target.rsplit_once(" (").map_or(target, |(path, _)| path);
        let path = Path::new(path);
        if path.is_absolute() && path != loader {
            found.push(path.to_owned());
        }
    }
    Ok(found)
}

fn about(path: &Path) -> impl FnOnce(io::Error) -> io::Error {
    let path = path.display().to_string();
    move |error| io::Error::new(error.kind(), format!("{path}: {error}"))
}

fn u16_at(bytes: &[u8], offset: usize) -> u16 {
    u16::from_le_bytes([bytes[offset], bytes[offset + 1]])
}

fn u32_at(bytes: &[u8], offset: usize) -> u32 {
    u32::from(u16_at(bytes, offset)) | u32::from(u16_at(bytes, offset + 2)) << 16
}

fn u64_at(bytes: &[u8], offset: usize) -> u64 {
    u64::from(u32_at(bytes, offset)) | u64::from(u32_at(bytes, offset + 4)) << 32
}

// elf(5), for 64 bits.
const E_MACHINE: u64 = 0x12;
const EM_X86_64: u16 = 62;
const HEADER_LEN: usize = 0x40;
const PROGRAM_HEADER_LEN: usize = 0x38;
const PT_INTERP: u32 = 3;
const RESOLVER: [&str; 3] = ["libnss_dns.so.2", "libnss_files.so.2", "libresolv.so.2"];
/// No path is longer (linux/limits.h).
const PATH_MAX: u64 = 4096;

#[cfg(test)]
mod tests;
