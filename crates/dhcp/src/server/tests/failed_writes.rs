//! A record that the disk refuses: nothing of it was, and nobody was told.

use proptest::prelude::*;
use quorate_core::laws::Input;

use super::laws::{config, input};
use super::*;

/// The disk refuses everything that waits for it.
fn fail(bench: &mut Bench, first: Ticket) -> Outputs {
    bench.server.handle_write_failed(first, bench.now);
    let kept = bench.disk.len() - waiting(bench, first);
    bench.disk.truncate(kept);
    bench.unsynced = None;
    bench.drain()
}

fn waiting(bench: &Bench, first: Ticket) -> usize {
    let last = bench.unsynced.expect("something waits");
    (last.0 + 1 - first.0) as usize
}

fn is_silent(outputs: &Outputs) -> bool {
    let dropped = |event: &Event| {
        let reason = DropReason::NotWritten;
        matches!(event, Event::Dropped { reason: r, .. } if *r == reason)
    };
    outputs.transmits.is_empty() && outputs.events.iter().all(dropped)
}

#[test]
fn a_request_whose_record_failed_gets_no_answer_and_no_lease() {
    let mut bench = Bench::new(raw());
    bench.send(&discover(1));
    bench.send_unsynced(BROADCAST, &selecting(&discover(1), addr(10)));
    assert_eq!(bench.server.leases_len(), 1);
    let first = bench.unsynced.unwrap();
    let outputs = fail(&mut bench, first);
    assert!(
        is_silent(&outputs) && outputs.events.len() == 1,
        "{outputs:?}"
    );
    assert_eq!(bench.server.leases_len(), 0);
    // The client asks again, and the disk is back.
    let outputs = bench.send(&selecting(&discover(1), addr(10)));
    assert_eq!(outputs.reply().yiaddr, addr(10));
}

#[test]
fn what_ended_on_no_disk_has_not_ended() {
    let ends: [fn(&mut Bench); 4] = [
        |bench| drop(bench.send_unsynced(SERVER, &release(1, addr(10)))),
        |bench| drop(bench.send_unsynced(BROADCAST, &decline(1, addr(10)))),
        |bench| {
            let addr = addr(10);
            bench.server.command(Command::Revoke { addr }, bench.now);
            bench.drain();
        },
        |bench| {
            let instant = bench.now.instant + Duration::from_secs(100);
            bench.now = Now::new(instant, bench.now.wall.plus_secs(100));
            bench.server.handle_timeout(bench.now);
            bench.drain();
        },
    ];
    for end in ends {
        let mut bench = Bench::new(raw());
        let lease = bench.lease(&discover(1));
        end(&mut bench);
        assert_eq!(bench.server.leases_len(), 0);
        let first = bench.unsynced.unwrap();
        assert!(is_silent(&fail(&mut bench, first)));
        assert_eq!(bench.server.leases().collect::<Vec<_>>(), [lease]);
        // What is due is due again soon, but not at once.
        let at = bench.server.poll_timeout().unwrap().at;
        assert!(at > bench.now.instant);
        let events = bench.pass(100).events;
        assert!(matches!(&events[..], [Event::Expired { .. }]), "{events:?}");
    }
}

#[test]
fn later_changes_are_taken_back_before_earlier_ones() {
    let mut bench = Bench::new(raw());
    let first = bench.lease(&discover(1));
    bench.send_unsynced(SERVER, &release(1, addr(10)));
    let failed = bench.unsynced.unwrap();
    bench.send_unsynced(BROADCAST, &discover(2));
    bench.send_unsynced(BROADCAST, &selecting(&discover(2), addr(11)));
    bench.send_unsynced(BROADCAST, &selecting(&discover(3), addr(10)));
    bench.send_unsynced(SERVER, &extending(2, addr(11)));
    let outputs = fail(&mut bench, failed);
    assert!(
        is_silent(&outputs) && outputs.events.len() == 3,
        "{outputs:?}"
    );
    assert_eq!(bench.server.leases().collect::<Vec<_>>(), [first]);
}

