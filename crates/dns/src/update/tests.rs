//! RFC 2136 rule by rule, on an authority; `model` compares with the RFC's own pseudocode.

mod model;

use hickory_proto::op::ResponseCode::{
    self, FormErr, NXDomain, NXRRSet, NoError, NotAuth, NotZone, Refused, YXDomain, YXRRSet,
};
use hickory_proto::op::{Message, Query};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};

use crate::fixture::{Bench, message, name, raw_config, record, script};
use crate::{Authority, Config, DHCID, Event};

const ZONE: &[&str] = &[
    "ns A 10.0.0.53",
    "n1 A 10.0.0.1",
    "n1 A 10.0.0.2",
    "n1 DHCID AAIBY2/A",
    "alias CNAME n1",
    "*.wild A 10.9.9.9",
    "deep.empty A 10.0.0.3",
    "sub NS ns.sub",
    "sub NS ns2.sub",
    "_etcd._tcp SRV 0 0 2380 n1",
];

/// Runs the UPDATE on [`ZONE`]; its rcode, and what it took away (`-`) and put in (`+`) apart
/// from the SOA.
fn outcome(lines: &[&str]) -> (ResponseCode, Vec<String>) {
    let mut bench = Bench::new(ZONE);
    let before = bench.lines();
    let rcode = bench.update(lines);
    let after = bench.lines();
    let only = |sign: char, these: &[String], those: &[String]| -> Vec<String> {
        let fresh = these.iter().filter(|line| !those.contains(line));
        let short = fresh.map(|line| format!("{sign} {}", line.replace(".lab.example.", "")));
        short.filter(|line| !line.contains(" SOA ")).collect()
    };
    let changes = [only('-', &before, &after), only('+', &after, &before)].concat();
    let soa_changed = before[0] != after[0];
    assert_eq!(soa_changed, !changes.is_empty(), "{lines:?}: {}", after[0]);
    (rcode, changes)
}

#[test]
fn prerequisites_section_3_2() {
    for (lines, expected) in [
        (&["yxdomain n1"][..], NoError),
        (&["yxdomain N1.LAB"], NXDomain),
        (&["yxdomain N1"], NoError),
        (&["yxdomain nothing"], NXDomain),
        (&["nxdomain nothing"], NoError),
        (&["nxdomain n1"], YXDomain),
        // An empty non-terminal owns nothing (§2.4.4).
        (&["yxdomain empty"], NXDomain),
        (&["nxdomain empty"], NoError),
        (&["yxrrset n1 A"], NoError),
        (&["yxrrset n1 AAAA"], NXRRSet),
        (&["nxrrset n1 AAAA"], NoError),
        (&["nxrrset n1 A"], YXRRSet),
        (&["yxrrset nothing A"], NXRRSet),
        // Value dependent: the whole set, and only it, in any order and case (§3.2.3).
        (&["yxrrset n1 A 10.0.0.2", "yxrrset N1 A 10.0.0.1"], NoError),
        (
            &["yxrrset _etcd._tcp SRV 0 0 2380 N1.LAB.example."],
            NoError,
        ),
        (
            &[
                "yxrrset n1 A 10.0.0.1",
                "yxrrset n1 A 10.0.0.2",
                "yxrrset n1 A 10.0.0.3",
            ],
            NXRRSet,
        ),
        (&["yxrrset nothing A 10.0.0.1"], NXRRSet),
        (
            &["yxrrset n1 DHCID AAIBY2/A", "yxrrset alias CNAME n1"],
            NoError,
        ),
        (
            &["yxrrset n1 DHCID AAIBY2/A", "yxrrset alias CNAME n2"],
            NXRRSet,
        ),
        (&["yxrrset n1 DHCID AAIBY2/B"], NXRRSet),
        // All must hold.
        (&["yxdomain n1", "nxdomain n1"], YXDomain),
    ] {
        let with_update = [lines, &["add new A 10.0.0.9"]].concat();
        let (rcode, changes) = outcome(&with_update);
        assert_eq!(rcode, expected, "{lines:?}");
        assert_eq!(changes.len(), usize::from(expected == NoError), "{lines:?}");
    }
}

