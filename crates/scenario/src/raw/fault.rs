//! `[[faults]]` as it is written.

use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

use crate::fault::{FaultKind, Whom};

/// One thing that goes wrong: `what` for a while, or one single time with `lose`, `delay`,
/// `time`, `choose` or `lie`, which name one occasion as decision logs do.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Fault {
    /// What goes wrong for a while. Needs `whom`, and `lasts` or `until`. Default: none.
    pub what: Option<FaultKind>,
    /// `servers`, `all-machines`, or a list of machines. Default: none.
    #[schemars(with = "Option<Whom>")]
    pub whom: Option<Spanned<Whom>>,
    /// Time from the start of the story. Default: "0s".
    #[schemars(with = "Option<String>")]
    pub from: Option<Spanned<String>>,
    /// For how long. Default: none.
    #[schemars(with = "Option<String>")]
    pub lasts: Option<Spanned<String>>,
    /// Instead of `lasts`: time from the start of the story. Default: none.
    #[schemars(with = "Option<String>")]
    pub until: Option<Spanned<String>>,
    /// How much, as `what` has it: a share ("5%", "1ppm") or a time ("20ms", "-400s").
    /// Default: none.
    #[schemars(with = "Option<String>")]
    pub amount: Option<Spanned<String>>,
    /// A message that is lost, as in "DNS query A n1.lab.test" or "DHCP REQUEST".
    /// Default: none.
    pub lose: Option<String>,
    /// A frame that arrives so long after it was sent as `by` says. Default: none.
    pub delay: Option<String>,
    /// How late the frame of `delay` is. Default: none.
    #[schemars(with = "Option<String>")]
    pub by: Option<Spanned<String>>,
    /// The frame of `delay` arrives twice. Default: false.
    pub twice: Option<bool>,
    /// This bit of the frame of `delay` flips, counted from its front. Default: none.
    pub bit: Option<u64>,
    /// Something that `takes` so long, as in "etcd has started". Default: none.
    pub time: Option<String>,
    /// How long `time` is. Default: none.
    #[schemars(with = "Option<String>")]
    pub takes: Option<Spanned<String>>,
    /// A choice, which falls on the machine `chosen`. Default: none.
    pub choose: Option<String>,
    /// Whom `choose` falls on. Default: none.
    pub chosen: Option<String>,
    /// A sync of the servers' disk that is said to be done and is not: "truth of a sync".
    /// Default: none.
    pub lie: Option<String>,
    /// Whose message, frame or time it is: a machine, "servers" or "clusters".
    /// Default: none.
    #[schemars(with = "Option<String>")]
    pub machine: Option<Spanned<String>>,
    /// Which time it is, counted from 1. Default: 1.
    pub nth: Option<u32>,
}
