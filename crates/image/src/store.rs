//! Images in the cache: `image-<key>/{vmlinuz,initrd,manifest.json}`. A directory of that name is
//! whole: it is prepared beside its place and renamed into it.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use quorate_obtain::cache::Locked;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::Image;

/// What is known of an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The kernel's: `6.1.0-50-cloud-amd64`.
    pub release: String,
    /// File names of Debian's packages in it.
    pub packages: Vec<String>,
    /// How much of a machine's memory the initial RAM file system takes.
    pub unpacked_bytes: u64,
}

/// A name for what is made of these files and packages by this program's recipe. A file is told
/// by its path, length and time of change.
pub(crate) fn key(files: &[PathBuf], archives: &[&str]) -> io::Result<String> {
    let mut text = RECIPE.concat();
    for file in files {
        let metadata = fs::metadata(file).map_err(|error| {
            io::Error::new(error.kind(), format!("{}: {error}", file.display()))
        })?;
        let (secs, nanos) = (metadata.mtime(), metadata.mtime_nsec());
        text += &format!("{file:?} {} {secs}.{nanos}\n", metadata.len());
    }
    text += &archives.join("\n");
    let digest = Sha256::digest(text.as_bytes());
    Ok(digest[..8]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect())
}

/// The image of this key, if the cache has it.
pub(crate) fn find(cache: &Path, key: &str) -> Option<Image> {
    let dir = place(cache, key);
    let text = fs::read(dir.join(MANIFEST)).ok()?;
    let manifest = serde_json::from_slice(&text).ok()?;
    // The time of the last use, for `prune`. A cache that cannot be written is still one.
    let _ = fs::File::open(&dir).and_then(|dir| dir.set_modified(SystemTime::now()));
    Some(Image {
        kernel: dir.join(KERNEL),
        initrd: dir.join(INITRD),
        manifest,
    })
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

    /// Makes an image in an empty directory and moves it to its place.
    pub(crate) fn make(
        &self,
        key: &str,
        make: impl FnOnce(&Path) -> io::Result<Manifest>,
    ) -> io::Result<Image> {
        let made = self.install(key, make);
        self.locked.discard();
        made?;
        self.prune();
        find(&self.cache, key).ok_or_else(|| io::Error::other("what was just made is not there"))
    }

    fn install(
        &self,
        key: &str,
        make: impl FnOnce(&Path) -> io::Result<Manifest>,
    ) -> io::Result<()> {
        let ready = self.locked.staging()?.join("ready");
        fs::create_dir(&ready)?;
        let manifest = make(&ready)?;
        let text = serde_json::to_vec_pretty(&manifest).map_err(io::Error::other)?;
        fs::write(ready.join(MANIFEST), text)?;
        let dir = place(&self.cache, key);
        if dir.exists() {
            // Without a manifest, or it would have been found.
            fs::remove_dir_all(&dir)?;
        }
        fs::rename(&ready, dir)
    }

    /// Every build of quorate makes another image: those that nobody has asked for in a week go.
    fn prune(&self) {
        let entries = fs::read_dir(&self.cache).into_iter().flatten().flatten();
        for entry in entries {
            let name = entry.file_name();
            let is_image = name.to_string_lossy().starts_with(PREFIX);
            let modified = entry.metadata().and_then(|metadata| metadata.modified());
            let age = modified.ok().and_then(|time| time.elapsed().ok());
            if is_image && age.is_some_and(|age| age > UNUSED_MAX) {
                // It stays when it cannot be removed.
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }
}

fn place(cache: &Path, key: &str) -> PathBuf {
    cache.join(format!("{PREFIX}{key}"))
}

pub(crate) const KERNEL: &str = "vmlinuz";
pub(crate) const INITRD: &str = "initrd";
const MANIFEST: &str = "manifest.json";
const PREFIX: &str = "image-";
const UNUSED_MAX: Duration = Duration::from_secs(7 * 24 * 3600);

/// Whoever changes how images are made makes other images.
const RECIPE: [&str; 4] = [
    include_str!("lib.rs"),
    include_str!("initrd.rs"),
    include_str!("modules.rs"),
    include_str!("cpio.rs"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        Manifest {
            release: "6.1".into(),
            packages: vec!["linux.deb".into()],
            unpacked_bytes: 1,
        }
    }

    #[test]
    fn an_image_is_found_once_it_is_whole() {
        let cache = tempfile::tempdir().unwrap();
        let store = Store::open(cache.path()).unwrap();
        let failed = store.make("a", |dir| {
            fs::write(dir.join(KERNEL), "half")?;
            Err(io::Error::other("no space left"))
        });
        assert_eq!(failed.unwrap_err().to_string(), "no space left");
        assert_eq!(find(cache.path(), "a"), None);
        let made = store.make("a", |dir| {
            assert_eq!(
                fs::read_dir(dir)?.count(),
                0,
                "nothing is left of the first"
            );
            fs::write(dir.join(KERNEL), "whole")?;
            Ok(manifest())
        });
        let image = made.unwrap();
        assert_eq!(fs::read_to_string(&image.kernel).unwrap(), "whole");
        assert_eq!(find(cache.path(), "a"), Some(image));
        assert_eq!(
            fs::read_dir(cache.path()).unwrap().count(),
            2,
            "and the lock"
        );
    }

    #[test]
    fn images_that_nobody_uses_go() {
        let cache = tempfile::tempdir().unwrap();
        let store = Store::open(cache.path()).unwrap();
        let keys = ["old", "used"];
        for key in keys {
            store.make(key, |_| Ok(manifest())).unwrap();
        }
        for key in keys {
            let dir = fs::File::open(place(cache.path(), key)).unwrap();
            let age = UNUSED_MAX + Duration::from_secs(60);
            dir.set_modified(SystemTime::now() - age).unwrap();
        }
        assert!(find(cache.path(), "used").is_some());
        store.make("new", |_| Ok(manifest())).unwrap();
        let there = ["old", "used", "new"].map(|key| place(cache.path(), key).exists());
        assert_eq!(there, [false, true, true]);
    }

    #[test]
    fn the_key_changes_with_files_and_packages() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("etcd");
        let key = |archive| key(std::slice::from_ref(&file), &[archive]).unwrap();
        fs::write(&file, "one").unwrap();
        let one = key("linux-1");
        assert_eq!(key("linux-1"), one);
        assert_ne!(key("linux-2"), one);
        fs::write(&file, "three").unwrap();
        assert_ne!(key("linux-1"), one);
    }
}
