//! `$QUORATE_REQUIRE`: the needs that are promised to be met.

use std::collections::BTreeSet;
use std::env;

use crate::need::{Need, Resource};

/// The resources without which a test fails instead of being ignored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Required(BTreeSet<Resource>);

impl Required {
    /// As the environment says.
    ///
    /// # Errors
    /// A word that names no resource, and those that do.
    pub fn from_env() -> Result<Self, String> {
        Self::parse(&env::var(VARIABLE).unwrap_or_default())
    }

    /// Reads names between commas; `all` is every one.
    ///
    /// # Errors
    /// As above.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut required = BTreeSet::new();
        for word in text
            .split(',')
            .map(str::trim)
            .filter(|word| !word.is_empty())
        {
            let named = Resource::ALL.into_iter().find(|one| one.name() == word);
            match (named, word) {
                (Some(resource), _) => _ = required.insert(resource),
                (None, "all") => required.extend(Resource::ALL),
                (None, _) => {
                    let names = Resource::ALL.map(Resource::name).join(", ");
                    return Err(format!(
                        "${VARIABLE} names {word:?}; it may name {names}, or all"
                    ));
                }
            }
        }
        Ok(Self(required))
    }

    /// The failure that a test becomes for want of this; none where it may be ignored.
    pub fn failure(&self, need: Need, reason: &str) -> Option<String> {
        let resource = need.resource().filter(|one| self.0.contains(one))?;
        Some(format!(
            "not run, and ${VARIABLE} requires {resource}: {reason}"
        ))
    }
}

const VARIABLE: &str = "QUORATE_REQUIRE";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_means_exactly_the_six() {
        let all = Required::parse("all").unwrap();
        let six = Required::parse("host,etcd,docker,qemu,clients,network").unwrap();
        assert_eq!(all, six);
        assert_eq!(all.failure(Need::Switch("QUORATE_SLOW"), "it is off"), None);
    }

    #[test]
    fn what_is_not_named_may_be_missing() {
        let required = Required::parse("host, docker").unwrap();
        assert_eq!(required.failure(Need::Program("dig"), "no dig"), None);
        assert_eq!(
            required.failure(Need::Docker, "no engine").unwrap(),
            "not run, and $QUORATE_REQUIRE requires docker: no engine"
        );
        assert_eq!(Required::parse("").unwrap(), Required::default());
    }

    #[test]
    fn a_word_that_names_nothing_is_refused() {
        let error = Required::parse("host,doker").unwrap_err();
        assert!(
            error.contains("\"doker\"") && error.contains("docker"),
            "{error}"
        );
    }
}
