//! ISC's `dhclient`, which larger systems had for decades.

use std::fs;
use std::path::Path;

use quorate_daemon::Event;
use quorate_tests::network::{Endpoint, Lab, foreign};

use crate::bench::{Bench, Client};

/// What it calls its variables. It leaves the interface alone, so that its own sockets stay.
const PRELUDE: &str = "event=$reason\n\
    case $reason in BOUND|RENEW|REBIND|REBOOT) addr=$new_ip_address mask=$new_subnet_mask;; esac";

/// Impatient, since its timers count whole seconds; and by itself it sends no name.
const CONFIGURATION: &str = "timeout 10; retry 1; initial-interval 1; initial-delay 0;
    send host-name \"large\";
    request subnet-mask, broadcast-address, routers, domain-name, domain-name-servers,
        host-name, interface-mtu;
    require subnet-mask, domain-name-servers;
";

/// Files of a client, which it finds again.
fn files(lab: &Lab) -> [String; 3] {
    ["dhclient.conf", "dhclient.leases", "dhclient.pid"]
        .map(|name| lab.dir().join(name).display().to_string())
}

fn start(lab: &Lab, endpoint: &Endpoint) -> Client {
    let [configuration, leases, pid] = files(lab);
    fs::write(&configuration, CONFIGURATION).expect("the test's directory is writable");
    Client::start(lab, endpoint, "dhclient", PRELUDE, |script| {
        [
            "-d",
            "-4",
            "-cf",
            &configuration,
            "-lf",
            &leases,
            "-pf",
            &pid,
            "-sf",
            script,
            "eth0",
        ]
        .map(str::to_owned)
        .to_vec()
    })
}

/// The whole life: bound, renewed twice by its own clock, released.
pub(crate) fn life(dir: &Path) {
    const LEASE_SECS: u32 = 8;
    let mut bench = Bench::new(dir, LEASE_SECS);
    let endpoint = bench.lab.endpoint(30);
    let mut client = start(&bench.lab, &endpoint);

    let variables = client.event("BOUND");
    let (addr, mac, hostname) = bench.leased("new");
    assert_eq!((mac, hostname.as_str()), (endpoint.mac, "large"));
    for (name, value) in [
        ("new_ip_address", addr.to_string().as_str()),
        ("new_subnet_mask", "255.255.255.0"),
        ("new_broadcast_address", "10.77.0.255"),
        ("new_routers", "10.77.0.254"),
        ("new_domain_name_servers", "10.77.0.1"),
        ("new_domain_name", "lab.test"),
        ("new_host_name", "large"),
        ("new_dhcp_server_identifier", "10.77.0.1"),
        ("new_dhcp_lease_time", "8"),
        ("new_dhcp_renewal_time", "4"),
        ("new_dhcp_rebinding_time", "7"),
    ] {
        assert_eq!(
            variables.get(name).map(String::as_str),
            Some(value),
            "{name}: {variables:?}"
        );
    }
    bench.named("large.lab.test", addr);

    // Between T1 and T2, to the server alone; no lease ends meanwhile.
    for _ in 0..2 {
        let seen = bench.daemon.wait_for("a renewal", |event| {
            matches!(event, Event::Leased { .. } | Event::LeaseEnded { .. })
        });
        assert!(
            matches!(&seen, Event::Leased { kind, addr: is, .. } if kind == "renewed" && *is == addr),
            "{seen:?}"
        );
        assert_eq!(
            client.event("RENEW").get("new_ip_address"),
            Some(&addr.to_string())
        );
    }
    bench.named("large.lab.test", addr);

    // A release is another call, which ends the first by its pid file.
    let [configuration, leases, pid] = files(&bench.lab);
    let mut release = foreign("dhclient");
    release.args([
        "-r",
        "-4",
        "-cf",
        &configuration,
        "-lf",
        &leases,
        "-pf",
        &pid,
        "-sf",
    ]);
    let status = endpoint.spawn(release.arg("/bin/true").arg("eth0")).wait();
    assert!(status.expect("it is our child").success());
    bench.daemon.wait_for(
        "the end of the lease",
        |event| matches!(event, Event::LeaseEnded { addr: is, why, .. } if *is == addr && why == "released"),
    );
    bench.unnamed("large.lab.test", addr);
}

/// After a crash it asks for what its lease file says (INIT-REBOOT), and gets it.
pub(crate) fn reboot(dir: &Path) {
    let mut bench = Bench::new(dir, 60);
    let endpoint = bench.lab.endpoint(31);
    let mut client = start(&bench.lab, &endpoint);
    client.event("BOUND");
    let (addr, ..) = bench.leased("new");
    client.kill();
    let mut client = start(&bench.lab, &endpoint);
    let variables = client.event("REBOOT");
    assert_eq!(variables.get("new_ip_address"), Some(&addr.to_string()));
    assert_eq!(bench.leased("rebooted").0, addr);
    bench.named("large.lab.test", addr);
}

/// With a lease of another network it is refused (DHCPNAK), and gets one of this.
pub(crate) fn moved(dir: &Path) {
    const ELSEWHERE: &str = "lease {
      interface \"eth0\";
      fixed-address 10.99.0.5;
      option subnet-mask 255.255.255.0;
      option dhcp-lease-time 3600;
      option dhcp-message-type 5;
      option dhcp-server-identifier 10.99.0.1;
      renew 0 2037/01/01 00:00:00;
      rebind 0 2037/01/01 00:00:00;
      expire 0 2037/01/01 00:00:00;
    }\n";
    let mut bench = Bench::new(dir, 60);
    let endpoint = bench.lab.endpoint(32);
    let [_, leases, _] = files(&bench.lab);
    fs::write(&leases, ELSEWHERE).expect("the test's directory is writable");
    let mut client = start(&bench.lab, &endpoint);
    let nak = bench
        .daemon
        .wait_for("a DHCPNAK", |event| matches!(event, Event::Nak { .. }));
    assert!(
        matches!(nak, Event::Nak { mac, .. } if mac == endpoint.mac),
        "{nak:?}"
    );
    client.event("BOUND");
    let (addr, ..) = bench.leased("new");
    bench.named("large.lab.test", addr);
}
