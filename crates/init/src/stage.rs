//! Marks of a boot on the console, for people and for readers of the serial port.
//!
//! A mark is a line that ends in `quorate-stage <name> <milliseconds>`, the time being the
//! kernel's monotonic clock. It goes through the kernel's log, which writes whole lines: what a
//! program writes to the console itself is mixed with the kernel's messages byte by byte.

use std::fs::OpenOptions;
use std::io::Write as _;

use rustix::time::{ClockId, clock_gettime};

/// What every mark has in it.
pub const PREFIX: &str = "quorate-stage ";

/// Marks that the boot has come so far.
pub fn mark(name: &str) {
    let time = clock_gettime(ClockId::Monotonic);
    let millis = time.tv_sec * 1000 + time.tv_nsec / 1_000_000;
    say(&format!("{PREFIX}{name} {millis}"));
}

/// The stage and its time in milliseconds, when a line of the console has a mark.
pub fn read(line: &str) -> Option<(&str, u64)> {
    let (_, mark) = line.split_once(PREFIX)?;
    let (name, millis) = mark.trim_end().split_once(' ')?;
    Some((name, millis.parse().ok()?))
}

/// Writes a line to the console.
pub fn say(text: &str) {
    let log = OpenOptions::new().write(true).open("/dev/kmsg");
    // Critical (2), so that it shows on a console that was asked to be quiet.
    let written = log.and_then(|mut log| log.write_all(format!("<2>{text}\n").as_bytes()));
    if written.is_err() {
        // Without /dev there is standard error at best.
        let _ = writeln!(std::io::stderr(), "{text}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_found_in_lines_of_the_kernels_log() {
        let line = "[    3.141592] quorate-stage userspace 3141\r";
        assert_eq!(read(line), Some(("userspace", 3141)));
        assert_eq!(read("quorate-stage disk 1"), Some(("disk", 1)));
        assert_eq!(read("[    3.1] Freeing unused memory"), None);
        assert_eq!(read("quorate-stage disk"), None);
        assert_eq!(read("quorate-stage disk soon"), None);
    }
}