/// Every row that hickory's own update handler gets wrong.
#[test]
fn the_seven_defects_of_the_ready_made_handler_are_not_ours() {
    // A wildcard does not put a name in use.
    assert_eq!(outcome(&["nxdomain x.wild"]).0, NoError);
    assert_eq!(outcome(&["yxdomain x.wild"]).0, NXDomain);
    // An alias does not lend its name the target's types.
    assert_eq!(outcome(&["nxrrset alias A"]).0, NoError);
    assert_eq!(outcome(&["yxrrset alias A"]).0, NXRRSet);
    // Part of a set is not the set.
    assert_eq!(outcome(&["yxrrset n1 A 10.0.0.1"]).0, NXRRSet);
    // Deleting a name below the apex deletes its NS too.
    let all = ["- sub 60 IN NS ns.sub", "- sub 60 IN NS ns2.sub"];
    assert_eq!(outcome(&["delete sub"]).1, all);
    // Deleting the apex keeps SOA and NS, and the zone alive.
    let (rcode, changes) = outcome(&["add @ TXT x", "delete @"]);
    assert_eq!((rcode, changes), (NoError, vec![]));
    let mut bench = Bench::new(&["@ TXT x"]);
    assert_eq!(bench.update(&["delete @"]), NoError);
    assert!(bench.lookup("@", RecordType::TXT).is_empty());
    assert_eq!(bench.lookup("@", RecordType::NS), ["ns.lab.example."]);
    assert_eq!(bench.lookup("@", RecordType::SOA).len(), 1);
    assert_eq!(bench.update(&["add later A 10.0.0.1"]), NoError);
    // A zone of others is NOTAUTH, not SERVFAIL; so is a name inside ours that is no apex.
    for zone in ["other.", "n1.lab.example.", "example."] {
        assert_eq!(raw(|m| m.queries[0].name = name(zone)), NotAuth, "{zone}");
    }
}

/// Lines of an UPDATE, and what they change.
const CHANGES: [(&[&str], &[&str]); 27] = [
    (&["add n2 A 10.0.0.2"], &["+ n2 60 IN A 10.0.0.2"]),
    // §3.4.2.2: a record that is there already changes nothing, whatever its case.
    (&["add N1 A 10.0.0.1"], &[]),
    (&["add _etcd._tcp SRV 0 0 2380 N1"], &[]),
    // … but brings its TTL, to the whole set (RFC 2181 §5.2).
    (
        &["add n1 30 A 10.0.0.1"],
        &[
            "- n1 60 IN A 10.0.0.1",
            "- n1 60 IN A 10.0.0.2",
            "+ n1 30 IN A 10.0.0.1",
            "+ n1 30 IN A 10.0.0.2",
        ],
    ),
    // RFC 2181 §8.
    (&["add n2 4294967295 A 10.0.0.2"], &["+ n2 0 IN A 10.0.0.2"]),
    // An alias and other data exclude each other, in either order, silently.
    (&["add n1 CNAME ns"], &[]),
    (&["add alias A 10.0.0.1"], &[]),
    (&["add @ CNAME ns"], &[]),
    (
        &["add x CNAME ns", "add x A 10.0.0.1"],
        &["+ x 60 IN CNAME ns"],
    ),
    (
        &["add x A 10.0.0.1", "add x CNAME ns"],
        &["+ x 60 IN A 10.0.0.1"],
    ),
    (
        &["delete alias", "add alias A 10.0.0.1"],
        &["- alias 60 IN CNAME n1", "+ alias 60 IN A 10.0.0.1"],
    ),
    // An alias is replaced, not joined.
    (
        &["add alias CNAME ns"],
        &["- alias 60 IN CNAME n1", "+ alias 60 IN CNAME ns"],
    ),
    // An SOA lives at the apex only.
    (&["add n1 SOA ns h 99 1 1 1 1"], &[]),
    // §3.4.2.3.
    (
        &["delete n1 A"],
        &["- n1 60 IN A 10.0.0.1", "- n1 60 IN A 10.0.0.2"],
    ),
    (&["delete n1 SRV"], &[]),
    (&["delete @ NS"], &[]),
    (&["delete @ SOA"], &[]),
    (&["delete alias"], &["- alias 60 IN CNAME n1"]),
    (&["delete x.wild"], &[]),
    (&["delete empty"], &[]),
    // §3.4.2.4.
    (&["delete N1 A 10.0.0.1"], &["- n1 60 IN A 10.0.0.1"]),
    (&["delete n1 A 10.0.0.9"], &[]),
    (&["delete @ NS ns"], &[]),
    (
        &["add @ NS ns2", "delete @ NS ns"],
        &["- lab.example. 60 IN NS ns", "+ lab.example. 60 IN NS ns2"],
    ),
    (
        &["delete sub NS ns.sub", "delete sub NS ns2.sub"],
        &["- sub 60 IN NS ns.sub", "- sub 60 IN NS ns2.sub"],
    ),
    // In order, and to one effect.
    (&["add n2 A 10.0.0.2", "delete n2"], &[]),
    (
        &["delete n1 A", "add n1 A 10.0.0.1"],
        &["- n1 60 IN A 10.0.0.2"],
    ),
];

