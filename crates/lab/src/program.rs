//! A program and what it needs to run where nothing else is: its loader and its libraries.

use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A program of this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Program {
    pub(crate) path: PathBuf,
    /// `None` for a static program.
    pub(crate) dynamic: Option<Dynamic>,
}

/// What a dynamic program needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dynamic {
    /// The program interpreter that its header names.
    pub(crate) loader: PathBuf,
    /// Where the loader finds its libraries here, the loader itself aside.
    pub(crate) libraries: Vec<PathBuf>,
}

impl Program {
    /// Reads what the program in `path` needs.
    pub(crate) fn read(path: &Path) -> io::Result<Self> {
        let file = File::open(path).map_err(about(path))?;
        let dynamic = match interpreter(&file).map_err(about(path))? {
            Some(loader) => Some(Dynamic {
                libraries: libraries(&loader, path)?,
                loader,
            }),
            None => None,
        };
        let path = path.to_owned();
        Ok(Self { path, dynamic })
    }
}

/// The interpreter that an ELF file of this machine's class names, from its program headers.
fn interpreter(file: &File) -> io::Result<Option<PathBuf>> {
    let mut header = [0; HEADER_LEN];
    file.read_exact_at(&mut header, 0)?;
    let is_elf = header.starts_with(b"\x7fELF\x02\x01");
    if !is_elf {
        return Err(io::Error::other("not a 64-bit little-endian ELF program"));
    }
    let (offset, length) = (u64_at(&header, 0x20), u16_at(&header, 0x36));
    for number in 0..u64::from(u16_at(&header, 0x38)) {
        let mut entry = [0; PROGRAM_HEADER_LEN];
        file.read_exact_at(&mut entry, offset + number * u64::from(length))?;
        if u32_at(&entry, 0) == PT_INTERP {
            let length = u64_at(&entry, 0x20).min(PATH_MAX);
            let mut name = vec![0; usize::try_from(length).unwrap_or_default()];
            file.read_exact_at(&mut name, u64_at(&entry, 8))?;
            let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
            return Ok(Some(std::ffi::OsStr::from_bytes(name).into()));
        }
    }
    Ok(None)
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
const HEADER_LEN: usize = 0x40;
const PROGRAM_HEADER_LEN: usize = 0x38;
const PT_INTERP: u32 = 3;
/// No path is longer (linux/limits.h).
const PATH_MAX: u64 = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_program_needs_what_it_runs_with() {
        let program = Program::read(&std::env::current_exe().unwrap()).unwrap();
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let Some(dynamic) = program.dynamic else {
            // A static test: it must have mapped no library.
            assert!(!maps.contains(".so"));
            return;
        };
        for library in &dynamic.libraries {
            let real = library.canonicalize().unwrap();
            assert!(maps.contains(real.to_str().unwrap()), "{real:?}");
        }
        assert!(!dynamic.libraries.is_empty());
        assert!(dynamic.loader.is_absolute());
        assert!(!dynamic.libraries.contains(&dynamic.loader));
    }

    #[test]
    fn what_is_no_program_is_told() {
        let error = Program::read(Path::new("/proc/self/status")).unwrap_err();
        assert!(
            error.to_string().starts_with("/proc/self/status: "),
            "{error}"
        );
    }

    #[test]
    fn a_list_of_either_library_is_read() {
        let glibc = "\tlinux-vdso.so.1 (0x00007ffc)\n\
                     \tlibgcc_s.so.1 => /lib/x86_64-linux-gnu/libgcc_s.so.1 (0x00007f1)\n\
                     \tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f2)\n\
                     \t/lib64/ld-linux-x86-64.so.2 (0x00007f3)\n";
        let loader = Path::new("/lib64/ld-linux-x86-64.so.2");
        let found = listed(glibc, loader).unwrap();
        assert_eq!(
            found,
            [
                Path::new("/lib/x86_64-linux-gnu/libgcc_s.so.1"),
                Path::new("/lib/x86_64-linux-gnu/libc.so.6")
            ]
        );
        let musl = "\t/lib/ld-musl-x86_64.so.1 (0x7f)\n\
                    \tlibc.musl-x86_64.so.1 => /lib/ld-musl-x86_64.so.1 (0x7f)\n";
        let loader = Path::new("/lib/ld-musl-x86_64.so.1");
        assert_eq!(listed(musl, loader).unwrap(), Vec::<PathBuf>::new());
    }

    #[test]
    fn a_missing_library_is_named() {
        let text = "\tlibfoo.so.1 => not found\n";
        let error = listed(text, Path::new("/lib64/ld.so")).unwrap_err();
        assert_eq!(error.to_string(), "libfoo.so.1 is missing");
    }
}
