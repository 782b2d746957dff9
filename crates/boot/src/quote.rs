//! Words of an `ExecStart=` line, so that systemd hands them to the process unchanged.
//!
//! systemd.service(5) "Command lines" and systemd.syntax(7) "Quoting": between double quotes a
//! backslash begins a C escape; `%` begins a specifier and `$` a variable with or without
//! quotes; a lone unquoted `;` separates commands.

/// The word cannot stand on a command line of a unit file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuoteError {
    /// systemd refuses `\x00`, and no process could receive it.
    #[error("a command-line word of a unit cannot hold a NUL character")]
    Nul,
    /// systemd would accept `\n`, but no flag of etcd needs one, so a line break
    /// here is an attempt to inject another line.
    #[error("a command-line word of a unit cannot hold a line break")]
    LineBreak,
}

/// `word` as one word of an `ExecStart=` line (not its first, see
/// [`EtcdUnit`](crate::EtcdUnit)).
pub fn quote(word: &str) -> Result<String, QuoteError> {
    if !word.is_empty() && word.chars().all(is_plain) {
        return Ok(word.to_owned());
    }
    let mut quoted = String::with_capacity(word.len() + 2);
    quoted.push('"');
    for char in word.chars() {
        match char {
            '\0' => return Err(QuoteError::Nul),
            '\n' | '\r' => return Err(QuoteError::LineBreak),
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '%' => quoted.push_str("%%"),
            '$' => quoted.push_str("$$"),
            control if control.is_ascii_control() => {
                quoted.push_str(&format!("\\x{:02x}", u32::from(control)));
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    Ok(quoted)
}

/// True for characters that mean themselves anywhere in a word.
fn is_plain(char: char) -> bool {
    char.is_ascii_alphanumeric() || "-_./:=,@+".contains(char)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_is_quoted_as_systemd_unquotes_it() {
        for (word, quoted) in [
            ("--name", "--name"),
            ("http://n1.lab:2380", "http://n1.lab:2380"),
            ("", r#""""#),
            ("a b", r#""a b""#),
            ("50%", r#""50%%""#),
            ("$HOME", r#""$$HOME""#),
            (r#"say "hi"\"#, r#""say \"hi\"\\""#),
            (";", r#"";""#),
            ("'", r#""'""#),
            ("#", r##""#""##),
            ("\t\x1b", r#""\x09\x1b""#),
            ("é", r#""é""#),
        ] {
            assert_eq!(quote(word).as_deref(), Ok(quoted));
        }
    }

    #[test]
    fn line_breaks_and_nul_are_refused() {
        assert_eq!(quote("a\nExecStart=b"), Err(QuoteError::LineBreak));
        assert_eq!(quote("a\r"), Err(QuoteError::LineBreak));
        assert_eq!(quote("a\0"), Err(QuoteError::Nul));
    }
}
