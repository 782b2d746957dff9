//! Addresses: the server's and the routers' are in their subnets, and nobody else's.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use super::finding::{Finding, Place};
use super::view::View;
use crate::config::{Dhcp, RawSubnet};

pub(super) fn check(view: &View<'_>, findings: &mut Vec<Finding>) {
    let Some(dhcp) = view.dhcp else { return };
    findings.extend(interface(dhcp));
    server_id(view, dhcp, findings);
    for (place, subnet) in dhcp.subnets.iter().enumerate() {
        routers(view, (place, subnet), findings);
        resolvers(view, (place, subnet), findings);
    }
    in_pools(view, dhcp, findings);
}

/// Names that the kernel gives no interface (`dev_valid_name`).
fn interface(dhcp: &Dhcp) -> Option<Finding> {
    let name = &dhcp.interface;
    let fits = (1..=15).contains(&name.len())
        && name != "."
        && name != ".."
        && !name.contains(['/', ':'])
        && !name.contains(char::is_whitespace);
    if fits {
        return None;
    }
    let finding = Finding::error("interface", format!("no interface is called {name:?}"));
    let finding = finding.at("dhcp.interface", "1 to 15 characters without / : and space");
    Some(finding.help("write a name that `ip link` prints"))
}

fn server_id(view: &View<'_>, dhcp: &Dhcp, findings: &mut Vec<Finding>) {
    let addr = dhcp.server_id;
    let nets = || {
        let nets = dhcp.subnets.iter().enumerate();
        nets.map(|(at, it)| Place::new(format!("dhcp.subnets.{at}.net"), format!("{}", it.net)))
    };
    let home = view.subnet(addr).map(|place| &dhcp.subnets[place]);
    let cannot = addr.is_unspecified()
        || addr.is_multicast()
        || addr.is_broadcast()
        || home.is_some_and(|subnet| !subnet.net.contains_host(addr));
    if cannot {
        findings.push(
            Finding::error(
                "server-id",
                format!("server_id {addr} is no address of a machine"),
            )
            .at("dhcp.server_id", "clients send to it")
            .at_each(nets())
            .help("write the server's own address on the interface"),
        );
        return;
    }
    if home.is_some() {
        return;
    }
    let what =
        format!("server_id {addr} is in no subnet: only clients behind relay agents are served");
    // Another section knows an address of ours in a subnet.
    let better = listening(view)
        .find(|(_, own)| matches!(own, IpAddr::V4(own) if view.subnet(*own).is_some()));
    let finding = match &better {
        Some(_) => Finding::error("server-id", what),
        None => Finding::warning("server-id", what),
    };
    let mut finding = finding
        .at("dhcp.server_id", format!("{addr}"))
        .at_each(nets());
    let help = "a server that only relay agents reach has a subnet without pools for its own link";
    finding = match better {
        Some((path, own)) => finding
            .at(path, format!("this server is {own}"))
            .help(format!("write server_id = \"{own}\"; {help}")),
        None => finding.help(help),
    };
    findings.push(finding);
}

/// Addresses that sections listen on or send to at home.
fn listening(view: &View<'_>) -> impl Iterator<Item = (String, IpAddr)> {
    let dns = view.dns.into_iter().flat_map(|dns| &dns.listen).enumerate();
    let dns = dns.map(|(at, addr)| (format!("dns.listen.{at}"), addr.ip()));
    let seed = view
        .seed
        .map(|seed| ("seed.listen".to_owned(), seed.listen.ip()));
    let tftp = view.boot.and_then(|boot| boot.tftp);
    let tftp = tftp.map(|addr| ("boot.tftp".to_owned(), addr.ip()));
    dns.chain(seed).chain(tftp)
}

fn routers(view: &View<'_>, (place, subnet): (usize, &RawSubnet), findings: &mut Vec<Finding>) {
    for (at, router) in subnet.routers.iter().enumerate() {
        let path = format!("dhcp.subnets.{place}.routers.{at}");
        if !subnet.net.contains_host(*router) {
            findings.push(
                Finding::error(
                    "router",
                    format!(
                        "the router {router} is not in {}: machines cannot reach it",
                        subnet.net
                    ),
                )
                .at(path, format!("{router}"))
                .at(
                    format!("dhcp.subnets.{place}.net"),
                    format!("{}", subnet.net),
                )
                .help(format!("write an address in {}", subnet.net)),
            );
            continue;
        }
        let taken = view.hosts().find(|(_, host)| host.addr == Some(*router));
        if let Some((host, _)) = taken {
            findings.push(
                Finding::error(
                    "router",
                    format!("the router's address {router} is set aside for a host"),
                )
                .at(path, "the router's")
                .at(format!("dhcp.hosts.{host}.addr"), "and a host's")
                .help("write two addresses"),
            );
        }
    }
}

