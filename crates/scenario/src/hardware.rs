//! Machines with firmware, a clock of their own and a processor that is emulated.

use std::time::{Duration, UNIX_EPOCH};

use crate::raw::Boot;
use crate::story::{Machine, Story};

/// What a virtual machine is. Without meaning for a machine that is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hardware {
    /// The story wants this machine to be a virtual one among others.
    pub wanted: bool,
    pub boot: Boot,
    /// Its disk is empty at first: it boots an installer over the network, and then from there.
    pub install: bool,
    /// `None` for what its image wants.
    pub memory_mib: Option<u32>,
    /// What its real-time clock says at power-on, as RFC 3339 has it without a zone; `None` for the
    /// time of day.
    pub clock: Option<String>,
    /// It is one, in this run.
    pub is_vm: bool,
}

impl Hardware {
    /// What the story says of the clock at power-on, in seconds since 1970.
    pub fn clock_secs(&self) -> Option<u64> {
        let clock = humantime::parse_rfc3339(&format!("{}Z", self.clock.as_deref()?)).ok()?;
        Some(clock.duration_since(UNIX_EPOCH).ok()?.as_secs())
    }
}

/// Seconds since 1970, as stories write clocks.
pub fn clock_text(unix_secs: u64) -> String {
    let at = UNIX_EPOCH + Duration::from_secs(unix_secs.min(LAST_SECOND));
    let text = humantime::format_rfc3339_seconds(at).to_string();
    text.trim_end_matches('Z').to_owned()
}

/// Which machines of a story are virtual ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Virtual {
    /// Those that the story says.
    Wanted,
    /// All that are not hollow.
    All,
}

impl Story {
    /// Runs the story with virtual machines, in a world that has them. Their processors are some
    /// ten times slower when they are emulated, and they boot; so every limit is
    /// [`VM_PATIENCE`] times what the story says, and etcd's clocks are slow unless the story sets
    /// them. Nothing changes when the story has no such machine.
    pub fn virtualize(&mut self, which: Virtual) {
        let mut any = false;
        for machine in &mut self.machines {
            machine.hardware.is_vm =
                !machine.hollow && (which == Virtual::All || machine.hardware.wanted);
            any |= machine.hardware.is_vm;
        }
        if !any {
            return;
        }
        self.formed_within *= VM_PATIENCE;
        self.expect.quorum_gap = self.expect.quorum_gap.map(|gap| gap * VM_PATIENCE);
        self.etcd.heartbeat.get_or_insert(HEARTBEAT);
        self.etcd.election.get_or_insert(ELECTION);
    }

    /// The machines whose disk is empty at first, in this run.
    pub fn to_install(&self) -> impl Iterator<Item = &Machine> {
        let machines = self.machines.iter();
        machines.filter(|machine| machine.hardware.is_vm && machine.hardware.install)
    }

    /// True when some machine is a virtual one in this run.
    pub fn has_vms(&self) -> bool {
        self.machines.iter().any(|machine| machine.hardware.is_vm)
    }

    /// What of the story a world without virtual machines leaves out, in words; `None` when there
    /// is nothing of that kind.
    pub fn without_vms(&self) -> Option<String> {
        let special = |hardware: &Hardware| *hardware != Hardware::default();
        let names = self.machines.iter().filter(|m| special(&m.hardware));
        let names: Vec<_> = names.map(|machine| machine.name.as_str()).collect();
        let shown = names.iter().take(NAMES_SHOWN).copied();
        let mut shown = shown.collect::<Vec<_>>().join(", ");
        let more = names.len().saturating_sub(NAMES_SHOWN);
        if more > 0 {
            shown += &format!(" and {more} more");
        }
        if self.steps.iter().any(|step| step.action.needs_vm()) {
            let comma = if shown.is_empty() { "" } else { ", " };
            shown += &format!("{comma}steps disk-slow and disk-fast");
        }
        (!shown.is_empty()).then(|| format!("{shown}: no virtual machines here"))
    }
}

/// By how much the limits of a story are longer where machines are virtual.
pub const VM_PATIENCE: u32 = 6;
/// `--heartbeat-interval` and `--election-timeout` of members whose processors are emulated.
const HEARTBEAT: Duration = Duration::from_millis(500);
const ELECTION: Duration = Duration::from_secs(5);
const NAMES_SHOWN: usize = 4;
/// Of the year 9999.
const LAST_SECOND: u64 = 253_402_300_799;