#[test]
fn changes_section_3_4_2() {
    for (lines, expected) in CHANGES {
        let (rcode, changes) = outcome(lines);
        assert_eq!(rcode, NoError, "{lines:?}");
        assert_eq!(changes, expected, "{lines:?}");
    }
}

#[test]
fn a_served_soa_is_replaced_only_by_a_newer_one() {
    for (soa, serial) in [
        (1, 1),
        (0, 1),
        (2, 2),
        (1 << 31, 1u32 << 31),
        ((1u32 << 31) + 1, 1),
    ] {
        let mut bench = Bench::new(&[]);
        let line = format!("add @ SOA other h {soa} 1 1 1 1");
        assert_eq!(bench.update(&[&line]), NoError);
        let found = bench.lookup("@", RecordType::SOA).remove(0);
        assert!(found.contains(&format!(" {serial} ")), "{soa}: {found}");
        assert_eq!(found.contains("other"), serial != 1, "{soa}: {found}");
    }
    let mut bench = Bench::new(&[]);
    bench.update(&["add x A 10.0.0.1", "add @ SOA other h 7 1 1 1 1"]);
    let found = bench.lookup("@", RecordType::SOA).remove(0);
    assert!(
        found.contains(" 7 "),
        "the client's serial, not one more: {found}"
    );
}

#[test]
fn the_serial_counts_effective_changes() {
    let mut bench = Bench::new(ZONE);
    let serial = |bench: &Bench| bench.authority.zones().last().unwrap().serial().0;
    for (lines, expected) in [
        (
            &["add a A 10.0.0.1", "add b A 10.0.0.1", "delete n1"][..],
            2,
        ),
        (&["add a A 10.0.0.1"], 2),
        (&["yxdomain nothing", "add c A 10.0.0.1"], 2),
        (&["delete a"], 3),
    ] {
        bench.update(lines);
        assert_eq!(serial(&bench), expected, "{lines:?}");
    }
    assert_eq!(bench.writes.len(), 2, "no write without a change");
}

/// A well-formed UPDATE, changed; its rcode. Nothing may have been written unless NOERROR.
fn raw(change: impl FnOnce(&mut Message)) -> ResponseCode {
    let mut message = message(script(&[
        "yxdomain n1",
        "yxrrset n1 DHCID AAIBY2/A",
        "add x A 10.0.0.1",
    ]));
    change(&mut message);
    let mut bench = Bench::new(ZONE);
    let mut replies = bench.udp(&message.to_vec().unwrap());
    replies.extend(bench.sync());
    let rcode = Message::from_vec(&replies[0])
        .unwrap()
        .metadata
        .response_code;
    assert_eq!(bench.writes.is_empty(), rcode != NoError);
    rcode
}

fn bare(owner: &str, class: DNSClass, kind: RecordType) -> Record {
    let mut record = Record::update0(name(owner), 0, kind);
    record.dns_class = class;
    record
}

fn of_class(mut record: Record, class: DNSClass, ttl: u32) -> Record {
    record.dns_class = class;
    record.ttl = ttl;
    record
}

