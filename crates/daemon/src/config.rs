//! `quorate.toml`, read.
//!
//! The same keys may be written as JSON (a file that ends in `.json`), which is what NixOS
//! modules and the harness generate.

use std::path::Path;

use miette::{NamedSource, SourceSpan};

use crate::error::ConfigError;

/// The whole file, as [`quorate_server::Config`] describes it.
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) services: quorate_server::Config,
    source: NamedSource<String>,
}

impl Config {
    /// Reads TOML, or JSON when the name ends so. What sections mean is checked by
    /// [`run`](crate::run) before anything is served.
    ///
    /// # Errors
    /// With the place in the file where there is one.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
            path: name.clone(),
            source,
        })?;
        let is_json = path
            .extension()
            .is_some_and(|extension| extension == "json");
        let parsed = if is_json {
            serde_json::from_str(&text).map_err(|error| {
                let span = offset(&text, error.line(), error.column());
                (error.to_string(), Some(SourceSpan::from(span)))
            })
        } else {
            toml::from_str(&text).map_err(|error| {
                let span = error
                    .span()
                    .map(|range| SourceSpan::new(range.start.into(), range.len()));
                (error.message().to_owned(), span)
            })
        };
        let source = NamedSource::new(name, text.clone());
        match parsed {
            Ok(services) => Ok(Self { services, source }),
            Err((message, span)) => Err(ConfigError::Parse {
                message,
                source_code: source,
                span,
            }),
        }
    }

    /// What the file says, for those who show places in it.
    pub(crate) const fn source(&self) -> &NamedSource<String> {
        &self.source
    }
}

/// The byte at a 1-based line and column.
fn offset(text: &str, line: usize, column: usize) -> usize {
    let before: usize = text
        .split_inclusive('\n')
        .take(line.saturating_sub(1))
        .map(str::len)
        .sum();
    (before + column.saturating_sub(1)).min(text.len())
}
