//! Bounds: what clients can make the server hold, and what each message costs.

use super::*;

fn wide(pool: &str) -> RawServerConfig {
    let subnet = RawSubnet::new("10.77.0.0/16".parse().unwrap(), pool.parse().unwrap());
    RawServerConfig::new(SERVER, subnet)
}

fn nth(n: u16) -> Message<'static> {
    let [hi, lo] = n.to_be_bytes();
    let mac = MacAddr([2, 0, 0, 0, hi, lo]);
    let message = Message::request(MessageType::Discover, u32::from(n), mac);
    // The worst case for names: every client asks for the same one.
    with_option(message, code::HOSTNAME, b"localhost")
}

/// Database operations that `clients` cost from DISCOVER to ACK.
fn operations(clients: u16) -> u64 {
    let mut raw = wide("10.77.1.0-10.77.200.255");
    raw.classes = vec![RawClass {
        name: "any".to_owned(),
        client_hostname: true,
        ..RawClass::default()
    }];
    let mut bench = Bench::new(raw);
    for n in 0..clients {
        bench.send(&nth(n));
    }
    for n in 0..clients {
        let addr = Ipv4Addr::from_bits(Ipv4Addr::new(10, 77, 1, 0).to_bits() + u32::from(n));
        let outputs = bench.send(&selecting(&nth(n), addr));
        assert_eq!(outputs.reply().yiaddr, addr);
    }
    assert_eq!(bench.server.leases().count(), usize::from(clients));
    assert_eq!(bench.disk.len(), usize::from(clients));
    bench.server.database.operations()
}

#[test]
fn a_thousand_clients_cost_a_thousand_times_what_one_costs() {
    let (hundred, thousand) = (operations(100), operations(1_000));
    // Each operation is logarithmic; their number is to be linear.
    assert!(
        thousand < 11 * hundred,
        "{hundred} for 100, {thousand} for 1,000"
    );
    assert!(thousand < 60 * 1_000, "{thousand} for 1,000");
}

#[test]
fn offers_are_bounded_and_run_out() {
    let mut raw = wide("10.77.1.0-10.77.1.255");
    raw.limits.offers_max = 3;
    let mut bench = Bench::new(raw);
    for n in 0..3 {
        assert_eq!(bench.send(&nth(n)).transmits.len(), 1);
    }
    // One more, and the oldest is gone.
    assert_eq!(bench.send(&nth(3)).transmits.len(), 1);
    assert_eq!(bench.server.database.offers().len(), 3);
    // Who has an offer keeps it when it asks again.
    let third = Ipv4Addr::new(10, 77, 1, 2);
    assert_eq!(bench.send(&nth(2)).reply().yiaddr, third);
    bench.pass(30);
    assert_eq!(bench.server.database.offers().len(), 0);
}

#[test]
fn an_exhausted_pool_takes_back_what_lapsed_longest_ago() {
    let mut bench = Bench::new(raw());
    for n in 1..=4 {
        bench.lease(&discover(n));
    }
    let outputs = bench.send(&discover(5));
    let reason = DropReason::PoolExhausted;
    assert!(matches!(&outputs.events[..], [Event::Dropped { reason: r, .. }] if *r == reason));
    bench.send(&release(3, addr(12)));
    bench.send(&release(1, addr(10)));
    assert_eq!(bench.lease(&discover(5)).addr, addr(12));
    assert_eq!(bench.lease(&discover(1)).addr, addr(10));
    // Client 3 is forgotten: its address is another's.
    assert_eq!(bench.send(&discover(3)).transmits, []);
}

#[test]
fn a_flood_of_declines_cannot_empty_the_pool() {
    let mut raw = wide("10.77.1.0-10.77.1.255");
    raw.limits.declined_max = 2;
    let mut bench = Bench::new(raw);
    for n in 1..=20 {
        let lease = bench.lease(&discover(n));
        bench.send(&decline(n, lease.addr));
    }
    assert_eq!(bench.server.database.iter().count(), 2);
    bench.pass(600);
    assert_eq!(bench.server.database.iter().count(), 0);
}

#[test]
fn a_client_gets_the_address_it_asks_for_when_nobody_is_remembered_there() {
    let mut bench = Bench::new(raw());
    let requested =
        |n, addr: Ipv4Addr| with_option(discover(n), code::REQUESTED_ADDR, &addr.octets());
    assert_eq!(bench.send(&requested(1, addr(12))).reply().yiaddr, addr(12));
    assert_eq!(bench.send(&requested(2, addr(12))).reply().yiaddr, addr(10));
    assert_eq!(bench.send(&requested(3, addr(99))).reply().yiaddr, addr(11));
}

#[test]
fn an_offer_that_runs_out_leaves_the_client_its_former_address() {
    let mut bench = Bench::new(raw());
    bench.lease(&discover(1));
    bench.lease(&discover(2));
    bench.send(&release(2, addr(11)));
    bench.send(&release(1, addr(10)));
    bench.send(&discover(1));
    bench.pass(30);
    assert_eq!(bench.send(&discover(3)).reply().yiaddr, addr(12));
    assert_eq!(bench.send(&discover(1)).reply().yiaddr, addr(10));
}
