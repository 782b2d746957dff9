//! Which HTTP path asks for what.

use quorate_core::MacAddr;

/// One file of a NoCloud seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum File {
    MetaData,
    UserData,
    VendorData,
    NetworkConfig,
}

impl File {
    /// Every file, in the order in which cloud-init asks for them; the last one since 24.3.
    pub const ALL: [Self; 4] = [
        Self::MetaData,
        Self::UserData,
        Self::VendorData,
        Self::NetworkConfig,
    ];

    /// The last segment of the file's path.
    pub const fn name(self) -> &'static str {
        match self {
            Self::MetaData => "meta-data",
            Self::UserData => "user-data",
            Self::VendorData => "vendor-data",
            Self::NetworkConfig => "network-config",
        }
    }
}

/// The machine and file that `path` asks for: `/seed/<mac>/<file>`, with the octets of the MAC
/// address separated by colons (iPXE's `${net0/mac}`), by hyphens (`${net0/mac:hexhyp}`), or
/// by nothing (the DHCP server's `{mac}`).
pub fn route(path: &str) -> Option<(MacAddr, File)> {
    let (mac, name) = path.strip_prefix("/seed/")?.split_once('/')?;
    let file = File::ALL.into_iter().find(|file| file.name() == name)?;
    Some((mac.parse().ok().or_else(|| unseparated(mac))?, file))
}

/// The machine whose iPXE script `path` asks for: `/ipxe/<mac>`, written as in [`route`].
pub fn script_route(path: &str) -> Option<MacAddr> {
    let mac = path.strip_prefix("/ipxe/")?;
    mac.parse().ok().or_else(|| unseparated(mac))
}

/// Twelve hexadecimal digits.
fn unseparated(text: &str) -> Option<MacAddr> {
    let whole = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let number = whole.then(|| u64::from_str_radix(text, 16).ok())??;
    let [_, _, octets @ ..] = number.to_be_bytes();
    Some(MacAddr(octets))
}

/// The path under which a machine's seed is served, ending in the slash to which NoCloud readers
/// append a file's name.
pub fn seed_path(mac: MacAddr) -> String {
    format!("/seed/{mac}/")
}

/// Under this are the boot files that are the same for every machine.
pub const FILES_PATH: &str = "/boot/";

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: MacAddr = MacAddr([2, 0, 0x5e, 0x10, 0, 0xab]);

    #[test]
    fn every_file_of_a_machine_has_a_path() {
        for file in File::ALL {
            let path = format!("{}{}", seed_path(MAC), file.name());
            assert_eq!(route(&path), Some((MAC, file)), "{path}");
        }
        for mac in ["02-00-5E-10-00-AB", "02005e1000ab"] {
            let path = format!("/seed/{mac}/user-data");
            assert_eq!(route(&path), Some((MAC, File::UserData)), "{path}");
        }
    }

    #[test]
    fn every_machine_has_a_script() {
        for path in ["/ipxe/02:00:5e:10:00:ab", "/ipxe/02005e1000ab"] {
            assert_eq!(script_route(path), Some(MAC), "{path}");
        }
        for path in ["/ipxe/", "/ipxe/02005e1000ab/", "/seed/02005e1000ab"] {
            assert_eq!(script_route(path), None, "{path}");
        }
    }

    #[test]
    fn other_paths_lead_nowhere() {
        for path in [
            "",
            "/",
            "/seed/",
            "/seed/02:00:5e:10:00:ab",
            "/seed/02:00:5e:10:00:ab/",
            "/seed/02:00:5e:10:00:ab/passwd",
            "/seed/02:00:5e:10:00:ab//user-data",
            "/seed/02:00:5e:10:00:ab/../user-data",
            "/seed/02:00:5e:10:00/user-data",
            "/seed/02005e1000a/user-data",
            "/seed/+2005e1000ab/user-data",
            "seed/02:00:5e:10:00:ab/user-data",
            "/seed/02:00:5e:10:00:ab/user-data?x",
        ] {
            assert_eq!(route(path), None, "{path}");
        }
    }
}
