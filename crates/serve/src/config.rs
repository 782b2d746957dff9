//! `quorate.toml`: what the daemons serve, and where.
//!
//! The same keys may be written as JSON (a file that ends in `.json`), which is what NixOS
//! modules and the harness generate. A section that is absent, or says `enable = false`, is a
//! service that does not run.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use miette::{Diagnostic, NamedSource, SourceSpan};
use quorate_boot::EtcdUnit;
use quorate_dhcp::server::{Limits, RawClass, RawHost, RawServerConfig, RawSubnet};
use serde::Deserialize;
use thiserror::Error;

/// The whole file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where leases, zones and keys are kept; created 0700 when it is absent.
    pub state_dir: PathBuf,
    #[serde(default)]
    pub dhcp: Option<Dhcp>,
    #[serde(default)]
    pub dns: Option<Dns>,
    #[serde(default)]
    pub ddns: Option<Ddns>,
    #[serde(default)]
    pub seed: Option<Seed>,
}

/// The DHCPv4 server.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dhcp {
    #[serde(default = "yes")]
    pub enable: bool,
    /// The interface to serve; relay agents reach the server through it too.
    pub interface: String,
    /// The server's own address on that interface (option 54).
    pub server_id: Ipv4Addr,
    pub subnets: Vec<RawSubnet>,
    #[serde(default)]
    pub classes: Vec<RawClass>,
    #[serde(default)]
    pub hosts: Vec<RawHost>,
    #[serde(default)]
    pub reserved_names: Vec<String>,
    #[serde(default = "yes")]
    pub override_client_updates: bool,
    #[serde(default)]
    pub limits: Limits,
}

impl Dhcp {
    pub(crate) fn server(&self) -> RawServerConfig {
        RawServerConfig {
            server_id: self.server_id,
            subnets: self.subnets.clone(),
            hosts: self.hosts.clone(),
            classes: self.classes.clone(),
            reserved_names: self.reserved_names.clone(),
            override_client_updates: self.override_client_updates,
            limits: self.limits.clone(),
        }
    }
}

/// The authoritative DNS server, updates included.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dns {
    #[serde(default = "yes")]
    pub enable: bool,
    /// UDP and TCP are served on each.
    pub listen: Vec<SocketAddr>,
    #[serde(default)]
    pub zones: Vec<quorate_dns::RawZone>,
    /// Who may change what.
    #[serde(default)]
    pub update: Vec<quorate_dns::policy::RawGrant>,
    /// Who may transfer zones.
    #[serde(default)]
    pub transfer: Vec<quorate_dns::policy::RawPeer>,
    /// TSIG keys in BIND's key-file format.
    #[serde(default)]
    pub key_files: Vec<PathBuf>,
}

/// From leases to names and services: UPDATEs to a DNS server, ours or another.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ddns {
    #[serde(default = "yes")]
    pub enable: bool,
    /// The server that gets the UPDATEs.
    pub server: SocketAddr,
    /// The TSIG key to sign with. Without one, and with our own DNS server in this file, a key
    /// is made in `state_dir` and both use it.
    #[serde(default)]
    pub key_file: Option<PathBuf>,
    pub forward_zone: String,
    #[serde(default)]
    pub reverse_zones: Vec<String>,
    #[serde(default = "ttl_secs")]
    pub ttl_secs: u32,
    #[serde(default)]
    pub services: Vec<quorate_ddns::RawService>,
}

/// NoCloud seeds over HTTP.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seed {
    #[serde(default = "yes")]
    pub enable: bool,
    pub listen: SocketAddr,
    /// What machines of one class run.
    #[serde(default)]
    pub etcd: Option<SeedEtcd>,
}

/// The etcd unit that the seeds of one class install.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedEtcd {
    pub class: String,
    pub unit: EtcdUnit,
}

/// The file does not configure a server.
#[derive(Debug, Error, Diagnostic)]
pub enum ConfigError {
    #[error("{path}: {source}")]
    #[diagnostic(help("name the file with --config"))]
    Read {
        path: String,
        source: std::io::Error,
    },
    #[error("{message}")]
    Parse {
        message: String,
        #[source_code]
        source_code: NamedSource<String>,
        #[label("here")]
        span: Option<SourceSpan>,
    },
    #[error("[dhcp]: {0}")]
    Dhcp(#[from] quorate_dhcp::ConfigError),
    #[error("[dns]: {0}")]
    Dns(#[from] quorate_dns::ConfigError),
    #[error("[ddns]: {0}")]
    Ddns(#[from] quorate_ddns::ConfigError),
    #[error("{path}: {message}")]
    Key { path: String, message: String },
}

impl Config {
    /// Reads TOML, or JSON when the name ends so, and validates every section.
    ///
    /// # Errors
    /// With the place in the file where there is one.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
            path: name.clone(),
            source,
        })?;
        let is_json = path
            .extension()
            .is_some_and(|extension| extension == "json");
        let parsed = if is_json {
            serde_json::from_str(&text).map_err(|error| {
                let span = offset(&text, error.line(), error.column());
                (error.to_string(), Some(SourceSpan::from(span)))
            })
        } else {
            toml::from_str(&text).map_err(|error| {
                let span = error
                    .span()
                    .map(|range| SourceSpan::new(range.start.into(), range.len()));
                (error.message().to_owned(), span)
            })
        };
        parsed.map_err(|(message, span)| ConfigError::Parse {
            message,
            source_code: NamedSource::new(name, text.clone()),
            span,
        })
    }
}

/// The byte at a 1-based line and column.
fn offset(text: &str, line: usize, column: usize) -> usize {
    let before: usize = text
        .split_inclusive('\n')
        .take(line.saturating_sub(1))
        .map(str::len)
        .sum();
    (before + column.saturating_sub(1)).min(text.len())
}

/// Short, since names appear while people wait for them.
const fn ttl_secs() -> u32 {
    quorate_ddns::DEFAULT_TTL_SECS
}

const fn yes() -> bool {
    true
}
