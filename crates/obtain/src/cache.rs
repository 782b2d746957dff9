//! Installed binaries: `etcd-<version>-<provider>/{etcd,etcdctl,manifest.json}`.
//!
//! A directory of that name is whole: it is prepared beside its place and renamed into it.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::provider::Fetched;
use crate::version::{Version, VersionReq};

const MANIFEST: &str = "manifest.json";
const STAGING: &str = ".staging";
const LOCK: &str = ".lock";

/// One installed version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cached {
    pub etcd: PathBuf,
    pub etcdctl: Option<PathBuf>,
    pub manifest: Manifest,
}

/// Where an installed version came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    pub version: Version,
    pub provider: String,
    /// The package, archive or image.
    pub source: String,
    /// SHA-256 of the etcd binary, in hexadecimal.
    pub sha256: String,
}

/// `$QUORATE_CACHE`, else `$XDG_CACHE_HOME/quorate`, else `~/.cache/quorate`.
pub fn default_dir() -> Option<PathBuf> {
    dir_from(|name| std::env::var_os(name).filter(|value| !value.is_empty()))
}

fn dir_from(variable: impl Fn(&str) -> Option<std::ffi::OsString>) -> Option<PathBuf> {
    if let Some(dir) = variable("QUORATE_CACHE") {
        return Some(dir.into());
    }
    if let Some(dir) = variable("XDG_CACHE_HOME") {
        return Some(PathBuf::from(dir).join("quorate"));
    }
    variable("HOME").map(|home| PathBuf::from(home).join(".cache/quorate"))
}

/// All that is installed, newest first. An absent cache is an empty one.
pub fn list(cache: &Path) -> Vec<Cached> {
    let mut found: Vec<Cached> = fs::read_dir(cache)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| read(&entry.path()))
        .collect();
    found.sort_by(|a, b| {
        let key = |cached: &Cached| (cached.manifest.version, cached.manifest.provider.clone());
        key(b).cmp(&key(a))
    });
    found
}

/// The newest installed version that will do.
pub fn find(cache: &Path, req: VersionReq) -> Option<Cached> {
    list(cache)
        .into_iter()
        .find(|cached| req.matches(cached.manifest.version))
}

/// The cache, held against other processes that install.
#[derive(Debug)]
pub struct Locked {
    cache: PathBuf,
    _lock: File,
}

impl Locked {
    /// Creates the directory if it is absent, and waits for others to finish with it.
    pub fn new(cache: &Path) -> io::Result<Self> {
        fs::create_dir_all(cache)?;
        let lock = File::create(cache.join(LOCK))?;
        lock.lock()?;
        Ok(Self {
            cache: cache.to_owned(),
            _lock: lock,
        })
    }

    /// An empty directory on the same file system. What a killed process left there is gone.
    pub fn staging(&self) -> io::Result<PathBuf> {
        let dir = self.cache.join(STAGING);
        remove_dir(&dir)?;
        fs::create_dir(&dir)?;
        Ok(dir)
    }

    /// Moves what was fetched to its place, and removes the staging directory.
    pub fn install(
        &self,
        fetched: &Fetched,
        version: Version,
        provider: &str,
    ) -> io::Result<Cached> {
        let staging = self.cache.join(STAGING);
        let ready = staging.join("ready");
        fs::create_dir(&ready)?;
        place(&fetched.etcd, &ready.join("etcd"))?;
        if let Some(etcdctl) = &fetched.etcdctl {
            place(etcdctl, &ready.join("etcdctl"))?;
        }
        let manifest = Manifest {
            version,
            provider: provider.to_owned(),
            source: fetched.source.clone(),
            sha256: sha256_hex(&ready.join("etcd"))?,
        };
        let text = serde_json::to_vec_pretty(&manifest).map_err(io::Error::other)?;
        fs::write(ready.join(MANIFEST), text)?;
        let dir = self.cache.join(format!("etcd-{version}-{provider}"));
        remove_dir(&dir)?;
        fs::rename(&ready, &dir)?;
        remove_dir(&staging)?;
        read(&dir).ok_or_else(|| io::Error::other("the installed directory is not readable"))
    }

    /// Removes what a failed attempt left.
    pub fn discard(&self) {
        // The next attempt empties it again, and complains if it cannot.
        drop(remove_dir(&self.cache.join(STAGING)));
    }
}

/// The SHA-256 of a file, in hexadecimal.
pub fn sha256_hex(path: &Path) -> io::Result<String> {
    let mut hash = Sha256::new();
    let mut file = File::open(path)?;
    let mut buffer = vec![0; 1 << 16];
    loop {
        let count = io::Read::read(&mut file, &mut buffer)?;
        if count == 0 {
            break;
        }
        hash.update(&buffer[..count]);
    }
    Ok(hash.finalize().iter().map(|b| format!("{b:02x}")).collect())
}

fn read(dir: &Path) -> Option<Cached> {
    let text = fs::read(dir.join(MANIFEST)).ok()?;
    let manifest: Manifest = serde_json::from_slice(&text).ok()?;
    let binary = |name: &str| Some(dir.join(name)).filter(|path| path.is_file());
    Some(Cached {
        etcd: binary("etcd")?,
        etcdctl: binary("etcdctl"),
        manifest,
    })
}

fn place(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    fs::set_permissions(to, fs::Permissions::from_mode(0o755))
}

fn remove_dir(dir: &Path) -> io::Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_directory_follows_the_environment() {
        let with = |set: &[(&str, &str)]| {
            let set: Vec<(String, String)> = set
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect();
            dir_from(move |name| {
                let found = set.iter().find(|(set_name, _)| set_name == name);
                found.map(|(_, value)| value.into())
            })
        };
        assert_eq!(with(&[]), None);
        assert_eq!(with(&[("HOME", "/h")]), Some("/h/.cache/quorate".into()));
        let xdg = [("HOME", "/h"), ("XDG_CACHE_HOME", "/x")];
        assert_eq!(with(&xdg), Some("/x/quorate".into()));
        let own = [("QUORATE_CACHE", "/q"), ("XDG_CACHE_HOME", "/x")];
        assert_eq!(with(&own), Some("/q".into()));
    }

    #[test]
    fn the_newest_that_matches_is_found_and_broken_entries_are_not() {
        let dir = tempfile::tempdir().unwrap();
        for version in [
            Version::new(3, 5, 1),
            Version::new(3, 5, 16),
            Version::new(3, 4, 23),
        ] {
            let cache = Locked::new(dir.path()).unwrap();
            let staging = cache.staging().unwrap();
            fs::write(staging.join("etcd"), "binary").unwrap();
            let fetched = Fetched {
                etcd: staging.join("etcd"),
                etcdctl: None,
                source: "test".to_owned(),
            };
            cache.install(&fetched, version, "test").unwrap();
        }
        fs::create_dir(dir.path().join("etcd-3.5.99-half")).unwrap();
        let newest = find(dir.path(), VersionReq::DEFAULT).unwrap();
        assert_eq!(newest.manifest.version, Version::new(3, 5, 16));
        assert_eq!(
            newest.manifest.sha256,
            "9a3a45d01531a20e89ac6ae10b0b0beb0492acd7216a368aa062d1a5fecaf9cd"
        );
        assert_eq!(list(dir.path()).len(), 3);
        assert!(!dir.path().join(STAGING).exists());
    }
}
