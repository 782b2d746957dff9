//! Questions on the engine, bytes to bytes.

use hickory_proto::op::{Edns, Message, ResponseCode};
use hickory_proto::rr::{DNSClass, Name, Record, RecordType};
use quorate_core::Channel;

use crate::client::Answer;
use crate::fixture::{Bench, NOW, key, name, query, raw_config};
use crate::tsig::sign_request;
use crate::{Authority, Config, Event, text};

const ZONE: &[&str] = &[
    "ns A 10.0.0.53",
    "n1 A 10.0.0.1",
    "n1 AAAA 2001:db8::1",
    "n2 A 10.0.0.2",
    "n3 A 10.0.0.3",
    "_etcd._tcp SRV 0 0 2380 n1",
    "_etcd._tcp SRV 0 0 2380 n2",
    "_etcd._tcp SRV 0 0 2380 n3",
    "_etcd._tcp SRV 0 0 2379 outside.other.",
    "alias CNAME n1",
    "alias2 CNAME alias",
    "loop CNAME loop2",
    "loop2 CNAME loop",
    "dangling CNAME nothing",
    "away CNAME www.other.",
    "*.wild TXT w",
    "x.y.wild A 10.9.9.9",
    "*.walias CNAME n2",
    "deep.empty A 10.0.0.3",
    "sub NS ns.sub",
    "sub DS 1 8 2 ABCD",
    "ns.sub A 10.0.0.99",
];

/// Records that the parser of our own texts has no mnemonic form for.
fn zone() -> Vec<&'static str> {
    ZONE.iter()
        .map(|line| match *line {
            "sub DS 1 8 2 ABCD" => "sub TYPE43 \\# 6 00010802abcd",
            other => other,
        })
        .collect()
}

fn ask(owner: &str, kind: RecordType) -> Message {
    let mut message = query(owner, kind);
    let mut edns = Edns::new();
    edns.set_max_payload(4096);
    message.set_edns(edns);
    send(&message)
}

fn send(message: &Message) -> Message {
    let bytes = Bench::new(&zone()).udp(&message.to_vec().unwrap());
    Message::from_vec(&bytes[0]).unwrap()
}

fn lines(records: &[Record]) -> Vec<String> {
    let short = |record: &Record| text::record(record).replace(".lab.example.", "");
    records.iter().map(short).collect()
}

#[test]
fn srv_comes_with_the_addresses_of_all_targets() {
    let answer = ask("_etcd._tcp", RecordType::SRV);
    assert!(answer.metadata.authoritative && answer.metadata.recursion_desired);
    assert!(!answer.metadata.recursion_available);
    assert_eq!(answer.answers.len(), 4);
    assert_eq!(
        lines(&answer.additionals),
        [
            "n1 60 IN A 10.0.0.1",
            "n1 60 IN AAAA 2001:db8::1",
            "n2 60 IN A 10.0.0.2",
            "n3 60 IN A 10.0.0.3",
        ]
    );
}

/// RFC 2782; Go's resolver answers "cannot unmarshal DNS message" to a compressed one.
#[test]
fn srv_targets_are_not_compressed() {
    let request = query("_etcd._tcp", RecordType::SRV).to_vec().unwrap();
    let bytes = Bench::new(&zone()).udp(&request).remove(0);
    for host in ["n1", "n2", "n3"] {
        let mut target = vec![0, 0, 9, 76, 2];
        target.extend_from_slice(host.as_bytes());
        target.extend_from_slice(b"\x03lab\x07example\x00");
        let whole = bytes.windows(target.len()).any(|window| window == target);
        assert!(whole, "{host} in {bytes:02x?}");
    }
    // The owner is a pointer to the question, four times.
    let pointers = bytes.windows(4).filter(|w| *w == [0xc0, 12, 0, 33]).count();
    assert_eq!(pointers, 4);
}

const OK: ResponseCode = ResponseCode::NoError;
const NX: ResponseCode = ResponseCode::NXDomain;
const A: RecordType = RecordType::A;