#[test]
fn a_clock_step_that_was_not_written_is_written_before_any_other_record() {
    let mut bench = Bench::new(raw());
    bench.lease(&discover(1));
    bench.now.wall = bench.now.wall.plus_secs(7_200);
    bench.server.handle_timeout(bench.now);
    bench.drain();
    let first = bench.unsynced.unwrap();
    fail(&mut bench, first);
    bench.lease(&discover(2));
    let [.., step, lease] = &bench.disk[..] else {
        panic!("{:?}", bench.disk);
    };
    assert_eq!(*step, ServerRecord::ClockSet { secs: 7_200 });
    assert!(matches!(lease, ServerRecord::Lease(_)));
    let before: Vec<Lease> = bench.server.leases().collect();
    bench.restart(raw());
    assert_eq!(bench.server.leases().collect::<Vec<_>>(), before);
}

/// What happens to a server, or to its disk.
#[derive(Clone, Debug)]
enum Step {
    Input(Input<Command>),
    /// The disk refuses what waits for it, but for so many records.
    Fail {
        kept: usize,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => input().prop_map(Step::Input),
        1 => (0usize..4).prop_map(|kept| Step::Fail { kept }),
    ]
}

/// A server, what is on its disk, and what waits for that.
struct Flaky {
    bench: Bench,
    waiting: Vec<(Ticket, ServerRecord)>,
}

impl Flaky {
    fn drain(&mut self) {
        while let Some(output) = self.bench.server.poll() {
            if let Output::Write { ticket, write } = output {
                self.waiting.push((ticket, write));
            }
        }
    }

    fn sync(&mut self, most: usize) {
        let most = most.min(self.waiting.len());
        let written: Vec<_> = self.waiting.drain(..most).collect();
        let last = written.last().map(|(ticket, _)| *ticket);
        self.bench
            .disk
            .extend(written.into_iter().map(|(_, record)| record));
        if let Some(ticket) = last {
            self.bench.server.handle_written(ticket, self.bench.now);
            self.drain();
        }
    }

    fn feed(&mut self, step: &Step) {
        let Bench { server, now, .. } = &mut self.bench;
        match step {
            Step::Input(Input::Command(command)) => server.command(command.clone(), *now),
            Step::Input(Input::Datagram {
                source,
                destination,
                channel,
                payload,
            }) => {
                let datagram = Datagram {
                    source: *source,
                    destination: *destination,
                    channel: *channel,
                    payload,
                };
                server.handle_datagram(datagram, *now);
            }
            Step::Input(Input::Sync) => self.sync(usize::MAX),
            // A day that dates can go back from.
            Step::Input(Input::SetWall(wall)) => {
                now.wall = WALL_EPOCH.plus_secs(wall.as_unix_secs() % 1_000_000);
                server.handle_timeout(*now);
            }
            Step::Input(Input::Pass(duration) | Input::Sleep(duration)) => {
                let wall = now.wall.plus_secs(duration.as_secs());
                *now = Now::new(now.instant + *duration, wall);
                server.handle_timeout(*now);
            }
            Step::Fail { kept } => {
                self.sync(*kept);
                if let Some((first, _)) = self.waiting.first() {
                    self.bench
                        .server
                        .handle_write_failed(*first, self.bench.now);
                    self.waiting.clear();
                }
            }
        }
        self.drain();
    }

    fn restored(&self) -> Server {
        Server::restore(
            config(),
            Seed::new(9),
            self.bench.disk.clone(),
            self.bench.now,
        )
    }
}

/// What must agree although a clock step may not be on disk.
fn promises(server: &Server) -> Vec<(Ipv4Addr, ClientKey, String, Option<u32>)> {
    let leases = server.leases();
    leases
        .map(|lease| (lease.addr, lease.client, lease.hostname, lease.index))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// After each failure the server is what one made from the disk is.
    #[test]
    fn a_server_whose_writes_fail_is_what_is_on_its_disk(
        steps in proptest::collection::vec(step(), 0..80),
    ) {
        let mut bench = Bench::new(raw());
        bench.server = Server::new(config(), Seed::new(1));
        let mut flaky = Flaky { bench, waiting: Vec::new() };
        for step in &steps {
            flaky.feed(step);
            if matches!(step, Step::Fail { .. }) {
                prop_assert_eq!(promises(&flaky.bench.server), promises(&flaky.restored()));
            }
        }
        flaky.bench.now.instant = flaky.bench.now.instant + Duration::from_secs(1);
        flaky.bench.server.handle_timeout(flaky.bench.now);
        flaky.drain();
        flaky.sync(usize::MAX);
        let before: Vec<Lease> = flaky.bench.server.leases().collect();
        prop_assert_eq!(before, flaky.restored().leases().collect::<Vec<_>>());
    }
}