/// What machines resolve names with.
fn resolvers(view: &View<'_>, (place, subnet): (usize, &RawSubnet), findings: &mut Vec<Finding>) {
    let path = format!("dhcp.subnets.{place}.dns");
    if subnet.dns.is_empty() {
        findings.extend(no_resolver(view, (place, subnet)));
        return;
    }
    let Some(dns) = view.dns else { return };
    let own = view.own_addrs();
    let serves = |addr: &Ipv4Addr, port: Option<u16>| {
        let addr = IpAddr::V4(*addr);
        dns.listen.iter().any(|listen| {
            port.is_none_or(|port| listen.port() == port)
                && (listen.ip() == addr || (listen.ip().is_unspecified() && own.contains(&addr)))
        })
    };
    let listen = dns
        .listen
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ");
    let port = Some(DNS_PORT);
    let shown = format!("{:?}", subnet.dns);
    if subnet.dns.iter().all(|addr| serves(addr, port)) {
        if subnet.routers.is_empty() {
            return;
        }
        findings.push(
            Finding::warning(
                "resolver",
                format!(
                    "machines of {} have a way out and resolve nothing there: [dns] answers only for its own zones",
                    subnet.net
                ),
            )
            .at(path, format!("dns = {shown}: [dns] of this file"))
            .at(format!("dhcp.subnets.{place}.routers"), "the way out")
            .help("write a resolver as dns that sends questions for our zones to [dns]; or leave routers out"),
        );
    } else if subnet.dns.iter().any(|addr| serves(addr, None)) {
        if !subnet.dns.iter().any(|addr| serves(addr, port)) {
            findings.push(
                Finding::warning(
                    "resolver-port",
                    format!(
                        "machines ask {shown} at port {DNS_PORT}, and [dns] listens on {listen}"
                    ),
                )
                .at(path, "asked at port 53")
                .at("dns.listen", listen)
                .help("listen on port 53, or let a resolver there send questions for our zones on"),
            );
        }
    } else if view.ddns.is_some() {
        findings.push(
            Finding::warning(
                "resolver-elsewhere",
                format!(
                    "machines of {} ask {shown}, and their names are at {listen}",
                    subnet.net
                ),
            )
            .at(path, format!("dns = {shown}"))
            .at("dns.listen", listen)
            .help(
                "let that resolver send questions for our zones to [dns], or write our own address",
            ),
        );
    }
}

/// Members of a subnet without a resolver cannot find their peers.
fn no_resolver(view: &View<'_>, (place, subnet): (usize, &RawSubnet)) -> Option<Finding> {
    let (unit, seed) = view.units().find(|(_, seed)| {
        !seed.unit.discovery_srv.is_empty() && view.subnets_of(&seed.class).contains(&place)
    })?;
    let what = format!(
        "machines of {} get no resolver, and etcd of class {:?} finds its peers by DNS",
        subnet.net, seed.class
    );
    let asks = format!("seed.etcd.{unit}.unit.discovery_srv");
    Some(
        Finding::error("no-resolver", what)
            .at(format!("dhcp.subnets.{place}.dns"), "no dns")
            .at(asks, "asks for its peers")
            .help("write the address of [dns] listen as dns of the subnet"),
    )
}

/// Addresses in use are not to be leased.
fn in_pools(view: &View<'_>, dhcp: &Dhcp, findings: &mut Vec<Finding>) {
    let mut used: BTreeMap<Ipv4Addr, String> = BTreeMap::new();
    for (zone, owner, addr) in view.addr_records() {
        if let IpAddr::V4(addr) = addr
            && is_leasable(dhcp, addr)
        {
            let path = view.record_path(zone, owner).unwrap_or_default();
            used.insert(addr, path);
        }
    }
    for (path, addr) in listening(view) {
        if let IpAddr::V4(addr) = addr {
            used.insert(addr, path);
        }
    }
    for (place, subnet) in dhcp.subnets.iter().enumerate() {
        let resolvers = subnet.dns.iter().enumerate();
        used.extend(resolvers.map(|(at, addr)| (*addr, format!("dhcp.subnets.{place}.dns.{at}"))));
    }
    let reserved: Vec<_> = dhcp.hosts.iter().filter_map(|host| host.addr).collect();
    for (addr, path) in used {
        if !is_leasable(dhcp, addr) || reserved.contains(&addr) {
            continue;
        }
        let place = view.subnet(addr).unwrap_or_default();
        findings.push(
            Finding::warning(
                "address-leased",
                format!("{addr} is in use, and may be leased to a machine"),
            )
            .at(path, "in use here")
            .at(format!("dhcp.subnets.{place}.pools"), "the pool has it")
            .help(format!("add exclude = [\"{addr}-{addr}\"] to the subnet")),
        );
    }
}

/// True when any client may get the address.
fn is_leasable(dhcp: &Dhcp, addr: Ipv4Addr) -> bool {
    let subnets = dhcp.subnets.iter();
    let mut subnets = subnets.filter(|subnet| subnet.net.contains(addr));
    addr != dhcp.server_id
        && subnets.any(|subnet| {
            let within = |ranges: &[crate::config::AddrRange]| {
                ranges
                    .iter()
                    .any(|range| range.first <= addr && addr <= range.last)
            };
            within(&subnet.pools) && !within(&subnet.exclude) && !subnet.routers.contains(&addr)
        })
}

const DNS_PORT: u16 = 53;
