//! The story file as it is written: TOML shapes with their defaults, before validation.
//!
//! Every value whose meaning can be wrong keeps its span, so that an error can point at it.
//! `quorate schema` prints the JSON Schema of [`Story`].

use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

/// A scenario: the machines, the network they share, the service they form, what happens to
/// them, and what is expected of it all.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Story {
    /// One line that says what the story is about.
    pub title: String,
    #[serde(default)]
    pub network: Network,
    #[serde(default)]
    pub dhcp: Dhcp,
    pub etcd: Etcd,
    /// Groups of machines; a group of `count` machines is numbered from 1.
    #[schemars(with = "Vec<Machines>")]
    pub machines: Vec<Spanned<Machines>>,
    /// What happens to machines while the story runs.
    #[serde(default)]
    #[schemars(with = "Vec<Step>")]
    pub steps: Vec<Spanned<Step>>,
    #[serde(default)]
    pub expect: Expect,
}

/// The one LAN segment of the story.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Network {
    /// The IPv4 prefix, at most /16 and at least /28. The servers are at its second address,
    /// machines lease from the tenth on.
    #[schemars(with = "String")]
    pub subnet: Spanned<String>,
    /// The DNS zone in which machines get names and the SRV records appear.
    #[schemars(with = "String")]
    pub domain: Spanned<String>,
}

impl Default for Network {
    fn default() -> Self {
        Self {
            subnet: unspanned("10.77.0.0/24"),
            domain: unspanned("lab.test"),
        }
    }
}

/// How addresses are leased.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Dhcp {
    /// How long a lease lasts: "1h", "90s". At least 10 s.
    #[schemars(with = "String")]
    pub lease: Spanned<String>,
}

impl Default for Dhcp {
    fn default() -> Self {
        Self {
            lease: unspanned("1h"),
        }
    }
}

/// The etcd cluster that machines of class `etcd` form.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Etcd {
    /// How many members the cluster shall have. Default: all machines of class `etcd`.
    #[schemars(with = "Option<usize>")]
    pub members: Option<Spanned<usize>>,
    /// The etcd version, "3.5" or "3.5.16". Default: the newest 3.5; `--etcd` overrides it.
    #[schemars(with = "Option<String>")]
    pub version: Option<Spanned<String>>,
    /// Hold the SRV set back until every member has a lease and resolves. Default: true.
    #[serde(default = "yes")]
    pub gate: bool,
    /// Scheme of the peer URLs, and with it the one SRV set that is published:
    /// http → `_etcd-server._tcp`, https → `_etcd-server-ssl._tcp` (with `--peer-auto-tls`).
    /// Default: http, or https on etcd 3.4, which cannot bootstrap from the plain set.
    pub peers: Option<Scheme>,
    /// `--discovery-srv-name`: publish under `_etcd-server-NAME._tcp`.
    #[schemars(with = "Option<String>")]
    pub srv_name: Option<Spanned<String>>,
    /// `--initial-cluster-token`. Default: "quorate".
    pub token: Option<String>,
    /// `--heartbeat-interval`. Default: etcd's own 100 ms.
    #[schemars(with = "Option<String>")]
    pub heartbeat: Option<Spanned<String>>,
    /// `--election-timeout`. Default: etcd's own 1 s.
    #[schemars(with = "Option<String>")]
    pub election: Option<Spanned<String>>,
}

/// How members talk to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, serde::Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    Http,
    Https,
}

/// A group of machines that differ only in number, MAC address and power-on time.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Machines {
    /// Host name: the name itself for one machine, the stem of `name1`, `name2`, … for more.
    #[schemars(with = "String")]
    pub name: Spanned<String>,
    /// How many. Default: 1.
    #[serde(default = "one")]
    #[schemars(with = "usize")]
    pub count: Spanned<usize>,
    /// What the machine is for: `etcd` (a cluster member) or `plain` (leases and registers).
    pub class: Class,
    /// When the first one is switched on, from the start of the story. Default: "0s".
    #[schemars(with = "Option<String>")]
    pub power_on: Option<Spanned<String>>,
    /// Time between one power-on and the next. Default: "0s".
    #[schemars(with = "Option<String>")]
    pub every: Option<Spanned<String>>,
    /// Adds to each power-on a time drawn from zero to this, from the seed. Default: "0s".
    #[schemars(with = "Option<String>")]
    pub spread: Option<Spanned<String>>,
}

/// What a machine is for.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, serde::Serialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// Becomes a member of the etcd cluster.
    Etcd,
    /// Leases an address and gets a name.
    Plain,
}

/// One thing that happens at one time. Give `at` or `after_formed`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Time from the start of the story.
    #[schemars(with = "Option<String>")]
    pub at: Option<Spanned<String>>,
    /// Time from the moment at which the cluster had formed.
    #[schemars(with = "Option<String>")]
    pub after_formed: Option<Spanned<String>>,
    /// What is done.
    #[serde(rename = "do")]
    pub action: Action,
    /// To which machine.
    #[schemars(with = "String")]
    pub machine: Spanned<String>,
}

/// What a step does to a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, serde::Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Pull the plug: memory is lost, the disk stays.
    PowerOff,
    /// Switch on.
    PowerOn,
    /// Pull the network cable.
    LinkDown,
    /// Plug the network cable in.
    LinkUp,
}

/// What must be true for the story to pass.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Expect {
    /// The cluster has formed this long after the last power-on, and again after the last step.
    /// Default: "30s".
    #[schemars(with = "String")]
    pub formed_within: Spanned<String>,
}

impl Default for Expect {
    fn default() -> Self {
        Self {
            formed_within: unspanned("30s"),
        }
    }
}

fn unspanned(text: &str) -> Spanned<String> {
    Spanned::new(0..0, text.to_owned())
}

fn one() -> Spanned<usize> {
    Spanned::new(0..0, 1)
}

const fn yes() -> bool {
    true
}
