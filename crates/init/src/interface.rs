//! The network card to boot from.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::drivers::Drivers;
use crate::{CommandLine, InitError};

/// Waits for the card that the command line names, or for any.
pub(crate) fn choose(line: &CommandLine, drivers: &mut Drivers) -> Result<String, InitError> {
    let since = Instant::now();
    loop {
        if let Some(name) = find(Path::new("/sys/class/net"), line) {
            return Ok(name);
        }
        if since.elapsed() > APPEARS_WITHIN {
            return Err(InitError::NoInterface(APPEARS_WITHIN));
        }
        // No event announces it: there is no udev here.
        std::thread::sleep(LOOK_AGAIN);
        drivers.load_matching();
    }
}

/// The interface in a directory like /sys/class/net.
fn find(class: &Path, line: &CommandLine) -> Option<String> {
    let attribute = |name: &str, file: &str| {
        let text = fs::read_to_string(class.join(name).join(file));
        text.unwrap_or_default().trim().to_owned()
    };
    let entries = fs::read_dir(class).ok()?.flatten();
    let mut names: Vec<_> = entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| attribute(name, "type") == ETHERNET)
        .collect();
    names.sort();
    let wanted = |name: &String| match (&line.interface, &line.boot_mac) {
        (Some(interface), _) => name == interface,
        (None, Some(mac)) => attribute(name, "address") == *mac,
        // Bridges and the like have no device behind them.
        (None, None) => class.join(name).join("device").exists(),
    };
    names.into_iter().find(wanted)
}

/// ARPHRD_ETHER
const ETHERNET: &str = "1";
const APPEARS_WITHIN: Duration = Duration::from_secs(30);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_card_is_the_named_one_or_the_first() {
        let class = tempfile::tempdir().unwrap();
        let card = |name: &str, kind: &str, mac: &str, device: bool| {
            let dir = class.path().join(name);
            fs::create_dir(&dir).unwrap();
            fs::write(dir.join("type"), format!("{kind}\n")).unwrap();
            fs::write(dir.join("address"), format!("{mac}\n")).unwrap();
            if device {
                fs::create_dir(dir.join("device")).unwrap();
            }
        };
        card("lo", "772", "00:00:00:00:00:00", false);
        card("br0", "1", "52:54:00:00:00:09", false);
        card("eth1", "1", "52:54:00:00:00:02", true);
        card("eth0", "1", "52:54:00:00:00:01", true);
        let find = |text: &str| find(class.path(), &CommandLine::parse(text));
        assert_eq!(find("").as_deref(), Some("eth0"));
        assert_eq!(find("quorate.interface=br0").as_deref(), Some("br0"));
        assert_eq!(find("BOOTIF=01-52-54-00-00-00-02").as_deref(), Some("eth1"));
        assert_eq!(find("quorate.interface=eth7"), None);
    }
}
