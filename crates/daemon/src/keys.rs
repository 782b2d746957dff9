//! The TSIG keys of the daemons: read, or made.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use quorate_dns::tsig::{Key, parse_key_file};
use quorate_server::setup::OWN_KEY_LEN;
use quorate_server::{Config, Keys};
use rustix::rand::GetRandomFlags;

use crate::error::{ConfigError, ServeError};

/// Reads the key files that `config` names, and makes the key that it does without.
pub(crate) fn load(config: &Config) -> Result<Keys, ServeError> {
    let mut keys = Keys::default();
    if let Some(dns) = config.dns() {
        for path in &dns.key_files {
            keys.dns.extend(read(path)?);
        }
    }
    let Some(ddns) = config.ddns() else {
        return Ok(keys);
    };
    if let Some(path) = &ddns.key_file {
        keys.ddns = read(path)?.into_iter().next();
    } else if config.dns().is_some() {
        keys.made = true;
        keys.ddns = Some(own_key(&config.state_dir.join("ddns.key"))?);
    }
    Ok(keys)
}

/// The keys that the DNS server would know, without making one; `None` when not all of their files
/// can be read here.
pub(crate) fn readable(config: &Config) -> Result<Option<Vec<Key>>, ConfigError> {
    let mut keys = Vec::new();
    for path in config.dns().into_iter().flat_map(|dns| &dns.key_files) {
        if fs::File::open(path).is_err() {
            return Ok(None);
        }
        keys.extend(read(path)?);
    }
    if config.ddns().is_some_and(|ddns| ddns.key_file.is_none()) {
        // Of its name, not its secret: nothing is signed with it.
        keys.extend(quorate_server::setup::own_key(vec![0; OWN_KEY_LEN]).ok());
    }
    Ok(Some(keys))
}

/// The files that others made, with the keys that name them.
pub(crate) fn files(config: &Config) -> Vec<(String, &PathBuf)> {
    let dns = config.dns().into_iter().flat_map(|dns| &dns.key_files);
    let dns = dns.enumerate();
    let dns = dns.map(|(at, path)| (format!("dns.key_files.{at}"), path));
    let ddns = config.ddns().and_then(|ddns| ddns.key_file.as_ref());
    dns.chain(ddns.map(|path| ("ddns.key_file".to_owned(), path)))
        .collect()
}

pub(crate) fn read(path: &Path) -> Result<Vec<Key>, ConfigError> {
    let fail = |message: String| ConfigError::Key {
        path: path.display().to_string(),
        message,
    };
    let mode = fs::metadata(path).map_err(|error| fail(error.to_string()))?;
    if mode.permissions().mode() & READ_BY_OTHERS != 0 {
        let remedy = format!("chmod o= {}", path.display());
        return Err(fail(format!(
            "everybody can read it; a key is a secret: {remedy}"
        )));
    }
    let text = fs::read_to_string(path).map_err(|error| fail(error.to_string()))?;
    parse_key_file(&text).map_err(|error| fail(error.to_string()))
}

/// The key in `path`; made at the first start, readable by its owner only.
fn own_key(path: &Path) -> Result<Key, ServeError> {
    if let Ok(keys) = read(path)
        && let Some(key) = keys.into_iter().next()
    {
        return Ok(key);
    }
    let fail = |what: &'static str| {
        move |source| ServeError::OwnKey {
            path: path.to_owned(),
            what,
            source,
        }
    };
    // Of the kernel itself: there may be no device to read it from.
    let mut secret = vec![0; OWN_KEY_LEN];
    let length = rustix::rand::getrandom(secret.as_mut_slice(), GetRandomFlags::empty())
        .map_err(|error| fail("no random numbers for it")(error.into()))?;
    assert_eq!(length, OWN_KEY_LEN, "up to 256 come at once, getrandom(2)");
    let key =
        quorate_server::setup::own_key(secret).expect("it has the length that its algorithm wants");
    fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| {
            file.write_all(key.to_file().as_bytes())?;
            file.sync_all()
        })
        .map_err(fail("it cannot be written"))?;
    Ok(key)
}

const READ_BY_OTHERS: u32 = 0o004;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_everybody_can_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        let key = quorate_server::setup::own_key(vec![7; OWN_KEY_LEN]).unwrap();
        fs::write(&path, key.to_file()).unwrap();
        for (mode, is_taken) in [(0o600, true), (0o400, true), (0o640, true), (0o644, false)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(read(&path).is_ok(), is_taken, "{mode:o}");
        }
        let error = read(&path).unwrap_err().to_string();
        assert!(error.contains("chmod o="), "{error}");
    }
}
