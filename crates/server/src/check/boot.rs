//! Network boot: who boots what.

use std::collections::BTreeMap;

use super::finding::Finding;
use super::view::View;

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
