//! Wall clocks that are wrong, and that are set.

use quorate_core::Wall;

use super::*;

/// A server that was started with this on the wall, and has leased an address for 100 s.
fn leased_at(wall: Wall) -> Bench {
    let mut bench = Bench::new(raw());
    bench.now = Now::new(Instant::ZERO, wall);
    bench.lease(&discover(1));
    bench
}

fn set(bench: &mut Bench, wall: Wall) -> Outputs {
    bench.now.wall = wall;
    bench.pass(0)
}

fn holds(bench: &Bench) -> bool {
    bench.server.leases().any(|lease| lease.client == key(1))
}

#[test]
fn a_clock_that_is_set_ends_no_lease_now_or_after_a_restart() {
    let five_hours_early = Wall::from_unix_secs(WALL_EPOCH.as_unix_secs() - 18_000);
    let mut bench = leased_at(five_hours_early);
    bench.pass(40);
    let outputs = set(&mut bench, WALL_EPOCH);
    assert_eq!(outputs.events, [Event::ClockSet { secs: 17_960 }]);
    bench.restart(raw());
    bench.pass(59);
    assert!(holds(&bench));
    bench.pass(1);
    assert!(!holds(&bench));
}

#[test]
fn a_clock_that_is_set_back_makes_no_lease_longer() {
    let mut bench = leased_at(WALL_EPOCH);
    set(
        &mut bench,
        Wall::from_unix_secs(WALL_EPOCH.as_unix_secs() - 18_000),
    );
    bench.restart(raw());
    bench.pass(100);
    assert!(!holds(&bench));
}

#[test]
fn a_restart_holds_leases_of_1970_for_the_time_of_a_new_one() {
    let mut bench = leased_at(Wall::from_unix_secs(30));
    bench.now.wall = WALL_EPOCH;
    bench.restart(raw());
    bench.pass(99);
    assert!(holds(&bench));
    bench.pass(1);
    assert!(!holds(&bench));
}

#[test]
fn a_restart_in_1970_holds_leases_for_the_time_of_a_new_one() {
    let mut bench = leased_at(WALL_EPOCH);
    bench.now.wall = Wall::from_unix_secs(30);
    bench.restart(raw());
    bench.pass(99);
    assert!(holds(&bench));
    bench.pass(1);
    assert!(!holds(&bench));
}

#[test]
fn a_clock_that_drifts_is_let_be() {
    let mut bench = leased_at(WALL_EPOCH);
    let records = bench.disk.len();
    let outputs = set(&mut bench, WALL_EPOCH.plus_secs(59));
    assert_eq!((outputs.events.len(), bench.disk.len()), (0, records));
}
