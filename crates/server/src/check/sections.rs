//! What each engine refuses by itself, with its place, and not the first alone.

use std::collections::BTreeMap;

use super::finding::{Finding, Place};
use super::locate;
use super::view::View;
use crate::boot;
use crate::setup::{registrar, zones};

pub(super) fn check(view: &View<'_>, findings: &mut Vec<Finding>) {
    dhcp(view, findings);
    dns(view, findings);
    ddns(view, findings);
    seed(view, findings);
    if let Err(error) = boot::check(view.config) {
        let path = locate::boot(&error, view);
        findings.push(Finding::error("boot", format!("[boot]: {error}")).at(path, "here"));
    }
}

/// Hosts are taken out one by one as they are refused, so that each is judged.
fn dhcp(view: &View<'_>, findings: &mut Vec<Finding>) {
    let Some(dhcp) = view.dhcp else { return };
    let mut raw = dhcp.server();
    raw.boot.extend(boot::rules(view.config));
    let mut places: Vec<usize> = (0..raw.hosts.len()).collect();
    for _ in 0..ERRORS_MAX {
        let Err(error) = quorate_dhcp::ServerConfig::validate(raw.clone()) else {
            return;
        };
        let (paths, host) = locate::dhcp(&error, &raw, &places);
        // A class that is not there is reported with those that are.
        if !matches!(error, quorate_dhcp::ConfigError::UnknownClass(_)) {
            let mut finding = Finding::error("dhcp", format!("[dhcp]: {error}"));
            for path in paths {
                finding = finding.at(path, "here");
            }
            findings.push(finding);
        }
        let Some(host) = host else { return };
        raw.hosts.remove(host);
        places.remove(host);
    }
}

/// Each zone alone, then what they share.
fn dns(view: &View<'_>, findings: &mut Vec<Finding>) {
    let Some(dns) = view.dns else { return };
    let mut are_good = true;
    for (place, zone) in dns.zones.iter().enumerate() {
        let alone = quorate_dns::RawConfig {
            zones: vec![zone.clone()],
            ..quorate_dns::RawConfig::default()
        };
        if let Err(error) = quorate_dns::Config::new(&alone, Vec::new()) {
            are_good = false;
            let path = locate::zone(&error, zone, place);
            findings.push(Finding::error("dns", format!("[dns]: {error}")).at(path, "here"));
        }
    }
    let mut raw = zones(dns, None, None);
    if !are_good {
        raw.zones.clear();
    }
    if let Err(error) = quorate_dns::Config::new(&raw, Vec::new()) {
        let mut finding = Finding::error("dns", format!("[dns]: {error}"));
        for path in locate::dns(&error, dns) {
            finding = finding.at(path, "here");
        }
        findings.push(finding);
    }
}

fn ddns(view: &View<'_>, findings: &mut Vec<Finding>) {
    let Some(ddns) = view.ddns else { return };
    let mut raw = registrar(ddns);
    let services = std::mem::take(&mut raw.services);
    let mut are_good = true;
    for (place, service) in services.iter().enumerate() {
        raw.services = vec![service.clone()];
        if let Err(error) = quorate_ddns::Config::new(&raw, None) {
            let path = locate::service(&error, ddns, place);
            let finding = Finding::error("ddns", format!("[ddns]: {error}")).at(path, "here");
            if !findings.contains(&finding) {
                findings.push(finding);
            }
            are_good = false;
        }
    }
    raw.services = if are_good { services } else { Vec::new() };
    if let Err(error) = quorate_ddns::Config::new(&raw, None) {
        let finding = Finding::error("ddns", format!("[ddns]: {error}"));
        let finding = finding.at_each(locate::ddns(&error, ddns));
        let seen = findings.iter().any(|it| it.message == finding.message);
        if !seen {
            findings.push(finding);
        }
    }
}

fn seed(view: &View<'_>, findings: &mut Vec<Finding>) {
    let mut seen = BTreeMap::new();
    for (place, seed) in view.units() {
        let Some(first) = seen.insert(&seed.class, place) else {
            continue;
        };
        let class = &seed.class;
        findings.push(
            Finding::error(
                "seed-twice",
                format!("[seed]: two units for machines of class {class:?}: write one table for each class"),
            )
            .at_each([first, place].map(|at| Place::new(format!("seed.etcd.{at}.class"), "this class")))
            .help("write one [[seed.etcd]] for each class"),
        );
    }
}

/// More would not be read.
const ERRORS_MAX: usize = 32;
