//! JSON that YAML 1.1 and YAML 1.2 readers read as the same text.
//!
//! JSON is YAML but for a few characters: YAML forbids DEL, the C1 controls and the byte order
//! mark in a stream, and YAML 1.1 folds U+0085, U+2028 and U+2029 as line breaks. Those are
//! written as `\u` escapes. Characters beyond the basic plane stay as they are: JSON escapes
//! them as surrogate pairs, which YAML readers do not join.

use std::io;

use serde::Serialize;
use serde_json::ser::{Formatter, PrettyFormatter, Serializer};

/// `value` as indented JSON with a final newline.
///
/// # Panics
/// When `value` is something that JSON cannot hold, such as a map with keys that are not text.
pub(crate) fn to_yaml_safe_json(value: &impl Serialize) -> String {
    let mut bytes = Vec::new();
    let mut serializer = Serializer::with_formatter(&mut bytes, YamlSafe::default());
    value
        .serialize(&mut serializer)
        .expect("seeds hold only text, numbers, lists and maps with text keys");
    bytes.push(b'\n');
    String::from_utf8(bytes).expect("the serializer writes UTF-8")
}

#[derive(Default)]
struct YamlSafe {
    pretty: PrettyFormatter<'static>,
}

impl Formatter for YamlSafe {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut plain_from = 0;
        for (at, char) in fragment.char_indices() {
            if is_yaml_text(char) {
                continue;
            }
            writer.write_all(&fragment.as_bytes()[plain_from..at])?;
            write!(writer, "\\u{:04x}", u32::from(char))?;
            plain_from = at + char.len_utf8();
        }
        writer.write_all(&fragment.as_bytes()[plain_from..])
    }

    fn begin_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.pretty.begin_array(writer)
    }

    fn end_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.pretty.end_array(writer)
    }

    fn begin_array_value<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.pretty.begin_array_value(writer, first)
    }

    fn end_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.pretty.end_array_value(writer)
    }

    fn begin_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.pretty.begin_object(writer)
    }

    fn end_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.pretty.end_object(writer)
    }

    fn begin_object_key<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.pretty.begin_object_key(writer, first)
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.pretty.begin_object_value(writer)
    }

    fn end_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.pretty.end_object_value(writer)
    }
}

/// YAML 1.2 §5.1 (c-printable), less what YAML 1.1 §4.2 treats as a line break.
fn is_yaml_text(char: char) -> bool {
    !matches!(
        char,
        '\0'..='\x1f' | '\x7f'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_yaml_forbids_or_folds_is_escaped_and_the_rest_is_not() {
        let text = "a\u{85}é\u{2028}\u{feff}\x7f\u{1f600}\n\"\\";
        assert_eq!(
            to_yaml_safe_json(&text),
            "\"a\\u0085é\\u2028\\ufeff\\u007f\u{1f600}\\n\\\"\\\\\"\n"
        );
    }
}