/// A question, and its answer section; an empty one comes with the SOA.
const OWNED: [(&str, RecordType, ResponseCode, &[&str]); 21] = [
    ("n1", A, OK, &["n1 60 IN A 10.0.0.1"]),
    ("n1", RecordType::SRV, OK, &[]),
    ("nothing", A, NX, &[]),
    ("x.n1", A, NX, &[]),
    ("empty", A, OK, &[]),
    (
        "alias",
        A,
        OK,
        &["alias 60 IN CNAME n1", "n1 60 IN A 10.0.0.1"],
    ),
    ("alias", RecordType::CNAME, OK, &["alias 60 IN CNAME n1"]),
    (
        "alias2",
        RecordType::AAAA,
        OK,
        &[
            "alias2 60 IN CNAME alias",
            "alias 60 IN CNAME n1",
            "n1 60 IN AAAA 2001:db8::1",
        ],
    ),
    ("alias", RecordType::SRV, OK, &["alias 60 IN CNAME n1"]),
    // RFC 6604: the rcode of the last name.
    ("dangling", A, NX, &["dangling 60 IN CNAME nothing"]),
    (
        "loop",
        A,
        OK,
        &["loop 60 IN CNAME loop2", "loop2 60 IN CNAME loop"],
    ),
    ("away", A, OK, &["away 60 IN CNAME www.other."]),
    // RFC 4592.
    ("q.wild", RecordType::TXT, OK, &["q.wild 60 IN TXT \"w\""]),
    (
        "p.q.wild",
        RecordType::TXT,
        OK,
        &["p.q.wild 60 IN TXT \"w\""],
    ),
    ("q.wild", A, OK, &[]),
    ("y.wild", RecordType::TXT, OK, &[]),
    ("q.y.wild", RecordType::TXT, NX, &[]),
    ("*.wild", RecordType::TXT, OK, &["*.wild 60 IN TXT \"w\""]),
    (
        "q.walias",
        A,
        OK,
        &["q.walias 60 IN CNAME n2", "n2 60 IN A 10.0.0.2"],
    ),
    ("n1", RecordType::ANY, OK, &["n1 60 IN A 10.0.0.1"]),
    (
        "sub",
        RecordType::DS,
        OK,
        &["sub 60 IN DS \\# 6 00010802abcd"],
    ),
];

#[test]
fn what_a_name_owns() {
    for (owner, kind, rcode, expected) in OWNED {
        let answer = ask(owner, kind);
        assert_eq!(answer.metadata.response_code, rcode, "{owner} {kind}");
        assert_eq!(lines(&answer.answers), expected, "{owner} {kind}");
        assert!(answer.metadata.authoritative, "{owner} {kind}");
        let negative = expected
            .last()
            .is_none_or(|l| l.contains("CNAME") && !l.contains("loop"));
        let ends = matches!((owner, kind), ("away", _) | (_, RecordType::CNAME));
        let soa = answer
            .authorities
            .iter()
            .any(|r| r.record_type() == RecordType::SOA);
        assert_eq!(
            soa,
            negative && !ends,
            "{owner} {kind}: {:?}",
            answer.authorities
        );
    }
}

#[test]
fn below_a_delegation_others_answer() {
    for owner in ["sub", "www.sub", "ns.sub"] {
        let answer = ask(owner, RecordType::A);
        assert!(!answer.metadata.authoritative, "{owner}");
        assert!(answer.answers.is_empty(), "{owner}");
        assert_eq!(lines(&answer.authorities), ["sub 60 IN NS ns.sub"]);
        assert_eq!(lines(&answer.additionals), ["ns.sub 60 IN A 10.0.0.99"]);
    }
}

#[test]
fn absence_is_believed_for_the_lesser_of_minimum_and_ttl_and_in_bootstrap_zones_one_second() {
    let ttl = |raw: &crate::RawConfig, owner: &str| {
        let mut bench = Bench::of(Authority::new(Config::new(raw, vec![]).unwrap()));
        let replies = bench.udp(&query(owner, RecordType::A).to_vec().unwrap());
        Message::from_vec(&replies[0]).unwrap().authorities[0].ttl
    };
    let mut raw = raw_config(&[]);
    assert_eq!(ttl(&raw, "nothing"), 30, "the SOA minimum");
    assert_eq!(ttl(&raw, "nothing.boot.example."), 1);
    raw.zones[0].default_ttl_secs = Some(9);
    raw.zones[1].default_ttl_secs = Some(0);
    assert_eq!(ttl(&raw, "nothing"), 9, "the SOA's own TTL");
    assert_eq!(ttl(&raw, "nothing.boot.example."), 0);
}

