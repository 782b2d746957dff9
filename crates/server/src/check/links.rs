//! URLs that machines are given: they lead to the HTTP server of `[seed]`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};

use quorate_boot::route;
use quorate_boot::route::{FILES_PATH, File};

use super::finding::Finding;
use super::view::View;
use crate::config::{RawClass, Seed};

pub(super) fn check(view: &View<'_>, findings: &mut Vec<Finding>) {
    for (place, class) in view.classes() {
        boot_file(view, (place, class), findings);
    }
    base(view, findings);
    no_seed(view, findings);
}

/// An `http://` URL with an address: where it leads, and the path there.
struct Link<'a> {
    to: SocketAddr,
    path: &'a str,
}

fn link(url: &str) -> Option<Link<'_>> {
    let rest = url.strip_prefix("http://")?;
    let end = rest.find('/').unwrap_or(rest.len());
    let (host, path) = rest.split_at(end);
    let to = match host.parse::<SocketAddrV4>() {
        Ok(addr) => addr,
        Err(_) => SocketAddrV4::new(host.parse::<Ipv4Addr>().ok()?, HTTP_PORT),
    };
    Some(Link {
        to: SocketAddr::V4(to),
        path,
    })
}

fn boot_file(view: &View<'_>, (place, class): (usize, &RawClass), findings: &mut Vec<Finding>) {
    let Some(file) = &class.boot_file else { return };
    let path = format!("dhcp.classes.{place}.boot_file");
    let parsed = link(file);
    next_server(view, (place, class), parsed.as_ref(), findings);
    let Some(link) = parsed else { return };
    let (is_seed, is_file) = (
        link.path.starts_with(SEEDS),
        link.path.starts_with(FILES_PATH),
    );
    if !is_seed && !is_file {
        return;
    }
    let Some(seed) = view.seed else {
        if view.own_addrs().contains(&link.to.ip()) {
            findings.push(
                Finding::warning(
                    "seed-off",
                    format!(
                        "class {:?} is sent to {file}, and [seed] is off",
                        class.name
                    ),
                )
                .at(path, "sent there")
                .at("seed", "off")
                .help("write a section [seed], or another boot_file"),
            );
        }
        return;
    };
    if !leads_to(view, &link, seed) {
        findings.push(astray(
            &path,
            &format!("class {:?}", class.name),
            &link,
            seed,
        ));
    }
    if is_seed {
        findings.extend(seed_path(&path, &class.name, link.path));
    }
}

fn leads_to(view: &View<'_>, link: &Link<'_>, seed: &Seed) -> bool {
    let (to, listen) = (link.to, seed.listen);
    let is_own = || view.own_addrs().contains(&to.ip()) || view.own_addrs().is_empty();
    to.port() == listen.port()
        && (to.ip() == listen.ip() || (listen.ip().is_unspecified() && is_own()))
}

/// A proxy between them would not do: a seed is for the address that asks.
fn astray(path: &str, who: &str, link: &Link<'_>, seed: &Seed) -> Finding {
    let (to, listen) = (link.to, seed.listen);
    let what = format!("{who} is sent to {to}, and [seed] listens on {listen}");
    let finding = match listen.ip().is_unspecified() && to.port() == listen.port() {
        true => Finding::warning("seed-address", what),
        false => Finding::error("seed-address", what),
    };
    let finding = finding
        .at(path, format!("sent to {to}"))
        .at("seed.listen", format!("served at {listen}"));
    let port = match listen.port() {
        HTTP_PORT => String::new(),
        port => format!(":{port}"),
    };
    finding.help(match listen.ip() {
        ip if ip.is_unspecified() => "write an address of this server in both".to_owned(),
        ip => format!(
            "write http://{ip}{port}{}, or the same address in [seed]",
            link.path
        ),
    })
}

/// The placeholder leads each machine to its own seed.
fn seed_path(path: &str, class: &str, link: &str) -> Option<Finding> {
    let filled = link.replace("{mac}", EXAMPLE);
    let reads = |base: &str| route(&format!("{base}{}", File::MetaData.name())).is_some();
    if reads(&filled) && filled != link {
        return None;
    }
    let what = format!("class {class:?}: {link} is no seed of a machine");
    let finding = match reads(&format!("{filled}/")) && filled != link {
        // cloud-init adds the slash.
        true => Finding::warning("seed-path", what),
        false => Finding::error("seed-path", what),
    };
    let finding = finding.at(path, link.to_owned());
    Some(finding.help("write /seed/{mac}/, with the slash at the end"))
}

