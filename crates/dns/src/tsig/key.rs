//! Shared secrets, and the two forms in which people write them down.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use data_encoding::BASE64;
use hickory_proto::rr::Name;
use hickory_proto::rr::rdata::tsig::TsigAlgorithm;

/// The algorithms that RFC 8945 §6 recommends or permits and that are still sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Algorithm {
    HmacSha256,
    HmacSha384,
    HmacSha512,
}

impl Algorithm {
    /// Octets of a full MAC.
    pub const fn mac_len(self) -> usize {
        match self {
            Self::HmacSha256 => 32,
            Self::HmacSha384 => 48,
            Self::HmacSha512 => 64,
        }
    }

    /// The name in configuration and, with a dot behind it, on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::HmacSha256 => "hmac-sha256",
            Self::HmacSha384 => "hmac-sha384",
            Self::HmacSha512 => "hmac-sha512",
        }
    }

    pub(super) const fn to_wire(self) -> TsigAlgorithm {
        match self {
            Self::HmacSha256 => TsigAlgorithm::HmacSha256,
            Self::HmacSha384 => TsigAlgorithm::HmacSha384,
            Self::HmacSha512 => TsigAlgorithm::HmacSha512,
        }
    }

    /// The algorithm that the wire names, in any case (hickory compares case-sensitively, but
    /// it is a domain name).
    pub(super) fn from_wire(wire: &TsigAlgorithm) -> Option<Self> {
        wire.to_name().to_ascii().parse().ok()
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Algorithm {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let bare = text.strip_suffix('.').unwrap_or(text);
        [Self::HmacSha256, Self::HmacSha384, Self::HmacSha512]
            .into_iter()
            .find(|algorithm| algorithm.as_str().eq_ignore_ascii_case(bare))
            .ok_or_else(|| KeyError::Algorithm(text.to_owned()))
    }
}

/// What is wrong with a key as it was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("key name {0:?} is not a domain name")]
    Name(String),
    #[error("algorithm {0:?} is not one of hmac-sha256, hmac-sha384, hmac-sha512")]
    Algorithm(String),
    #[error("the secret is not base64")]
    Secret,
    #[error("the secret is empty")]
    Empty,
    #[error("line {line}: expected {expected}")]
    Syntax { line: usize, expected: &'static str },
    #[error("key {0} is defined twice")]
    Duplicate(Name),
}

/// A secret that two hosts share, under a name. Debug and Display never print the secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    name: Name,
    algorithm: Algorithm,
    secret: Vec<u8>,
}

impl Key {
    /// # Errors
    /// When the secret is empty: HMAC would accept it, and it is no secret.
    pub fn new(name: &Name, algorithm: Algorithm, secret: Vec<u8>) -> Result<Self, KeyError> {
        if secret.is_empty() {
            return Err(KeyError::Empty);
        }
        let mut name = name.to_lowercase();
        name.set_fqdn(true);
        Ok(Self {
            name,
            algorithm,
            secret,
        })
    }

    /// A key from its three texts, the secret in base64.
    ///
    /// # Errors
    /// Which of the three is wrong.
    pub fn from_base64(name: &str, algorithm: &str, secret: &str) -> Result<Self, KeyError> {
        let owner = Name::from_ascii(name).map_err(|_| KeyError::Name(name.to_owned()))?;
        let secret = BASE64
            .decode(secret.as_bytes())
            .map_err(|_| KeyError::Secret)?;
        Self::new(&owner, algorithm.parse()?, secret)
    }

    /// The name, lowercased and fully qualified.
    pub fn name(&self) -> &Name {
        &self.name
    }

    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    pub(super) fn secret(&self) -> &[u8] {
        &self.secret
    }

