//! A program of Debian's that runs here whatever is installed: its package with all that this one
//! needs, the C library and its loader too, unpacked in one place.
//!
//! The loader is linked beside the program: one that looks for its files from where it lies
//! (QEMU: firmware, modules) takes the loader's place for its own.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use super::Apt;
use crate::error::FetchError;
use crate::provider::{Progress, Silent};
use crate::tool::run;

/// Unpacks the program `name` of `package` into `root`, with a starter below [`STARTS`].
/// The answer are the file names of the packages.
pub(super) fn fetch(
    apt: &Apt,
    (package, name): (&str, &str),
    into: &Path,
    root: &Path,
    progress: &dyn Progress,
) -> Result<Vec<String>, FetchError> {
    if std::env::consts::ARCH != "x86_64" {
        let here = std::env::consts::ARCH;
        let package = package.to_owned();
        return Err(FetchError::Architecture { package, here });
    }
    download(apt, package, into, progress)?;
    let archives = apt.unpack(into, root, progress)?;
    start(root, name)?;
    Ok(archives)
}

/// Downloads a package and those that it depends on, as if nothing was installed.
fn download(
    apt: &Apt,
    package: &str,
    into: &Path,
    progress: &dyn Progress,
) -> Result<(), FetchError> {
    fs::create_dir_all(into.join("partial")).map_err(FetchError::file(into.display()))?;
    let install = |how: &str| {
        let mut install: Command = apt.tool("apt-get");
        install.args(["-q", "-y", "--no-install-recommends", how, "-o"]);
        install.arg(format!("Dir::Cache::archives={}", into.display()));
        install.args(["install", package]);
        install
    };
    let (count, octets) = sum(&run(&mut install("--print-uris"), &Silent)?);
    let megabytes = octets.div_ceil(1_000_000);
    progress.step(&format!(
        "downloading {package} with all that it needs: {count} packages, {megabytes} MB"
    ));
    run(&mut install("--download-only"), progress).map(drop)
}

/// How many packages there are, and their length: lines of `'uri' file octets hash`.
fn sum(uris: &[String]) -> (usize, u64) {
    let lines = uris.iter().filter(|line| line.starts_with('\''));
    let octets = lines.filter_map(|line| line.split(' ').nth(2)?.parse::<u64>().ok());
    octets.fold((0, 0), |(count, sum), one| (count + 1, sum + one))
}

/// Writes the script that starts the program.
fn start(root: &Path, name: &str) -> Result<(), FetchError> {
    let find = |dirs: &[&'static str], file: &str| {
        let mut dirs = dirs.iter().copied();
        let found = dirs.find(|dir| root.join(dir).join(file).is_file());
        found.ok_or_else(|| FetchError::NotInPackages(file.to_owned()))
    };
    let dir = find(&PROGRAMS, name)?;
    let loader = root.join(find(&LIBRARIES, LOADER)?).join(LOADER);
    let io = |source| FetchError::File {
        what: format!("starting {name}"),
        source,
    };
    fs::hard_link(loader, root.join(dir).join(LOADER)).map_err(io)?;
    let libraries = LIBRARIES.map(|dir| format!("$root/{dir}")).join(":");
    let script = format!(
        r#"#!/bin/sh
root=${{0%/{STARTS}/*}}
exec "$root/{dir}/{LOADER}" --library-path "{libraries}" "$root/{dir}/{name}" "$@"
"#
    );
    let starts = root.join(STARTS);
    fs::create_dir_all(&starts).map_err(io)?;
    fs::write(starts.join(name), script).map_err(io)?;
    fs::set_permissions(starts.join(name), fs::Permissions::from_mode(0o755)).map_err(io)
}

/// Where no package has anything (Debian policy §9.1.2).
pub(super) const STARTS: &str = "usr/local/bin";
const PROGRAMS: [&str; 4] = ["usr/bin", "usr/sbin", "bin", "sbin"];
const LIBRARIES: [&str; 2] = ["lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu"];
const LOADER: &str = "ld-linux-x86-64.so.2";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_apt_would_download_is_summed_up() {
        let said = [
            "Reading package lists...",
            "Need to get 42.7 MB of archives.",
            "'http://mirror/a_1.deb' a_1.deb 1500000 MD5Sum:00",
            "'http://mirror/b_1%3a2.deb' b_1%3a2.deb 600000 SHA256:00",
        ];
        assert_eq!(sum(&said.map(str::to_owned)), (2, 2_100_000));
    }

    /// The loader and the program are scripts here that print how they were called.
    #[test]
    fn the_script_has_the_own_loader_run_the_program_with_the_own_libraries() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("a place");
        let write = |path: &str, text: &str| {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        };
        let fails = || start(&root, "tool").unwrap_err().to_string();
        assert!(fails().contains("no tool"));
        write("usr/sbin/tool", "");
        assert!(fails().contains(LOADER));
        let loader = format!("lib/x86_64-linux-gnu/{LOADER}");
        write(&loader, "#!/bin/sh\nprintf '%s\\n' \"$0\" \"$@\"\n");
        start(&root, "tool").unwrap();
        let mut tool = Command::new(root.join(STARTS).join("tool"));
        let printed = run(tool.arg("an argument"), &Silent).unwrap();
        let at = |path: &str| root.join(path).display().to_string();
        let libraries = LIBRARIES.map(at).join(":");
        let expected = [
            at(&format!("usr/sbin/{LOADER}")),
            "--library-path".to_owned(),
            libraries,
            at("usr/sbin/tool"),
            "an argument".to_owned(),
        ];
        assert_eq!(printed, expected);
    }
}