/// Where the boot file is, in a field that some firmware reads before the file's name.
fn next_server(
    view: &View<'_>,
    (place, class): (usize, &RawClass),
    link: Option<&Link<'_>>,
    findings: &mut Vec<Finding>,
) {
    let path = format!("dhcp.classes.{place}.next_server");
    let file = format!("dhcp.classes.{place}.boot_file");
    let is_url = class
        .boot_file
        .as_ref()
        .is_some_and(|file| file.contains("://"));
    let finding = match (class.next_server, link) {
        (Some(server), Some(link)) if IpAddr::V4(server) != link.to.ip() => Finding::warning(
            "next-server",
            format!(
                "class {:?}: next_server is {server}, and the boot file is at {}",
                class.name,
                link.to.ip()
            ),
        )
        .at(path, format!("{server}"))
        .at(file, format!("{}", link.to.ip()))
        .help("write one address in both"),
        (None, None) if !is_url => Finding::warning(
            "next-server",
            format!(
                "class {:?}: firmware is not told where its boot file is",
                class.name
            ),
        )
        .at(file, "a name, no URL")
        .at(path, "left out")
        .help("write the address of the TFTP server as next_server"),
        (Some(server), None)
            if !is_url
                && view.boot.is_some_and(|boot| boot.tftp.is_none())
                && view.own_addrs().contains(&IpAddr::V4(server)) =>
        {
            Finding::warning(
                "next-server",
                format!(
                    "class {:?}: {server} is this server, which serves no TFTP",
                    class.name
                ),
            )
            .at(path, "asked by TFTP")
            .at("boot.tftp", "left out")
            .help(format!("write tftp = \"{server}:69\" in [boot]"))
        }
        _ => return,
    };
    findings.push(finding);
}

/// The beginning of scripts' URLs.
fn base(view: &View<'_>, findings: &mut Vec<Finding>) {
    let (Some(boot), Some(seed)) = (view.boot, view.seed) else {
        return;
    };
    match (&boot.url, view.dhcp) {
        (Some(url), _) => {
            if let Some(link) = link(url)
                && link.path.is_empty()
                && !leads_to(view, &link, seed)
            {
                findings.push(astray("boot.url", "what machines boot", &link, seed));
            }
        }
        (None, Some(dhcp)) => {
            let to = SocketAddr::new(IpAddr::V4(dhcp.server_id), seed.listen.port());
            let link = Link { to, path: "" };
            if !leads_to(view, &link, seed) {
                findings.push(astray("dhcp.server_id", "what machines boot", &link, seed));
            }
        }
        (None, None) => {}
    }
}

/// Machines whose seed nobody tells them of.
fn no_seed(view: &View<'_>, findings: &mut Vec<Finding>) {
    for (place, unit) in view.units() {
        let Some((at, class)) = view.class(&unit.class) else {
            continue;
        };
        let by_script = view.boot.is_some_and(|boot| {
            let scripts = boot.scripts.iter().map(|own| &own.script);
            scripts
                .chain([&boot.script])
                .any(|script| script.cmdline.contains("{seed}"))
        });
        let by_option = class.boot_file.is_some() || !class.options.is_empty();
        if by_script || by_option {
            continue;
        }
        findings.push(
            Finding::warning(
                "no-seed",
                format!(
                    "machines of class {:?} are not told where their seed is",
                    unit.class
                ),
            )
            .at(format!("dhcp.classes.{at}.boot_file"), "left out")
            .at(
                format!("seed.etcd.{place}.class"),
                "the seed of this class installs etcd",
            )
            .help("write boot_file = \"http://ADDRESS/seed/{mac}/\" in the class"),
        );
    }
}

const HTTP_PORT: u16 = 80;
const SEEDS: &str = "/seed/";
const EXAMPLE: &str = "02:00:00:00:00:01";