#[test]
fn what_is_no_question_for_us_gets_the_right_refusal() {
    let a = RecordType::A;
    for (owner, kind, class, rcode) in [
        ("n1.other.", a, DNSClass::IN, ResponseCode::Refused),
        (".", RecordType::NS, DNSClass::IN, ResponseCode::Refused),
        ("n1", a, DNSClass::CH, ResponseCode::Refused),
        ("n1", a, DNSClass::ANY, ResponseCode::Refused),
        ("n1", a, DNSClass::NONE, ResponseCode::Refused),
        ("n1", RecordType::OPT, DNSClass::IN, ResponseCode::FormErr),
        ("n1", RecordType::TSIG, DNSClass::IN, ResponseCode::FormErr),
        (
            "n1",
            RecordType::Unknown(249),
            DNSClass::IN,
            ResponseCode::NotImp,
        ),
        (
            "n1",
            RecordType::Unknown(253),
            DNSClass::IN,
            ResponseCode::NotImp,
        ),
        ("n1", RecordType::AXFR, DNSClass::IN, ResponseCode::NotAuth),
        ("@", RecordType::AXFR, DNSClass::IN, ResponseCode::Refused),
    ] {
        let mut message = query(owner, kind);
        message.queries[0].query_class = class;
        let answer = send(&message);
        assert_eq!(
            answer.metadata.response_code, rcode,
            "{owner} {kind} {class}"
        );
        assert!(answer.answers.is_empty() && answer.additionals.is_empty());
    }
}

#[test]
fn what_is_no_request_gets_a_bare_header_or_silence() {
    let good = query("n1", RecordType::A).to_vec().unwrap();
    let changed = |at: usize, octet: u8| {
        let mut bytes = good.clone();
        bytes[at] = octet;
        bytes
    };
    let form = Some(ResponseCode::FormErr);
    let not_implemented = Some(ResponseCode::NotImp);
    let opt = b"\x00\x00\x29\x10\x00\x00\x00\x00\x00\x00\x00";
    let two_opts = [&changed(11, 2)[..], opt, opt].concat();
    let mut opt_in_answer = [&good[..], opt].concat();
    opt_in_answer[7] = 1;
    for (what, bytes, expected) in [
        ("short", good[..11].to_vec(), None),
        ("empty", vec![], None),
        ("a response", changed(2, 0x81), None),
        ("a response of UPDATE", changed(2, 0xa8), None),
        ("no question", changed(5, 0), form),
        ("two questions", changed(5, 2), form),
        (
            "65535 questions",
            [&good[..4], &[255, 255], &good[6..]].concat(),
            form,
        ),
        ("more records than octets", changed(11, 1), form),
        ("octets behind", [&good[..], b"x"].concat(), form),
        ("a pointer to itself", changed(12, 0xc0), form),
        ("a label of 64", changed(12, 0x40), form),
        ("two OPT", two_opts, form),
        ("OPT among the answers", opt_in_answer, form),
        ("IQUERY", changed(2, 0x09), not_implemented),
        ("STATUS", changed(2, 0x11), not_implemented),
        ("opcode 3", changed(2, 0x19), not_implemented),
        ("NOTIFY", changed(2, 0x21), not_implemented),
        ("opcode 15", changed(2, 0x79), not_implemented),
    ] {
        let mut bench = Bench::new(ZONE_WITHOUT_DS);
        let replies = bench.udp(&bytes);
        let rcode = replies.first().map(|reply| {
            assert_eq!(reply.len(), 12, "{what}");
            assert_eq!(reply[..2], bytes[..2], "{what}");
            assert_eq!(reply[2] & 0xf8, 0x80 | bytes[2] & 0x78, "{what}");
            ResponseCode::from_low(reply[3] & 0x0f)
        });
        assert_eq!(rcode, expected, "{what}");
        let is_reported = match &bench.events[..] {
            [Event::Dropped { .. }] => expected.is_none(),
            [Event::Rejected { rcode, .. }] => Some(*rcode) == expected,
            _ => false,
        };
        assert!(is_reported, "{what}: {:?}", bench.events);
    }
}

const ZONE_WITHOUT_DS: &[&str] = &["n1 A 10.0.0.1"];