#[test]
fn zone_section_3_1() {
    assert_eq!(raw(|_| {}), NoError);
    assert_eq!(raw(|m| m.queries[0].name = name("LAB.example.")), NoError);
    assert_eq!(raw(|m| m.queries.clear()), FormErr);
    let second = || Query::query(name("lab.example."), RecordType::SOA);
    assert_eq!(raw(|m| m.queries.push(second())), FormErr);
    assert_eq!(raw(|m| m.queries[0].query_type = RecordType::A), FormErr);
    for class in [
        DNSClass::CH,
        DNSClass::ANY,
        DNSClass::NONE,
        DNSClass::Unknown(9),
    ] {
        assert_eq!(
            raw(|m| m.queries[0].query_class = class),
            NotAuth,
            "{class}"
        );
    }
}

#[test]
fn malformed_prerequisites_section_3_2() {
    let n1 = "n1.lab.example.";
    let a = || record("n1 A 10.0.0.1");
    for (expected, prerequisite) in [
        (FormErr, of_class(a(), DNSClass::IN, 1)),
        (
            FormErr,
            of_class(bare(n1, DNSClass::ANY, RecordType::A), DNSClass::ANY, 1),
        ),
        (
            FormErr,
            of_class(bare(n1, DNSClass::NONE, RecordType::A), DNSClass::NONE, 1),
        ),
        (FormErr, of_class(a(), DNSClass::ANY, 0)),
        (FormErr, of_class(a(), DNSClass::NONE, 0)),
        (FormErr, of_class(a(), DNSClass::CH, 0)),
        (FormErr, of_class(a(), DNSClass::Unknown(77), 0)),
        // CVE-2009-0696.
        (FormErr, bare(n1, DNSClass::IN, RecordType::ANY)),
        (FormErr, bare(n1, DNSClass::IN, RecordType::A)),
        (NotZone, bare("n1.other.", DNSClass::ANY, RecordType::A)),
        (
            NotZone,
            bare("xlab.example.", DNSClass::NONE, RecordType::ANY),
        ),
        (
            NotZone,
            of_class(record("n1.other. A 10.0.0.1"), DNSClass::IN, 0),
        ),
    ] {
        let shown = format!("{prerequisite:?}");
        assert_eq!(raw(|m| m.answers.push(prerequisite)), expected, "{shown}");
    }
}

#[test]
fn prescan_section_3_4_1() {
    let x = "x.lab.example.";
    let a = || record("x A 10.0.0.1");
    let unknown = |code: u16| RData::Unknown {
        code: RecordType::Unknown(code),
        rdata: crate::rdata::NULL::with(vec![1]),
    };
    let meta = |code| Record::from_rdata(name(x), 0, unknown(code));
    for (expected, update) in [
        (NotZone, record("x.other. A 10.0.0.1")),
        (NotZone, bare("x.other.", DNSClass::ANY, RecordType::ANY)),
        (NotZone, bare("example.", DNSClass::ANY, RecordType::A)),
        (FormErr, bare(x, DNSClass::IN, RecordType::A)),
        (FormErr, bare(x, DNSClass::IN, RecordType::ANY)),
        (FormErr, bare(x, DNSClass::IN, RecordType::AXFR)),
        (FormErr, meta(253)),
        (FormErr, meta(254)),
        (FormErr, meta(249)),
        (
            FormErr,
            of_class(bare(x, DNSClass::ANY, RecordType::A), DNSClass::ANY, 1),
        ),
        (FormErr, of_class(a(), DNSClass::ANY, 0)),
        (FormErr, bare(x, DNSClass::ANY, RecordType::AXFR)),
        (FormErr, bare(x, DNSClass::ANY, RecordType::Unknown(254))),
        (FormErr, of_class(a(), DNSClass::NONE, 1)),
        (FormErr, bare(x, DNSClass::NONE, RecordType::A)),
        (FormErr, bare(x, DNSClass::NONE, RecordType::ANY)),
        (FormErr, of_class(meta(253), DNSClass::NONE, 0)),
        (FormErr, of_class(a(), DNSClass::CH, 0)),
        (FormErr, of_class(a(), DNSClass::Unknown(2), 0)),
        (
            Refused,
            Record::from_rdata(
                name(x),
                0,
                RData::Unknown {
                    code: RecordType::DNAME,
                    rdata: crate::rdata::NULL::with(vec![0]),
                },
            ),
        ),
    ] {
        let shown = format!("{update:?}");
        // Behind a good record: nothing of the message may apply.
        assert_eq!(raw(|m| m.authorities.push(update)), expected, "{shown}");
    }
}

