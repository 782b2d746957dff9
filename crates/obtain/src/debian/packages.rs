//! Any of Debian's packages, unpacked: `debian-<suite>-<name>/{root,manifest.json}` in the cache.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Apt, program};
use crate::cache::Locked;
use crate::error::FetchError;
use crate::provider::Progress;
use crate::tool::run;

/// A package for x86-64.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    Package(&'static str),
    /// What the package `of` depends on under a name that begins so: the kernel behind
    /// `linux-image-cloud-amd64`.
    Dependency {
        of: &'static str,
        prefix: &'static str,
    },
    /// The program `name` of the package `of`, with all the packages that it needs to run on a
    /// host that has none of them: started by [`Unpacked::program`].
    Program {
        of: &'static str,
        name: &'static str,
    },
}

impl Wanted {
    /// What it is called in the cache.
    const fn name(&self) -> &'static str {
        match self {
            Self::Package(name)
            | Self::Dependency { of: name, .. }
            | Self::Program { name, .. } => name,
        }
    }
}

/// A package as it lies in the cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unpacked {
    /// Its files, below this directory.
    pub root: PathBuf,
    /// The file name of the package, with its version; of all that were needed.
    pub archive: String,
}

impl Unpacked {
    /// Where a [`Wanted::Program`] is started.
    pub fn program(&self, name: &str) -> PathBuf {
        self.root.join(program::STARTS).join(name)
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Manifest {
    archive: String,
}

/// The packages, from the cache; what is missing there is fetched by apt, without root, from
/// the mirror that this system is configured with.
pub fn packages(
    cache: &Path,
    suite: &str,
    wanted: &[Wanted],
    progress: &dyn Progress,
) -> Result<Vec<Unpacked>, FetchError> {
    let find = |one: &Wanted| read(&place(cache, suite, one));
    if let Some(all) = wanted.iter().map(find).collect() {
        return Ok(all);
    }
    let locked = Locked::new(cache).map_err(FetchError::file(cache.display()))?;
    // Another process may have fetched some while this one waited for the lock.
    let missing: Vec<_> = wanted.iter().filter(|one| find(one).is_none()).collect();
    if !missing.is_empty() {
        let fetched = fetch(&locked, cache, suite, &missing, progress);
        locked.discard();
        fetched?;
    }
    let complete: Option<Vec<_>> = wanted.iter().map(find).collect();
    complete.ok_or(FetchError::Vanished)
}

fn fetch(
    locked: &Locked,
    cache: &Path,
    suite: &str,
    missing: &[&Wanted],
    progress: &dyn Progress,
) -> Result<(), FetchError> {
    let io = |source| FetchError::File {
        what: cache.display().to_string(),
        source,
    };
    let staging = locked.staging().map_err(io)?;
    let apt = Apt::open(&staging, suite, Some(ARCHITECTURE), progress)?;
    for (number, wanted) in missing.iter().enumerate() {
        let dir = staging.join(number.to_string());
        let ready = dir.join("ready");
        fs::create_dir_all(&ready).map_err(io)?;
        let archives = archives(&apt, wanted, &dir, &ready.join("root"), progress)?;
        let manifest = Manifest {
            archive: archives.join(" "),
        };
        let text = serde_json::to_vec_pretty(&manifest).map_err(|error| io(error.into()))?;
        fs::write(ready.join(MANIFEST), text).map_err(io)?;
        fs::rename(&ready, place(cache, suite, wanted)).map_err(io)?;
    }
    Ok(())
}

/// Downloads what is wanted, and unpacks it. The answer are the file names of the packages.
fn archives(
    apt: &Apt,
    wanted: &Wanted,
    into: &Path,
    root: &Path,
    progress: &dyn Progress,
) -> Result<Vec<String>, FetchError> {
    let package = match *wanted {
        Wanted::Package(name) => name.to_owned(),
        Wanted::Dependency { of, prefix } => {
            let mut show = apt.tool("apt-cache");
            let shown = run(show.args(["show", "--no-all-versions", of]), progress)?;
            let found = dependency(&shown, prefix);
            found.ok_or(FetchError::NoDependency {
                package: of,
                prefix,
            })?
        }
        Wanted::Program { of, name } => {
            return program::fetch(apt, (of, name), into, root, progress);
        }
    };
    apt.download(&[&package], into, progress)?;
    apt.unpack(into, root, progress)
}

/// The first package of this prefix in the field `Depends` (Debian policy §7.1).
fn dependency(stanza: &[String], prefix: &str) -> Option<String> {
    let depends = stanza
        .iter()
        .find_map(|line| line.strip_prefix("Depends: "))?;
    let mut names = depends.split([',', '|']).filter_map(|relation| {
        let name = relation.split_whitespace().next()?;
        name.starts_with(prefix).then(|| name.to_owned())
    });
    names.next()
}

fn place(cache: &Path, suite: &str, wanted: &Wanted) -> PathBuf {
    cache.join(format!("debian-{suite}-{}", wanted.name()))
}

/// A directory of that name is whole: it was prepared elsewhere and renamed.
fn read(dir: &Path) -> Option<Unpacked> {
    let text = fs::read(dir.join(MANIFEST)).ok()?;
    let manifest: Manifest = serde_json::from_slice(&text).ok()?;
    Some(Unpacked {
        root: dir.join("root"),
        archive: manifest.archive,
    })
}

const ARCHITECTURE: &str = "amd64";
const MANIFEST: &str = "manifest.json";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_is_what_its_metapackage_depends_on() {
        let stanza = [
            "Package: linux-image-cloud-amd64".to_owned(),
            "Depends: initramfs-tools | dracut, linux-image-6.1.0-50-cloud-amd64 (= 6.1.176-1)"
                .to_owned(),
        ];
        let found = dependency(&stanza, "linux-image-");
        assert_eq!(found.as_deref(), Some("linux-image-6.1.0-50-cloud-amd64"));
        assert_eq!(dependency(&stanza, "linux-headers-"), None);
        assert_eq!(dependency(&[], "linux-image-"), None);
    }

    #[test]
    fn what_the_cache_has_is_not_fetched() {
        let cache = tempfile::tempdir().unwrap();
        let wanted = [Wanted::Package("busybox-static")];
        let dir = cache.path().join("debian-bookworm-busybox-static");
        fs::create_dir_all(dir.join("root")).unwrap();
        fs::write(dir.join(MANIFEST), r#"{"archive":"busybox-static_1.deb"}"#).unwrap();
        let found = packages(cache.path(), "bookworm", &wanted, &crate::Silent).unwrap();
        assert_eq!(found[0].archive, "busybox-static_1.deb");
        assert_eq!(found[0].root, dir.join("root"));
    }
}
