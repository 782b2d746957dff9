//! `--discovery-srv` as etcd performs it, from what a node sees in the DNS.
//!
//! The model follows `client/pkg/srv.GetCluster` (the same from 3.4 on),
//! `embed.Config.GetDNSClusterNames` (which differs, see [`Release`]) and
//! `ServerConfig.VerifyBootstrap`. There is one pass over the DNS and no retry: an error is a
//! process that exits with status 1 and the error's text in its log.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use crate::id::{ClusterId, MemberId, cluster_id, member_id};
use crate::url::{PeerUrl, Scheme};

/// The releases between which discovery differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Release {
    /// 3.4.x: an inverted condition throws the plain set away, and an error of the `-ssl`
    /// set's lookup is fatal (etcd #11321, corrected in 3.5.0).
    V3_4,
    /// 3.5 and later: both sets are merged, and errors are fatal only when nothing was found.
    V3_5,
}

/// One SRV record, as far as etcd reads it: priority and weight play no part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SrvRecord {
    /// The target's name; a trailing dot does not matter.
    pub target: String,
    pub port: u16,
}

/// Why a lookup has no answer, in the words of the resolver library, such as
/// `lookup n1.lab on 10.9.0.53:53: no such host`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LookupError(pub String);

/// What one node sees in the DNS at the moment of its start.
///
/// Each answer may be an error instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// The answer for `_etcd-server-ssl…`, in the order in which the resolver hands it on.
    pub ssl: Result<Vec<SrvRecord>, LookupError>,
    /// The answer for `_etcd-server…`.
    pub plain: Result<Vec<SrvRecord>, LookupError>,
    /// Addresses by host name without the trailing dot. Only the first is ever used. A name
    /// that is absent does not exist; a host that is written as an address resolves to itself.
    pub addresses: BTreeMap<String, Result<Vec<IpAddr>, LookupError>>,
}

/// One etcd process that is about to bootstrap, as its flags describe it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discovery {
    pub release: Release,
    /// `--name`
    pub name: String,
    /// `--initial-advertise-peer-urls`
    pub advertised: Vec<PeerUrl>,
    /// `--discovery-srv-name`
    pub srv_name: Option<String>,
    /// `--initial-cluster-token`
    pub token: String,
}

/// The cluster that a process goes on with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bootstrap {
    /// Peer URLs by name. Names of others are temporary: "0", "1", …
    pub members: BTreeMap<String, Vec<PeerUrl>>,
    pub cluster_id: ClusterId,
    pub member_id: MemberId,
    /// Records that took no part. etcd logs none of these.
    pub skipped: Vec<Skipped>,
}

/// One SRV record that was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    pub scheme: Scheme,
    pub record: SrvRecord,
    pub why: Skip,
}

/// Why an SRV record was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Skip {
    /// Its target has no address; the resolver's text.
    Unresolved(String),
    /// It is this node's own, in the set for the other scheme.
    SchemeMismatch,
    /// 3.4 dropped the whole plain set.
    PlainSetIgnored,
}

/// Why a process exits instead; the text is what etcd logs as the fatal error.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DiscoveryError {
    /// No usable set was found, or an own peer URL does not resolve.
    #[error("error setting up initial cluster: {0}")]
    Lookup(LookupError),
    #[error(
        "error setting up initial cluster: cannot find local etcd member {name:?} in SRV records"
    )]
    SelfMissing { name: String },
    /// The answers were empty without being errors.
    #[error("couldn't find local name {name:?} in the initial cluster configuration")]
    NothingFound { name: String },
    #[error(
        "--initial-cluster has {extra} but missing from --initial-advertise-peer-urls={advertised} ({cause})"
    )]
    NotAdvertised {
        extra: String,
        advertised: String,
        cause: String,
    },
    #[error(
        "--initial-advertise-peer-urls has {missing} but missing from --initial-cluster={found}"
    )]
    NotFound { missing: String, found: String },
    #[error("initial cluster {0} has duplicate url")]
    DuplicateUrl(String),
}

