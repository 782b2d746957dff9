//! Who can become a member, and who can get an address at all.

use super::finding::Finding;
use super::view::View;

pub(super) fn check(view: &View<'_>, findings: &mut Vec<Finding>) {
    count(view, findings);
    lonely(view, findings);
    addresses(view, findings);
}

/// How many members a cluster begins with, and how many machines are set aside for it.
fn count(view: &View<'_>, findings: &mut Vec<Finding>) {
    for (place, service) in view.services() {
        let known = view.class(&service.class).is_some();
        let reserved: Vec<_> = view.hosts_of(&service.class).collect();
        let others_come = reserved.is_empty() && view.is_matched(&service.class);
        if !known || others_come || reserved.len() == service.members {
            continue;
        }
        let (members, count) = (service.members, reserved.len());
        let why = if count < members {
            "the gate opens only when other machines are of the class too"
        } else {
            "those that come last are not among the peers"
        };
        let path = match reserved.last() {
            Some((last, _)) => format!("dhcp.hosts.{last}.class"),
            None => {
                let class = view.class(&service.class);
                format!("dhcp.classes.{}.name", class.map_or(0, |(place, _)| place))
            }
        };
        findings.push(
            Finding::warning(
                "members",
                format!(
                    "class {:?}: the cluster begins with {members} members, and {count} hosts are \
                     of the class: {why}",
                    service.class
                ),
            )
            .at(
                format!("ddns.services.{place}.members"),
                format!("{members} members"),
            )
            .at(path, format!("the last of {count} hosts"))
            .help(format!(
                "write members = {count}, or a [[dhcp.hosts]] for each member"
            )),
        );
    }
}

/// Names and seeds follow from leases.
fn lonely(view: &View<'_>, findings: &mut Vec<Finding>) {
    if view.dhcp.is_some() {
        return;
    }
    let sections = [
        ("ddns", view.ddns.is_some(), "it has no leases to publish"),
        (
            "seed",
            view.seed.is_some(),
            "it knows no machine to have a seed",
        ),
    ];
    for (section, runs, why) in sections {
        if runs {
            findings.push(
                Finding::warning("no-dhcp", format!("[{section}] runs without [dhcp]: {why}"))
                    .at(section, "runs")
                    .at("dhcp", "does not")
                    .help(format!("switch [dhcp] on, or [{section}] off")),
            );
        }
    }
}

/// A machine without an address of its own needs one of a pool.
fn addresses(view: &View<'_>, findings: &mut Vec<Finding>) {
    let Some(dhcp) = view.dhcp else { return };
    let size: u64 = dhcp
        .subnets
        .iter()
        .flat_map(|subnet| &subnet.pools)
        .map(|pool| u64::from(pool.last.to_bits().saturating_sub(pool.first.to_bits())) + 1)
        .sum();
    let waiting: Vec<_> = view
        .hosts()
        .filter(|(_, host)| host.addr.is_none())
        .collect();
    let Some((last, _)) = waiting.last() else {
        return;
    };
    if u64::try_from(waiting.len()).is_ok_and(|waiting| waiting <= size) {
        return;
    }
    let count = waiting.len();
    let what = format!("{count} hosts have no address of their own, and the pools have {size}");
    let finding = match size {
        0 => Finding::error("pool-size", what),
        _ => Finding::warning("pool-size", what),
    };
    findings.push(
        finding
            .at(format!("dhcp.hosts.{last}"), "no addr")
            .at("dhcp.subnets.0.pools", format!("{size} addresses in all"))
            .help("write addr for each host, or larger pools"),
    );
}
