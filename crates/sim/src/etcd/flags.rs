//! The flags of etcd's command line that the seed's unit gives.

use std::time::Duration;

use quorate_etcd::{Discovery, PeerUrl, Release, given};

/// A command line, read.
#[derive(Clone, Debug)]
pub(crate) struct Flags {
    pub(crate) way: DiscoveryMethod,
    pub(crate) name: String,
    pub(crate) advertised: Vec<PeerUrl>,
    pub(crate) token: String,
    pub(crate) heartbeat: Duration,
    pub(crate) election: Duration,
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
    /// Reads a command line; the error is what etcd would print.
    pub(crate) fn parse(argv: &[String], release: Release) -> Result<Self, String> {
        let value = |flag: &str| {
            let at = argv.iter().position(|word| word == flag)?;
            argv.get(at + 1).map(String::as_str)
        };
        let need = |flag: &str| value(flag).ok_or_else(|| format!("flag {flag} is not given"));
        let millis = |flag: &str, default: Duration| match value(flag) {
            None => Ok(default),
            Some(text) => text
                .parse()
                .map(Duration::from_millis)
                .map_err(|_| format!("invalid value {text:?} for flag {flag}")),
        };
        let advertised: Result<Vec<PeerUrl>, _> = need("--initial-advertise-peer-urls")?
            .split(',')
            .map(str::parse)
            .collect();
        let advertised = advertised.map_err(|error| format!("{error}"))?;
        let (name, token) = (need("--name")?, need("--initial-cluster-token")?);
        let way = if let Some(set) = value("--initial-cluster") {
            let set = given::parse_set(set);
            DiscoveryMethod::Given(
                set.ok_or("error setting up initial cluster: bad value of --initial-cluster")?,
            )
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
        Ok(Self {
            way,
            name: name.to_owned(),
            advertised,
            token: token.to_owned(),
            heartbeat: millis("--heartbeat-interval", HEARTBEAT)?,
            election: millis("--election-timeout", ELECTION)?,
        })
    }
}

/// etcd's defaults.
const HEARTBEAT: Duration = Duration::from_millis(100);
const ELECTION: Duration = Duration::from_millis(1000);
