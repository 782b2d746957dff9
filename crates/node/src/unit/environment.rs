//! `EnvironmentFile=`: variables in a file that is read when the process starts.

use serde::{Deserialize, Serialize};

/// A file of variables.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvironmentFile {
    pub path: String,
    /// The process starts without it when it is not there (prefix `-`).
    pub optional: bool,
}

impl EnvironmentFile {
    /// The value of the setting. Patterns of names are not supported.
    pub(super) fn parse(value: &str) -> Option<Self> {
        let (optional, path) = match value.strip_prefix('-') {
            Some(path) => (true, path),
            None => (false, value),
        };
        let plain = path.starts_with('/') && !path.contains(['*', '?', '[', '%']);
        plain.then(|| Self {
            path: path.to_owned(),
            optional,
        })
    }
}

/// The variables of such a file: `NAME=value`, one a line. Comments, empty lines, and lines that
/// are something else are left out, as systemd leaves them out. A value may stand in quotes;
/// escapes and values of several lines are not supported (systemd.exec(5)).
pub fn read(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.lines().filter_map(|line| {
        let line = line.trim();
        if line.starts_with(['#', ';']) {
            return None;
        }
        let (name, value) = line.split_once('=')?;
        let quoted = |quote| value.strip_prefix(quote)?.strip_suffix(quote);
        let value = quoted('"').or_else(|| quoted('\'')).unwrap_or(value);
        is_variable_name(name).then_some((name, value))
    })
}

/// A name that a shell could assign to.
pub(super) fn is_variable_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|first: char| first.is_ascii_digit())
        && name
            .chars()
            .all(|char| char == '_' || char.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_read_and_the_rest_is_left_out() {
        let text = "# A=1\n; B=2\n\n  C=3 \nD=\"4 5\"\nE='6'\nF=\nnothing\n1G=7\nH=\"8\n";
        let variables: Vec<_> = read(text).collect();
        let wanted = [
            ("C", "3"),
            ("D", "4 5"),
            ("E", "6"),
            ("F", ""),
            ("H", "\"8"),
        ];
        assert_eq!(variables, wanted);
    }

    #[test]
    fn a_file_is_a_path() {
        let file = |value| EnvironmentFile::parse(value);
        let (path, optional) = ("/run/a.env".to_owned(), true);
        assert_eq!(
            file("-/run/a.env"),
            Some(EnvironmentFile { path, optional })
        );
        assert!(file("/run/a.env").is_some_and(|file| !file.optional));
        assert_eq!(file("run/a.env"), None);
        assert_eq!(file("/run/*.env"), None);
    }
}
