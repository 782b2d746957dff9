//! The flags of etcd's command line that the seed's unit gives.

use std::time::Duration;

use quorate_etcd::{Discovery, PeerUrl, Release, given};

use super::clusters::Timeouts;
use super::error::StartError;

/// A command line, read.
#[derive(Clone, Debug)]
pub(crate) struct Flags {
    pub(crate) method: DiscoveryMethod,
    pub(crate) name: String,
    pub(crate) advertised: Vec<PeerUrl>,
    pub(crate) token: String,
    pub(crate) timeouts: Timeouts,
}

/// How the process finds its peers.
#[derive(Clone, Debug)]
pub(crate) enum DiscoveryMethod {
    /// `--discovery-srv`
    Records {
        discovery: Discovery,
        domain: String,
    },
    /// `--initial-cluster`
    Given(Vec<(String, PeerUrl)>),
    /// `--discovery`, with this URL.
    Registry(String),
}

impl Flags {
    /// Reads a command line.
    pub(crate) fn parse(argv: &[String], release: Release) -> Result<Self, StartError> {
        let value = |flag: &str| {
            let at = argv.iter().position(|word| word == flag)?;
            argv.get(at + 1).map(String::as_str)
        };
        let need = |flag| value(flag).ok_or(StartError::FlagMissing(flag));
        let millis = |flag, default: Duration| match value(flag) {
            None => Ok(default),
            Some(value) => value.parse().map(Duration::from_millis).map_err(|_| {
                let value = value.to_owned();
                StartError::FlagInvalid { flag, value }
            }),
        };
        let advertised: Vec<PeerUrl> = need("--initial-advertise-peer-urls")?
            .split(',')
            .map(str::parse)
            .collect::<Result<_, _>>()?;
        let (name, token) = (need("--name")?, need("--initial-cluster-token")?);
        let method = if let Some(set) = value("--initial-cluster") {
            let set = given::parse_set(set).ok_or(StartError::InitialCluster)?;
            DiscoveryMethod::Given(set)
        } else if let Some(url) = value("--discovery") {
            DiscoveryMethod::Registry(url.to_owned())
        } else {
            DiscoveryMethod::Records {
                discovery: Discovery {
                    release,
                    name: name.to_owned(),
                    advertised: advertised.clone(),
                    srv_name: value("--discovery-srv-name").map(str::to_owned),
                    token: token.to_owned(),
                },
                domain: need("--discovery-srv")?.to_owned(),
            }
        };
        let default = Timeouts::default();
        Ok(Self {
            method,
            name: name.to_owned(),
            advertised,
            token: token.to_owned(),
            timeouts: Timeouts {
                heartbeat: millis("--heartbeat-interval", default.heartbeat)?,
                election: millis("--election-timeout", default.election)?,
            },
        })
    }
}
