//! The kernel's command line, as far as it is for us.
//!
//! | word | what it says |
//! | --- | --- |
//! | `ds=nocloud-net;s=URL` | where the machine's seed is; without it the lease says so (option 67) |
//! | `BOOTIF=01-MAC` | boot from the card with this address (PXE's own way to say it) |
//! | `quorate.interface=NAME` | boot from this card; the first one otherwise |
//! | `quorate.data=required` | wait for the data disk, and never run without one |
//! | `quorate.install=URL` | install this disk image on the first disk, and start again; emit no events meanwhile |
//! | `quorate.events=PATH` | where the agent writes its events: a serial or virtio port |
//! | `quorate.unit-log=PATH` | where units' output goes, etcd's among them |
//! | `quorate.random=N` | the number that transaction identifiers and jitter come from |
//! | `quorate.first-retry-ms=N` | how soon a DISCOVER is repeated |
//!
//! The firmware's OEM strings (SMBIOS type 11) are words too; the command line goes before them.

/// The settings that a machine is booted with.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct CommandLine {
    /// The URL of the NoCloud seed.
    pub seed: Option<String>,
    pub interface: Option<String>,
    /// The MAC address of the card to boot from, in lower case, with colons.
    pub boot_mac: Option<String>,
    pub data: Data,
    /// The URL of a disk image.
    pub install: Option<String>,
    pub events: Option<String>,
    pub unit_log: Option<String>,
    pub random: Option<u64>,
    pub first_retry_ms: Option<u64>,
    /// Words of ours that mean nothing.
    pub unknown: Vec<String>,
}

/// What a machine without its data disk does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Data {
    /// It keeps its data in memory.
    #[default]
    Optional,
    /// It waits. A member of a cluster that starts with nothing would be another machine under
    /// the same name.
    Required,
}

impl CommandLine {
    pub fn parse(text: &str) -> Self {
        let mut line = Self::default();
        for word in words(text) {
            line.read(&word);
        }
        line
    }

    /// With the seed that the machine's serial number names, when the command line names none.
    #[must_use]
    pub fn or_serial(mut self, serial: &str) -> Self {
        self.seed = self.seed.or_else(|| seed_url(serial.trim()));
        self
    }

    fn read(&mut self, word: &str) {
        if word.starts_with("ds=") {
            self.seed = seed_url(word).or(self.seed.take());
            return;
        }
        if let Some(address) = word.strip_prefix("BOOTIF=") {
            // The hardware type of Ethernet comes first.
            let mac = address.strip_prefix("01-").unwrap_or(address);
            self.boot_mac = Some(mac.replace('-', ":").to_ascii_lowercase());
            return;
        }
        let Some(ours) = word.strip_prefix("quorate.") else {
            return;
        };
        let (key, value) = ours.split_once('=').unwrap_or((ours, ""));
        let text = || Some(value.to_owned()).filter(|value| !value.is_empty());
        let understood = match key {
            "interface" => set(&mut self.interface, text()),
            "install" => set(&mut self.install, text()),
            "events" => set(&mut self.events, text()),
            "unit-log" => set(&mut self.unit_log, text()),
            "random" => set(&mut self.random, value.parse().ok()),
            "first-retry-ms" => set(&mut self.first_retry_ms, value.parse().ok()),
            "data" if value == "required" => {
                self.data = Data::Required;
                true
            }
            _ => false,
        };
        if !understood {
            self.unknown.push(word.to_owned());
        }
    }

    /// The arguments of `quorate node` on this machine.
    pub fn node_arguments(&self, interface: &str) -> Vec<String> {
        let mut arguments = vec!["--interface".to_owned(), interface.to_owned()];
        let number = |value: Option<u64>| value.map(|value| value.to_string());
        // An installer has the console, and one thing to do; these words, which the firmware may have
        // for every boot, wait for the machine's system.
        let later = |value: &Option<String>| value.clone().filter(|_| self.install.is_none());
        let optional = [
            ("--seed", later(&self.seed)),
            ("--install", self.install.clone()),
            ("--events", later(&self.events)),
            ("--unit-log", later(&self.unit_log)),
            ("--random", number(self.random)),
            ("--first-retry-ms", number(self.first_retry_ms)),
        ];
        for (flag, value) in optional {
            // One word: a value that begins with a dash is still a value.
            arguments.extend(value.map(|value| format!("{flag}={value}")));
        }
        arguments
    }
}

fn set<T>(field: &mut Option<T>, value: Option<T>) -> bool {
    let understood = value.is_some();
    *field = value.or(field.take());
    understood
}

