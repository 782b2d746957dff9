//! What virtual machines are made of.

use toml::Spanned;

use super::Check;
use crate::amount;
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
        let memory = group.memory.as_ref();
        let memory_mib = memory.and_then(|written| self.memory_mib(written));
        Hardware {
            memory_mib,
            clock: group.clock.as_ref().and_then(|clock| self.clock(clock)),
            ..hardware
        }
    }

    fn memory_mib(&mut self, written: &Spanned<String>) -> Option<u32> {
        let text = written.get_ref();
        let memory = amount::mib(text);
        let sane = MEMORY_MIB_MIN..=MEMORY_MIB_MAX;
        if memory.is_none_or(|mib| !sane.contains(&mib)) {
            let message = format!("a machine with {text:?} of memory cannot boot");
            let most = MEMORY_MIB_MAX / 1024;
            let help = format!("write \"{MEMORY_MIB_MIN}MiB\" to \"{most}GiB\"");
            self.problem(written.span(), message, &help);
        }
        memory
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
