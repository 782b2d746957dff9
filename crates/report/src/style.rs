//! What a report looks like on its way to a terminal or a file.

/// What the reader's device can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    pub colour: bool,
    /// More than ASCII.
    pub unicode: bool,
    /// In columns. What others said is never cut to it: one can search for it.
    pub width: usize,
}

impl Style {
    /// A text file.
    pub const PLAIN: Self = Self {
        colour: false,
        unicode: false,
        width: 100,
    };

    /// `text` in the colour of an SGR code (ECMA-48 §8.3.117).
    pub(crate) fn paint(self, code: &str, text: &str) -> String {
        if self.colour && !text.is_empty() {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    pub(crate) const fn ellipsis(self) -> char {
        if self.unicode { '…' } else { '~' }
    }

    pub(crate) const fn fill(self) -> char {
        if self.unicode { '█' } else { '=' }
    }

    pub(crate) const fn thin(self) -> char {
        if self.unicode { '─' } else { '-' }
    }

    pub(crate) const fn off(self) -> char {
        if self.unicode { '▁' } else { '_' }
    }

    pub(crate) const fn dot(self) -> char {
        if self.unicode { '·' } else { '.' }
    }
}
