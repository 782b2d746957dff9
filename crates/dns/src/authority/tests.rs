//! The engine as a whole: what waits for the disk, what survives it, and hostile bytes.

mod hostile;

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::RecordType;

use super::{Authority, Event, PENDING_MAX};
use crate::client::{encode_query, read_reply};
use crate::fixture::{Bench, NOW, config, key, name, raw_config, script};
use crate::{Journal, JournalFold};

fn rcode(reply: &[u8]) -> ResponseCode {
    Message::from_vec(reply).unwrap().metadata.response_code
}

fn add(host: &str) -> Vec<u8> {
    script(&[&format!("add {host} A 10.0.0.1")])
        .encode(None)
        .bytes
}

/// How many A records a query for the host is answered.
fn asked(bench: &mut Bench, host: &str) -> usize {
    let owner = name(&format!("{host}.lab.example."));
    let reply = bench.udp(&encode_query(&owner, RecordType::A, 1)).remove(0);
    Message::from_vec(&reply).unwrap().answers.len()
}

#[test]
fn noerror_and_the_record_appear_together_and_only_after_the_disk() {
    let mut bench = Bench::new(&[]);
    assert!(bench.udp(&add("x")).is_empty(), "no reply before the sync");
    assert_eq!(bench.writes.len(), 1);
    assert_eq!(
        asked(&mut bench, "x"),
        0,
        "no reader sees it before the sync"
    );
    assert!(bench.lookup("x", RecordType::A).is_empty());
    bench.events.clear();
    let replies = bench.sync();
    assert_eq!(rcode(&replies[0]), ResponseCode::NoError);
    assert_eq!(asked(&mut bench, "x"), 1);
    let Some(Event::UpdateApplied {
        serial,
        added,
        removed,
        key,
        ..
    }) = bench.events.first()
    else {
        panic!("{:?}", bench.events);
    };
    assert_eq!((serial.0, added.len(), removed.len()), (2, 2, 1));
    assert_eq!(*key, None);
}

#[test]
fn updates_see_those_before_them_that_are_not_on_disk_yet() {
    let mut bench = Bench::new(&[]);
    let claim = |address: &str| {
        let line = format!("add x A {address}");
        script(&["nxdomain x", &line]).encode(None).bytes
    };
    assert!(bench.udp(&claim("10.0.0.1")).is_empty());
    assert!(
        bench.udp(&claim("10.0.0.2")).is_empty(),
        "its refusal waits too"
    );
    assert_eq!(bench.writes.len(), 1);
    let replies = bench.sync();
    let rcodes: Vec<_> = replies.iter().map(|reply| rcode(reply)).collect();
    assert_eq!(rcodes, [ResponseCode::NoError, ResponseCode::YXDomain]);
    assert_eq!(bench.lookup("x", RecordType::A), ["10.0.0.1"]);
}

/// A repeated UPDATE changes nothing; acknowledged at once, a crash could make a liar of us.
#[test]
fn noerror_without_a_change_waits_for_the_change_it_relies_on() {
    let mut bench = Bench::new(&[]);
    bench.udp(&add("x"));
    assert!(bench.udp(&add("x")).is_empty());
    assert_eq!(bench.sync().len(), 2);
    assert_eq!(
        bench.udp(&add("x")).len(),
        1,
        "on disk: nothing to wait for"
    );
    assert_eq!(bench.writes.len(), 1);
}

#[test]
fn only_what_the_sync_covers_is_published() {
    let mut bench = Bench::new(&[]);
    bench.udp(&add("x"));
    let first = quorate_core::Ticket(1);
    bench.udp(&add("y"));
    quorate_core::Engine::handle_written(&mut bench.authority, first, bench.now);
    assert_eq!(bench.lookup("x", RecordType::A).len(), 1);
    assert!(bench.lookup("y", RecordType::A).is_empty());
    bench.sync();
    assert_eq!(bench.lookup("y", RecordType::A).len(), 1);
}

