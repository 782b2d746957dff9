//! The script that iPXE runs: which kernel, which initial RAM file system, which words on the
//! kernel's command line.
//!
//! iPXE reads a line as words: white space parts them, `${…}` stands for a setting, `&&` and `||`
//! join commands, `#` at the start of a line begins a comment. Nothing quotes `${`, so
//! values that hold what iPXE would not read literally are refused.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::Facts;
use crate::route::{FILES_PATH, seed_path};

/// What machines boot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// The kernel's name among the boot files.
    pub kernel: String,
    /// Loaded in this order, one behind the other in memory.
    #[serde(default)]
    pub initrd: Vec<String>,
    /// The kernel's command line. `{seed}` is the URL of the machine's NoCloud seed, `{files}` that of
    /// the boot files, `{mac}`, `{ip}` and `{hostname}` what they say.
    #[serde(default)]
    pub cmdline: String,
}

/// There is no script.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ScriptError {
    #[error("{0:?} is not the name of a boot file: write letters, digits, dots, hyphens, slashes")]
    File(String),
    #[error(
        "the kernel command line {0:?} has a line break, a {char:?}, or && or || in it",
        char = "${"
    )]
    CommandLine(String),
    #[error("there is no {0} to write on the kernel command line")]
    Placeholder(String),
}

impl Script {
    /// The script for the machine that `facts` describe; `base` is where the server is, without
    /// a slash at the end: `http://10.20.0.2`.
    ///
    /// # Errors
    /// When iPXE would read something else than is meant.
    pub fn render(&self, facts: &Facts, base: &str) -> Result<String, ScriptError> {
        let cmdline = self.cmdline(facts, base)?;
        let mut script = String::from("#!ipxe\n");
        script += &line("kernel", base, &self.kernel)?;
        // What UEFI starts asks for its files by name (Linux' admin-guide/efi-stub.rst); a BIOS'
        // kernel finds them in memory, and leaves the words alone.
        for number in 0..self.initrd.len() {
            script += &format!(" initrd=initrd{number}");
        }
        script += &format!(" {cmdline}\n");
        for (number, initrd) in self.initrd.iter().enumerate() {
            script += &line(&format!("initrd --name initrd{number}"), base, initrd)?;
            script.push('\n');
        }
        script += "boot\n";
        Ok(script)
    }

    fn cmdline(&self, facts: &Facts, base: &str) -> Result<String, ScriptError> {
        let line = fill(&self.cmdline, |name| match name {
            "seed" => Some(format!("{base}{}", seed_path(facts.mac))),
            "files" => Some(format!("{base}{FILES_PATH}")),
            "mac" => Some(facts.mac.to_string()),
            "ip" => Some(facts.addr.to_string()),
            "hostname" => Some(facts.hostname.clone()).filter(|name| is_name(name)),
            _ => None,
        })?;
        let refused = line.contains(['\n', '\r', '\0'])
            || ["${", "&&", "||"].iter().any(|text| line.contains(text));
        if refused {
            return Err(ScriptError::CommandLine(line));
        }
        Ok(line)
    }
}

fn line(verb: &str, base: &str, file: &str) -> Result<String, ScriptError> {
    if !is_file(file) {
        return Err(ScriptError::File(file.to_owned()));
    }
    Ok(format!("{verb} {base}{FILES_PATH}{file}"))
}

/// `text` with each `{name}` replaced.
fn fill(text: &str, value: impl Fn(&str) -> Option<String>) -> Result<String, ScriptError> {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    // `${` is no placeholder, and is refused later.
    while let Some((before, after)) = rest.split_once('{')
        && !before.ends_with('$')
    {
        let (name, behind) = after
            .split_once('}')
            .ok_or_else(|| ScriptError::Placeholder(after.to_owned()))?;
        filled += before;
        filled += &value(name).ok_or_else(|| ScriptError::Placeholder(name.to_owned()))?;
        rest = behind;
    }
    Ok(filled + rest)
}

