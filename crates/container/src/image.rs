//! What machines are made from: an image of etcd and nothing else, or one that the user named.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use quorate_elf::Program;
use quorate_world::servers::ETCD_INSIDE;
use sha2::{Digest as _, Sha256};
use testcontainers::core::BuildImageOptions;
use testcontainers::runners::AsyncBuilder as _;
use testcontainers::{GenericBuildableImage, GenericImage};

use crate::engine::{Engine, EngineError, said};

/// An image that machines can be started from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    name: String,
    tag: String,
}

impl Image {
    /// The image that has the program `etcd` at the place where units expect it, with the
    /// libraries that it needs; built without a registry when the engine does not have it yet.
    pub fn with_etcd(engine: &Engine, etcd: &Path) -> Result<Self, EngineError> {
        let files = contents(etcd).map_err(EngineError::io("etcd for an image"))?;
        let image = Self {
            name: BUILT_NAME.to_owned(),
            tag: tag(&files).map_err(EngineError::io("etcd for an image"))?,
        };
        let mut buildable =
            GenericBuildableImage::new(&image.name, &image.tag).with_dockerfile_string(DOCKERFILE);
        for (from, inside) in &files {
            buildable = buildable.with_file(from, format!("{ROOT}{}", inside.display()));
        }
        for (inside, text) in ETC {
            buildable = buildable.with_data(text, format!("{ROOT}{inside}"));
        }
        let options = BuildImageOptions::new().with_skip_if_exists(true);
        let built = engine.wait(async move { buildable.build_image_with(options).await });
        match built {
            Ok(_) => Ok(image),
            Err(error) => Err(EngineError::Refused {
                what: format!("the image {}", image.shown()),
                why: said(error),
            }),
        }
    }

    /// The image `name`, as a registry or the engine has it.
    pub fn named(name: &str) -> Self {
        // A colon before the last slash is that of a registry's port.
        let (name, tag) = match name.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, tag),
            _ => (name, "latest"),
        };
        Self {
            name: name.to_owned(),
            tag: tag.to_owned(),
        }
    }

    /// `name:tag`
    pub fn shown(&self) -> String {
        format!("{}:{}", self.name, self.tag)
    }

    pub(crate) fn generic(&self) -> GenericImage {
        GenericImage::new(self.name.clone(), self.tag.clone())
    }
}

/// Files of this host, and where they lie in the image.
fn contents(etcd: &Path) -> std::io::Result<Vec<(PathBuf, PathBuf)>> {
    let program = Program::read(etcd)?;
    let mut files = vec![(program.path.clone(), PathBuf::from(ETCD_INSIDE))];
    let companions = program.companions().into_iter();
    files.extend(companions.map(|path| (path.clone(), path)));
    Ok(files)
}

/// Differs whenever a file differs in path, length or time of change.
fn tag(files: &[(PathBuf, PathBuf)]) -> std::io::Result<String> {
    let mut text = format!("{DOCKERFILE}{ETC:?}");
    for (from, inside) in files {
        let metadata = fs::metadata(from)?;
        let (secs, nanos) = (metadata.mtime(), metadata.mtime_nsec());
        let size = metadata.len();
        text += &format!("{from:?} {inside:?} {size} {secs}.{nanos}\n");
    }
    let digest = Sha256::digest(text.as_bytes());
    Ok(digest[..8]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect())
}

/// No registry has this name, so that nothing is ever pulled in its place.
const BUILT_NAME: &str = "localhost/quorate-etcd";
const DOCKERFILE: &str = "FROM scratch\nLABEL quorate.image=etcd\nCOPY root /\n";
const ROOT: &str = "root";
const ETC: [(&str, &str); 4] = [
    ("/etc/passwd", "root:x:0:0:root:/root:/bin/false\n"),
    ("/etc/group", "root:x:0:\n"),
    (
        "/etc/nsswitch.conf",
        "passwd: files\ngroup: files\nhosts: files dns\n",
    ),
    // An empty directory cannot be copied.
    ("/tmp/.keep", ""),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_registries_and_tags() {
        for (text, name, tag) in [
            ("etcd", "etcd", "latest"),
            (
                "quay.io/coreos/etcd:v3.5.16",
                "quay.io/coreos/etcd",
                "v3.5.16",
            ),
            ("localhost:5000/etcd", "localhost:5000/etcd", "latest"),
            ("localhost:5000/etcd:3.4", "localhost:5000/etcd", "3.4"),
        ] {
            let image = Image::named(text);
            assert_eq!((image.name.as_str(), image.tag.as_str()), (name, tag));
        }
    }

    #[test]
    fn the_tag_changes_with_the_files() {
        let dir = tempfile::tempdir().unwrap();
        let etcd = dir.path().join("etcd");
        let files = [(etcd.clone(), PathBuf::from(ETCD_INSIDE))];
        fs::write(&etcd, "one").unwrap();
        let one = tag(&files).unwrap();
        assert_eq!(tag(&files).unwrap(), one);
        fs::write(&etcd, "three").unwrap();
        assert_ne!(tag(&files).unwrap(), one);
    }

    #[test]
    fn an_image_holds_the_program_and_its_libraries() {
        let me = std::env::current_exe().unwrap();
        let files = contents(&me).unwrap();
        assert_eq!(files[0], (me.clone(), PathBuf::from(ETCD_INSIDE)));
        let program = Program::read(&me).unwrap();
        for library in program
            .dynamic
            .iter()
            .flat_map(|dynamic| &dynamic.libraries)
        {
            assert!(files.contains(&(library.clone(), library.clone())));
        }
    }
}
