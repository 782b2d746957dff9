//! What goes wrong: a plain list, each entry with its time, that can be read, cut and shortened.
//!
//! ```toml
//! [[faults]]
//! what = "loss"
//! whom = ["n1", "n3"]
//! from = "1s 500ms"
//! lasts = "4s"
//! amount = "25%"
//! ```

use std::fmt;
use std::time::Duration;

use quorate_core::Instant;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::amount;
pub use crate::amount::Unit;

/// One thing that goes wrong for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "WrittenFault", into = "WrittenFault")]
pub struct Fault {
    pub what: FaultKind,
    pub whom: Whom,
    /// From the start of the story.
    pub from: Duration,
    /// Afterwards all is as it was.
    pub lasts: Duration,
    /// How much, in the unit of `what`; 0 for what has no degrees.
    pub amount: i64,
}

/// A fault as files have it: the amount has its unit.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenFault {
    what: FaultKind,
    whom: Whom,
    #[serde(with = "written")]
    from: Duration,
    #[serde(with = "written")]
    lasts: Duration,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    amount: Option<String>,
}

impl From<Fault> for WrittenFault {
    fn from(fault: Fault) -> Self {
        let unit = fault.what.unit();
        Self {
            what: fault.what,
            whom: fault.whom,
            from: fault.from,
            lasts: fault.lasts,
            amount: (unit != Unit::None).then(|| amount::text(unit, fault.amount)),
        }
    }
}

/// A text that is no amount of a fault's unit.
#[derive(Debug, thiserror::Error)]
#[error("{text:?} is no amount of {}: write one as in {}", .what.name(), amount::example(.what.unit()))]
struct WrongAmount {
    what: FaultKind,
    text: String,
}

impl TryFrom<WrittenFault> for Fault {
    type Error = WrongAmount;

    fn try_from(written: WrittenFault) -> Result<Self, WrongAmount> {
        let what = written.what;
        let amount = match written.amount {
            None => 0,
            Some(text) => match amount::parse(what.unit(), &text) {
                Some(amount) => amount,
                None => return Err(WrongAmount { what, text }),
            },
        };
        Ok(Self {
            what,
            whom: written.whom,
            from: written.from,
            lasts: written.lasts,
            amount,
        })
    }
}

/// What goes wrong.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum FaultKind {
    /// Frames on the cable are lost, in both directions. Parts per million.
    Loss,
    /// Frames on the cable arrive twice. Parts per million.
    Duplicate,
    /// Frames on the cable are overtaken by later ones. Parts per million.
    Reorder,
    /// One bit of a frame on the cable flips. Parts per million.
    Corrupt,
    /// Frames on the cable take so much longer. Microseconds.
    Delay,
    /// Frames on the cable take up to so much longer. Microseconds.
    Jitter,
    /// Nothing that is sent leaves the cable; what comes is heard.
    Mute,
    /// Nothing arrives by the cable; what is sent is heard.
    Deaf,
    /// The servers hear nothing from these machines, which hear them and each other.
    CutToServers,
    /// These machines hear nothing from the servers, which hear them.
    CutFromServers,
    /// An UPDATE or its reply is lost between registrar and DNS server. Parts per million.
    UpdateLoss,
    /// The process of the servers dies at once, and is started again on its disk at the end.
    Crash,
    /// The power is cut: memory is lost, the disk stays.
    PowerCut,
    /// The wall clock is so many seconds ahead, or behind when negative.
    ClockSkew,
    /// The wall clock gains so many parts per million; −1,000,000 stands still.
    ClockDrift,
    /// The clock has no battery: the wall's begins again in 1970.
    DeadRtc,
    /// The servers' disk says that it has written and has not. Parts per million. No draw has
    /// it: no server keeps its promises on such a disk.
    DiskLies,
}

/// Whom it befalls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Whom {
    Group(Group),
    /// By name.
    Machines(Vec<String>),
}

/// Those who need no names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Group {
    Servers,
    /// Every machine, and not the servers.
    AllMachines,
}

impl Fault {
    /// When all is as it was.
    pub fn until(&self) -> Instant {
        Instant::ZERO + self.from + self.lasts
    }
}

impl Whom {
    pub const SERVERS: Self = Self::Group(Group::Servers);
    pub const ALL_MACHINES: Self = Self::Group(Group::AllMachines);
}

impl fmt::Display for Fault {
    /// `+1.500s for 4.000s: loss 25.0%, n1 n3`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, lasts) = (self.from.as_secs_f64(), self.lasts.as_secs_f64());
        write!(f, "{from:+.3}s for {lasts:.3}s: {}", self.what.name())?;
        let amount = self.amount;
        match self.what.unit() {
            Unit::None => {}
            Unit::PartsPerMillion => write!(f, " {:.1}%", amount as f64 / 10_000.0)?,
            Unit::Micros => write!(f, " {:.3} ms", amount as f64 / 1_000.0)?,
            Unit::Secs => write!(f, " {amount:+} s")?,
        }
        match &self.whom {
            Whom::Group(Group::Servers) => f.write_str(", servers"),
            Whom::Group(Group::AllMachines) => f.write_str(", all machines"),
            Whom::Machines(names) => write!(f, ", {}", names.join(" ")),
        }
    }
}

