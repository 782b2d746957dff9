//! What was made, in the cache: `image-<key>/{vmlinuz,initrd,manifest.json}` and
//! `disk-<key>/{disk.img,disk.img.zst,manifest.json}`. A directory of that name is whole: it is
//! prepared beside its place and renamed into it.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use quorate_obtain::cache::Locked;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};

/// What is kept, each with a manifest of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Image,
    Disk,
}

impl Kind {
    const fn prefix(self) -> &'static str {
        match self {
            Self::Image => "image-",
            Self::Disk => "disk-",
        }
    }
}

/// A name for what is made of these files and other things by this program's recipe. A file is
/// known by its path, length and time of change.
pub(crate) fn key(files: &[PathBuf], others: &[&str]) -> io::Result<String> {
    let mut text = RECIPE.concat();
    for file in files {
        let metadata = fs::metadata(file).map_err(|error| {
            io::Error::new(error.kind(), format!("{}: {error}", file.display()))
        })?;
        let (secs, nanos) = (metadata.mtime(), metadata.mtime_nsec());
        text += &format!("{file:?} {} {secs}.{nanos}\n", metadata.len());
    }
    text += &others.join("\n");
    let digest = Sha256::digest(text.as_bytes());
    Ok(digest[..8]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect())
}

/// What the cache has under this key: its directory and its manifest.
pub(crate) fn find<M: DeserializeOwned>(
    cache: &Path,
    kind: Kind,
    key: &str,
) -> Option<(PathBuf, M)> {
    let dir = place(cache, kind, key);
    let text = fs::read(dir.join(MANIFEST)).ok()?;
    let manifest = serde_json::from_slice(&text).ok()?;
    // The time of the last use, for `prune`. A cache that cannot be written is still one.
    let _ = fs::File::open(&dir).and_then(|dir| dir.set_modified(SystemTime::now()));
    Some((dir, manifest))
}

/// The cache, held against other processes that install.
#[derive(Debug)]
pub(crate) struct Store {
    cache: PathBuf,
    locked: Locked,
}

impl Store {
    pub(crate) fn open(cache: &Path) -> io::Result<Self> {
        Ok(Self {
            cache: cache.to_owned(),
            locked: Locked::new(cache)?,
        })
    }

    /// Makes something in an empty directory and moves it to its place, unless another process
    /// has while this one waited for the lock.
    pub(crate) fn make<M: Serialize + DeserializeOwned>(
        &self,
        kind: Kind,
        key: &str,
        make: impl FnOnce(&Path) -> io::Result<M>,
    ) -> io::Result<(PathBuf, M)> {
        if let Some(found) = find(&self.cache, kind, key) {
            return Ok(found);
        }
        let made = self.install(&place(&self.cache, kind, key), make);
        self.locked.discard();
        made?;
        self.prune();
        let found = find(&self.cache, kind, key);
        found.ok_or_else(|| io::Error::other("what was just made is not there"))
    }

    fn install<M: Serialize>(
        &self,
        dir: &Path,
        make: impl FnOnce(&Path) -> io::Result<M>,
    ) -> io::Result<()> {
        let ready = self.locked.staging()?.join("ready");
        fs::create_dir(&ready)?;
        let manifest = make(&ready)?;
        let text = serde_json::to_vec_pretty(&manifest).map_err(io::Error::other)?;
        fs::write(ready.join(MANIFEST), text)?;
        if dir.exists() {
            // Without a manifest, or it would have been found.
            fs::remove_dir_all(dir)?;
        }
        fs::rename(&ready, dir)
    }

    /// Every build of quorate makes others: those that no run has asked for in a day go.
    fn prune(&self) {
        let entries = fs::read_dir(&self.cache).into_iter().flatten().flatten();
        for entry in entries {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let kinds = [Kind::Image, Kind::Disk];
            let is_ours = kinds.iter().any(|kind| name.starts_with(kind.prefix()));
            let modified = entry.metadata().and_then(|metadata| metadata.modified());
            let age = modified.ok().and_then(|time| time.elapsed().ok());
            if is_ours && age.is_some_and(|age| age > UNUSED_MAX) {
                // It stays when it cannot be removed.
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }
}

fn place(cache: &Path, kind: Kind, key: &str) -> PathBuf {
    cache.join(format!("{}{key}", kind.prefix()))
}

const MANIFEST: &str = "manifest.json";
const UNUSED_MAX: Duration = Duration::from_secs(24 * 3600);

/// Changes with how images are made, as the images do.
const RECIPE: [&str; 6] = [
    include_str!("lib.rs"),
    include_str!("initrd.rs"),
    include_str!("modules.rs"),
    include_str!("cpio.rs"),
    include_str!("disk.rs"),
    include_str!("partitions.rs"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_found_once_it_is_whole() {
        let cache = tempfile::tempdir().unwrap();
        let store = Store::open(cache.path()).unwrap();
        let failed = store.make(Kind::Image, "a", |dir| {
            fs::write(dir.join("vmlinuz"), "half")?;
            Err::<u8, _>(io::Error::other("no space left"))
        });
        assert_eq!(failed.unwrap_err().to_string(), "no space left");
        assert_eq!(find::<u8>(cache.path(), Kind::Image, "a"), None);
        let made = store.make(Kind::Image, "a", |dir| {
            assert_eq!(
                fs::read_dir(dir)?.count(),
                0,
                "nothing is left of the first"
            );
            fs::write(dir.join("vmlinuz"), "whole")?;
            Ok(7_u8)
        });
        let (dir, manifest) = made.unwrap();
        assert_eq!(fs::read_to_string(dir.join("vmlinuz")).unwrap(), "whole");
        let found = find::<u8>(cache.path(), Kind::Image, "a");
        assert_eq!(found, Some((dir, manifest)));
        assert_eq!(find::<u8>(cache.path(), Kind::Disk, "a"), None);
        assert_eq!(
            fs::read_dir(cache.path()).unwrap().count(),
            2,
            "and the lock"
        );
    }

    #[test]
    fn unused_images_go() {
        let cache = tempfile::tempdir().unwrap();
        let store = Store::open(cache.path()).unwrap();
        let keys = ["old", "used"];
        for key in keys {
            store.make(Kind::Image, key, |_| Ok(0_u8)).unwrap();
        }
        for key in keys {
            let dir = fs::File::open(place(cache.path(), Kind::Image, key)).unwrap();
            let age = UNUSED_MAX + Duration::from_secs(60);
            dir.set_modified(SystemTime::now() - age).unwrap();
        }
        assert!(find::<u8>(cache.path(), Kind::Image, "used").is_some());
        store.make(Kind::Disk, "new", |_| Ok(0_u8)).unwrap();
        let there = ["image-old", "image-used", "disk-new"];
        let there = there.map(|name| cache.path().join(name).exists());
        assert_eq!(there, [false, true, true]);
    }

    #[test]
    fn the_key_changes_with_files_and_packages() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("etcd");
        let key = |other| key(std::slice::from_ref(&file), &[other]).unwrap();
        fs::write(&file, "one").unwrap();
        let one = key("linux-1");
        assert_eq!(key("linux-1"), one);
        assert_ne!(key("linux-2"), one);
        fs::write(&file, "three").unwrap();
        assert_ne!(key("linux-1"), one);
    }
}
