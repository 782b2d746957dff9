//! Why a configuration is refused, and why the daemons cannot start or go on.

use std::io;
use std::path::PathBuf;

use miette::{Diagnostic, NamedSource, SourceSpan};
use quorate_server::SetupError;
use quorate_store::StoreError;
use thiserror::Error;

use crate::check::Located;

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
    Refused(Box<Refused>),
}

/// What can never work, all of it.
#[derive(Debug, Error, Diagnostic)]
#[error("{name}: {}", many(errors.len()))]
pub struct Refused {
    name: String,
    #[related]
    errors: Vec<Located>,
}

impl Refused {
    /// `name` is the file's.
    pub(crate) fn new(name: &str, errors: Vec<Located>) -> Self {
        let name = name.to_owned();
        Self { name, errors }
    }
}

fn many(errors: usize) -> String {
    match errors {
        1 => "one error".to_owned(),
        errors => format!("{errors} errors"),
    }
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