#[test]
fn a_dead_disk_does_not_fill_the_memory() {
    let mut bench = Bench::new(&[]);
    for n in 0..PENDING_MAX {
        assert!(bench.udp(&add(&format!("h{n}"))).is_empty());
    }
    let reply = bench.udp(&add("one-more")).remove(0);
    assert_eq!(rcode(&reply), ResponseCode::ServFail);
    assert_eq!(bench.sync().len(), PENDING_MAX);
    assert!(bench.udp(&add("one-more")).is_empty(), "accepted again");
}

#[test]
fn a_signed_update_gets_a_reply_signed_when_it_leaves() {
    let mut bench = Bench::new(&[]);
    let request = script(&["add x A 10.0.0.1"]).encode(Some((&key(), NOW)));
    bench.udp(&request.bytes);
    // The disk took its time, and the TSIG of the reply has the later time.
    bench.now.wall = NOW.plus_secs(1_000);
    let reply = bench.sync().remove(0);
    let now = bench.now.wall;
    let read = read_reply(&reply, &request, Some((&key(), now)));
    assert_eq!(read, Ok(ResponseCode::NoError));
    let Some(Event::UpdateApplied { key: by, .. }) = bench.events.first() else {
        panic!("{:?}", bench.events);
    };
    assert_eq!(*by, Some(name("ddns.")));
}

