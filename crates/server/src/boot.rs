//! Network boot: what each kind of firmware loads, and the script that it runs at the end.
//!
//! ```text
//!  BIOS, UEFI ── TFTP ──► iPXE ─┐
//!  UEFI HTTP ─── HTTP ──► iPXE ─┼─ HTTP ─► script ─► kernel, initrd ─► seed
//!  iPXE in ROM ─────────────────┘
//! ```

use std::net::Ipv4Addr;

use quorate_boot::route::FILES_PATH;
use quorate_boot::{Facts, ScriptError};
use quorate_dhcp::server::{RawBoot, RawOption};
use thiserror::Error;

use crate::config::{Boot, Config};

/// The rules by which the DHCP server tells firmware apart: none when nothing is booted.
pub(crate) fn rules(config: &Config) -> Vec<RawBoot> {
    let (Some(boot), Some(dhcp)) = (config.boot(), config.dhcp()) else {
        return Vec::new();
    };
    let Some(url) = url(config) else {
        return Vec::new();
    };
    let mut rules = vec![RawBoot {
        user_class: Some("iPXE".to_owned()),
        boot_file: format!("{url}{SCRIPT_PATH}{{mac}}"),
        options: vec![no_proxy_dhcp()],
        ..RawBoot::default()
    }];
    for (architecture, file) in HTTP_LOADERS {
        rules.push(RawBoot {
            architectures: vec![architecture],
            vendor_class: Some(HTTP_CLIENT.to_owned()),
            boot_file: format!("{url}{FILES_PATH}{file}"),
            options: vec![http_client()],
            ..RawBoot::default()
        });
    }
    if boot.tftp.is_some() {
        for (architectures, file) in TFTP_LOADERS {
            rules.push(RawBoot {
                architectures: architectures.to_vec(),
                boot_file: file.to_owned(),
                next_server: Some(dhcp.server_id),
                ..RawBoot::default()
            });
        }
    }
    rules
}

/// Where machines reach the boot files, without a slash at the end.
pub(crate) fn url(config: &Config) -> Option<String> {
    let written = config.boot().and_then(|boot| boot.url.clone());
    written.or_else(|| {
        let (dhcp, seed) = (config.dhcp()?, config.seed()?);
        let port = match seed.listen.port() {
            80 => String::new(),
            port => format!(":{port}"),
        };
        Some(format!("http://{}{port}", dhcp.server_id))
    })
}

/// The script of one machine.
#[derive(Clone, Debug)]
pub(crate) struct Scripts {
    boot: Boot,
    url: String,
}

impl Scripts {
    pub(crate) fn new(config: &Config) -> Option<Self> {
        let (boot, url) = (config.boot()?.clone(), url(config)?);
        Some(Self { boot, url })
    }

    pub(crate) fn render(&self, facts: &Facts) -> Result<String, ScriptError> {
        let class = facts.class.as_deref();
        let mut own = self.boot.scripts.iter();
        let own = own.find(|own| own.is_for(facts.mac, class));
        let script = own.map_or(&self.boot.script, |own| &own.script);
        script.render(facts, &self.url)
    }
}

/// A section `[boot]` boots nothing.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BootError {
    #[error("boot files are served by the HTTP server of [seed], which is off")]
    SeedOff,
    #[error("write `url`: there is no [dhcp] whose server_id machines could use")]
    NoUrl,
    #[error("`url` begins with http:// and does not end with a slash")]
    Url,
    #[error("a script of `scripts` is for machines with `macs` or of a `class`")]
    ScriptForNone,
    #[error(transparent)]
    Script(#[from] ScriptError),
}

/// Checks what needs no facts of a machine.
pub(crate) fn check(config: &Config) -> Result<(), BootError> {
    let Some(boot) = config.boot() else {
        return Ok(());
    };
    if config.seed().is_none() {
        return Err(BootError::SeedOff);
    }
    let Some(scripts) = Scripts::new(config) else {
        return Err(BootError::NoUrl);
    };
    let plain = boot.url.as_ref().is_none_or(|url| {
        url.starts_with("http://") && !url.ends_with('/') && !url.contains(char::is_whitespace)
    });
    if !plain {
        return Err(BootError::Url);
    }
    let unknown = unknown_machine();
    for own in &boot.scripts {
        if own.macs.is_empty() && own.class.is_none() {
            return Err(BootError::ScriptForNone);
        }
    }
    let own = boot.scripts.iter().map(|own| &own.script);
    for script in own.chain([&boot.script]) {
        script.render(&unknown, &scripts.url)?;
    }
    Ok(())
}

/// A machine of which nothing is known.
fn unknown_machine() -> Facts {
    Facts {
        mac: quorate_core::MacAddr::default(),
        addr: Ipv4Addr::UNSPECIFIED,
        prefix_len: 32,
        hostname: "unknown".to_owned(),
        domain: String::new(),
        gateway: None,
        dns: Vec::new(),
        instance_id: String::new(),
        class: None,
    }
}

