//! `[swarm]` as it is written.

use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

/// Sizes, topology and times that every seed draws for itself. Members are called `n1`, `n2`, …
/// and the others `p1`, `p2`, …; `[[machines]]`, `[racks]`, the clusters and their members and
/// what befalls single machines cannot be written beside this.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Swarm {
    /// How many machines there are.
    #[schemars(with = "Range")]
    pub machines: Spanned<Range>,
    /// How many members a cluster has is one of these, drawn for each. Default: [1, 3, 5].
    #[schemars(with = "Option<Vec<usize>>")]
    pub members: Option<Spanned<Vec<usize>>>,
    /// How many machines are members of nothing; all others are in clusters, as far as they go.
    /// Default: none.
    #[schemars(with = "Option<Range>")]
    pub plain: Option<Spanned<Range>>,
    /// Some of those that are members of nothing are hollow. Default: false.
    #[serde(default)]
    pub hollow: bool,
    /// How many racks behind relay agents there are; 0 is one segment for all. Default: 0.
    #[schemars(with = "Option<Range>")]
    pub racks: Option<Spanned<Range>>,
    /// All machines are switched on within a time that is drawn up to this: together, in turns,
    /// cluster by cluster, or just so. Default: "2s".
    #[schemars(with = "Option<String>")]
    pub power_on: Option<Spanned<String>>,
    /// How long a lease lasts is one of these. Default: the lease of `[dhcp]`.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub leases: Vec<Spanned<String>>,
}

/// A number between two others, either of which it may be.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Range {
    pub min: usize,
    pub max: usize,
}