/// A relative path that needs no escaping in a URL and leads nowhere but down.
pub fn is_file(path: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.+".contains(&byte);
    !path.is_empty()
        && path
            .split('/')
            .all(|part| !part.is_empty() && part != "." && part != ".." && part.bytes().all(plain))
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use quorate_core::MacAddr;

    use super::*;

    fn facts() -> Facts {
        Facts {
            mac: MacAddr([2, 0, 0x5e, 0x10, 0, 1]),
            addr: [10, 20, 0, 100].into(),
            prefix_len: 24,
            hostname: "ash".to_owned(),
            domain: "closet.example".to_owned(),
            gateway: None,
            dns: Vec::new(),
            instance_id: "quorate-1".to_owned(),
            class: None,
        }
    }

    fn script(cmdline: &str) -> Script {
        Script {
            kernel: "vmlinuz".to_owned(),
            initrd: vec!["node/initrd.zst".to_owned(), "firmware.img".to_owned()],
            cmdline: cmdline.to_owned(),
        }
    }

    #[test]
    fn a_machine_boots_its_kernel_with_its_seed() {
        let cmdline = "console=ttyS0 ds=nocloud-net;s={seed} ip={ip} mac={mac} name={hostname}";
        let text = script(cmdline)
            .render(&facts(), "http://10.20.0.2")
            .unwrap();
        assert_snapshot!(text, @"
        #!ipxe
        kernel http://10.20.0.2/boot/vmlinuz initrd=initrd0 initrd=initrd1 console=ttyS0 ds=nocloud-net;s=http://10.20.0.2/seed/02:00:5e:10:00:01/ ip=10.20.0.100 mac=02:00:5e:10:00:01 name=ash
        initrd --name initrd0 http://10.20.0.2/boot/node/initrd.zst
        initrd --name initrd1 http://10.20.0.2/boot/firmware.img
        boot
        ");
    }

    #[test]
    fn a_word_can_lead_to_a_boot_file() {
        let text = script("quorate.install={files}disk.img.zst")
            .render(&facts(), "http://10.20.0.2")
            .unwrap();
        let word = " quorate.install=http://10.20.0.2/boot/disk.img.zst\n";
        assert!(text.contains(word), "{text}");
    }

    #[test]
    fn what_ipxe_would_read_otherwise_is_refused() {
        for cmdline in [
            "a\nshell",
            "quiet || shell",
            "a && b",
            "mac=${net0/mac}",
            "\r",
        ] {
            let error = script(cmdline).render(&facts(), "http://x").unwrap_err();
            assert!(matches!(error, ScriptError::CommandLine(_)), "{cmdline:?}");
        }
        for cmdline in ["{serial}", "{", "a {mac"] {
            let error = script(cmdline).render(&facts(), "http://x").unwrap_err();
            assert!(matches!(error, ScriptError::Placeholder(_)), "{cmdline:?}");
        }
        let hostile = Facts {
            hostname: "x\nshell".to_owned(),
            ..facts()
        };
        let error = script("{hostname}")
            .render(&hostile, "http://x")
            .unwrap_err();
        assert_eq!(error, ScriptError::Placeholder("hostname".to_owned()));
    }

    #[test]
    fn boot_files_are_below_their_directory() {
        for file in [
            "vmlinuz",
            "a/b.efi",
            "linux-6.1.0-30-cloud-amd64",
            "c++.bin",
        ] {
            assert!(is_file(file), "{file}");
        }
        for file in [
            "",
            "/etc/passwd",
            "a//b",
            "../x",
            "a/../b",
            "a b",
            "ä",
            "a\0",
            "a\\b",
            ".",
        ] {
            assert!(!is_file(file), "{file:?}");
        }
        let kernel = Script {
            kernel: "../vmlinuz".to_owned(),
            ..script("")
        };
        assert!(kernel.render(&facts(), "http://x").is_err());
    }
}