impl Discovery {
    /// Performs discovery on what this node sees.
    pub fn run(&self, view: &View) -> Result<Bootstrap, DiscoveryError> {
        let mut skipped = Vec::new();
        let found = self.both_sets(view, &mut skipped)?;
        let mut members: BTreeMap<String, Vec<PeerUrl>> = BTreeMap::new();
        for (name, url) in found {
            members.entry(name).or_default().push(url);
        }
        for urls in members.values_mut() {
            urls.sort_by_cached_key(ToString::to_string);
        }
        let own = members
            .get(&self.name)
            .ok_or_else(|| DiscoveryError::SelfMissing {
                name: self.name.clone(),
            })?;
        self.advertise_matches(own, view)?;
        refuse_duplicates(&members)?;
        let id_of = |urls: &Vec<PeerUrl>| {
            let texts: Vec<String> = urls.iter().map(ToString::to_string).collect();
            member_id(&texts, &self.token)
        };
        Ok(Bootstrap {
            member_id: id_of(own),
            cluster_id: cluster_id(members.values().map(id_of)),
            members,
            skipped,
        })
    }

    /// `GetDNSClusterNames`: the `-ssl` set, then the plain one, and what becomes of the two.
    fn both_sets(
        &self,
        view: &View,
        skipped: &mut Vec<Skipped>,
    ) -> Result<Vec<(String, PeerUrl)>, DiscoveryError> {
        let ssl = self.one_set(Scheme::Https, &view.ssl, view, skipped);
        match self.release {
            Release::V3_4 => {
                // Its records are appended only `if httpCerr != nil`, when there are none.
                ignore_plain_set(&view.plain, skipped);
                ssl.map_err(DiscoveryError::Lookup)
            }
            Release::V3_5 => {
                let plain = self.one_set(Scheme::Http, &view.plain, view, skipped);
                let mut errors = Vec::new();
                let mut found = Vec::new();
                for set in [ssl, plain] {
                    match set {
                        Ok(records) => found.extend(records),
                        Err(LookupError(text)) => errors.push(text),
                    }
                }
                if !found.is_empty() {
                    Ok(found)
                } else if errors.is_empty() {
                    Err(DiscoveryError::NothingFound {
                        name: self.name.clone(),
                    })
                } else {
                    Err(DiscoveryError::Lookup(LookupError(errors.join("; "))))
                }
            }
        }
    }

    /// `srv.GetCluster`: one set of records to names and URLs.
    fn one_set(
        &self,
        scheme: Scheme,
        answer: &Result<Vec<SrvRecord>, LookupError>,
        view: &View,
        skipped: &mut Vec<Skipped>,
    ) -> Result<Vec<(String, PeerUrl)>, LookupError> {
        // Own URLs are resolved first, and a failure is returned without naming the service.
        let mut own: BTreeMap<SocketAddr, &PeerUrl> = BTreeMap::new();
        for url in &self.advertised {
            own.insert(view.resolve(&url.host, url.port)?, url);
        }
        let service = service_label(scheme, self.srv_name.as_deref());
        let in_service = |error: &LookupError| {
            LookupError(format!(
                "error querying DNS SRV records for _{service} {error}"
            ))
        };
        let records = answer.as_ref().map_err(in_service)?;

        let mut found = Vec::new();
        let mut last_error = None;
        let mut temporary_name = 0u32;
        for record in records {
            let host = record.target.strip_suffix('.').unwrap_or(&record.target);
            let mut skip = |why| {
                skipped.push(Skipped {
                    scheme,
                    record: record.clone(),
                    why,
                });
            };
            let url = PeerUrl::new(scheme, host, record.port);
            match view.resolve(host, record.port) {
                Err(error) => {
                    skip(Skip::Unresolved(error.0.clone()));
                    last_error = Some(error);
                }
                Ok(addr) => match own.get(&addr) {
                    Some(mine) if mine.scheme == scheme => {
                        found.push((self.name.clone(), url));
                    }
                    Some(mine) => {
                        skip(Skip::SchemeMismatch);
                        last_error = Some(LookupError(format!(
                            "bootstrap at {url} from DNS for {service} has scheme mismatch \
                             with expected peer {mine}"
                        )));
                    }
                    None => {
                        found.push((temporary_name.to_string(), url));
                        temporary_name += 1;
                    }
                },
            }
        }
        match last_error {
            // Any survivor hides every error.
            Some(error) if found.is_empty() => Err(in_service(&error)),
            Some(_) | None => Ok(found),
        }
    }

