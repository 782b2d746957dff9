//! `udhcpc`, which most small systems have.

use std::path::Path;

use quorate_daemon::Event;
use quorate_tests::network::{Endpoint, Lab};
use rustix::process::Signal;

use crate::bench::{Bench, Client};

/// What it calls its variables.
const PRELUDE: &str = "event=$1\n\
    case $1 in bound|renew) addr=$ip mask=$subnet;; deconfig) leaves=yes;; esac";

fn start(lab: &Lab, endpoint: &Endpoint, options: &[&str]) -> Client {
    Client::start(lab, endpoint, "udhcpc", PRELUDE, |script| {
        let fixed = ["-f", "-i", "eth0", "-T", "1", "-s", script];
        fixed
            .iter()
            .chain(options)
            .map(|word| (*word).to_owned())
            .collect()
    })
}

/// The whole life: bound, renewed on demand, released.
pub(crate) fn life(dir: &Path) {
    // It holds every lease for 122 s at least, whatever the server says; a shorter one would
    // end under it.
    let mut bench = Bench::new(dir, 130);
    let endpoint = bench.lab.endpoint(20);
    let mut client = start(&bench.lab, &endpoint, &["-x", "hostname:small"]);

    let variables = client.event("bound");
    let (addr, mac, hostname) = bench.leased("new");
    assert_eq!((mac, hostname.as_str()), (endpoint.mac, "small"));
    for (name, value) in [
        ("ip", addr.to_string().as_str()),
        ("subnet", "255.255.255.0"),
        ("router", "10.77.0.254"),
        ("dns", "10.77.0.1"),
        ("domain", "lab.test"),
        ("hostname", "small"),
        ("serverid", "10.77.0.1"),
        ("lease", "130"),
    ] {
        assert_eq!(
            variables.get(name).map(String::as_str),
            Some(value),
            "{name}: {variables:?}"
        );
    }
    bench.named("small.lab.test", addr);

    client.signal(Signal::USR1);
    assert_eq!(client.event("renew").get("ip"), Some(&addr.to_string()));
    assert_eq!(bench.leased("renewed").0, addr);
    bench.named("small.lab.test", addr);

    client.signal(Signal::USR2);
    client.event("deconfig");
    bench.daemon.wait_for(
        "the end of the lease",
        |event| matches!(event, Event::LeaseEnded { addr: is, why, .. } if *is == addr && why == "released"),
    );
    bench.unnamed("small.lab.test", addr);
}

/// A whole name by option 81, and the client's identifier left out: the address is the name's.
pub(crate) fn fqdn(dir: &Path) {
    let mut bench = Bench::new(dir, 130);
    let endpoint = bench.lab.endpoint(21);
    let mut client = start(&bench.lab, &endpoint, &["-C", "-F", "whole.lab.test"]);
    client.event("bound");
    let (addr, _, hostname) = bench.leased("new");
    assert_eq!(hostname, "whole");
    bench.named("whole.lab.test", addr);
}

/// The second client of a name gets another; and a name that was there before all clients
/// (RFC 4703 §5.3) nobody gets, though an address they do.
pub(crate) fn conflict(dir: &Path) {
    let mut bench = Bench::new(dir, 130);
    let endpoints = [22, 23, 24].map(|host| bench.lab.endpoint(host));
    let mut first = start(&bench.lab, &endpoints[0], &["-x", "hostname:same"]);
    first.event("bound");
    let (addr, ..) = bench.leased("new");
    bench.named("same.lab.test", addr);

    let mut second = start(&bench.lab, &endpoints[1], &["-x", "hostname:same"]);
    let variables = second.event("bound");
    assert_eq!(
        variables.get("hostname").map(String::as_str),
        Some("same-2")
    );
    let (second_addr, ..) = bench.leased("new");
    bench.named("same-2.lab.test", second_addr);
    bench.named("same.lab.test", addr);

    let mut third = start(&bench.lab, &endpoints[2], &["-x", "hostname:printer"]);
    third.event("bound");
    let (third_addr, ..) = bench.leased("new");
    bench.daemon.wait_for(
        "the conflict",
        |event| matches!(event, Event::NameConflict { addr, .. } if *addr == third_addr),
    );
    assert_eq!(bench.address_of("printer.lab.test"), ["10.77.0.250"]);
}
