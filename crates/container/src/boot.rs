//! This program, so that a container can run it, whatever else its image has.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use quorate_elf::Program;
use quorate_host::machine::PROGRAM;
use testcontainers::core::{AccessMode, Mount};

/// How a container starts this program.
#[derive(Clone, Debug)]
pub(crate) struct Boot {
    /// What the container has to see.
    pub(crate) mounts: Vec<Mount>,
    pub(crate) entrypoint: String,
    /// What comes before the arguments of this program.
    pub(crate) arguments: Vec<String>,
}

impl Boot {
    /// Copies into `dir` what this program needs: its loader and libraries, for an image that
    /// has none, or others.
    pub(crate) fn prepare(dir: &Path) -> io::Result<Self> {
        let program = Program::read(&fs::read_link("/proc/self/exe")?)?;
        fs::create_dir_all(dir)?;
        let mut arguments = Vec::new();
        let mut entrypoint = PROGRAM.to_owned();
        if let Some(dynamic) = &program.dynamic {
            let mut dirs = Vec::new();
            for library in dynamic.libraries.iter().chain([&dynamic.loader]) {
                let copy = below(dir, library);
                if let Some(dir) = copy.parent() {
                    fs::create_dir_all(dir)?;
                }
                fs::copy(library, copy)?;
                let dir = below(Path::new(LIBRARIES), library).parent().map(text);
                dirs.extend(dir.transpose()?);
            }
            dirs.dedup();
            entrypoint = text(&below(Path::new(LIBRARIES), &dynamic.loader))?;
            arguments = vec![
                "--library-path".to_owned(),
                dirs.join(":"),
                PROGRAM.to_owned(),
            ];
        }
        Ok(Self {
            // The program itself is long, and shown where it lies.
            mounts: vec![
                read_only(dir, LIBRARIES)?,
                read_only(&program.path, PROGRAM)?,
            ],
            entrypoint,
            arguments,
        })
    }
}

/// Puts what this program needs where it looks for it by itself, as far as the image has nothing
/// there: units of the machine run it as well. In the container.
pub(crate) fn install() -> io::Result<()> {
    install_below(Path::new(LIBRARIES), Path::new("/"))
}

/// Makes links below `to` to all files below `from` that are missing there.
fn install_below(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            fs::create_dir_all(&target)?;
            install_below(&entry.path(), &target)?;
        } else if !target.exists() {
            symlink(entry.path(), target)?;
        }
    }
    Ok(())
}

/// An absolute path of this host, below another root.
fn below(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}

fn read_only(host: &Path, inside: &str) -> io::Result<Mount> {
    Ok(bind(host, inside)?.with_access_mode(AccessMode::ReadOnly))
}

/// Shows `host` at `inside`. It must exist: the engine would not make it.
pub(crate) fn bind(host: &Path, inside: &str) -> io::Result<Mount> {
    Ok(Mount::bind_mount(text(host)?, inside))
}

fn text(path: &Path) -> io::Result<String> {
    let text = path.to_str().map(str::to_owned);
    text.ok_or_else(|| io::Error::other(format!("{}: not UTF-8", path.display())))
}

/// Its loader and libraries, each below here at its own path.
const LIBRARIES: &str = "/opt/quorate/libraries";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_libraries_are_copied_and_the_program_is_shown() {
        let dir = tempfile::tempdir().unwrap();
        let boot = Boot::prepare(dir.path()).unwrap();
        let program = Program::read(&std::env::current_exe().unwrap()).unwrap();
        let libraries = program
            .dynamic
            .iter()
            .flat_map(|dynamic| &dynamic.libraries);
        for library in libraries {
            let copy = below(dir.path(), library);
            assert_eq!(fs::read(copy).unwrap(), fs::read(library).unwrap());
        }
        let targets: Vec<_> = boot
            .mounts
            .iter()
            .map(|mount| mount.target().unwrap())
            .collect();
        assert_eq!(targets, [LIBRARIES, PROGRAM]);
        let last = boot.arguments.last().unwrap_or(&boot.entrypoint);
        assert_eq!(last, PROGRAM);
    }

    #[test]
    fn what_an_image_has_already_stays() {
        let (ours, image) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let file = |root: &tempfile::TempDir, name: &str| root.path().join("lib").join(name);
        for root in [&ours, &image] {
            fs::create_dir(root.path().join("lib")).unwrap();
        }
        fs::write(file(&ours, "libc.so.6"), "ours").unwrap();
        fs::write(file(&ours, "libm.so.6"), "ours").unwrap();
        fs::write(file(&image, "libc.so.6"), "theirs").unwrap();
        install_below(ours.path(), image.path()).unwrap();
        let read = |name| fs::read_to_string(file(&image, name)).unwrap();
        assert_eq!(
            (read("libc.so.6").as_str(), read("libm.so.6").as_str()),
            ("theirs", "ours")
        );
    }
}
