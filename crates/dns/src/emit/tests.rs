use std::net::Ipv4Addr;

use hickory_proto::op::{OpCode, Query, ResponseCode};
use hickory_proto::rr::DNSClass;
use hickory_proto::rr::rdata::tsig::TsigAlgorithm;
use hickory_proto::rr::rdata::{A, AAAA, CNAME, MX, NS, PTR, SOA, SRV, TXT};
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::{dhcid, encode};

/// Few labels in both cases, so that names often end alike.
fn any_name() -> impl Strategy<Value = Name> {
    let label = prop::sample::select(&["a", "A", "lab", "example", "n1", "_tcp", "\u{1}\u{2}"][..]);
    vec(label, 0..6).prop_map(|labels| {
        let labels = labels.iter().map(|label| label.as_bytes());
        let mut name = Name::from_labels(labels).unwrap();
        name.set_fqdn(true);
        name
    })
}

fn any_data() -> impl Strategy<Value = RData> {
    let name = any_name;
    prop_oneof![
        any::<u32>().prop_map(|bits| RData::A(A(Ipv4Addr::from_bits(bits)))),
        any::<u128>().prop_map(|bits| RData::AAAA(AAAA(bits.into()))),
        name().prop_map(|name| RData::CNAME(CNAME(name))),
        name().prop_map(|name| RData::NS(NS(name))),
        name().prop_map(|name| RData::PTR(PTR(name))),
        (name(), name(), any::<[u32; 5]>()).prop_map(|(mname, rname, [a, b, c, d, e])| {
            let [b, c, d] = [b, c, d].map(u32::cast_signed);
            RData::SOA(SOA::new(mname, rname, a, b, c, d, e))
        }),
        (any::<[u16; 3]>(), name())
            .prop_map(|([a, b, c], name)| { RData::SRV(SRV::new(a, b, c, name)) }),
        vec(any::<u8>(), 1..40).prop_map(dhcid),
        Just(RData::Update0(RecordType::SRV)),
    ]
}

fn any_record() -> impl Strategy<Value = Record> {
    let class = prop::sample::select(&[DNSClass::IN, DNSClass::ANY, DNSClass::NONE][..]);
    (any_name(), any::<u32>(), any_data(), class).prop_map(|(name, ttl, data, class)| {
        let mut record = Record::from_rdata(name, ttl, data);
        record.dns_class = class;
        record
    })
}

fn any_edns() -> impl Strategy<Value = Edns> {
    (any::<u16>(), any::<bool>()).prop_map(|(octets, dnssec_ok)| {
        let mut edns = Edns::new();
        edns.set_max_payload(octets);
        edns.set_dnssec_ok(dnssec_ok);
        edns
    })
}

fn any_message(records: usize) -> impl Strategy<Value = Message> {
    let sections = [(); 3].map(|()| vec(any_record(), 0..records));
    let head = (any::<u16>(), any::<[bool; 6]>(), 0..24u16, 0..6u8);
    let question = prop::option::of(any_name());
    let signature = prop::option::of((any_name(), any::<u32>()));
    (
        head,
        question,
        sections,
        prop::option::of(any_edns()),
        signature,
    )
        .prop_map(
            |(
                (id, flags, rcode, opcode),
                question,
                [answers, authorities, additionals],
                edns,
                key,
            )| {
                let kind = if flags[0] {
                    MessageType::Response
                } else {
                    MessageType::Query
                };
                let mut message = Message::new(id, kind, OpCode::from_u8(opcode));
                let metadata = &mut message.metadata;
                [
                    metadata.authoritative,
                    metadata.truncation,
                    metadata.recursion_desired,
                    metadata.recursion_available,
                    metadata.checking_disabled,
                ] = [flags[1], flags[2], flags[3], flags[4], flags[5]];
                metadata.response_code = ResponseCode::from(0, rcode as u8 & 0x0f);
                if edns.is_some() {
                    metadata.response_code =
                        ResponseCode::from(rcode as u8 >> 4, rcode as u8 & 0x0f);
                }
                let query = |name| Query::query(name, RecordType::SRV);
                message.queries.extend(question.map(query));
                message.answers = answers;
                message.authorities = authorities;
                message.additionals = additionals;
                message.edns = edns;
                message.signature = key.map(|(name, time)| {
                    let algorithm = TsigAlgorithm::HmacSha256;
                    let tsig =
                        TSIG::new(algorithm, time.into(), 300, vec![7; 32], id, None, vec![]);
                    let mut record = Record::from_rdata(name, 0, tsig);
                    record.dns_class = DNSClass::ANY;
                    Box::new(record)
                });
                message
            },
        )
}

fn compare(message: &Message) -> Result<(), TestCaseError> {
    for question in [Question::Shared, Question::Apart] {
        let ours = super::message(message, question);
        let theirs = encode::encode_by_hickory(message, question);
        prop_assert!(ours.is_some());
        prop_assert_eq!(ours, theirs, "{:?}", question);
    }
    Ok(())
}

proptest! {
    #[test]
    fn messages_are_written_as_hickory_writes_them(message in any_message(6)) {
        compare(&message)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    /// More names than are pointed to, and than are compressed.
    #[test]
    fn so_are_large_ones(message in any_message(150)) {
        compare(&message)?;
    }
}

/// A zone transfer: beyond what pointers reach, and beyond what a message holds.
#[test]
fn very_large_ones_too() {
    let mut message = Message::new(7, MessageType::Response, OpCode::Query);
    let owner = Name::from_ascii("lab.example.").unwrap();
    message.add_query(Query::query(owner.clone(), RecordType::AXFR));
    for records in [10, 700, 701, 1_500, 5_000] {
        let names = (message.answers.len()..records).map(|n| {
            let name = owner.prepend_label(format!("machine-{n}").as_bytes());
            Record::from_rdata(name.unwrap(), 60, RData::A(A(Ipv4Addr::LOCALHOST)))
        });
        let names: Vec<Record> = names.collect();
        message.answers.extend(names);
        for question in [Question::Shared, Question::Apart] {
            let ours = super::message(&message, question);
            assert_eq!(
                ours,
                encode::encode_by_hickory(&message, question),
                "{records}"
            );
            assert_eq!(ours.is_some(), records < 5_000);
        }
    }
}

#[test]
fn what_it_does_not_know_is_for_hickory() {
    let name = Name::from_ascii("lab.example.").unwrap();
    for data in [
        RData::MX(MX::new(1, name.clone())),
        RData::TXT(TXT::new(vec!["text".to_owned()])),
    ] {
        let mut message = Message::new(7, MessageType::Response, OpCode::Query);
        message.add_answer(Record::from_rdata(name.clone(), 60, data));
        assert_eq!(super::message(&message, Question::Shared), None);
        assert!(encode::encode(&message, Question::Shared).is_some());
    }
}
