//! Classes, ordinals, names and DNS duties.

use super::*;
use crate::{ClientFqdn, FqdnFlags};

fn class(name: &str) -> RawClass {
    RawClass {
        name: name.to_owned(),
        ..RawClass::default()
    }
}

fn named(n: u8, name: &str) -> Message<'static> {
    with_option(discover(n), code::HOSTNAME, name.as_bytes())
}

/// Clients may name themselves.
fn friendly() -> RawServerConfig {
    let mut raw = raw();
    raw.classes = vec![
        RawClass {
            mac_prefix: Some("02:ee".to_owned()),
            hostname: Some("etcd-{index}".to_owned()),
            ..class("etcd")
        },
        RawClass {
            client_hostname: true,
            ..class("any")
        },
    ];
    raw
}

#[test]
fn without_class_or_reservation_the_name_is_the_address() {
    let lease = Bench::new(raw()).lease(&named(1, "web"));
    assert_eq!(lease.hostname, "ip-10-77-0-10");
    assert_eq!((lease.class, lease.index), (None, None));
}

#[test]
fn a_client_names_itself_with_a_label_and_nothing_else() {
    let long = "a".repeat(64);
    let cases = [
        ("Web-1", "web-1"),
        ("web.evil.example", "web"),
        ("web\0", "web"),
        ("$(reboot)", "ip-10-77-0-10"),
        ("a b", "ip-10-77-0-10"),
        ("..", "ip-10-77-0-10"),
        ("-", "ip-10-77-0-10"),
        ("ip-10-77-0-11", "ip-10-77-0-10"),
        (&long, "ip-10-77-0-10"),
    ];
    for (asked, given) in cases {
        let lease = Bench::new(friendly()).lease(&named(1, asked));
        assert_eq!(lease.hostname, given, "{asked:?}");
    }
}

#[test]
fn nobody_squats_the_name_of_a_class_a_host_or_a_service() {
    let mut raw = friendly();
    raw.reserved_names = vec!["ns1".to_owned()];
    raw.hosts = vec![RawHost {
        mac: Some(mac(9)),
        hostname: Some("db".to_owned()),
        ..RawHost::default()
    }];
    for name in ["etcd-1", "etcd-77", "NS1", "db"] {
        let lease = Bench::new(raw.clone()).lease(&named(1, name));
        assert_eq!(lease.hostname, "ip-10-77-0-10", "{name:?}");
    }
    assert_eq!(Bench::new(raw).lease(&discover(9)).hostname, "db");
}

#[test]
fn a_name_in_use_gets_a_suffix_and_keeps_it() {
    let mut bench = Bench::new(friendly());
    assert_eq!(bench.lease(&named(1, "web")).hostname, "web");
    assert_eq!(bench.lease(&named(2, "web")).hostname, "web-2");
    bench.send(&release(1, addr(10)));
    assert_eq!(bench.lease(&named(2, "web")).hostname, "web-2");
    assert_eq!(bench.lease(&named(3, "web")).hostname, "web");
}

#[test]
fn when_all_suffixes_are_in_use_the_address_names_the_client() {
    let mut raw = friendly();
    raw.subnets[0].pools = vec!["10.77.0.10-10.77.0.90".parse().unwrap()];
    let mut bench = Bench::new(raw);
    for n in 1..=9 {
        bench.lease(&named(n, "localhost"));
    }
    assert_eq!(
        bench.lease(&named(10, "localhost")).hostname,
        "ip-10-77-0-19"
    );
}

#[test]
fn ordinals_are_stable_and_the_lowest_is_reused() {
    let mut raw = friendly();
    raw.classes[0].mac_prefix = Some("02:00".to_owned());
    let mut bench = Bench::new(raw.clone());
    let names = |bench: &mut Bench, n| bench.lease(&discover(n)).hostname;
    assert_eq!(names(&mut bench, 1), "etcd-1");
    assert_eq!(names(&mut bench, 2), "etcd-2");
    bench.send(&release(1, addr(10)));
    bench.restart(raw);
    // Client 1 is remembered, and so is its ordinal.
    assert_eq!(names(&mut bench, 3), "etcd-3");
    assert_eq!(names(&mut bench, 1), "etcd-1");
    // A declined address does not keep its client's ordinal.
    bench.send(&decline(2, addr(11)));
    assert_eq!(names(&mut bench, 2), "etcd-2");
}

