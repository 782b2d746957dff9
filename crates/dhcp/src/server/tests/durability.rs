//! Nothing is promised before it is on disk, and what is promised outlives the process.

use super::*;

#[test]
fn an_ack_waits_for_its_record_and_no_longer() {
    let mut bench = Bench::new(raw());
    bench.send(&discover(1));
    bench.send(&discover(2));
    let one = bench.send_unsynced(BROADCAST, &selecting(&discover(1), addr(10)));
    let first = bench.unsynced.unwrap();
    let two = bench.send_unsynced(BROADCAST, &selecting(&discover(2), addr(11)));
    assert!(one.transmits.is_empty() && one.events.is_empty());
    assert!(two.transmits.is_empty() && two.events.is_empty());

    bench.server.handle_written(first, bench.now);
    let outputs = bench.drain();
    assert_eq!(outputs.reply().yiaddr, addr(10));
    assert!(matches!(&outputs.events[..], [Event::Leased { .. }]));
    let outputs = bench.sync();
    assert_eq!(outputs.reply().yiaddr, addr(11));
}

#[test]
fn one_sync_covers_every_earlier_record_in_order() {
    let mut bench = Bench::new(raw());
    for n in 1..=3 {
        bench.send(&discover(n));
    }
    for n in 1..=3 {
        bench.send_unsynced(BROADCAST, &selecting(&discover(n), addr(9 + n)));
    }
    bench.send_unsynced(SERVER, &release(2, addr(11)));
    let outputs = bench.sync();
    let order: Vec<Ipv4Addr> = outputs
        .transmits
        .iter()
        .map(|t| Message::decode(&t.payload).unwrap().yiaddr)
        .collect();
    assert_eq!(order, [addr(10), addr(11), addr(12)]);
    let last = outputs.events.last();
    assert!(matches!(last, Some(Event::Released { lease }) if lease.addr == addr(11)));
}

#[test]
fn offers_and_refusals_need_no_disk() {
    let mut bench = Bench::new(raw());
    let outputs = bench.send_unsynced(BROADCAST, &discover(1));
    assert_eq!(outputs.reply().kind, MessageType::Offer);
    let outputs = bench.send_unsynced(SERVER, &extending(2, addr(11)));
    assert_eq!(outputs.reply().kind, MessageType::Nak);
    assert!(bench.disk.is_empty());
}

#[test]
fn requests_are_dropped_while_the_disk_is_too_far_behind() {
    let mut raw = raw();
    raw.limits.writes_max = 1;
    let mut bench = Bench::new(raw);
    bench.send(&discover(1));
    bench.send_unsynced(BROADCAST, &selecting(&discover(1), addr(10)));
    let outputs = bench.send_unsynced(BROADCAST, &selecting(&discover(2), addr(11)));
    let reason = DropReason::DiskBehind;
    assert!(matches!(&outputs.events[..], [Event::Dropped { reason: r, .. }] if *r == reason));
    bench.sync();
    let outputs = bench.send(&selecting(&discover(2), addr(11)));
    assert_eq!(outputs.reply().kind, MessageType::Ack);
}

#[test]
fn a_restarted_server_keeps_every_promise() {
    let mut bench = Bench::new(raw());
    let one = bench.lease(&discover(1));
    bench.lease(&discover(2));
    bench.send(&release(2, addr(11)));
    bench.lease(&discover(3));
    bench.send(&decline(3, addr(12)));
    bench.pass(60);
    bench.restart(raw());

    assert_eq!(
        bench.server.leases().collect::<Vec<_>>(),
        std::slice::from_ref(&one)
    );
    // The end is where it was: 40 s from here.
    assert_eq!(bench.pass(39).events, []);
    assert_eq!(bench.pass(1).events, [Event::Expired { lease: one }]);
    // And everyone returns to the address of before.
    assert_eq!(bench.send(&discover(1)).reply().yiaddr, addr(10));
}