/// iPXE's encapsulated option 176, `no-pxedhcp`: it waits three seconds for a ProxyDHCP server
/// otherwise.
fn no_proxy_dhcp() -> RawOption {
    RawOption {
        code: 175,
        hex: Some("b00101".to_owned()),
        always: true,
        ..RawOption::default()
    }
}

/// UEFI accepts no offer for HTTP boot without it (UEFI 2.10 §24.7.3).
fn http_client() -> RawOption {
    RawOption {
        code: 60,
        text: Some(HTTP_CLIENT.to_owned()),
        always: true,
        ..RawOption::default()
    }
}

/// By architecture (IANA "Processor Architecture Types"), under the names that iPXE gives its
/// builds.
pub(crate) const TFTP_LOADERS: [(&[u16], &str); 3] = [
    (&[0], "undionly.kpxe"),
    (&[7, 9], "snponly.efi"),
    (&[11], "arm64-efi/snponly.efi"),
];
pub(crate) const HTTP_LOADERS: [(u16, &str); 2] = [(16, "ipxe.efi"), (19, "arm64-efi/ipxe.efi")];
const HTTP_CLIENT: &str = "HTTPClient";
const SCRIPT_PATH: &str = "/ipxe/";

#[cfg(test)]
mod tests {
    use super::*;

    fn config(boot: &str) -> Config {
        let text = format!(
            r#"{{
            "state_dir": "state",
            "dhcp": {{ "interface": "eth0", "server_id": "10.20.0.2", "subnets": [] }},
            "seed": {{ "listen": "10.20.0.2:8080" }},
            "boot": {boot}
            }}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    const BOOT: &str =
        r#"{ "files": ["/srv/boot"], "tftp": "10.20.0.2:69", "script": { "kernel": "vmlinuz" } }"#;

    #[test]
    fn each_kind_of_firmware_gets_to_the_script() {
        let rules: Vec<_> = rules(&config(BOOT))
            .into_iter()
            .map(|rule| {
                (
                    rule.architectures,
                    rule.boot_file,
                    rule.next_server.is_some(),
                )
            })
            .collect();
        let url = "http://10.20.0.2:8080";
        let expected = [
            (vec![], format!("{url}/ipxe/{{mac}}"), false),
            (vec![16], format!("{url}/boot/ipxe.efi"), false),
            (vec![19], format!("{url}/boot/arm64-efi/ipxe.efi"), false),
            (vec![0], "undionly.kpxe".to_owned(), true),
            (vec![7, 9], "snponly.efi".to_owned(), true),
            (vec![11], "arm64-efi/snponly.efi".to_owned(), true),
        ];
        assert_eq!(rules, expected);
    }

    #[test]
    fn without_tftp_only_firmware_that_speaks_http_is_sent_anywhere() {
        let boot = BOOT.replace(r#""tftp": "10.20.0.2:69","#, "");
        assert!(
            rules(&config(&boot))
                .iter()
                .all(|rule| rule.next_server.is_none())
        );
    }

    #[test]
    fn a_machine_boots_the_first_script_that_is_for_it() {
        let boot = BOOT.replace(
            "\"files\"",
            r#""scripts": [
                { "macs": ["02:00:00:00:00:01"], "script": { "kernel": "one" } },
                { "class": "etcd", "script": { "kernel": "two" } }
            ], "files""#,
        );
        let scripts = Scripts::new(&config(&boot)).unwrap();
        let kernel = |number, class: Option<&str>| {
            let facts = Facts {
                mac: quorate_core::MacAddr([2, 0, 0, 0, 0, number]),
                class: class.map(str::to_owned),
                ..unknown_machine()
            };
            let script = scripts.render(&facts).unwrap();
            let line = script.lines().nth(1).unwrap_or_default();
            line.rsplit('/')
                .next()
                .unwrap_or_default()
                .trim()
                .to_owned()
        };
        assert_eq!(kernel(1, Some("etcd")), "one");
        assert_eq!(kernel(2, Some("etcd")), "two");
        assert_eq!(kernel(2, Some("plain")), "vmlinuz");
        assert_eq!(kernel(2, None), "vmlinuz");
    }

    #[test]
    fn a_script_that_could_never_be_rendered_is_found_at_the_start() {
        assert_eq!(check(&config(BOOT)), Ok(()));
        for (boot, word) in [
            (BOOT.replace("vmlinuz", "/vmlinuz"), "boot file"),
            (
                BOOT.replace("\"files\"", "\"url\": \"10.0.0.1\", \"files\""),
                "url",
            ),
        ] {
            let error = check(&config(&boot)).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
        let script = |more: &str| {
            let scripts =
                format!("\"scripts\": [{{ {more} \"script\": {{ \"kernel\": \"/k\" }} }}],");
            BOOT.replace("\"files\"", &format!("{scripts} \"files\""))
        };
        let error = |more: &str| check(&config(&script(more))).unwrap_err().to_string();
        assert!(error("").contains("`macs`"));
        assert!(error("\"class\": \"etcd\",").contains("boot file"));
        let mut without = config(BOOT);
        without.seed = None;
        assert!(check(&without).unwrap_err().to_string().contains("[seed]"));
    }
}
