//! Debian's packages, downloaded by apt and unpacked by dpkg-deb, without root.
//!
//! apt runs on a private configuration in a scratch directory: its own state, lists and
//! package cache, the system's proxy and transport settings, and one source: the mirror that
//! the system itself is configured with, for the suite that has the wanted version. Debian's
//! archive keys verify it as they verify the system's own packages.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::FetchError;
use crate::provider::{Fetched, Progress, Provider};
use crate::tool::run;
use crate::version::Version;

pub mod packages;
mod program;
pub mod sources;

use sources::{Source, find_mirror, parse_deb822, parse_one_line};

/// The suites that have etcd, and which; newest first.
const SUITES: [(Version, &str); 2] = [
    (Version::new(3, 5, 16), "trixie"),
    (Version::new(3, 4, 23), "bookworm"),
];

/// Packages for the machine's own architecture from the configured mirror.
#[derive(Clone, Copy, Debug)]
pub struct Debian;

impl Provider for Debian {
    fn name(&self) -> &'static str {
        "debian"
    }

    fn offers(&self) -> Vec<Version> {
        SUITES.iter().map(|(version, _)| *version).collect()
    }

    fn fetch(
        &self,
        version: Version,
        into: &Path,
        progress: &dyn Progress,
    ) -> Result<Fetched, FetchError> {
        let (_, suite) = SUITES
            .iter()
            .find(|(offer, _)| *offer == version)
            .ok_or(FetchError::NoSuite(version))?;
        let apt = Apt::open(into, suite, None, progress)?;
        let packages = ["etcd-server", "etcd-client"];
        apt.download(&packages, into, progress)?;
        let archives = apt.unpack(into, &into.join("root"), progress)?;
        let binaries = into.join("root/usr/bin");
        Ok(Fetched {
            etcd: binaries.join("etcd"),
            etcdctl: Some(binaries.join("etcdctl")),
            source: archives.join(" "),
        })
    }
}

/// apt with one suite's index, in a directory of its own.
#[derive(Debug)]
struct Apt {
    config: PathBuf,
}

impl Apt {
    /// Reads the package index of `suite`, for this machine's architecture unless another one
    /// is named.
    fn open(
        scratch: &Path,
        suite: &str,
        architecture: Option<&str>,
        progress: &dyn Progress,
    ) -> Result<Self, FetchError> {
        let mirror = system_mirror()?;
        let config = write_config(scratch, &mirror, suite, architecture)?;
        let apt = Self { config };
        progress.step(&format!("reading the package index of Debian {suite}"));
        run(apt.tool("apt-get").args(["-q", "update"]), progress)?;
        Ok(apt)
    }

    fn tool(&self, name: &str) -> Command {
        let mut command = Command::new(name);
        command.env("APT_CONFIG", &self.config).env("LC_ALL", "C");
        command
    }

    /// Downloads the newest of these packages. apt compares each with the hash in the index,
    /// which Debian's keys sign.
    fn download(
        &self,
        packages: &[&str],
        into: &Path,
        progress: &dyn Progress,
    ) -> Result<(), FetchError> {
        progress.step(&format!("downloading {}", packages.join(" and ")));
        let mut download = self.tool("apt-get");
        download.args(["-q", "download"]).args(packages);
        run(download.current_dir(into), progress).map(drop)
    }

    /// Unpacks every package in `from`, and answers their file names in order.
    fn unpack(
        &self,
        from: &Path,
        root: &Path,
        progress: &dyn Progress,
    ) -> Result<Vec<String>, FetchError> {
        progress.step("unpacking");
        let mut archives = Vec::new();
        for entry in fs::read_dir(from).map_err(FetchError::file(from.display()))? {
            let entry = entry.map_err(FetchError::file(from.display()))?;
            let path = entry.path();
            if path.extension().is_some_and(|extension| extension == "deb") {
                self.extract(&path, root, progress)?;
                archives.push(entry.file_name().to_string_lossy().into_owned());
            }
        }
        archives.sort();
        Ok(archives)
    }

