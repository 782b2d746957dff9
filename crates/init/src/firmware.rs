//! What the firmware says in its tables (SMBIOS): the place for words to a machine whose command
//! line lies on its disk, and so is the same for all machines.

use std::fs;
use std::path::Path;

/// The serial number, in which cloud-init looks for `ds=nocloud-net;s=URL` too.
pub(crate) fn serial() -> String {
    fs::read_to_string("/sys/class/dmi/id/product_serial").unwrap_or_default()
}

/// All OEM strings, as words of a command line. (systemd takes its own from there, by their
/// prefix; QEMU: `-smbios type=11,value=quorate.events=/dev/ttyS1`.)
pub(crate) fn oem_words() -> String {
    words(Path::new("/sys/firmware/dmi/entries"))
}

fn words(entries: &Path) -> String {
    let mut text = String::new();
    for number in 0.. {
        let raw = entries.join(format!("{OEM_STRINGS}-{number}")).join("raw");
        let Ok(structure) = fs::read(raw) else {
            return text;
        };
        for word in strings(&structure) {
            text += &word;
            text.push('\n');
        }
    }
    text
}

/// The strings behind a structure: each ends with a zero byte, and the last one with two (DMTF
/// DSP0134 §6.1.3).
fn strings(structure: &[u8]) -> Vec<String> {
    let formatted = structure.get(1).copied().unwrap_or(u8::MAX);
    let behind = structure.get(usize::from(formatted)..).unwrap_or_default();
    let strings = behind.split(|byte| *byte == 0);
    strings
        .take_while(|string| !string.is_empty())
        .map(|string| String::from_utf8_lossy(string).into_owned())
        .collect()
}

/// The type of the structure (DSP0134 §7.12).
const OEM_STRINGS: u8 = 11;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_stand_behind_the_structure() {
        let structure = b"\x0b\x05\x00\x0e\x02quorate.events=/dev/ttyS1\0vendor text\0\0rest";
        let expected = ["quorate.events=/dev/ttyS1", "vendor text"];
        assert_eq!(strings(structure), expected);
        for broken in [&b""[..], b"\x0b", b"\x0b\xff\x00", b"\x0b\x03\x00"] {
            assert_eq!(strings(broken), Vec::<String>::new(), "{broken:?}");
        }
    }

    #[test]
    fn every_table_is_read() {
        let entries = tempfile::tempdir().unwrap();
        for (number, word) in [(0, "a"), (1, "b")] {
            let dir = entries.path().join(format!("11-{number}"));
            fs::create_dir(&dir).unwrap();
            fs::write(dir.join("raw"), format!("\x0b\x05\x01\x00\x01{word}\0\0")).unwrap();
        }
        assert_eq!(words(entries.path()), "a\nb\n");
        assert_eq!(words(Path::new("/nowhere")), "");
    }
}
