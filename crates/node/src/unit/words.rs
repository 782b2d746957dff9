//! Splitting, unquoting and expanding the words of a setting, in systemd's order: quotes and C
//! escapes first (systemd.syntax(7) "Quoting"), then `%` specifiers (systemd.unit(5)
//! "Specifiers"), then `$` on command lines (systemd.service(5) "Command lines").

use std::iter::Peekable;
use std::str::Chars;

/// A setting's value cannot be split into words, or holds what we do not expand.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WordError {
    #[error("a quote is not closed")]
    OpenQuote,
    #[error("unknown escape \\{0}")]
    Escape(String),
    #[error("an escape makes text that is not UTF-8")]
    NotUtf8,
    #[error("specifier %{0} is not supported")]
    Specifier(String),
    #[error("variables are not supported: {0:?} (write $$ for a dollar sign)")]
    Variable(String),
    #[error("`;` between commands is not supported")]
    Separator,
}

/// The words of `value`, unquoted and unescaped.
pub(super) fn split(value: &str) -> Result<Vec<String>, WordError> {
    let mut chars = value.chars().peekable();
    let mut words = Vec::new();
    loop {
        while chars.next_if(|char| is_space(*char)).is_some() {}
        if chars.peek().is_none() {
            return Ok(words);
        }
        words.push(word(&mut chars)?);
    }
}

/// `%%`, and `%H` as the machine's hostname.
pub(super) fn expand_specifiers(word: &str, hostname: &str) -> Result<String, WordError> {
    let mut expanded = String::with_capacity(word.len());
    let mut chars = word.chars();
    while let Some(char) = chars.next() {
        if char != '%' {
            expanded.push(char);
            continue;
        }
        match chars.next() {
            Some('%') => expanded.push('%'),
            Some('H') => expanded.push_str(hostname),
            other => return Err(WordError::Specifier(other.into_iter().collect())),
        }
    }
    Ok(expanded)
}

/// `$$`; a `$` before anything that begins no variable's name stays.
pub(super) fn expand_dollars(word: &str) -> Result<String, WordError> {
    let mut expanded = String::with_capacity(word.len());
    let mut chars = word.chars().peekable();
    while let Some(char) = chars.next() {
        if char == '$' {
            match chars.peek() {
                Some('$') => {
                    chars.next();
                }
                Some('{' | '_' | 'a'..='z' | 'A'..='Z') => {
                    return Err(WordError::Variable(word.into()));
                }
                Some(_) | None => {}
            }
        }
        expanded.push(char);
    }
    Ok(expanded)
}

/// One word, quotes within it joined to it; `chars` stands at its first character.
fn word(chars: &mut Peekable<Chars<'_>>) -> Result<String, WordError> {
    let mut bytes = Vec::new();
    let mut quote = None;
    let mut quoted = false;
    while let Some(char) = chars.next_if(|char| quote.is_some() || !is_space(*char)) {
        match char {
            '\\' => match chars.next_if_eq(&';') {
                // `\;` is a lone semicolon that separates nothing.
                Some(_) if bytes.is_empty() && !quoted => {
                    bytes.push(b';');
                    quoted = true;
                }
                Some(_) => return Err(WordError::Escape(";".into())),
                None => escape(chars, &mut bytes)?,
            },
            '"' | '\'' if quote == Some(char) => quote = None,
            '"' | '\'' if quote.is_none() => {
                quote = Some(char);
                quoted = true;
            }
            other => bytes.extend(other.encode_utf8(&mut [0; 4]).bytes()),
        }
    }
    if quote.is_some() {
        return Err(WordError::OpenQuote);
    }
    if bytes == b";" && !quoted {
        return Err(WordError::Separator);
    }
    String::from_utf8(bytes).map_err(|_| WordError::NotUtf8)
}

/// One C escape; `chars` stands after its backslash.
fn escape(chars: &mut Peekable<Chars<'_>>, bytes: &mut Vec<u8>) -> Result<(), WordError> {
    let char = chars
        .next()
        .ok_or_else(|| WordError::Escape(String::new()))?;
    let byte = match char {
        'a' => 0x07,
        'b' => 0x08,
        'f' => 0x0c,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'v' => 0x0b,
        's' => b' ',
        '\\' | '"' | '\'' => char as u8,
        'x' => {
            let value = digits(chars, "x", 16, 2)?;
            u8::try_from(value).map_err(|_| WordError::Escape("x".into()))?
        }
        'u' | 'U' => {
            let count = if char == 'u' { 4 } else { 8 };
            let value = digits(chars, &char.to_string(), 16, count)?;
            let char = char::from_u32(value).ok_or(WordError::NotUtf8)?;
            bytes.extend(char.encode_utf8(&mut [0; 4]).bytes());
            return Ok(());
        }
        '0'..='3' => {
            let rest = digits(chars, &char.to_string(), 8, 2)?;
            let value = (u32::from(char) - u32::from('0')) * 64 + rest;
            u8::try_from(value).map_err(|_| WordError::Escape(char.into()))?
        }
        other => return Err(WordError::Escape(other.into())),
    };
    bytes.push(byte);
    Ok(())
}

/// Exactly `count` digits. NUL is refused, as systemd refuses it.
fn digits(
    chars: &mut Peekable<Chars<'_>>,
    escape: &str,
    radix: u32,
    count: usize,
) -> Result<u32, WordError> {
    let text: String = (0..count)
        .map_while(|_| chars.next_if(|char| char.is_digit(radix)))
        .collect();
    let wrong = || WordError::Escape(format!("{escape}{text}"));
    if text.len() != count {
        return Err(wrong());
    }
    let value = u32::from_str_radix(&text, radix).map_err(|_| wrong())?;
    if value == 0 && !escape.starts_with(|first: char| ('1'..='3').contains(&first)) {
        return Err(wrong());
    }
    Ok(value)
}

/// systemd's WHITESPACE.
fn is_space(char: char) -> bool {
    matches!(char, ' ' | '\t' | '\n' | '\r')
}
