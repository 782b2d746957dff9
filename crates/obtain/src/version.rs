//! etcd versions, and what is asked for.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One release: `3.5.16`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Version {
    pub major: u32,
    pub minor: u32,
    pub patch: u32,
}

impl Version {
    pub const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self {
            major,
            minor,
            patch,
        }
    }
}

/// A release, or the newest of a series: `3.5.16` or `3.5`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VersionReq {
    pub major: u32,
    pub minor: u32,
    /// Any patch release when absent.
    pub patch: Option<u32>,
}

impl VersionReq {
    /// Used when no version is asked for.
    pub const DEFAULT: Self = Self {
        major: 3,
        minor: 5,
        patch: None,
    };

    pub fn matches(self, version: Version) -> bool {
        self.major == version.major
            && self.minor == version.minor
            && self.patch.is_none_or(|patch| patch == version.patch)
    }

    /// The version, when exactly one is asked for.
    pub fn exact(self) -> Option<Version> {
        let patch = self.patch?;
        Some(Version::new(self.major, self.minor, patch))
    }
}

/// The text is not a version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an etcd version: {0:?}; write a series like 3.5 or a release like 3.5.16")]
pub struct VersionError(pub String);

impl FromStr for VersionReq {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, VersionError> {
        let error = || VersionError(text.to_owned());
        let mut numbers = text.strip_prefix('v').unwrap_or(text).split('.');
        let mut next = || numbers.next().map(|part| number(part).ok_or_else(error));
        let (major, minor, patch) = (next(), next(), next());
        let req = Self {
            major: major.ok_or_else(error)??,
            minor: minor.ok_or_else(error)??,
            patch: patch.transpose()?,
        };
        if numbers.next().is_some() {
            return Err(error());
        }
        Ok(req)
    }
}

impl FromStr for Version {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, VersionError> {
        let req: VersionReq = text.parse()?;
        req.exact().ok_or_else(|| VersionError(text.to_owned()))
    }
}

/// Digits only: `u32::from_str` would take a sign as well.
fn number(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

impl fmt::Display for VersionReq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)?;
        match self.patch {
            Some(patch) => write!(f, ".{patch}"),
            None => Ok(()),
        }
    }
}

impl TryFrom<String> for Version {
    type Error = VersionError;

    fn try_from(text: String) -> Result<Self, VersionError> {
        text.parse()
    }
}

impl From<Version> for String {
    fn from(version: Version) -> Self {
        version.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_matches_its_releases_and_a_release_itself() {
        let series: VersionReq = "3.5".parse().unwrap();
        let release: VersionReq = "v3.5.16".parse().unwrap();
        assert!(series.matches(Version::new(3, 5, 1)));
        assert!(!series.matches(Version::new(3, 4, 1)));
        assert!(release.matches(Version::new(3, 5, 16)));
        assert!(!release.matches(Version::new(3, 5, 1)));
        assert_eq!(series.to_string(), "3.5");
        assert_eq!(release.to_string(), "3.5.16");
    }

    #[test]
    fn what_is_not_a_version_is_refused() {
        for text in ["", "3", "3.", "3.5.", "3.5.1.2", "3.+5", "three", "3.5-rc"] {
            assert!(text.parse::<VersionReq>().is_err(), "{text:?}");
        }
        assert!("3.5".parse::<Version>().is_err());
    }

    #[test]
    fn newer_is_greater() {
        assert!(Version::new(3, 5, 16) > Version::new(3, 5, 9));
    }
}
