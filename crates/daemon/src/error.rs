//! Why a configuration is refused, and why the daemons cannot start or go on.

use std::io;
use std::path::PathBuf;

use miette::{Diagnostic, NamedSource, SourceSpan};
use quorate_server::SetupError;
use quorate_store::StoreError;
use thiserror::Error;

/// The file does not configure a server.
#[derive(Debug, Error, Diagnostic)]
pub enum ConfigError {
    #[error("{path}: {source}")]
    #[diagnostic(help("name the file with --config"))]
    Read { path: String, source: io::Error },
    #[error("{message}")]
    Parse {
        message: String,
        #[source_code]
        source_code: NamedSource<String>,
        #[label("here")]
        span: Option<SourceSpan>,
    },
    #[error(transparent)]
    Section(#[from] SetupError),
    #[error("{path}: {message}")]
    Key { path: String, message: String },
    #[error(transparent)]
    #[diagnostic(transparent)]
    NoSuchKey(Box<NoSuchKey>),
}

/// A permission for a TSIG key that the server does not know.
#[derive(Debug, Error, Diagnostic)]
#[error("[dns] {list}: no key is called {key:?}")]
#[diagnostic(help("{known}"))]
pub struct NoSuchKey {
    pub(crate) list: &'static str,
    pub(crate) key: String,
    /// What there is instead.
    pub(crate) known: String,
    #[source_code]
    pub(crate) source_code: NamedSource<String>,
    #[label("no client can sign with it")]
    pub(crate) span: Option<SourceSpan>,
}

/// The daemons cannot start, or cannot go on.
#[derive(Debug, Error)]
pub enum ServeError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("state_dir: {0}")]
    Store(#[from] StoreError),
    #[error("the key {}: {what}: {source}", path.display())]
    OwnKey {
        path: PathBuf,
        what: &'static str,
        source: io::Error,
    },
    #[error("a record of the log is not one of ours: {0}")]
    Record(#[from] serde_json::Error),
    #[error("{what}: {source}")]
    Socket { what: String, source: io::Error },
}

impl From<SetupError> for ServeError {
    fn from(error: SetupError) -> Self {
        Self::Config(error.into())
    }
}
