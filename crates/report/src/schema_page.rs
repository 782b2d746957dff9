//! A JSON Schema as a page for readers: one table for each kind of object, with every key.

use std::fmt::Write as _;

use serde_json::Value;

/// The tables, in Markdown. A key's default is the schema's, or what its description says after
/// `Default: `.
pub fn page(schema: &Value) -> String {
    let mut page = Page {
        schema,
        out: String::new(),
    };
    page.object("", schema);
    let mut known: Vec<(String, &Value)> = Vec::new();
    page.objects(String::new(), schema, &mut known);
    for (path, object) in known {
        page.object(&path, object);
    }
    page.out
}

struct Page<'a> {
    schema: &'a Value,
    out: String,
}

impl<'a> Page<'a> {
    /// Every object below `object`, with the path of keys that leads to it, in order of depth.
    fn objects(&self, path: String, object: &'a Value, known: &mut Vec<(String, &'a Value)>) {
        for (key, value) in properties(object) {
            let (target, is_list) = self.target(value);
            if properties(target).next().is_none() {
                continue;
            }
            let dot = if path.is_empty() { "" } else { "." };
            let path = format!("{path}{dot}{key}");
            let shown = if is_list {
                format!("[[{path}]]")
            } else {
                format!("[{path}]")
            };
            known.push((shown, target));
            self.objects(path, target, known);
        }
    }

    /// What a property leads to, through references, lists and `null`, and whether it is a list.
    fn target(&self, value: &'a Value) -> (&'a Value, bool) {
        if let Some(name) = value["$ref"].as_str().and_then(|at| at.rsplit('/').next()) {
            return (&self.schema["$defs"][name], false);
        }
        if value["items"].is_object() {
            return (self.target(&value["items"]).0, true);
        }
        let choices = ["anyOf", "allOf", "oneOf"].into_iter();
        let mut choices = choices.filter_map(|of| value[of].as_array()).flatten();
        choices
            .find(|choice| choice["$ref"].is_string())
            .map_or((value, false), |choice| self.target(choice))
    }

    fn object(&mut self, path: &str, object: &Value) {
        if path.is_empty() {
            self.out.push_str("## Top level\n\n");
        } else {
            let _ = write!(self.out, "## `{path}`\n\n");
        }
        if let Some(text) = object["description"].as_str() {
            let _ = write!(self.out, "{}\n\n", line(text));
        }
        self.out
            .push_str("| key | type | default | meaning |\n| --- | --- | --- | --- |\n");
        let required: Vec<&str> = object["required"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let mut all: Vec<_> = properties(object).collect();
        // What must be there first; the sort keeps the rest in order.
        all.sort_by_key(|(key, _)| !required.contains(&key.as_str()));
        for (key, value) in all {
            let (target, _) = self.target(value);
            let described = value["description"]
                .as_str()
                .or(target["description"].as_str());
            let (meaning, said) = without_default(&line(described.unwrap_or_default()));
            let default = if required.contains(&key.as_str()) {
                "required".to_owned()
            } else {
                let known = &value["default"];
                match (known, said) {
                    (Value::Null | Value::Object(_), Some(said)) => said,
                    (Value::Null | Value::Object(_), None)
                        if properties(target).next().is_some() =>
                    {
                        "see below".to_owned()
                    }
                    (Value::Null | Value::Object(_), None) => UNKNOWN.to_owned(),
                    (known, _) => format!("`{known}`"),
                }
            };
            let kind = self.kind(value);
            let _ = writeln!(self.out, "| `{key}` | {kind} | {default} | {meaning} |");
        }
        self.out.push('\n');
        let lists = properties(object).filter_map(|(key, value)| {
            let words = words(self.target(value).0)?;
            Some((key.clone(), words))
        });
        let lists: Vec<_> = lists.collect();
        for (key, words) in lists {
            let _ = write!(self.out, "Values of `{key}`:\n\n");
            for (word, meaning) in words {
                let _ = writeln!(self.out, "- `{word}`: {meaning}");
            }
            self.out.push('\n');
        }
    }

    /// A type in a word or two.
    fn kind(&self, value: &Value) -> String {
        // One type, or one of several, of which `null` says nothing.
        let of = |value: &Value| {
            let kinds = value["type"].as_array().into_iter().flatten();
            let mut kinds = kinds.chain([&value["type"]]).filter_map(Value::as_str);
            kinds.find(|kind| *kind != "null").map(str::to_owned)
        };
        let target = match value["$ref"].as_str().and_then(|at| at.rsplit('/').next()) {
            Some(name) => &self.schema["$defs"][name],
            None => {
                let choices = value["anyOf"].as_array().into_iter().flatten();
                let mut names =
                    choices.filter_map(|choice| choice["$ref"].as_str()?.rsplit('/').next());
                names
                    .next()
                    .map_or(value, |name| &self.schema["$defs"][name])
            }
        };
        match of(target).as_deref() {
            Some("object") => "table".to_owned(),
            Some("array") if !properties(self.items(target)).any(|_| true) => "list".to_owned(),
            Some("array") => "list of tables".to_owned(),
            Some("integer" | "number") => "number".to_owned(),
            Some(kind) => kind.to_owned(),
            None if words(target).is_some() => "word".to_owned(),
            None => "–".to_owned(),
        }
    }

    fn items<'b>(&'b self, list: &'b Value) -> &'b Value {
        let name = list["items"]["$ref"]
            .as_str()
            .and_then(|at| at.rsplit('/').next());
        name.map_or(&list["items"], |name| &self.schema["$defs"][name])
    }
}