#[test]
fn the_first_class_that_matches_wins_and_a_host_can_choose() {
    let mut raw = raw();
    raw.classes = vec![
        RawClass {
            user_class: Some("iPXE".to_owned()),
            ..class("ipxe")
        },
        RawClass {
            vendor_class: Some("PXEClient".to_owned()),
            ..class("pxe")
        },
        RawClass {
            mac_prefix: Some("02-00".replace('-', ":")),
            ..class("lab")
        },
        class("rest"),
    ];
    raw.hosts = vec![RawHost {
        mac: Some(mac(7)),
        class: Some("rest".to_owned()),
        ..RawHost::default()
    }];
    let pxe = |n| with_option(discover(n), code::VENDOR_CLASS, b"PXEClient:Arch:00007");
    let mut other = discover(1);
    other.chaddr = MacAddr([4, 0, 0, 0, 0, 1]);
    let cases = [
        (with_option(pxe(1), code::USER_CLASS, b"iPXE"), "ipxe"),
        (
            with_option(pxe(1), code::USER_CLASS, b"\x01a\x05iPXE7"),
            "ipxe",
        ),
        (with_option(pxe(1), code::USER_CLASS, b"\xffx"), "pxe"),
        (discover(1), "lab"),
        (other, "rest"),
        (pxe(7), "rest"),
    ];
    for (message, class) in cases {
        let lease = Bench::new(raw.clone()).lease(&message);
        assert_eq!(lease.class.as_deref(), Some(class));
    }
}

#[test]
fn a_reservation_is_its_hosts_alone() {
    let mut raw = raw();
    raw.hosts = vec![
        RawHost {
            mac: Some(mac(1)),
            addr: Some(addr(10)),
            ..RawHost::default()
        },
        RawHost {
            client_id: Some("ff:01:02".to_owned()),
            addr: Some(addr(99)),
            ..RawHost::default()
        },
    ];
    let mut bench = Bench::new(raw);
    assert_eq!(bench.send(&discover(2)).reply().yiaddr, addr(11));
    let outputs = bench.send(&selecting(&discover(3), addr(10)));
    assert_eq!(outputs.reply().kind, MessageType::Nak);
    assert_eq!(bench.lease(&discover(1)).addr, addr(10));
    let identified = with_option(discover(4), code::CLIENT_ID, &[0xff, 1, 2]);
    assert_eq!(bench.lease(&identified).addr, addr(99));
    // The system of a machine follows its firmware, whatever it calls itself.
    let system = with_option(discover(1), code::CLIENT_ID, &[0xff, 9]);
    let outputs = bench.send(&system);
    let offered = |e: &Event| matches!(e, Event::Offered { client, .. } if *client == key(1));
    assert!(outputs.events.iter().all(offered), "{outputs:?}");
    let lease = bench.lease(&system);
    assert_eq!((lease.addr, lease.client), (addr(10), key(1)));
}

#[test]
fn a_client_whose_address_was_set_aside_for_another_is_refused_its_renewal() {
    let mut bench = Bench::new(raw());
    bench.lease(&discover(1));
    let mut changed = raw();
    changed.hosts = vec![RawHost {
        mac: Some(mac(9)),
        addr: Some(addr(10)),
        ..RawHost::default()
    }];
    bench.restart(changed);
    let outputs = bench.send(&extending(1, addr(10)));
    assert_eq!(outputs.reply().kind, MessageType::Nak);
    // It moves; then the owner can come.
    let outputs = bench.send(&discover(1));
    assert_eq!(outputs.reply().yiaddr, addr(11));
    assert_eq!(bench.lease(&discover(9)).addr, addr(10));
}

#[test]
fn option_81_is_answered_as_rfc_4702_table_1_says() {
    // Client's S and N; whether the server overrides; its S, O and N; A and PTR by the server.
    let cases = [
        ((true, false), true, (true, false, false), (true, true)),
        ((false, false), true, (true, true, false), (true, true)),
        ((false, true), true, (true, true, false), (true, true)),
        ((true, false), false, (true, false, false), (true, true)),
        ((false, false), false, (false, false, false), (false, true)),
        ((false, true), false, (false, false, true), (false, false)),
    ];
    for ((s, n), override_client, (rs, ro, rn), (forward, reverse)) in cases {
        for encoded in [true, false] {
            let mut raw = friendly();
            raw.override_client_updates = override_client;
            let flags = FqdnFlags {
                server_updates: s,
                overridden: false,
                encoded,
                no_updates: n,
            };
            let name = "web.evil.example".to_owned();
            let fqdn = ClientFqdn { flags, name }.encode_request();
            let mut bench = Bench::new(raw);
            let outputs = bench.send(&with_option(discover(1), code::FQDN, &fqdn));
            let answer = ClientFqdn::decode(outputs.reply().options.bytes(code::FQDN).unwrap());
            let flags = FqdnFlags {
                server_updates: rs,
                overridden: ro,
                encoded,
                no_updates: rn,
            };
            let name = "web.lab.example".to_owned();
            assert_eq!(answer, Some(ClientFqdn { flags, name }));
            let lease = bench.lease(&with_option(discover(1), code::FQDN, &fqdn));
            assert_eq!(lease.updates, NameUpdates { forward, reverse });
        }
    }
}

#[test]
fn a_broken_wish_costs_a_client_its_wish_only() {
    let broken: [(u8, &[u8]); 4] = [
        (code::FQDN, b""),
        (code::FQDN, b"\x04\x00\x00\xc0\x00"),
        (code::FQDN, b"\x04\x00\x00\x3fweb"),
        (code::HOSTNAME, b"\xff\xfe"),
    ];
    for (code, value) in broken {
        let lease = Bench::new(friendly()).lease(&with_option(discover(1), code, value));
        assert_eq!(lease.hostname, "ip-10-77-0-10");
    }
}