#[test]
fn the_case_of_the_question_comes_back() {
    let bytes = query("N1.lAb.eXAMple.", RecordType::A).to_vec().unwrap();
    let reply = Bench::new(&zone()).udp(&bytes).remove(0);
    assert_eq!(
        reply[12..bytes.len()],
        bytes[12..],
        "the question, octet by octet"
    );
    assert_eq!(
        reply[bytes.len()..][..2],
        [0xc0, 12],
        "the owner points to it"
    );
    let owner = name("N1.lAb.eXAMple.");
    let answer = Answer::read(&reply, &owner, RecordType::A, 11).unwrap();
    assert!(answer.answers[0].name.eq_case(&owner));
}

fn transfer(kind: RecordType, is_signed: bool, is_stream: bool, records: &[&str]) -> Message {
    let mut message = query("@", kind);
    if is_signed {
        sign_request(&mut message, &key(), NOW);
    }
    let bytes = message.to_vec().unwrap();
    let mut bench = Bench::new(records);
    let channel = Channel::Stream(quorate_core::StreamId(1));
    let channel = if is_stream { channel } else { Channel::Udp };
    let reply = bench.send("192.0.2.1:53", channel, &bytes).remove(0);
    Message::from_vec(&reply).unwrap()
}

#[test]
fn a_zone_is_transferred_by_stream_to_whom_the_policy_names() {
    let records = zone();
    let whole = transfer(RecordType::AXFR, true, true, &records);
    assert_eq!(whole.metadata.response_code, ResponseCode::NoError);
    assert_eq!(
        whole.answers.len(),
        records.len() + 3,
        "SOA, NS, records, SOA"
    );
    let is_soa = |record: &Record| record.record_type() == RecordType::SOA;
    assert!(is_soa(&whole.answers[0]) && whole.answers.last().is_some_and(is_soa));
    assert_eq!(whole.answers.iter().filter(|r| is_soa(r)).count(), 2);
    assert_eq!(
        transfer(RecordType::IXFR, true, true, &records)
            .answers
            .len(),
        whole.answers.len()
    );
    assert_eq!(
        transfer(RecordType::IXFR, true, false, &records)
            .answers
            .len(),
        1
    );
    let big: Vec<String> = (0..2000)
        .map(|n| format!("name-{n:03} TXT {n:030}"))
        .collect();
    let big: Vec<&str> = big.iter().map(String::as_str).collect();
    for (what, refused) in [
        (
            "unsigned",
            transfer(RecordType::AXFR, false, true, &records),
        ),
        ("by UDP", transfer(RecordType::AXFR, true, false, &records)),
        (
            "IXFR unsigned by UDP",
            transfer(RecordType::IXFR, false, false, &records),
        ),
        (
            "more than 64 KiB",
            transfer(RecordType::AXFR, true, true, &big),
        ),
    ] {
        assert_eq!(
            refused.metadata.response_code,
            ResponseCode::Refused,
            "{what}"
        );
        assert!(
            refused.answers.is_empty() && !refused.metadata.truncation,
            "{what}"
        );
    }
}

#[test]
fn the_nearest_zone_answers() {
    let mut raw = raw_config(&["n1 A 10.0.0.1"]);
    raw.zones[1].name = "child.lab.example.".to_owned();
    raw.zones[1].records = vec!["x A 10.0.0.9".to_owned()];
    let mut bench = Bench::of(Authority::new(Config::new(&raw, vec![]).unwrap()));
    let bytes = query("x.child", RecordType::A).to_vec().unwrap();
    let reply = bench.udp(&bytes).remove(0);
    let owner: Name = name("x.child.lab.example.");
    let answer = Answer::read(&reply, &owner, RecordType::A, 11).unwrap();
    assert_eq!(answer.data(&owner, RecordType::A).count(), 1);
}

/// A client that may update the SOA of a bootstrap zone cannot make absence last.
#[test]
fn a_bootstrap_zone_caps_negative_answers_whatever_its_soa_says() {
    let mut bench = Bench::new(&[]);
    let zone = name("boot.example.");
    let soa = text::parse_record("@ 900 SOA ns h 9 1 1 1 900", &zone, 0).unwrap();
    let request = crate::client::UpdateRequest::new(zone, 1).add(soa);
    bench.udp(&request.encode(None).bytes);
    assert_eq!(bench.sync().len(), 1);
    let owner = query("nothing.boot.example.", RecordType::A);
    let reply = bench.udp(&owner.to_vec().unwrap()).remove(0);
    let soa = Message::from_vec(&reply).unwrap().authorities.remove(0);
    assert_eq!(soa.ttl, 1);
    assert!(text::data(&soa.data).ends_with(" 900"));
}
