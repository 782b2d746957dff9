//! Classes: what one section calls a kind of machines, others must call so too.

use super::finding::{Finding, Place};
use super::view::{View, nearest};

pub(super) fn check(view: &View<'_>, findings: &mut Vec<Finding>) {
    let Some(dhcp) = view.dhcp else { return };
    for (path, class) in named(view) {
        if view.class(class).is_some() {
            continue;
        }
        let classes = dhcp.classes.iter().map(|class| class.name.as_str());
        let near = nearest(class, classes);
        let others = near.into_iter().flat_map(|(place, name)| {
            let declared = Place::new(
                format!("dhcp.classes.{place}.name"),
                format!("there is {name:?}"),
            );
            let by_others = named(view).filter(move |(_, other)| *other == name);
            let by_others = by_others.filter(|(path, _)| !path.starts_with("dhcp."));
            let by_others =
                by_others.map(|(path, other)| Place::new(path, format!("class {other:?} here")));
            std::iter::once(declared).chain(by_others)
        });
        let help = match near {
            Some((_, name)) => {
                format!("write class = {name:?}, or a [[dhcp.classes]] that is called {class:?}")
            }
            None => format!("write a [[dhcp.classes]] with name = {class:?}"),
        };
        findings.push(
            Finding::error(
                "no-class",
                format!(
                    "{}: no class is called {class:?}: no machine is ever of it",
                    section(&path)
                ),
            )
            .at(path, format!("class {class:?}"))
            .at_each(others)
            .help(help),
        );
    }
    unreachable(view, findings);
}

/// Every place that names a class, with the name.
fn named<'a>(view: &View<'a>) -> impl Iterator<Item = (String, &'a str)> {
    let services = view.services();
    let services = services.map(|(at, it)| (format!("ddns.services.{at}.class"), &it.class));
    let units = view.units();
    let units = units.map(|(at, it)| (format!("seed.etcd.{at}.class"), &it.class));
    let scripts = view.boot.into_iter().flat_map(|boot| &boot.scripts);
    let scripts = scripts.enumerate().filter_map(|(at, it)| {
        let class = it.class.as_ref()?;
        Some((format!("boot.scripts.{at}.class"), class))
    });
    let hosts = view.hosts().filter_map(|(at, it)| {
        let class = it.class.as_ref()?;
        Some((format!("dhcp.hosts.{at}.class"), class))
    });
    let all = services.chain(units).chain(scripts).chain(hosts);
    all.map(|(path, class)| (path, class.as_str()))
}

/// `[ddns]` for `ddns.services.0.class`.
fn section(path: &str) -> String {
    format!("[{}]", path.split('.').next().unwrap_or_default())
}

/// A class that no machine gets: one before it takes every client, and no host names it.
fn unreachable(view: &View<'_>, findings: &mut Vec<Finding>) {
    for (place, class) in view.classes() {
        if view.is_matched(&class.name) || view.hosts_of(&class.name).next().is_some() {
            continue;
        }
        let all = view.classes().find(|(_, other)| {
            other.mac_prefix.is_none() && other.vendor_class.is_none() && other.user_class.is_none()
        });
        let Some((first, taker)) = all else { continue };
        findings.push(
            Finding::warning(
                "class-unused",
                format!(
                    "no machine is of class {:?}: {:?} comes first and takes all, and no host names it",
                    class.name, taker.name
                ),
            )
            .at(format!("dhcp.classes.{place}.name"), "never")
            .at(format!("dhcp.classes.{first}.name"), "takes every client")
            .help("write the class of a host, or put classes that match something first"),
        );
    }
}