/// The seed of `ds=nocloud-net;s=URL`, as cloud-init's datasource NoCloud reads it.
fn seed_url(text: &str) -> Option<String> {
    let mut parts = text.strip_prefix("ds=")?.split(';');
    let kind = parts.next()?;
    if !matches!(kind, "nocloud" | "nocloud-net") {
        return None;
    }
    let mut urls = parts.filter_map(|part| {
        let url = part.strip_prefix("s=");
        url.or_else(|| part.strip_prefix("seedfrom="))
    });
    urls.next_back()
        .filter(|url| !url.is_empty())
        .map(str::to_owned)
}

/// The words of a command line: quotes keep spaces together, wherever in a word they stand
/// (the kernel's `next_arg`).
fn words(text: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), String::new(), false);
    for char in text.chars() {
        match char {
            '"' => quoted = !quoted,
            char if char.is_whitespace() && !quoted => words.push(std::mem::take(&mut word)),
            char => word.push(char),
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_read() {
        let line = CommandLine::parse(
            "BOOT_IMAGE=vmlinuz console=ttyS0 ds=nocloud-net;s=http://10.0.0.2/seed/x/ \
             BOOTIF=01-52-54-00-AA-00-01 quorate.interface=eth1 quorate.data=required \
             quorate.events=/dev/ttyS1 quorate.unit-log=/dev/ttyS2 quorate.random=7 \
             quorate.first-retry-ms=500 quorate.install=http://10.0.0.2/boot/disk.img.zst\n",
        );
        assert_eq!(
            line,
            CommandLine {
                seed: Some("http://10.0.0.2/seed/x/".into()),
                interface: Some("eth1".into()),
                boot_mac: Some("52:54:00:aa:00:01".into()),
                data: Data::Required,
                install: Some("http://10.0.0.2/boot/disk.img.zst".into()),
                events: Some("/dev/ttyS1".into()),
                unit_log: Some("/dev/ttyS2".into()),
                random: Some(7),
                first_retry_ms: Some(500),
                unknown: Vec::new(),
            }
        );
        assert_eq!(
            line.node_arguments("eth1"),
            [
                "--interface",
                "eth1",
                "--install=http://10.0.0.2/boot/disk.img.zst",
                "--random=7",
                "--first-retry-ms=500",
            ]
        );
        let line = CommandLine {
            install: None,
            ..line
        };
        assert_eq!(
            line.node_arguments("eth1"),
            [
                "--interface",
                "eth1",
                "--seed=http://10.0.0.2/seed/x/",
                "--events=/dev/ttyS1",
                "--unit-log=/dev/ttyS2",
                "--random=7",
                "--first-retry-ms=500",
            ]
        );
    }

    #[test]
    fn a_bare_line_says_nothing() {
        let line = CommandLine::parse("console=ttyS0 root=/dev/vda1 quiet -- single");
        assert_eq!(line, CommandLine::default());
        assert_eq!(line.node_arguments("eth0"), ["--interface", "eth0"]);
    }

    #[test]
    fn what_is_ours_and_means_nothing_is_told() {
        let words = [
            "quorate.tel=/dev/ttyS1",
            "quorate.random=many",
            "quorate.data=maybe",
            "quorate.events=",
            "quorate.interface",
        ];
        let line = CommandLine::parse(&words.join(" "));
        assert_eq!(line.unknown, words);
        assert_eq!(
            CommandLine {
                unknown: Vec::new(),
                ..line
            },
            CommandLine::default()
        );
    }

    #[test]
    fn seeds_are_named_as_cloud_init_reads_them() {
        for (text, seed) in [
            ("ds=nocloud-net;s=http://x/", Some("http://x/")),
            ("ds=nocloud;h=name;s=http://x/", Some("http://x/")),
            ("ds=nocloud;seedfrom=http://x/", Some("http://x/")),
            ("\"ds=nocloud-net;s=http://x/\"", Some("http://x/")),
            ("ds=nocloud", None),
            ("ds=nocloud-net;s=", None),
            ("ds=ec2;s=http://x/", None),
        ] {
            assert_eq!(CommandLine::parse(text).seed.as_deref(), seed, "{text}");
        }
    }

    #[test]
    fn the_command_line_goes_before_the_serial_number() {
        let serial = "ds=nocloud-net;s=http://serial/\n";
        let seed = |text: &str| CommandLine::parse(text).or_serial(serial).seed;
        assert_eq!(seed("").as_deref(), Some("http://serial/"));
        let both = seed("ds=nocloud-net;s=http://line/");
        assert_eq!(both.as_deref(), Some("http://line/"));
        let line = CommandLine::parse("").or_serial("VMware-56 4d");
        assert_eq!(line.seed, None);
    }

    #[test]
    fn quotes_keep_spaces() {
        assert_eq!(
            words("a \"b c\" d=\"e f\" \"\" g"),
            ["a", "b c", "d=e f", "g"]
        );
    }
}
