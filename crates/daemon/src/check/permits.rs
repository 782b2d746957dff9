//! Keys: who may change or copy zones is known, and our own registrar may change its zones.

use std::net::IpAddr;

use quorate_dns::policy::{Policy, Requester};
use quorate_dns::tsig::Key;
use quorate_dns::{DHCID, Name, RecordType, text};
use quorate_server::Config as Services;
use quorate_server::check::{Finding, updates_come_here};

use crate::keys;

/// Every key that `[dns]` lets change or copy zones is one that the server knows: a permission for a
/// name that is spelt wrong would refuse its owner without a word. Nothing is checked where the key
/// files cannot be read.
pub(super) fn check(services: &Services, findings: &mut Vec<Finding>) {
    let Some(dns) = services.dns() else { return };
    // What cannot be parsed is reported as such.
    let Ok(Some(keys)) = keys::readable(services) else {
        return;
    };
    let update = dns.update.iter().map(|grant| grant.key.as_ref());
    let transfer = dns.transfer.iter().map(|peer| peer.key.as_ref());
    let update = update.enumerate().map(|(at, key)| ("update", at, key));
    let transfer = transfer.enumerate().map(|(at, key)| ("transfer", at, key));
    for (list, at, key) in update.chain(transfer) {
        let Some(key) = key.filter(|key| !is_known(key, &keys)) else {
            continue;
        };
        let names: Vec<_> = keys.iter().map(|key| text::name(key.name())).collect();
        let help = match names.is_empty() {
            true => "name the file that has it in `key_files`".to_owned(),
            false => format!(
                "there are: {}; `key_files` lists the files that have more",
                names.join(", ")
            ),
        };
        findings.push(
            Finding::error("no-key", format!("[dns] {list}: no key is called {key:?}"))
                .at(format!("dns.{list}.{at}.key"), "no client can sign with it")
                .help(help),
        );
    }
    registrar(services, &keys, findings);
}

fn is_known(key: &str, keys: &[Key]) -> bool {
    // An invalid name is reported as such.
    text::parse_name(key, &Name::root())
        .map_or(true, |name| keys.iter().any(|key| *key.name() == name))
}

/// A key that `[ddns]` names itself gets no permission by itself.
fn registrar(services: &Services, keys: &[Key], findings: &mut Vec<Finding>) {
    let (Some(dns), Some(ddns)) = (services.dns(), services.ddns()) else {
        return;
    };
    let key = ddns
        .key_file
        .as_ref()
        .and_then(|path| keys::read(path).ok());
    let Some(key) = key.and_then(|keys| keys.into_iter().next()) else {
        return;
    };
    if !updates_come_here(services) {
        return;
    }
    let shown = text::name(key.name());
    if !keys.iter().any(|known| known.name() == key.name()) {
        findings.push(
            Finding::error(
                "ddns-key",
                format!("[ddns] signs with {shown}, which [dns] does not know"),
            )
            .at("ddns.key_file", format!("signs with {shown}"))
            .at("dns.key_files", "does not have it")
            .help("name the same file in key_files"),
        );
        return;
    }
    let Ok(policy) = Policy::new(&dns.update) else {
        return;
    };
    let source = services.dhcp().map(|dhcp| IpAddr::V4(dhcp.server_id));
    let requester = Requester {
        source: source.unwrap_or(ddns.server.ip()),
        key: Some(key.name()),
    };
    let forward = [(&ddns.forward_zone, &[RecordType::A, DHCID][..])];
    let reverse = ddns
        .reverse_zones
        .iter()
        .map(|zone| (zone, &[RecordType::PTR][..]));
    for (zone, kinds) in forward.into_iter().chain(reverse) {
        let Ok(origin) = text::parse_name(zone, &Name::root()) else {
            continue;
        };
        let origin = origin.to_lowercase();
        let Ok(example) = origin.prepend_label("quorate-example") else {
            continue;
        };
        if kinds
            .iter()
            .all(|kind| policy.permits(requester, &example, *kind))
        {
            continue;
        }
        findings.push(
            Finding::error("ddns-grant", format!("[dns] lets {shown} change no names in {zone}"))
                .at("ddns.key_file", format!("signs with {shown}"))
                .at("dns.update", format!("no permission for it in {zone}"))
                .help(format!(
                    "write update = [{{ key = {shown:?}, names = {{ subdomain = {zone:?} }}, types = [\"A\", \"PTR\", \"DHCID\", \"SRV\"] }}]"
                )),
        );
    }
}
