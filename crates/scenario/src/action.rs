//! What is done to machines and to the servers. Steps ask for these actions, worlds do them, and
//! observations show them: this is the one list.
//!
//! A new action is written here; [`MachineProgress`](crate::progress::MachineProgress) says what
//! it does to a machine, and each world has an arm for it.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// One thing that is done. The descriptions are those of a scenario's key `do`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub enum Action {
    /// Pull the plug: memory is lost, the disk stays.
    #[serde(alias = "powered-off")]
    PowerOff,
    /// Switch on.
    #[serde(alias = "powered-on")]
    PowerOn,
    /// Pull the network cable.
    LinkDown,
    /// Plug the network cable in.
    LinkUp,
    /// The machine hangs: power and cable stay, and nothing on it moves any more.
    #[serde(alias = "frozen")]
    Freeze,
    /// It goes on where it stood. Its clock has run on: what was due meanwhile is late.
    #[serde(alias = "thawed")]
    Thaw,
    /// Its reset button is pressed, or its BMC does that: memory is lost, the disk stays. Where
    /// machines have none, power off and at once on again.
    Reset,
    /// Its disk does no more than `iops` reads and writes in a second. Virtual machines only;
    /// elsewhere the step is left out, and the run says so.
    DiskSlow {
        /// At least one.
        iops: u32,
    },
    /// Its disk is as fast as before.
    DiskFast,
    /// DHCP, DNS and seed server die at once, with all that is not on their disk.
    ServersStop,
    /// They start again, with their disk.
    ServersStart,
}

impl Action {
    /// Every action; parameters have their defaults.
    pub const ALL: [Self; 11] = [
        Self::PowerOff,
        Self::PowerOn,
        Self::LinkDown,
        Self::LinkUp,
        Self::Freeze,
        Self::Thaw,
        Self::Reset,
        Self::DiskSlow { iops: IOPS_DEFAULT },
        Self::DiskFast,
        Self::ServersStop,
        Self::ServersStart,
    ];

    /// The word of files, and what people read.
    const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::PowerOff => ("power-off", "power off"),
            Self::PowerOn => ("power-on", "power on"),
            Self::LinkDown => ("link-down", "link down"),
            Self::LinkUp => ("link-up", "link up"),
            Self::Freeze => ("freeze", "freeze"),
            Self::Thaw => ("thaw", "thaw"),
            Self::Reset => ("reset", "reset"),
            Self::DiskSlow { .. } => ("disk-slow", "slow disk"),
            Self::DiskFast => ("disk-fast", "fast disk"),
            Self::ServersStop => ("servers-stop", "servers stop"),
            Self::ServersStart => ("servers-start", "servers start"),
        }
    }

    /// As files write it: `disk-slow`.
    pub const fn word(self) -> &'static str {
        self.names().0
    }

    /// As people read it: `slow disk`. `Display` adds the parameters.
    pub const fn label(self) -> &'static str {
        self.names().1
    }

    /// The action of this word, with the defaults of its parameters.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.word() == word)
    }

    /// It concerns the servers, and no machine.
    pub const fn is_of_servers(self) -> bool {
        matches!(self, Self::ServersStop | Self::ServersStart)
    }

    /// Others get no answer from the machine afterwards, at least for a while.
    pub const fn interrupts(self) -> bool {
        matches!(
            self,
            Self::PowerOff | Self::LinkDown | Self::Freeze | Self::Reset
        )
    }

    /// Only virtual machines have a disk whose speed can be set.
    pub const fn needs_vm(self) -> bool {
        matches!(self, Self::DiskSlow { .. } | Self::DiskFast)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())?;
        if let Self::DiskSlow { iops } = self {
            write!(f, ", {iops} IOPS")?;
        }
        Ok(())
    }
}

/// The words of the key `do`: those of [`Action`], and one that stands for several actions.
pub(crate) struct Do;

impl JsonSchema for Do {
    fn schema_name() -> Cow<'static, str> {
        "Action".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let own = schemars::schema_for!(Action);
        let variants = own.get("oneOf").and_then(|list| list.as_array());
        let words = variants.into_iter().flatten().map(|variant| {
            json_schema!({
                "description": variant["description"],
                "type": "string",
                "const": variant["properties"]["what"]["const"],
            })
        });
        let restart = json_schema!({
            "description": "Power off and, `down` later, on again; of a group one machine `every` so often.",
            "type": "string",
            "const": ROLLING_RESTART,
        });
        let words: Vec<Schema> = words.chain([restart]).collect();
        json_schema!({ "description": "What a step does.", "oneOf": words })
    }
}

/// Power off and on again, one machine after the other.
pub(crate) const ROLLING_RESTART: &str = "rolling-restart";
/// etcd's manual wants 50 at least.
const IOPS_DEFAULT: u32 = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Observation, What};

    #[test]
    fn files_and_events_have_the_same_words() {
        for action in Action::ALL {
            let written = serde_json::to_value(What::Did(action)).unwrap();
            assert_eq!(written["what"], action.word());
            assert_eq!(Action::of_word(action.word()), Some(action));
            let read: What = serde_json::from_value(written).unwrap();
            assert_eq!(read, What::Did(action));
        }
    }

    #[test]
    fn an_observation_of_an_action_is_one_flat_line() {
        let observation = Observation {
            at: quorate_core::Instant::ZERO,
            machine: Some("n1".to_owned()),
            what: What::Did(Action::DiskSlow { iops: 9 }),
        };
        let line = serde_json::to_string(&observation).unwrap();
        assert_eq!(
            line,
            r#"{"at":0,"machine":"n1","what":"disk-slow","iops":9}"#
        );
        assert_eq!(
            serde_json::from_str::<Observation>(&line).unwrap(),
            observation
        );
    }

    #[test]
    fn recordings_of_older_versions_are_read() {
        for (word, action) in [
            ("powered-on", Action::PowerOn),
            ("powered-off", Action::PowerOff),
            ("frozen", Action::Freeze),
            ("thawed", Action::Thaw),
        ] {
            let line = format!(r#"{{"at":0,"machine":"n1","what":"{word}"}}"#);
            let read: Observation = serde_json::from_str(&line).unwrap();
            assert_eq!(read.what, What::Did(action));
        }
    }

    #[test]
    fn the_schema_has_every_word() {
        let schema = schemars::schema_for!(Do);
        let words = schema
            .get("oneOf")
            .and_then(|list| list.as_array())
            .unwrap();
        let words: Vec<&str> = words
            .iter()
            .filter_map(|word| word["const"].as_str())
            .collect();
        let actions = Action::ALL.iter().map(|action| action.word());
        assert_eq!(words, actions.chain([ROLLING_RESTART]).collect::<Vec<_>>());
    }
}
