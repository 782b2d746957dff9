//! A good configuration, and one wrong value after the other.

use super::{Finding, Severity, check, summary};
use crate::config::Config;

mod mutants;
mod right;

/// What the README has, in JSON, whose words are those of the file.
fn good() -> serde_json::Value {
    serde_json::from_str(include_str!("tests/good.json")).unwrap()
}

fn findings(value: &serde_json::Value) -> Vec<Finding> {
    let config: Config = serde_json::from_value(value.clone()).unwrap();
    check(&config)
}

/// The configuration with one more value: `dns.listen.0`, to JSON.
fn with(path: &str, value: &str) -> serde_json::Value {
    let mut config = good();
    set(&mut config, path, value);
    config
}

/// Writes a value; `-` takes it out.
fn set(config: &mut serde_json::Value, path: &str, value: &str) {
    let (parent, key) = path.rsplit_once('.').unwrap_or(("", path));
    let pointer = match parent {
        "" => String::new(),
        parent => format!("/{}", parent.replace('.', "/")),
    };
    let parent = config.pointer_mut(&pointer).expect(path);
    let new = serde_json::from_str(value);
    match (parent, key.parse::<usize>()) {
        (serde_json::Value::Array(items), Ok(at)) if value == "-" => drop(items.remove(at)),
        (serde_json::Value::Array(items), Ok(at)) if at == items.len() => {
            items.push(new.expect(value))
        }
        (serde_json::Value::Array(items), Ok(at)) => items[at] = new.expect(value),
        (serde_json::Value::Object(map), _) if value == "-" => drop(map.remove(key).expect(path)),
        (serde_json::Value::Object(map), _) => drop(map.insert(key.to_owned(), new.expect(value))),
        (parent, _) => panic!("{path}: {parent}"),
    }
}
