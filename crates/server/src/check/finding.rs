//! What is wrong, where, and what to write instead.

use serde::Serialize;

/// Something that would not work, or not as it was meant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// One word for its kind.
    pub code: &'static str,
    pub severity: Severity,
    pub message: String,
    /// The keys that disagree.
    pub places: Vec<Place>,
    /// What to write instead.
    pub help: String,
}

/// A key of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    /// `ddns.services.0.set`: keys and positions. What the file does not say is found at the
    /// table that would.
    pub path: String,
    /// What stands there, or what it means.
    pub note: String,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It can never work.
    Error,
    /// It does not work here and now. Servers that can do without it start all the same.
    #[serde(rename = "error")]
    NotThere,
    /// It is unwise.
    Warning,
}

impl Severity {
    /// The word for people.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Error | Self::NotThere => "error",
            Self::Warning => "warning",
        }
    }
}

impl Finding {
    pub fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Error, message.into())
    }

    pub fn not_there(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(code, Severity::NotThere, message.into())
    }

    pub fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Warning, message.into())
    }

    const fn new(code: &'static str, severity: Severity, message: String) -> Self {
        Self {
            code,
            severity,
            message,
            places: Vec::new(),
            help: String::new(),
        }
    }

    /// Names a place.
    #[must_use]
    pub fn at(mut self, path: impl Into<String>, note: impl Into<String>) -> Self {
        self.places.push(Place {
            path: path.into(),
            note: note.into(),
        });
        self
    }

    /// Names several.
    #[must_use]
    pub fn at_each(mut self, places: impl IntoIterator<Item = Place>) -> Self {
        self.places.extend(places);
        self
    }

    /// Says what to write instead.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help = text.into();
        self
    }
}

impl Place {
    pub fn new(path: impl Into<String>, note: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            note: note.into(),
        }
    }
}