    /// As `dpkg-deb -x`, but what comes belongs to the user who runs this, and no file is
    /// set-user-ID: root has no other users in a namespace, and nothing updates the cache.
    fn extract(
        &self,
        archive: &Path,
        root: &Path,
        progress: &dyn Progress,
    ) -> Result<(), FetchError> {
        fs::create_dir_all(root).map_err(FetchError::file(root.display()))?;
        let files = archive.with_extension("tar");
        let mut decompress = self.tool("sh");
        decompress.args(["-c", r#"exec dpkg-deb --fsys-tarfile "$0" >"$1""#]);
        run(decompress.arg(archive).arg(&files), progress)?;
        let mut extract = self.tool("tar");
        extract.args(["--no-same-owner", "--no-same-permissions", "-x", "-f"]);
        run(extract.arg(&files).arg("-C").arg(root), progress)?;
        fs::remove_file(&files).map_err(FetchError::file(files.display()))
    }
}

/// The mirror that this system gets its own packages from.
fn system_mirror() -> Result<Source, FetchError> {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let field = |name: &str| {
        let value = release
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        value.map_or("", |value| value.trim_matches('"')).to_owned()
    };
    let (system, codename) = (field("ID"), field("VERSION_CODENAME"));
    if system != "debian" {
        return Err(FetchError::NotDebian(system));
    }
    let mut found = Vec::new();
    let mut files = vec![Path::new("/etc/apt/sources.list").to_owned()];
    let parts = fs::read_dir("/etc/apt/sources.list.d")
        .into_iter()
        .flatten();
    files.extend(parts.flatten().map(|entry| entry.path()));
    files.sort();
    for file in files {
        let Ok(text) = fs::read_to_string(&file) else {
            continue;
        };
        match file.extension().and_then(|extension| extension.to_str()) {
            Some("list") => found.extend(parse_one_line(&text)),
            Some("sources") => found.extend(parse_deb822(&text)),
            Some(_) | None => {}
        }
    }
    find_mirror(&found, &codename)
        .cloned()
        .ok_or(FetchError::NoMirror(codename))
}

/// Writes apt's whole private world below `into`, and answers its configuration file.
fn write_config(
    into: &Path,
    mirror: &Source,
    suite: &str,
    architecture: Option<&str>,
) -> Result<PathBuf, FetchError> {
    let failed = |source| FetchError::File {
        what: "apt's private configuration".to_owned(),
        source,
    };
    let root = into.join("apt");
    for dir in ["lists/partial", "cache/archives/partial"] {
        fs::create_dir_all(root.join(dir)).map_err(failed)?;
    }
    fs::write(root.join("status"), "").map_err(failed)?;
    let source = root.join("quorate.sources");
    fs::write(&source, mirror.for_suite(suite)).map_err(failed)?;
    let config = root.join("apt.conf");
    let mut text = config_text(&root, &transport_settings());
    if let Some(architecture) = architecture {
        text += &format!("APT::Architecture \"{architecture}\";\n");
        text += &format!("APT::Architectures {{ \"{architecture}\"; }};\n");
    }
    fs::write(&config, text).map_err(failed)?;
    Ok(config)
}

/// Proxies, certificates, timeouts: what the system's apt needs to reach the mirror. All the
/// rest of its configuration (hooks, pins, further indexes) is left out.
fn transport_settings() -> Vec<String> {
    let mut dump = Command::new("apt-config");
    dump.arg("dump").env("LC_ALL", "C");
    run(&mut dump, &crate::provider::Silent)
        .unwrap_or_default()
        .into_iter()
        .filter(|line| is_transport_setting(line))
        .collect()
}

fn is_transport_setting(line: &str) -> bool {
    const OTHERS: [&str; 4] = ["IndexTargets", "Languages", "Changelogs", "cdrom"];
    line.strip_prefix("Acquire::").is_some_and(|rest| {
        !line.ends_with(" \"\";") && !OTHERS.iter().any(|other| rest.starts_with(other))
    })
}

fn config_text(root: &Path, transport: &[String]) -> String {
    let root = root.display();
    let own = format!(
        r#"Dir::State "{root}";
Dir::State::lists "{root}/lists";
Dir::State::status "{root}/status";
Dir::Cache "{root}/cache";
Dir::Etc::main "/dev/null";
Dir::Etc::parts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::Etc::sourcelist "{root}/quorate.sources";
Dir::Etc::sourceparts "/dev/null";
Acquire::Languages "none";
APT::Sandbox::User "root";
APT::Update::Error-Mode "any";
"#
    );
    transport.iter().fold(own, |text, line| text + line + "\n")
}

#[cfg(test)]
mod tests;
