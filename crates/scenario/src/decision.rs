//! What chance decided, one thing at a time, named so that another version knows it again.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::fault::written;

/// One thing that could have gone otherwise.
///
/// `of n3, DNS query A n1.lab.test, the 2nd: lost`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    #[serde(flatten)]
    pub occasion: Occasion,
    pub is: Fate,
}

/// When something is decided: by whom, for what, and which time it is. There are no numbers of
/// the program in it, such as message IDs or ports, and no addresses.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Occasion {
    /// A machine, for what it does and for frames on its cable; else [`SERVERS`] or [`CLUSTERS`].
    pub of: String,
    pub what: String,
    /// Counts the occasions of this name from 1.
    pub nth: u32,
}

/// How it was decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// A message is lost.
    Lost,
    /// A frame arrives, and not as most do.
    Arrives(Arrival),
    /// Something takes so long.
    Takes(#[serde(with = "written")] Duration),
    /// Of those who could be chosen, this machine is.
    Chosen(String),
    /// The disk says that it has written, and has not.
    Lie,
}

/// How a frame arrives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arrival {
    /// From one end of the cable to the other.
    #[serde(with = "written")]
    pub after: Duration,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub twice: bool,
    /// Counted from the front of the frame.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flipped_bit: Option<u64>,
}

/// What the servers decide, and the cable between them and the switch.
pub const SERVERS: &str = "servers";
/// What clusters decide together.
pub const CLUSTERS: &str = "clusters";

impl fmt::Display for Occasion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}, number {}", self.of, self.what, self.nth)
    }
}