/// Stands where a schema has no default.
pub const UNKNOWN: &str = "–";

/// In the order of the schema.
fn properties(object: &Value) -> impl Iterator<Item = (&String, &Value)> {
    object["properties"].as_object().into_iter().flatten()
}

/// The words that a value may be, with their meanings, when it is one of several.
fn words(value: &Value) -> Option<Vec<(String, String)>> {
    let choices = value["oneOf"].as_array()?;
    let words = choices.iter().map(|choice| {
        let word = choice["const"].as_str()?;
        let meaning = choice["description"].as_str().unwrap_or_default();
        Some((word.to_owned(), line(meaning)))
    });
    words.collect()
}

/// What a description says before and after `Default: `.
fn without_default(text: &str) -> (String, Option<String>) {
    match text.split_once("Default: ") {
        Some((meaning, default)) => {
            let default = default.trim_end_matches('.');
            (meaning.trim_end().to_owned(), Some(default.to_owned()))
        }
        None => (text.to_owned(), None),
    }
}

/// One line of a table.
fn line(text: &str) -> String {
    text.split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_key_has_a_line_with_its_default() {
        let schema = json!({
            "type": "object", "required": ["title"],
            "properties": {
                "title": { "type": "string", "description": "One line\nof text." },
                "net": { "$ref": "#/$defs/Net", "default": { "size": 24 } },
                "steps": { "type": "array", "items": { "$ref": "#/$defs/Step" }, "default": [] },
            },
            "$defs": {
                "Net": { "type": "object", "description": "The network.", "properties": {
                    "size": { "type": "integer", "description": "How big.", "default": 24 },
                    "name": { "type": ["string", "null"], "description": "Its name. Default: none, a|b." },
                } },
                "Step": { "type": "object", "required": ["do"], "properties": {
                    "do": { "$ref": "#/$defs/Action", "description": "What is done." },
                } },
                "Action": { "oneOf": [
                    { "const": "off", "description": "Pull the plug." },
                ] },
            },
        });
        insta::assert_snapshot!(page(&schema), @r"
        ## Top level

        | key | type | default | meaning |
        | --- | --- | --- | --- |
        | `title` | string | required | One line of text. |
        | `net` | table | see below | The network. |
        | `steps` | list of tables | `[]` |  |

        ## `[net]`

        The network.

        | key | type | default | meaning |
        | --- | --- | --- | --- |
        | `name` | string | none, a\|b | Its name. |
        | `size` | number | `24` | How big. |

        ## `[[steps]]`

        | key | type | default | meaning |
        | --- | --- | --- | --- |
        | `do` | word | required | What is done. |

        Values of `do`:

        - `off`: Pull the plug.
        ");
    }
}