/// Journals as they come back from a disk.
fn read_back(journals: &[Journal]) -> Vec<Journal> {
    let text = serde_json::to_string(journals).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn busy() -> Bench {
    let mut bench = Bench::new(&["n1 A 10.0.0.1", "gone TXT x"]);
    for lines in [
        &["add n2 A 10.0.0.2", "add _etcd._tcp SRV 0 0 2380 N2"][..],
        &["add n2 30 A 10.0.0.3", "delete gone"],
        &[
            "add odd\\.na\\000me TXT \"a b\" \\255",
            "add u TYPE731 \\# 2 0001",
        ],
        &["add @ SOA ns h 4294967295 1 1 1 1"],
        &["add @ SOA ns h 2147483646 1 1 1 1"],
        &["delete n1 A 10.0.0.1", "add n2 DHCID AAIBY2/A"],
    ] {
        bench.update(lines);
    }
    bench
}

#[test]
fn a_restarted_authority_is_the_same_to_the_octet() {
    let bench = busy();
    let journals = read_back(&bench.writes);
    let again = Bench::of(Authority::restore(
        config(&["n1 A 10.0.0.1", "gone TXT x"]),
        journals,
    ));
    assert_eq!(again.lines(), bench.lines());
    for (journal, next) in bench.writes.iter().zip(&bench.writes[1..]) {
        assert_eq!(journal.serial_to, next.serial_from);
        assert!(journal.serial_to.is_newer_than(journal.serial_from));
    }
    let serial = again.authority.zones().last().unwrap().serial();
    assert_eq!(serial, bench.writes.last().unwrap().serial_to);
}

#[test]
fn a_fold_stands_for_all_journals_before_it_and_none_after() {
    let mut bench = busy();
    let before = bench.writes.len();
    bench.update(&["add late A 10.0.0.1"]);
    let restore = |journals: &[Journal]| {
        let config = config(&["n1 A 10.0.0.1", "gone TXT x"]);
        Bench::of(Authority::restore(config, read_back(journals)))
    };
    // Also when it is folded again, with what came after it.
    let once = fold(&bench.writes[..before]);
    assert_eq!(once.len(), 1, "only the zone that changed");
    let records: usize = once
        .iter()
        .map(|one| one.removed.len() + one.added.len())
        .sum();
    let of_all = &bench.writes[..before];
    let of_all = of_all.iter().map(|one| one.removed.len() + one.added.len());
    assert!(records < of_all.sum());
    let mut journals = once;
    journals.push(bench.writes[before].clone());
    assert_eq!(restore(&journals).lines(), bench.lines());
    assert_eq!(restore(&fold(&journals)).lines(), bench.lines());
}

/// What a zone has by its configuration stays removed, however often the log is rewritten.
#[test]
fn a_fold_keeps_what_was_removed_of_the_configuration() {
    let mut bench = Bench::new(&["n1 A 10.0.0.1"]);
    let mut journals = Vec::new();
    for line in ["delete n1", "add n1 A 10.0.0.1", "delete n1"] {
        bench.update(&[line]);
        journals.push(bench.writes.last().unwrap().clone());
        journals = fold(&journals);
        let config = config(&["n1 A 10.0.0.1"]);
        let again = Bench::of(Authority::restore(config, read_back(&journals)));
        assert_eq!(again.lines(), bench.lines());
    }
    assert!(bench.lookup("n1", RecordType::A).is_empty());
}

fn fold(journals: &[Journal]) -> Vec<Journal> {
    let mut fold = JournalFold::default();
    journals
        .iter()
        .cloned()
        .for_each(|journal| fold.push(journal));
    fold.into_journals().collect()
}

#[test]
fn a_failed_write_is_servfail_and_leaves_no_trace() {
    let mut bench = busy();
    let (lines, serial) = (
        bench.lines(),
        bench.authority.zones().last().unwrap().serial(),
    );
    let written = bench.writes.len();
    bench.udp(&add("lost"));
    // Answered from head: it depends on the first.
    bench.udp(&add("lost"));
    let rcodes = bench.fail();
    assert_eq!(rcodes, [ResponseCode::ServFail; 2]);
    assert_eq!(bench.lines(), lines);
    bench.udp(&add("lost"));
    bench.sync();
    let after = bench.authority.zones().last().unwrap().serial();
    assert_eq!(
        after,
        serial.next(),
        "a secondary heard of a version that does not exist"
    );
    assert_eq!(bench.writes.len(), written + 1);
    let again = bench.writes.last().unwrap();
    assert_eq!((again.serial_from, again.serial_to), (serial, after));
}

#[test]
fn skipped_serials_are_served_at_once_and_survive_a_failed_write() {
    let mut bench = busy();
    let serials = |bench: &Bench| {
        bench
            .authority
            .zones()
            .map(|zone| zone.serial().0)
            .collect::<Vec<_>>()
    };
    let before = serials(&bench);
    bench.authority.skip_serials(1000);
    assert_eq!(bench.fail(), []);
    let after: Vec<u32> = before.iter().map(|serial| serial + 1000).collect();
    assert_eq!(serials(&bench), after);
    bench.udp(&add("next"));
    bench.sync();
    let config = config(&["n1 A 10.0.0.1", "gone TXT x"]);
    let again = Bench::of(Authority::restore(config, read_back(&bench.writes)));
    assert_eq!(serials(&again).last(), serials(&bench).last());
}

#[test]
fn a_changed_configuration_meets_an_old_journal() {
    let bench = busy();
    let mut raw = raw_config(&["n1 A 10.0.0.1", "fresh A 10.0.0.8"]);
    raw.zones.truncate(1);
    raw.zones[0].primary_ns = "ns9.lab.example.".to_owned();
    let config = crate::Config::new(&raw, vec![]).unwrap();
    let mut journals = read_back(&bench.writes);
    journals[0].zone = name("no-longer.ours.");
    let again = Bench::of(Authority::restore(config, journals));
    assert_eq!(again.lookup("fresh", RecordType::A), ["10.0.0.8"]);
    assert_eq!(again.lookup("@", RecordType::SOA).len(), 1);
    let serial = again.authority.zones().last().unwrap().serial();
    assert_eq!(serial, bench.writes.last().unwrap().serial_to);
}

#[test]
fn a_damaged_journal_is_an_error_not_a_guess() {
    let bench = busy();
    let text = serde_json::to_string(&bench.writes[0]).unwrap();
    for (from, to) in [
        ("\"removed\":[\"", "\"removed\":[\"AAAA"),
        ("lab.example.", "lab..example."),
        ("serial_to", "serial_two"),
    ] {
        let damaged = text.replacen(from, to, 1);
        assert_ne!(damaged, text);
        assert!(serde_json::from_str::<Journal>(&damaged).is_err(), "{from}");
    }
}
