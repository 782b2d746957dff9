//! Sockets and directories: each has a place of its own.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use super::finding::Finding;
use super::view::View;

pub(super) fn check(view: &View<'_>, findings: &mut Vec<Finding>) {
    paths(view, findings);
    clashes(view, findings);
    empty(view, findings);
    if let Some(ddns) = view.ddns
        && (ddns.server.port() == 0 || ddns.server.ip().is_unspecified())
    {
        findings.push(
            Finding::error(
                "update-server",
                format!("UPDATEs cannot be sent to {}", ddns.server),
            )
            .at("ddns.server", "no address of a server")
            .help("write address and port of the DNS server"),
        );
    }
    tftp(view, findings);
}

/// A relative path leads elsewhere when the daemon is started elsewhere.
fn paths(view: &View<'_>, findings: &mut Vec<Finding>) {
    if view.config.state_dir.as_os_str().is_empty() {
        findings.push(
            Finding::error("state-dir", "state_dir is empty")
                .at("state_dir", "no directory")
                .help("write an absolute path, as /var/lib/quorate"),
        );
    }
    let state_dir = ("state_dir".to_owned(), &view.config.state_dir);
    let keys = view.dns.into_iter().flat_map(|dns| &dns.key_files);
    let keys = keys
        .enumerate()
        .map(|(at, path)| (format!("dns.key_files.{at}"), path));
    let own_key = view.ddns.and_then(|ddns| ddns.key_file.as_ref());
    let own_key = own_key.map(|path| ("ddns.key_file".to_owned(), path));
    let files = view.boot.into_iter().flat_map(|boot| &boot.files);
    let files = files
        .enumerate()
        .map(|(at, path)| (format!("boot.files.{at}"), path));
    for (place, path) in std::iter::once(state_dir)
        .chain(keys)
        .chain(own_key)
        .chain(files)
    {
        if path.is_absolute() || path.as_os_str().is_empty() {
            continue;
        }
        let shown = path.display();
        findings.push(
            Finding::warning(
                "relative-path",
                format!("{shown} is relative: it depends on where the daemon is started"),
            )
            .at(place, "relative")
            .help(format!(
                "write an absolute path, as {}",
                Path::new("/var/lib").join(path).display()
            )),
        );
    }
    for (place, path) in view
        .boot
        .into_iter()
        .flat_map(|boot| &boot.files)
        .enumerate()
    {
        if path.as_os_str().is_empty() {
            findings.push(
                Finding::error("boot-directory", "a directory of boot files is empty text")
                    .at(format!("boot.files.{place}"), "no directory")
                    .help("write an absolute path, as /srv/boot"),
            );
        }
    }
}

/// One socket of our sections: its place, its address, and whether it is for TCP.
type Socket = (String, SocketAddr, bool);

fn sockets(view: &View<'_>) -> Vec<Socket> {
    let dns = view.dns.into_iter().flat_map(|dns| &dns.listen).enumerate();
    let dns = dns.flat_map(|(at, addr)| {
        [true, false].map(|is_tcp| (format!("dns.listen.{at}"), *addr, is_tcp))
    });
    let seed = view
        .seed
        .map(|seed| ("seed.listen".to_owned(), seed.listen, true));
    let tftp = view.boot.and_then(|boot| boot.tftp);
    let tftp = tftp.map(|addr| ("boot.tftp".to_owned(), addr, false));
    let dhcp = view.dhcp.map(|_| {
        let any = SocketAddr::new(IpAddr::from([0, 0, 0, 0]), DHCP_PORT);
        ("dhcp.interface".to_owned(), any, false)
    });
    dns.chain(seed).chain(tftp).chain(dhcp).collect()
}

fn clashes(view: &View<'_>, findings: &mut Vec<Finding>) {
    let sockets = sockets(view);
    for (place, (path, addr, is_tcp)) in sockets.iter().enumerate() {
        let clash = sockets[..place].iter().find(|(_, other, other_is_tcp)| {
            let same_ip = other.ip() == addr.ip()
                || ((other.ip().is_unspecified() || addr.ip().is_unspecified())
                    && other.is_ipv4() == addr.is_ipv4());
            is_tcp == other_is_tcp && other.port() == addr.port() && addr.port() != 0 && same_ip
        });
        let Some((other_path, other, _)) = clash else {
            continue;
        };
        let kind = if *is_tcp { "TCP" } else { "UDP" };
        let seen = findings
            .iter()
            .any(|it| it.code == "socket-twice" && it.places.iter().any(|at| at.path == *path));
        if seen {
            continue;
        }
        findings.push(
            Finding::error(
                "socket-twice",
                format!("two services want {kind} port {}", addr.port()),
            )
            .at(other_path, format!("{other}"))
            .at(path, format!("{addr}"))
            .help("write another port, or another address"),
        );
    }
}

fn empty(view: &View<'_>, findings: &mut Vec<Finding>) {
    let Some(dns) = view.dns else { return };
    if dns.listen.is_empty() {
        findings.push(
            Finding::error("no-listener", "[dns] listens nowhere")
                .at("dns.listen", "empty")
                .help("write address and port, as \"10.20.0.2:53\""),
        );
    }
    if dns.zones.is_empty() {
        findings.push(
            Finding::warning("no-zone", "[dns] has no zone and answers nothing")
                .at("dns", "no [[dns.zones]]")
                .help("write a [[dns.zones]], or switch [dns] off"),
        );
    }
}

/// Firmware is sent to `server_id`, and knows one port.
fn tftp(view: &View<'_>, findings: &mut Vec<Finding>) {
    let (Some(tftp), Some(dhcp)) = (view.boot.and_then(|boot| boot.tftp), view.dhcp) else {
        return;
    };
    let own = IpAddr::V4(dhcp.server_id);
    if tftp.port() == TFTP_PORT && (tftp.ip() == own || tftp.ip().is_unspecified()) {
        return;
    }
    findings.push(
        Finding::error(
            "tftp",
            format!("firmware asks {own} at port {TFTP_PORT} for its loader, and TFTP is served at {tftp}"),
        )
        .at("boot.tftp", format!("served at {tftp}"))
        .at("dhcp.server_id", format!("asked: {own}"))
        .help(format!("write tftp = \"{own}:{TFTP_PORT}\"")),
    );
}

const DHCP_PORT: u16 = 67;
const TFTP_PORT: u16 = 69;
