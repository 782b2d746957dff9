//! Where the keys of a file are.

use std::ops::Range;

use toml::de::{DeArray, DeTable, DeValue};

/// The place of the value at `path` (`dns.zones.0.name`); where the file does not have it, that of
/// the table or list that would.
pub(crate) fn find(text: &str, is_json: bool, path: &str) -> Range<usize> {
    let steps: Vec<&str> = path.split('.').filter(|step| !step.is_empty()).collect();
    let found = match is_json {
        true => json(text, &steps),
        false => toml(text, &steps),
    };
    let found = found.unwrap_or(0..0);
    // A label is one line.
    let line = text.get(found.clone()).unwrap_or_default();
    let end = line.find('\n').map_or(found.end, |end| found.start + end);
    found.start..end
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "what is no table and no list is a value"
)]
fn toml(text: &str, steps: &[&str]) -> Option<Range<usize>> {
    let document = DeTable::parse(text).ok()?;
    let mut place = 0..0;
    let mut table = Some(document.get_ref());
    let mut list: Option<&DeArray<'_>> = None;
    for step in steps {
        let value = match (table, list, step.parse::<usize>()) {
            (_, Some(items), Ok(number)) => items.get(number),
            // One table in the place of a list of them.
            (Some(_), None, Ok(0)) => continue,
            (Some(keys), None, Err(_)) => {
                let pair = keys.get_key_value(*step);
                if let Some((key, value)) = pair
                    && matches!(value.get_ref(), DeValue::Table(_) | DeValue::Array(_))
                {
                    place = key.span();
                }
                pair.map(|(_, value)| value)
            }
            _ => None,
        };
        let Some(value) = value else { break };
        (table, list) = match value.get_ref() {
            DeValue::Table(inner) => (Some(inner), None),
            DeValue::Array(items) => (None, Some(items)),
            _ => (None, None),
        };
        place = match value.get_ref() {
            // Lists of tables have no place of their own.
            DeValue::Array(items) if items.iter().any(|item| item.get_ref().is_table()) => place,
            _ => value.span(),
        };
    }
    Some(place)
}

/// The text has been read as JSON before.
fn json(text: &str, steps: &[&str]) -> Option<Range<usize>> {
    let mut at = skip_space(text, 0);
    let mut place = at..value_end(text, at)?;
    for step in steps {
        let next = match (text.as_bytes().get(at)?, step.parse::<usize>()) {
            (b'[', Ok(number)) => item(text, at, number),
            (b'{', Ok(0)) => continue,
            (b'{', Err(_)) => member(text, at, step),
            _ => None,
        };
        let Some(next) = next else { break };
        at = next;
        place = at..value_end(text, at)?;
    }
    Some(place)
}

/// Where the value of this key begins.
fn member(text: &str, object: usize, wanted: &str) -> Option<usize> {
    let mut at = skip_space(text, object + 1);
    while text.as_bytes().get(at)? == &b'"' {
        let end = value_end(text, at)?;
        let key: String = serde_json::from_str(text.get(at..end)?).ok()?;
        let value = skip_space(text, skip_space(text, end) + 1);
        if key == wanted {
            return Some(value);
        }
        at = after(text, value)?;
    }
    None
}

/// Where this item begins.
fn item(text: &str, array: usize, number: usize) -> Option<usize> {
    let mut at = skip_space(text, array + 1);
    for _ in 0..number {
        at = after(text, at)?;
    }
    (text.as_bytes().get(at)? != &b']').then_some(at)
}

/// Behind a value and the comma.
fn after(text: &str, value: usize) -> Option<usize> {
    let end = skip_space(text, value_end(text, value)?);
    let comma = usize::from(text.as_bytes().get(end)? == &b',');
    Some(skip_space(text, end + comma))
}

fn skip_space(text: &str, at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    at + rest.len() - rest.trim_start().len()
}

fn value_end(text: &str, start: usize) -> Option<usize> {
    let octets = text.as_bytes();
    match octets.get(start)? {
        b'"' => string_end(octets, start),
        b'{' | b'[' => {
            let mut depth = 0_usize;
            let mut at = start;
            loop {
                match octets.get(at)? {
                    b'"' => {
                        at = string_end(octets, at)?;
                        continue;
                    }
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' if depth == 1 => return Some(at + 1),
                    b'}' | b']' => depth -= 1,
                    _ => {}
                }
                at += 1;
            }
        }
        _ => {
            let ends = |octet: &u8| b",]}".contains(octet) || octet.is_ascii_whitespace();
            let len = octets.iter().skip(start).position(ends);
            Some(len.map_or(text.len(), |len| start + len))
        }
    }
}

fn string_end(octets: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    loop {
        match octets.get(at)? {
            b'\\' => at += 2,
            b'"' => return Some(at + 1),
            _ => at += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::find;

    const TOML: &str = r#"state_dir = "s"
[dns]
listen = ["a", "b"]
[[dns.zones]]
name = "one"
[[dns.zones]]
name = "two"
records = ["x", "y"]
[seed.etcd]
unit = { token = "t" }
"#;
    const JSON: &str = r#"{"state_dir": "s", "dns": {"listen": ["a", "b"],
  "zones": [{"name": "one"}, {"name": "two", "records": ["x\"]", "y"]}]},
  "seed": {"etcd": {"unit": {"token": "t"}}}}"#;

    #[test]
    fn a_path_leads_to_its_value_in_both_languages() {
        for (path, toml, json) in [
            ("state_dir", "\"s\"", "\"s\""),
            ("dns.listen.1", "\"b\"", "\"b\""),
            ("dns.zones.0.name", "\"one\"", "\"one\""),
            ("dns.zones.1.name", "\"two\"", "\"two\""),
            ("dns.zones.1.records.1", "\"y\"", "\"y\""),
            ("seed.etcd.0.unit.token", "\"t\"", "\"t\""),
            (
                "seed.etcd.0.unit.nothing",
                "{ token = \"t\" }",
                "{\"token\": \"t\"}",
            ),
            (
                "dns.zones.0.primary_ns",
                "[[dns.zones]]",
                "{\"name\": \"one\"}",
            ),
        ] {
            assert_eq!(&TOML[find(TOML, false, path)], toml, "{path}");
            assert_eq!(&JSON[find(JSON, true, path)], json, "{path}");
        }
        assert_eq!(
            find(TOML, false, "dns.zones.1.primary_ns").start,
            TOML.rfind("[[dns").unwrap()
        );
        assert_eq!(&TOML[find(TOML, false, "dns.update")], "[dns]");
        assert_eq!(find(TOML, false, "ddns"), 0..0);
    }
}
