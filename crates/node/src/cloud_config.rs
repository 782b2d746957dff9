//! Reads the part of a NoCloud seed that a node carries out.
//!
//! Of `meta-data`: `instance-id` and `local-hostname`. Of `user-data`, which must be a
//! `#cloud-config`: `hostname`, `fqdn`, `write_files`, and those `runcmd` entries that are
//! `systemctl` commands. Every other key that asks for something is listed by name in
//! [`Plan::left_out`]; a file or command of which one part is not understood is left out whole.
//! `vendor-data` and `network-config` are not asked for: the network is already up by DHCP.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

mod error;
mod systemctl;

use error::EntryError;
pub use systemctl::Action;

/// What a seed asks a machine to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    pub instance_id: Option<String>,
    /// A single label or a dotted name that the kernel and DNS take; anything else is left out.
    pub hostname: Option<String>,
    pub files: Vec<FileToWrite>,
    pub actions: Vec<Action>,
    /// What the seed asks for and will not get, for people.
    pub left_out: Vec<String>,
}

/// One entry of `write_files`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileToWrite {
    pub path: String,
    pub permissions: u32,
    pub content: String,
}

/// The seed cannot be read at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SeedError {
    #[error("{file} is not UTF-8 text")]
    NotText { file: &'static str },
    #[error("{file} is not YAML: {why}")]
    NotYaml { file: &'static str, why: String },
    #[error("{file} is not a mapping")]
    NotMapping { file: &'static str },
    #[error("user-data does not begin with #cloud-config")]
    NotCloudConfig,
}

/// cloud-init's default for `write_files`.
const PERMISSIONS: u32 = 0o644;

/// What `meta_data` and `user_data` ask for.
pub fn read(meta_data: &[u8], user_data: &[u8]) -> Result<Plan, SeedError> {
    let meta = mapping("meta-data", text("meta-data", meta_data)?)?;
    let mut plan = Plan {
        instance_id: meta.get("instance-id").and_then(scalar_text),
        ..Plan::default()
    };
    let local_hostname = meta.get("local-hostname").and_then(scalar_text);

    let user_data = text("user-data", user_data)?;
    let mut hostname = None;
    // An empty user-data asks for nothing (so does cloud-init).
    if !user_data.trim().is_empty() {
        // cloud-init looks at the first line only, and ignores what follows the marker on it.
        if !user_data.starts_with("#cloud-config") {
            return Err(SeedError::NotCloudConfig);
        }
        for (key, value) in mapping("user-data", user_data)? {
            plan.read_key(&key, value, &mut hostname);
        }
    }
    for name in [hostname, local_hostname].into_iter().flatten() {
        if is_hostname(&name) {
            plan.hostname.get_or_insert(name);
        } else {
            plan.left_out.push(format!("hostname {name:?}"));
        }
    }
    Ok(plan)
}

impl Plan {
    /// Reads one top-level key of user-data.
    fn read_key(&mut self, key: &str, value: Value, hostname: &mut Option<String>) {
        match (key, value) {
            ("hostname", Value::String(name)) => *hostname = Some(name),
            // The domain comes with the lease; the name in DNS is the server's to give.
            ("fqdn", Value::String(fqdn)) => {
                if hostname.is_none() {
                    *hostname = fqdn.split('.').next().map(str::to_owned);
                }
            }
            // A node never writes its own name into /etc/hosts.
            ("manage_etc_hosts" | "preserve_hostname", Value::Bool(false)) => {}
            ("write_files", Value::Array(entries)) => {
                for (index, entry) in entries.into_iter().enumerate() {
                    match file(entry) {
                        Ok(file) => self.files.push(file),
                        Err(why) => self.left_out.push(format!("write_files[{index}]: {why}")),
                    }
                }
            }
            ("runcmd", Value::Array(entries)) => {
                for (index, entry) in entries.into_iter().enumerate() {
                    match command(&entry).and_then(|words| systemctl::actions(&words)) {
                        Ok(actions) => self.actions.extend(actions),
                        Err(why) => self.left_out.push(format!("runcmd[{index}]: {why}")),
                    }
                }
            }
            (key, _) => self.left_out.push(key.to_owned()),
        }
    }
}

/// RFC 1123 §2.1 labels, and the kernel's limit of 64 octets.
pub(crate) fn is_hostname(name: &str) -> bool {
    name.len() <= 64
        && name.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label
                    .bytes()
                    .all(|b| b == b'-' || b.is_ascii_alphanumeric())
        })
}

