//! What is wrong with a file that should be a story.

use std::ops::Range;

use miette::{Diagnostic, NamedSource, SourceSpan};
use thiserror::Error;

/// The file cannot be read as a story.
#[derive(Debug, Error, Diagnostic)]
#[error("{}: this is not a scenario that can run", source_code.name())]
pub struct StoryError {
    #[source_code]
    source_code: NamedSource<String>,
    #[related]
    pub problems: Vec<Problem>,
}

impl StoryError {
    pub(crate) const fn new(source_code: NamedSource<String>, problems: Vec<Problem>) -> Self {
        Self {
            source_code,
            problems,
        }
    }
}

/// One thing that is wrong, where, and what to write instead.
#[derive(Debug, Error, Diagnostic, PartialEq, Eq)]
#[error("{message}")]
pub struct Problem {
    pub message: String,
    #[label("here")]
    pub span: Option<SourceSpan>,
    #[help]
    pub help: Option<String>,
}

/// The file cannot be read at all.
#[derive(Debug, Error, Diagnostic)]
pub enum LoadError {
    #[error("{path}: {source}")]
    #[diagnostic(help("`quorate list` shows the scenarios in ./scenarios"))]
    Read {
        path: String,
        source: std::io::Error,
    },
    #[error(transparent)]
    #[diagnostic(transparent)]
    Story(#[from] StoryError),
}

pub(crate) fn span(range: Range<usize>) -> SourceSpan {
    SourceSpan::new(range.start.into(), range.len())
}
