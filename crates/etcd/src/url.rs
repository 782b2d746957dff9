//! Peer URLs, `http://n1.example:2380`: a scheme, a host and a port, and nothing else.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How a peer is spoken to, which also decides which SRV set names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    Http,
    Https,
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http => "http",
            Self::Https => "https",
        })
    }
}

/// One peer URL. The host keeps its spelling: it is hashed into the member ID.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PeerUrl {
    pub scheme: Scheme,
    /// A name or an address; an IPv6 address without its brackets.
    pub host: String,
    pub port: u16,
}

impl PeerUrl {
    pub fn new(scheme: Scheme, host: impl Into<String>, port: u16) -> Self {
        Self {
            scheme,
            host: host.into(),
            port,
        }
    }
}

impl fmt::Display for PeerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scheme, host, port } = self;
        if host.contains(':') {
            write!(f, "{scheme}://[{host}]:{port}")
        } else {
            write!(f, "{scheme}://{host}:{port}")
        }
    }
}

/// The text is not a peer URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a peer URL: {0:?}; write scheme, host and port, as in http://n1.example:2380")]
pub struct PeerUrlError(pub String);

impl FromStr for PeerUrl {
    type Err = PeerUrlError;

    fn from_str(text: &str) -> Result<Self, PeerUrlError> {
        let error = || PeerUrlError(text.to_owned());
        let (scheme, rest) = text.split_once("://").ok_or_else(error)?;
        let scheme = match scheme {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return Err(error()),
        };
        let (host, port) = rest.rsplit_once(':').ok_or_else(error)?;
        let host = match host.strip_prefix('[') {
            Some(inner) => inner.strip_suffix(']').ok_or_else(error)?,
            None if host.contains(':') => return Err(error()),
            None => host,
        };
        if host.is_empty() || host.contains(['/', '?', '#', '@', ' ']) {
            return Err(error());
        }
        let port = port.parse().map_err(|_| error())?;
        Ok(Self::new(scheme, host, port))
    }
}

impl TryFrom<String> for PeerUrl {
    type Error = PeerUrlError;

    fn try_from(text: String) -> Result<Self, PeerUrlError> {
        text.parse()
    }
}

impl From<PeerUrl> for String {
    fn from(url: PeerUrl) -> Self {
        url.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_url_reads_what_it_writes() {
        for text in [
            "http://n1.lab:2380",
            "https://10.0.0.1:12380",
            "http://[fd00::1]:2380",
        ] {
            let url: PeerUrl = text.parse().unwrap();
            assert_eq!(url.to_string(), text);
        }
    }

    #[test]
    fn what_is_not_a_peer_url_is_refused() {
        for text in [
            "n1.lab:2380",
            "ftp://n1:1",
            "http://n1",
            "http://:2380",
            "http://fd00::1:2380",
            "http://n1:2380/x",
            "http://n1:65536",
        ] {
            assert!(text.parse::<PeerUrl>().is_err(), "{text:?}");
        }
    }
}
