//! What virtual machines are made of.

use toml::Spanned;

use super::Check;
use crate::raw;
use crate::story::Hardware;

impl Check {
    /// The hardware of the machines of one group.
    pub(super) fn hardware(&mut self, group: &raw::Machines) -> Hardware {
        let hardware = Hardware {
            wanted: group.made_of == Some(raw::MadeOf::Vm),
            boot: group.boot,
            install: self.install(group),
            ..Hardware::default()
        };
        let sane = MEMORY_MIB_MIN..=MEMORY_MIB_MAX;
        let memory_mib = group.memory_mib.as_ref().map(|written| {
            if !sane.contains(written.get_ref()) {
                let message = format!("a machine with {} MiB cannot boot", written.get_ref());
                let help = format!("write {MEMORY_MIB_MIN} to {MEMORY_MIB_MAX}");
                self.problem(written.span(), message, &help);
            }
            *written.get_ref()
        });
        Hardware {
            memory_mib,
            clock: group.clock.as_ref().and_then(|clock| self.clock(clock)),
            ..hardware
        }
    }

    /// Who boots from memory boots from there every time.
    fn install(&mut self, group: &raw::Machines) -> bool {
        let Some(written) = group.install.as_ref().filter(|written| *written.get_ref()) else {
            return false;
        };
        if group.boot == raw::Boot::Direct {
            let message = "a machine that is started with its kernel in memory cannot be installed";
            let help = "write boot = \"pxe\", \"uefi\" or \"uefi-http\", or leave `install` out";
            self.problem(written.span(), message.to_owned(), help);
        }
        true
    }

    /// A time as a real-time clock has it: to the second, in no time zone.
    fn clock(&mut self, written: &Spanned<String>) -> Option<String> {
        let text = written.get_ref();
        let zoned = format!("{text}Z");
        let plain = text.len() == CLOCK_FORM.len() && text.as_bytes()[10] == b'T';
        if plain && humantime::parse_rfc3339(&zoned).is_ok() {
            return Some(text.clone());
        }
        let message = format!("{text:?} is no time of a clock");
        let help = format!("write a date and a time, as in {CLOCK_FORM:?}");
        self.problem(written.span(), message, &help);
        None
    }
}

/// Below that, the kernel does not find room for the initial RAM file system.
const MEMORY_MIB_MIN: u32 = 96;
const MEMORY_MIB_MAX: u32 = 65_536;
const CLOCK_FORM: &str = "1970-01-01T00:00:00";