#[test]
fn a_restart_remembers_who_was_where_and_what_rests() {
    let mut bench = Bench::new(raw());
    bench.lease(&discover(1));
    bench.lease(&discover(2));
    bench.send(&release(2, addr(11)));
    bench.send(&decline(1, addr(10)));
    bench.restart(raw());
    assert_eq!(bench.send(&discover(3)).reply().yiaddr, addr(12));
    assert_eq!(bench.send(&discover(2)).reply().yiaddr, addr(11));
    assert_eq!(bench.send(&reboot(1, addr(10))).transmits, []);
    bench.pass(600);
    assert_eq!(bench.send(&discover(4)).reply().yiaddr, addr(10));
}

#[test]
fn a_lease_that_ended_while_the_server_was_down_is_held_in_case_that_the_clock_is_wrong() {
    let mut bench = Bench::new(raw());
    let leases: Vec<Lease> = (1..=4).map(|n| bench.lease(&discover(n))).collect();
    // The server was away, or somebody set the year.
    let wall = bench.now.wall.plus_secs(400 * 86_400);
    bench.now = Now::new(bench.now.instant, wall);
    bench.restart(raw());
    let doubted = Event::ClockDoubted { leases: 4 };
    assert_eq!(bench.drain().events, [doubted]);
    assert_eq!(bench.server.leases().collect::<Vec<_>>(), leases);
    // Who renews shows that it was the clock.
    assert_eq!(bench.send(&extending(1, addr(10))).reply().yiaddr, addr(10));
    // No other client is refused for the sake of those that do not.
    assert_eq!(bench.lease(&discover(5)).addr, addr(11));
    let events = bench.pass(99).events;
    assert_eq!(events, []);
    let gone = |event: &Event| matches!(event, Event::Expired { .. });
    assert_eq!(bench.pass(1).events.iter().filter(|e| gone(e)).count(), 4);
}

#[test]
fn a_request_for_an_offer_that_a_restart_forgot_is_granted() {
    let mut bench = Bench::new(raw());
    bench.send(&discover(1));
    bench.restart(raw());
    let outputs = bench.send(&selecting(&discover(1), addr(10)));
    assert_eq!(outputs.reply().kind, MessageType::Ack);
}

#[test]
fn no_record_can_keep_a_server_from_starting() {
    let mut bench = Bench::new(raw());
    let mut lease = bench.lease(&discover(1));
    // Two clients with one name and one ordinal, and an address of nowhere.
    lease.class = Some("gone".to_owned());
    lease.index = Some(1);
    let state = LeaseState::Bound;
    for host in [11, 12] {
        let lease = Lease {
            addr: addr(host),
            ..lease.clone()
        };
        bench.disk.push(LeaseRecord { state, lease }.into());
    }
    lease.addr = [192, 0, 2, 1].into();
    bench.disk.push(LeaseRecord { state, lease }.into());
    bench.restart(raw());
    let mut names: Vec<String> = bench.server.leases().map(|l| l.hostname).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 3);
    let reason = DropReason::RecordOutside;
    let outputs = bench.drain();
    assert!(matches!(&outputs.events[..], [Event::Dropped { reason: r, .. }] if *r == reason));
    assert!(bench.pass(100).events.len() == 3, "all three expire");
}

#[test]
fn compaction_keeps_what_a_restart_needs() {
    let mut bench = Bench::new(raw());
    bench.lease(&discover(1));
    bench.lease(&discover(2));
    bench.lease(&discover(3));
    bench.send(&release(3, addr(12)));
    bench.send(&release(2, addr(11)));
    bench.send(&discover(4));
    let compact = bench.server.records();
    assert_eq!(compact.len(), 3, "an offer is not recorded: {compact:?}");
    bench.restart(raw());
    let whole = bench.server.records();
    assert_eq!(whole, compact);
    bench.disk = compact.into_iter().map(ServerRecord::from).collect();
    bench.restart(raw());
    assert_eq!(bench.server.records(), whole);
}
