//! Network boot: who boots what.

use std::collections::BTreeMap;

use quorate_boot::route::FILES_PATH;

use super::finding::Finding;
use super::view::View;
use crate::boot::{HTTP_LOADERS, TFTP_LOADERS};
use crate::config::{Config, Script};

pub(super) fn check(view: &View<'_>, findings: &mut Vec<Finding>) {
    let Some(boot) = view.boot else { return };
    let mut seen = BTreeMap::new();
    for (place, own) in boot.scripts.iter().enumerate() {
        for mac in &own.macs {
            let Some(first) = seen.insert(*mac, place) else {
                continue;
            };
            findings.push(
                Finding::warning(
                    "script-twice",
                    format!("two scripts are for {mac}: the first one counts"),
                )
                .at(format!("boot.scripts.{first}"), "counts")
                .at(format!("boot.scripts.{place}"), "never")
                .help("leave the address out of one of them"),
            );
        }
    }
    if view.dhcp.is_some() && boot.tftp.is_none() {
        let names = view.dhcp.into_iter().flat_map(|dhcp| &dhcp.boot);
        let by_name = names
            .enumerate()
            .find(|(_, rule)| !rule.boot_file.contains("://"));
        if let Some((place, rule)) = by_name
            && rule
                .next_server
                .is_none_or(|server| view.own_addrs().contains(&server.into()))
        {
            findings.push(
                Finding::warning(
                    "tftp",
                    format!(
                        "firmware asks this server for {:?} by TFTP, which is not served",
                        rule.boot_file
                    ),
                )
                .at(format!("dhcp.boot.{place}.boot_file"), "asked by TFTP")
                .at("boot.tftp", "left out")
                .help("write tftp = \"ADDRESS:69\" in [boot]"),
            );
        }
    }
}

/// Every boot file that the configuration names, with the key that does.
pub fn boot_files(config: &Config) -> Vec<(String, String)> {
    let mut files = Vec::new();
    let Some(boot) = config.boot() else {
        return files;
    };
    push_files("boot.script", &boot.script, &mut files);
    for (place, own) in boot.scripts.iter().enumerate() {
        push_files(
            &format!("boot.scripts.{place}.script"),
            &own.script,
            &mut files,
        );
    }
    let own = View::new(config).own_addrs();
    let classes = config.dhcp().into_iter().flat_map(|dhcp| &dhcp.classes);
    for (place, class) in classes.enumerate() {
        let Some(rest) = class
            .boot_file
            .as_ref()
            .and_then(|file| file.strip_prefix("http://"))
        else {
            continue;
        };
        let is_own = |host: &str| {
            let ip = host.split(':').next().and_then(|ip| ip.parse().ok());
            ip.is_some_and(|ip| own.contains(&ip))
        };
        if let Some((host, file)) = rest.split_once(FILES_PATH)
            && is_own(host)
            && !file.contains('{')
        {
            files.push((format!("dhcp.classes.{place}.boot_file"), file.to_owned()));
        }
    }
    files
}

fn push_files(path: &str, script: &Script, files: &mut Vec<(String, String)>) {
    files.push((format!("{path}.kernel"), script.kernel.clone()));
    let initrd = script.initrd.iter().enumerate();
    files.extend(initrd.map(|(at, file)| (format!("{path}.initrd.{at}"), file.clone())));
    let words = script.cmdline.split("{files}").skip(1);
    let words = words.filter_map(|rest| rest.split_whitespace().next());
    files.extend(words.map(|file| (format!("{path}.cmdline"), file.to_owned())));
}

/// The boot loaders that firmware asks for by itself.
pub fn loaders(config: &Config) -> Vec<&'static str> {
    let Some(boot) = config.boot() else {
        return Vec::new();
    };
    let by_tftp = TFTP_LOADERS.iter().map(|(_, file)| *file);
    let by_tftp = by_tftp.filter(|_| boot.tftp.is_some());
    by_tftp
        .chain(HTTP_LOADERS.iter().map(|(_, file)| *file))
        .collect()
}