impl FaultKind {
    /// Every kind.
    pub const ALL: [Self; 17] = [
        Self::Loss,
        Self::Duplicate,
        Self::Reorder,
        Self::Corrupt,
        Self::Delay,
        Self::Jitter,
        Self::Mute,
        Self::Deaf,
        Self::CutToServers,
        Self::CutFromServers,
        Self::UpdateLoss,
        Self::Crash,
        Self::PowerCut,
        Self::ClockSkew,
        Self::ClockDrift,
        Self::DeadRtc,
        Self::DiskLies,
    ];

    /// As it is written in a file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Loss => "loss",
            Self::Duplicate => "duplicate",
            Self::Reorder => "reorder",
            Self::Corrupt => "corrupt",
            Self::Delay => "delay",
            Self::Jitter => "jitter",
            Self::Mute => "mute",
            Self::Deaf => "deaf",
            Self::CutToServers => "cut-to-servers",
            Self::CutFromServers => "cut-from-servers",
            Self::UpdateLoss => "update-loss",
            Self::Crash => "crash",
            Self::PowerCut => "power-cut",
            Self::ClockSkew => "clock-skew",
            Self::ClockDrift => "clock-drift",
            Self::DeadRtc => "dead-rtc",
            Self::DiskLies => "disk-lies",
        }
    }

    /// The kind of this name.
    pub(crate) fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The unit of [`Fault::amount`].
    pub const fn unit(self) -> Unit {
        match self {
            Self::Loss
            | Self::Duplicate
            | Self::Reorder
            | Self::Corrupt
            | Self::UpdateLoss
            | Self::ClockDrift
            | Self::DiskLies => Unit::PartsPerMillion,
            Self::Delay | Self::Jitter => Unit::Micros,
            Self::ClockSkew => Unit::Secs,
            Self::Mute
            | Self::Deaf
            | Self::CutToServers
            | Self::CutFromServers
            | Self::Crash
            | Self::PowerCut
            | Self::DeadRtc => Unit::None,
        }
    }

    /// True for what only the servers have.
    pub const fn is_of_servers(self) -> bool {
        matches!(self, Self::UpdateLoss | Self::Crash | Self::DiskLies)
    }

    /// True for what only machines have.
    pub const fn is_of_machines(self) -> bool {
        matches!(
            self,
            Self::PowerCut | Self::CutToServers | Self::CutFromServers
        )
    }
}

/// Durations as people write them, to the nanosecond.
pub(crate) mod written {
    use std::time::Duration;

    use serde::{Deserialize as _, Deserializer, Serializer, de};

    pub(crate) fn serialize<S: Serializer>(time: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&humantime::format_duration(*time))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        let text = String::deserialize(from)?;
        humantime::parse_duration(&text).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct File {
        faults: Vec<Fault>,
    }

    fn faults() -> Vec<Fault> {
        vec![
            Fault {
                what: FaultKind::Loss,
                whom: Whom::Machines(vec!["n1".to_owned(), "servers".to_owned()]),
                from: Duration::from_millis(1_500),
                lasts: Duration::from_nanos(4_000_000_001),
                amount: 250_000,
            },
            Fault {
                what: FaultKind::Crash,
                whom: Whom::SERVERS,
                from: Duration::ZERO,
                lasts: Duration::from_secs(1),
                amount: 0,
            },
            Fault {
                what: FaultKind::ClockSkew,
                whom: Whom::ALL_MACHINES,
                from: Duration::ZERO,
                lasts: Duration::from_secs(1),
                amount: -400,
            },
        ]
    }

    #[test]
    fn a_list_reads_what_it_writes() {
        let text = toml::to_string(&File { faults: faults() }).unwrap();
        insta::assert_snapshot!(text, @r#"
        [[faults]]
        what = "loss"
        whom = ["n1", "servers"]
        from = "1s 500ms"
        lasts = "4s 1ns"
        amount = "25%"

        [[faults]]
        what = "crash"
        whom = "servers"
        from = "0s"
        lasts = "1s"

        [[faults]]
        what = "clock-skew"
        whom = "all-machines"
        from = "0s"
        lasts = "1s"
        amount = "-6m 40s"
        "#);
        assert_eq!(toml::from_str::<File>(&text).unwrap().faults, faults());
        let json = serde_json::to_string(&faults()).unwrap();
        assert_eq!(serde_json::from_str::<Vec<Fault>>(&json).unwrap(), faults());
    }

    #[test]
    fn a_line_tells_a_fault() {
        let lines: Vec<String> = faults().iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(lines.join("\n"), @r"
        +1.500s for 4.000s: loss 25.0%, n1 servers
        +0.000s for 1.000s: crash, servers
        +0.000s for 1.000s: clock-skew -400 s, all machines
        ");
    }

    #[test]
    fn names_are_those_of_files() {
        for what in FaultKind::ALL {
            let written = serde_json::to_string(&what).unwrap();
            assert_eq!(written, format!("{:?}", what.name()));
        }
    }
}
