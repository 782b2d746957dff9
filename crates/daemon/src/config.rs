//! `quorate.toml`, read.
//!
//! The same keys may be written as JSON (a file that ends in `.json`), which is what NixOS
//! modules and the harness generate.

use std::path::Path;

use miette::{NamedSource, SourceSpan};
use quorate_dns::Name;
use serde::Deserialize;

use crate::error::{ConfigError, NoSuchKey};
use crate::keys;

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

    /// Every key that `[dns]` lets change or copy zones is one that the server knows: a permission
    /// for a name that is spelt wrong would refuse its owner without a word. Nothing is checked where
    /// the key files cannot be read.
    pub(crate) fn permits_known_keys(&self) -> Result<(), ConfigError> {
        let (Some(dns), Some(keys)) = (self.services.dns(), keys::readable(&self.services)?) else {
            return Ok(());
        };
        let update = dns.update.iter().filter_map(|grant| grant.key.as_ref());
        let transfer = dns.transfer.iter().filter_map(|peer| peer.key.as_ref());
        let update = update.map(|key| ("update", key));
        let known = |key: &str| {
            // An invalid name is reported as such later.
            quorate_dns::text::parse_name(key, &Name::root())
                .map_or(true, |name| keys.iter().any(|key| *key.name() == name))
        };
        for (list, key) in update.chain(transfer.map(|key| ("transfer", key))) {
            if known(key) {
                continue;
            }
            let names = keys.iter().map(|key| quorate_dns::text::name(key.name()));
            let names = names.collect::<Vec<_>>().join(", ");
            return Err(ConfigError::NoSuchKey(Box::new(NoSuchKey {
                list,
                key: key.clone(),
                known: if names.is_empty() {
                    "name the file that has it in `key_files`".to_owned()
                } else {
                    format!("there are: {names}; `key_files` lists the files that have more")
                },
                source_code: self.source.clone(),
                span: self.place(key),
            })));
        }
        Ok(())
    }

    /// Where a key of `[dns]` stands in the file.
    fn place(&self, key: &str) -> Option<SourceSpan> {
        let text = self.source.inner();
        let named = |permits: &Permits| {
            let name = permits.key.as_ref().filter(|name| name.get_ref() == key)?;
            Some(SourceSpan::new(name.span().start.into(), name.span().len()))
        };
        if let Ok(places) = toml::from_str::<Places>(text) {
            let mut all = places.dns.update.iter().chain(&places.dns.transfer);
            return all.find_map(named);
        }
        let quoted = format!("{key:?}");
        let start = text.find(&quoted)?;
        Some(SourceSpan::new(start.into(), quoted.len()))
    }
}

/// The permissions of the file once more, for their places.
#[derive(Debug, Deserialize)]
struct Places {
    dns: Lists,
}

#[derive(Debug, Deserialize)]
struct Lists {
    #[serde(default)]
    update: Vec<Permits>,
    #[serde(default)]
    transfer: Vec<Permits>,
}

#[derive(Debug, Deserialize)]
struct Permits {
    key: Option<toml::Spanned<String>>,
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