fn file(entry: Value) -> Result<FileToWrite, EntryError> {
    let Value::Object(entry) = entry else {
        return Err(EntryError::NotMapping);
    };
    let mut path = None;
    let mut permissions = PERMISSIONS;
    let mut content = String::new();
    let mut encoding = String::from("text/plain");
    for (key, value) in entry {
        match (key.as_str(), value) {
            ("path", Value::String(text)) if text.starts_with('/') && !climbs(&text) => {
                path = Some(text);
            }
            ("content", Value::String(text)) => content = text,
            ("encoding", Value::String(name)) => encoding = name,
            ("permissions", value) => permissions = mode(&value)?,
            ("owner", Value::String(owner)) if matches!(owner.as_str(), "root" | "root:root") => {}
            ("append" | "defer", Value::Bool(false)) => {}
            (_, value) => return Err(EntryError::Key { key, value }),
        }
    }
    let content = match encoding.as_str() {
        "text/plain" => content,
        "b64" | "base64" => {
            let packed: String = content.split_ascii_whitespace().collect();
            String::from_utf8(STANDARD.decode(packed)?).map_err(|_| EntryError::NotText)?
        }
        _ => return Err(EntryError::Encoding(encoding)),
    };
    Ok(FileToWrite {
        path: path.ok_or(EntryError::NoPath)?,
        permissions,
        content,
    })
}

/// True for paths that leave the directory they seem to be in.
fn climbs(path: &str) -> bool {
    path.contains('\0') || path.ends_with('/') || path.split('/').any(|part| part == "..")
}

/// cloud-init reads text as octal and a number as it is.
fn mode(value: &Value) -> Result<u32, EntryError> {
    let mode = match value {
        Value::String(text) => {
            let digits = text.strip_prefix("0o").unwrap_or(text);
            u32::from_str_radix(digits, 8).ok()
        }
        Value::Number(number) => number.as_u64().and_then(|mode| u32::try_from(mode).ok()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    mode.filter(|mode| *mode <= 0o7777)
        .ok_or_else(|| EntryError::Key {
            key: "permissions".to_owned(),
            value: value.clone(),
        })
}

/// The words of a runcmd entry. Text goes to a shell in cloud-init, so only text that a shell
/// would merely split at blanks is taken.
fn command(entry: &Value) -> Result<Vec<String>, EntryError> {
    let words: Option<Vec<String>> = match entry {
        Value::Array(items) => items.iter().map(scalar_text).collect(),
        Value::String(line) => {
            let plain = |c: char| c.is_ascii_alphanumeric() || " \t-_./@:=".contains(c);
            line.trim()
                .chars()
                .all(plain)
                .then(|| line.split_whitespace().map(str::to_owned).collect())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => None,
    };
    words.ok_or_else(|| EntryError::NotWords(entry.clone()))
}

fn text<'a>(file: &'static str, bytes: &'a [u8]) -> Result<&'a str, SeedError> {
    std::str::from_utf8(bytes).map_err(|_| SeedError::NotText { file })
}

fn mapping(file: &'static str, text: &str) -> Result<Map<String, Value>, SeedError> {
    // The first line may be a comment, such as the marker.
    let body = match text.split_once('\n') {
        Some((first, body)) if first.starts_with('#') => body,
        Some(_) | None => text,
    };
    // JSON is YAML (YAML 1.2 §1.3), and read in a tenth of the time; our servers send it.
    let value = serde_json::from_str(body).or_else(|_| yaml(file, text))?;
    match value {
        Value::Object(map) => Ok(map),
        Value::Null => Ok(Map::new()),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err(SeedError::NotMapping { file })
        }
    }
}

fn yaml(file: &'static str, text: &str) -> Result<Value, SeedError> {
    serde_saphyr::from_str(text).map_err(|error| SeedError::NotYaml {
        file,
        // The lines after the first draw the place in the text.
        why: error.to_string().lines().next().unwrap_or_default().into(),
    })
}

fn scalar_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests;