    /// The key as BIND, `nsupdate -k` and `dig -k` read it. Holds the secret.
    pub fn to_file(&self) -> String {
        format!(
            "key \"{}\" {{\n\talgorithm {};\n\tsecret \"{}\";\n}};\n",
            self.name.to_ascii(),
            self.algorithm,
            BASE64.encode(&self.secret)
        )
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("name", &self.name.to_ascii())
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

/// All keys that a server knows, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keyring(BTreeMap<Name, Key>);

impl Keyring {
    /// # Errors
    /// When two keys have one name.
    pub fn new(keys: impl IntoIterator<Item = Key>) -> Result<Self, KeyError> {
        let mut ring = BTreeMap::new();
        for key in keys {
            let name = key.name.clone();
            if ring.insert(name.clone(), key).is_some() {
                return Err(KeyError::Duplicate(name));
            }
        }
        Ok(Self(ring))
    }

    /// The key of this name, in any case.
    pub fn find(&self, name: &Name) -> Option<&Key> {
        self.0.get(name)
    }
}

/// Reads every `key "name" { algorithm hmac-sha256; secret "base64"; };` of a BIND key file,
/// as `tsig-keygen` writes it. Comments (`//`, `#`, `/* */`) are skipped.
///
/// # Errors
/// The first thing that is not a key clause, with its line.
pub fn parse_key_file(text: &str) -> Result<Vec<Key>, KeyError> {
    let mut tokens = Tokens::new(text)?;
    let mut keys = Vec::new();
    while !tokens.is_done() {
        tokens.expect("key", "`key`")?;
        let name = tokens.word("a key name")?;
        tokens.expect("{", "`{`")?;
        let (mut algorithm, mut secret) = (None, None);
        while !tokens.skip("}") {
            match tokens.word("`algorithm` or `secret`")? {
                "algorithm" => algorithm = Some(tokens.word("an algorithm")?),
                "secret" => secret = Some(tokens.word("a secret in base64")?),
                _ => return Err(tokens.syntax("`algorithm` or `secret`")),
            }
            tokens.expect(";", "`;`")?;
        }
        tokens.expect(";", "`;` behind `}`")?;
        let algorithm = algorithm.ok_or(tokens.syntax("an `algorithm` in the key"))?;
        let secret = secret.ok_or(tokens.syntax("a `secret` in the key"))?;
        keys.push(Key::from_base64(name, algorithm, secret)?);
    }
    Ok(keys)
}

/// The words and marks of a key file, each with its line.
struct Tokens<'a> {
    tokens: std::vec::IntoIter<(usize, &'a str)>,
    line: usize,
}

impl<'a> Tokens<'a> {
    fn new(text: &'a str) -> Result<Self, KeyError> {
        let mut tokens = Vec::new();
        let (mut rest, mut line) = (text, 1);
        while let Some(first) = rest.chars().next() {
            let len = match first {
                '#' => rest.find('\n').unwrap_or(rest.len()),
                '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
                '/' if rest.starts_with("/*") => match rest.find("*/") {
                    Some(end) => end + 2,
                    None => {
                        return Err(KeyError::Syntax {
                            line,
                            expected: "`*/`",
                        });
                    }
                },
                '"' => match rest[1..].find('"') {
                    Some(end) => {
                        tokens.push((line, &rest[1..=end]));
                        end + 2
                    }
                    None => {
                        return Err(KeyError::Syntax {
                            line,
                            expected: "a closing quote",
                        });
                    }
                },
                '{' | '}' | ';' => {
                    tokens.push((line, &rest[..1]));
                    1
                }
                space if space.is_whitespace() => space.len_utf8(),
                _ => {
                    let ends = |c: char| c.is_whitespace() || "{};\"#".contains(c);
                    let end = rest.find(ends).unwrap_or(rest.len());
                    tokens.push((line, &rest[..end]));
                    end
                }
            };
            let (taken, left) = rest.split_at(len);
            line += taken.matches('\n').count();
            rest = left;
        }
        Ok(Self {
            tokens: tokens.into_iter(),
            line: 1,
        })
    }

    fn is_done(&self) -> bool {
        self.tokens.as_slice().is_empty()
    }

    fn word(&mut self, expected: &'static str) -> Result<&'a str, KeyError> {
        let (line, word) = self.tokens.next().ok_or(self.syntax(expected))?;
        self.line = line;
        Ok(word)
    }

    fn expect(&mut self, token: &str, expected: &'static str) -> Result<(), KeyError> {
        if self.word(expected)? == token {
            Ok(())
        } else {
            Err(self.syntax(expected))
        }
    }

    fn skip(&mut self, token: &str) -> bool {
        let found = self
            .tokens
            .as_slice()
            .first()
            .is_some_and(|(_, t)| *t == token);
        if found {
            self.tokens.next();
        }
        found
    }

    fn syntax(&self, expected: &'static str) -> KeyError {
        KeyError::Syntax {
            line: self.line,
            expected,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "// made by tsig-keygen\nkey \"ddns.lab.example\" {\n\talgorithm hmac-sha256;\n\tsecret \"c2VjcmV0\";\n};\n";

    #[test]
    fn a_bind_key_file_is_read_and_written() {
        let keys = parse_key_file(FILE).unwrap();
        assert_eq!(keys.len(), 1);
        assert_eq!(keys[0].name().to_ascii(), "ddns.lab.example.");
        assert_eq!(keys[0].algorithm(), Algorithm::HmacSha256);
        assert_eq!(keys[0].secret(), b"secret");
        assert_eq!(parse_key_file(&keys[0].to_file()).unwrap(), keys);
    }

    #[test]
    fn a_wrong_key_file_is_refused_with_its_line() {
        for (text, line) in [
            ("key \"k\" {\n secret \"c2VjcmV0\"\n};", 3),
            ("key k {\nalgorithm hmac-sha256;\n};", 3),
            ("\n\nzone x {};", 3),
            ("key k {\n/* open", 2),
            ("key \"k", 1),
            ("key k { colour red; };", 1),
        ] {
            match parse_key_file(text) {
                Err(KeyError::Syntax { line: found, .. }) => assert_eq!(found, line, "{text:?}"),
                other => panic!("{text:?}: {other:?}"),
            }
        }
        let weak = FILE.replace("sha256", "md5");
        assert_eq!(
            parse_key_file(&weak),
            Err(KeyError::Algorithm("hmac-md5".to_owned()))
        );
        assert_eq!(
            parse_key_file(&FILE.replace("c2VjcmV0", "c2Vj*")),
            Err(KeyError::Secret)
        );
        assert_eq!(
            parse_key_file(&FILE.replace("c2VjcmV0", "")),
            Err(KeyError::Empty)
        );
    }

    #[test]
    fn debug_hides_the_secret() {
        let key = Key::from_base64("k.", "HMAC-SHA512", "c2VjcmV0").unwrap();
        let shown = format!("{key:?} {:?}", Keyring::new([key.clone()]).unwrap());
        assert!(shown.contains("k.") && shown.contains("HmacSha512"));
        for leak in ["secret", "c2VjcmV0", "115"] {
            assert!(!shown.contains(leak), "{shown}");
        }
    }
}
