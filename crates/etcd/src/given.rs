//! A set of peers that is given, not looked up: `--initial-cluster`, and what etcd's discovery
//! service (`--discovery`) hands out.
//!
//! Neither resolves a name before it starts: peers are dialled, again and again, once the
//! member runs. With `--discovery` the URL replaces `--initial-cluster-token`, so
//! that the ID of the cluster is known as soon as the URL and the set are.

use std::collections::BTreeMap;

use crate::discovery::{Bootstrap, DiscoveryError};
use crate::id::{cluster_id, member_id};
use crate::url::PeerUrl;

/// What `name` makes of `set` (`name=url`, one entry for each URL), with the token of
/// `--initial-cluster-token` or the URL of `--discovery`.
///
/// # Errors
/// When the set does not have the member as it advertises itself; the text is etcd's.
pub fn bootstrap(
    name: &str,
    advertised: &[PeerUrl],
    token: &str,
    set: &[(String, PeerUrl)],
) -> Result<Bootstrap, DiscoveryError> {
    let mut members: BTreeMap<String, Vec<PeerUrl>> = BTreeMap::new();
    for (name, url) in set {
        members.entry(name.clone()).or_default().push(url.clone());
    }
    let texts = |urls: &[PeerUrl]| {
        let mut texts: Vec<String> = urls.iter().map(ToString::to_string).collect();
        texts.sort_unstable();
        texts
    };
    let own = members
        .get(name)
        .ok_or_else(|| DiscoveryError::NothingFound {
            name: name.to_owned(),
        })?;
    let (own, ours) = (texts(own), texts(advertised));
    if let Some(missing) = ours.iter().find(|url| !own.contains(url)) {
        let found: Vec<String> = own.iter().map(|url| format!("{name}={url}")).collect();
        return Err(DiscoveryError::NotFound {
            missing: missing.clone(),
            found: found.join(","),
        });
    }
    Ok(Bootstrap {
        member_id: member_id(&own, token),
        cluster_id: cluster_id(members.values().map(|urls| member_id(&texts(urls), token))),
        members,
        skipped: Vec::new(),
    })
}

/// The entries of `--initial-cluster`; `None` when one of them is not `name=url`.
pub fn parse_set(text: &str) -> Option<Vec<(String, PeerUrl)>> {
    let entry = |entry: &str| {
        let (name, url) = entry.split_once('=')?;
        Some((name.to_owned(), url.parse().ok()?))
    };
    text.split(',').map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SET: &str = "n1=http://127.0.0.1:7001,n2=http://127.0.0.1:7002,n3=http://127.0.0.1:7003";

    fn of(name: &str, url: &str, token: &str) -> Result<Bootstrap, DiscoveryError> {
        let advertised = [url.parse().unwrap()];
        bootstrap(name, &advertised, token, &parse_set(SET).unwrap())
    }

    /// The IDs that etcd 3.4.23 and 3.5.16 computed with this URL and these members.
    #[test]
    fn the_url_of_the_discovery_service_is_the_token() {
        let url = "http://127.0.0.1:4001/v2/keys/discovery/tok";
        let bootstrap = of("n1", "http://127.0.0.1:7001", url).unwrap();
        assert_eq!(bootstrap.cluster_id.to_string(), "2bc3d7cfa095c835");
        assert_eq!(bootstrap.member_id.to_string(), "b4932d0c8c0d36ac");
        let other = of("n1", "http://127.0.0.1:7001", "tok").unwrap();
        assert_ne!(other.cluster_id, bootstrap.cluster_id);
    }

    #[test]
    fn a_set_without_the_member_is_refused() {
        let error = of("n4", "http://127.0.0.1:7004", "t").unwrap_err();
        assert!(
            error.to_string().contains("couldn't find local name"),
            "{error}"
        );
        let error = of("n1", "http://127.0.0.1:7009", "t").unwrap_err();
        assert!(
            error
                .to_string()
                .contains("http://127.0.0.1:7009 but missing"),
            "{error}"
        );
    }

    #[test]
    fn what_is_not_a_set_is_none() {
        assert_eq!(parse_set("n1"), None);
        assert_eq!(parse_set(""), None);
    }
}
