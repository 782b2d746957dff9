//! Why an entry of a seed is left out, in the seed's own words.

use serde_json::Value;

/// An entry of `write_files` or `runcmd` that a node does not carry out.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(super) enum EntryError {
    #[error("not a mapping")]
    NotMapping,
    /// A key that is not known, or a value that it does not allow.
    #[error("{key}: {value}")]
    Key { key: String, value: Value },
    #[error("content: {0}")]
    Base64(#[from] base64::DecodeError),
    #[error("content: not UTF-8 text")]
    NotText,
    #[error("encoding: {0}")]
    Encoding(String),
    #[error("path: missing")]
    NoPath,
    /// Not a list of words, and no text that is one.
    #[error("{0}")]
    NotWords(Value),
    /// No `systemctl` command that a node understands.
    #[error("{0}")]
    Command(String),
}