#[test]
fn unknown_types_are_carried() {
    let mut bench = Bench::new(&[]);
    assert_eq!(
        bench.update(&["add u TYPE731 \\# 3 abcdef", "add d DHCID AAIBY2/A"]),
        NoError
    );
    assert_eq!(
        bench.lookup("u", RecordType::Unknown(731)),
        ["\\# 3 abcdef"]
    );
    assert_eq!(bench.lookup("d", DHCID), ["AAIBY2/A"]);
}

#[test]
fn permission_section_3_3() {
    let mut raw = raw_config(ZONE);
    raw.update.truncate(1);
    raw.update[0].types = vec!["A".to_owned()];
    let config = Config::new(&raw, vec![]).unwrap();
    for (lines, expected) in [
        (&["add x A 10.0.0.1"][..], NoError),
        (&["delete n1 A"], NoError),
        (&["add x TXT no"], Refused),
        (&["add x A 10.0.0.1", "add x TXT no"], Refused),
        (&["delete n1 DHCID"], Refused),
        (&["delete n1 DHCID AAIBY2/A"], Refused),
        // A client that may delete all that a name owns may delete the name.
        (&["delete n1"], Refused),
        (&["delete *.wild"], NoError),
    ] {
        let mut bench = Bench::of(Authority::new(config.clone()));
        assert_eq!(bench.update(lines), expected, "{lines:?}");
        assert_eq!(bench.writes.is_empty(), expected != NoError);
    }
    // Strangers do not learn even whether a prerequisite holds.
    let mut bench = Bench::new(ZONE);
    let probe = script(&["yxdomain nothing"]).encode(None).bytes;
    let reply = bench.send("192.0.2.1:53", quorate_core::Channel::Udp, &probe);
    let reply = Message::from_vec(&reply[0]).unwrap();
    assert_eq!(reply.metadata.response_code, Refused);
    assert!(matches!(
        bench.events[0],
        Event::UpdateRefused { rcode: Refused, .. }
    ));
}

#[test]
fn sets_and_zones_have_a_size() {
    let mut raw = raw_config(&["n1 A 10.0.0.1"]);
    raw.rrset_len_max = Some(3);
    raw.names_max = Some(3);
    let mut bench = Bench::of(Authority::new(Config::new(&raw, vec![]).unwrap()));
    let add = |last: u8| format!("add n1 A 10.0.0.{last}");
    let lines = [2, 3, 4].map(add);
    assert_eq!(bench.update(&lines.each_ref().map(String::as_str)), Refused);
    assert_eq!(bench.lookup("n1", RecordType::A).len(), 1, "all or nothing");
    assert_eq!(bench.update(&[&lines[0], &lines[1]]), NoError);
    assert_eq!(bench.update(&["delete n1 A 10.0.0.1", &lines[2]]), NoError);
    assert_eq!(
        bench.update(&["add n2 A 10.0.0.1", "add n3 A 10.0.0.1"]),
        Refused
    );
    assert_eq!(bench.update(&["add n2 A 10.0.0.1"]), NoError);
    assert_eq!(bench.update(&["delete n2", "add n3 A 10.0.0.1"]), NoError);
}

#[test]
fn thousands_of_records_at_one_name_stay_quick_and_whole() {
    let mut bench = Bench::new(&[]);
    let lines: Vec<String> = (0..2000)
        .map(|n| format!("add _s._tcp SRV 0 0 {n} n{n}"))
        .collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    for chunk in lines.chunks(500) {
        assert_eq!(bench.update(chunk), NoError);
    }
    assert_eq!(bench.lookup("_s._tcp", RecordType::SRV).len(), 2000);
    let unused: Name = name("n5.lab.example.");
    assert!(bench.authority.lookup(&unused, RecordType::A).is_none());
}