    /// `ServerConfig.advertiseMatchesCluster`
    fn advertise_matches(&self, own: &[PeerUrl], view: &View) -> Result<(), DiscoveryError> {
        let texts = |urls: &[PeerUrl]| {
            let mut texts: Vec<String> = urls.iter().map(ToString::to_string).collect();
            texts.sort_unstable();
            texts
        };
        let (advertised, found) = (texts(&self.advertised), texts(own));
        if advertised == found {
            return Ok(());
        }
        let cause = if advertised.len() == found.len() {
            let resolved = |urls: &[PeerUrl]| {
                let mut addrs: Vec<String> = urls
                    .iter()
                    .map(|url| match view.resolve(&url.host, url.port) {
                        Ok(addr) => format!("{}://{addr}", url.scheme),
                        Err(LookupError(text)) => text,
                    })
                    .collect();
                addrs.sort_unstable();
                addrs
            };
            let (left, right) = (resolved(&self.advertised), resolved(own));
            match left.iter().zip(&right).find(|(a, b)| a != b) {
                None => return Ok(()),
                Some((a, b)) => format!("resolved urls: {a:?} != {b:?}"),
            }
        } else {
            let go_list = |texts: &[String]| {
                let quoted: Vec<String> = texts.iter().map(|text| format!("{text:?}")).collect();
                format!("[{}]", quoted.join(" "))
            };
            format!("len({}) != len({})", go_list(&advertised), go_list(&found))
        };
        let extra: Vec<String> = found
            .iter()
            .filter(|url| !advertised.contains(url))
            .map(|url| format!("{}={url}", self.name))
            .collect();
        if !extra.is_empty() {
            return Err(DiscoveryError::NotAdvertised {
                extra: extra.join(","),
                advertised: advertised.join(","),
                cause,
            });
        }
        let missing: Vec<&str> = advertised
            .iter()
            .filter(|url| !found.contains(url))
            .map(String::as_str)
            .collect();
        let own_map: Vec<String> = advertised
            .iter()
            .map(|url| format!("{}={url}", self.name))
            .collect();
        Err(DiscoveryError::NotFound {
            missing: missing.join(","),
            found: own_map.join(","),
        })
    }
}

impl View {
    /// `net.ResolveTCPAddr`: the first address only.
    fn resolve(&self, host: &str, port: u16) -> Result<SocketAddr, LookupError> {
        if let Ok(addr) = host.parse::<IpAddr>() {
            return Ok(SocketAddr::new(addr, port));
        }
        let missing = || LookupError(format!("lookup {host}: no such host"));
        match self.addresses.get(host) {
            Some(Ok(addrs)) => addrs
                .first()
                .map(|addr| SocketAddr::new(*addr, port))
                .ok_or_else(missing),
            Some(Err(error)) => Err(error.clone()),
            None => Err(missing()),
        }
    }
}

/// The owner name of a service's SRV set: `_etcd-server-ssl-NAME._tcp.DOMAIN`.
pub fn service_name(scheme: Scheme, srv_name: Option<&str>, domain: &str) -> String {
    format!("_{}._tcp.{domain}", service_label(scheme, srv_name))
}

fn service_label(scheme: Scheme, srv_name: Option<&str>) -> String {
    let base = match scheme {
        Scheme::Http => "etcd-server",
        Scheme::Https => "etcd-server-ssl",
    };
    match srv_name {
        Some(name) => format!("{base}-{name}"),
        None => base.to_owned(),
    }
}

fn ignore_plain_set(plain: &Result<Vec<SrvRecord>, LookupError>, skipped: &mut Vec<Skipped>) {
    skipped.extend(plain.iter().flatten().map(|record| Skipped {
        scheme: Scheme::Http,
        record: record.clone(),
        why: Skip::PlainSetIgnored,
    }));
}

/// `CheckDuplicateURL`
fn refuse_duplicates(members: &BTreeMap<String, Vec<PeerUrl>>) -> Result<(), DiscoveryError> {
    let mut all: Vec<&PeerUrl> = members.values().flatten().collect();
    all.sort_unstable();
    if all.windows(2).all(|pair| pair[0] != pair[1]) {
        return Ok(());
    }
    let mut pairs: Vec<String> = members
        .iter()
        .flat_map(|(name, urls)| urls.iter().map(move |url| format!("{name}={url}")))
        .collect();
    pairs.sort_unstable();
    Err(DiscoveryError::DuplicateUrl(pairs.join(",")))
}

#[cfg(test)]
mod tests;
