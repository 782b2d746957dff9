//! Bytes that no sane client sends, and bytes that hickory will send again for us.

use hickory_proto::op::{Edns, Message};
use hickory_proto::rr::{Name, RecordType};
use hickory_proto::serialize::binary::{BinDecoder, BinEncoder};
use hickory_server::zone_handler::{MessageResponseBuilder, Queries};
use proptest::prelude::*;
use quorate_core::laws::{Input, obey};
use quorate_core::{Channel, StreamId, Transmit};

use crate::client::encode_query;
use crate::fixture::{NOW, config, key, name, script};
use crate::tsig::sign_request;
use crate::{Authority, Journal};

const ZONE: &[&str] = &[
    "n1 A 10.0.0.1",
    "n1 AAAA 2001:db8::1",
    "N2 A 10.0.0.2",
    "_etcd._tcp SRV 0 0 2380 n1",
    "_etcd._tcp SRV 0 0 2380 N2",
    "alias CNAME n1",
    "@ MX 10 n1",
    "t TXT \"some text\"",
    "sub NS ns.sub",
    "ns.sub A 10.0.0.9",
    "*.wild CNAME n1",
];

/// A message of each kind that reaches far into the engine.
fn any_valid() -> impl Strategy<Value = Vec<u8>> {
    let owners = vec![
        "@",
        "n1",
        "N2",
        "_etcd._tcp",
        "alias",
        "t",
        "x.sub",
        "q.wild",
        "new",
    ];
    let owner = prop::sample::select(owners);
    let kinds = [1u16, 2, 5, 6, 15, 16, 28, 33, 43, 49, 251, 252, 255];
    let kind = prop::sample::select(kinds.map(RecordType::from).to_vec());
    let update = prop::sample::select(vec![
        "add new A 10.0.0.7",
        "add _etcd._tcp SRV 0 0 2380 new",
        "add alias CNAME n2",
        "add @ SOA ns h 77 1 1 1 1",
        "add u TYPE731 \\# 3 abcdef",
        "delete n1",
        "delete @",
        "delete t TXT \"some text\"",
        "yxrrset n1 A 10.0.0.1",
        "nxdomain new",
    ]);
    let query = (owner, kind, any::<u16>(), any::<bool>(), any::<u16>()).prop_map(
        |(owner, kind, id, is_signed, payload)| {
            let owner = crate::text::parse_name(owner, &name("LAB.example.")).unwrap();
            let mut message = Message::from_vec(&encode_query(&owner, kind, id)).unwrap();
            let mut edns = Edns::new();
            edns.set_max_payload(payload);
            message.edns = (payload & 1 == 0).then_some(edns);
            if is_signed {
                sign_request(&mut message, &key(), NOW);
            }
            message.to_vec().unwrap()
        },
    );
    let updates =
        (prop::collection::vec(update, 1..4), any::<bool>()).prop_map(|(lines, is_signed)| {
            let key = key();
            script(&lines)
                .encode(is_signed.then_some((&key, NOW)))
                .bytes
        });
    prop_oneof![query, updates]
}

/// Octets overwritten, cut, inserted or doubled.
fn any_mutation() -> impl Strategy<Value = Vec<u8>> {
    let edit = (0..5u8, any::<prop::sample::Index>(), any::<u8>());
    (any_valid(), prop::collection::vec(edit, 0..4)).prop_map(|(mut bytes, edits)| {
        for (form, at, octet) in edits {
            if bytes.is_empty() {
                break;
            }
            let at = at.index(bytes.len());
            match form {
                0 | 1 => bytes[at] = octet,
                2 => bytes.truncate(at),
                3 => bytes.insert(at, octet),
                _ => bytes.extend_from_within(at..),
            }
        }
        bytes
    })
}

fn any_input() -> impl Strategy<Value = Input<std::convert::Infallible>> {
    let payload = prop_oneof![
        8 => any_mutation(),
        4 => any_valid(),
        1 => prop::collection::vec(any::<u8>(), 0..200),
        // A valid header of an UPDATE or a query before the noise.
        2 => (any::<bool>(), prop::collection::vec(any::<u8>(), 0..120)).prop_map(|(is_update, noise)| {
            let opcode = if is_update { 0x28 } else { 0 };
            [&[0, 1, opcode, 0, 0, 1, 0, 1, 0, 1, 0, 1][..], &noise].concat()
        }),
    ];
    let datagram = (payload, any::<bool>()).prop_map(|(payload, is_stream)| Input::Datagram {
        source: "127.0.0.1:5353".parse().unwrap(),
        destination: "127.0.0.1:53".parse().unwrap(),
        channel: if is_stream {
            Channel::Stream(StreamId(1))
        } else {
            Channel::Udp
        },
        payload,
    });
    prop_oneof![
        6 => datagram,
        1 => Just(Input::Sync),
        1 => (0..400u64).prop_map(|secs| Input::Pass(std::time::Duration::from_secs(secs))),
    ]
}

/// hickory's encoder, given what hickory's decoder read, section by section.
fn emitted_again(bytes: &[u8]) -> Vec<u8> {
    Message::from_vec(bytes).unwrap().to_vec().unwrap()
}

/// The same by hickory-server, as the stream server's adaptor does it.
fn emitted_by_the_server(bytes: &[u8]) -> Vec<u8> {
    let reply = Message::from_vec(bytes).unwrap();
    let mut decoder = BinDecoder::new(bytes);
    decoder.read_slice(12).unwrap();
    let queries = Queries::read(&mut decoder, reply.queries.len()).unwrap();
    let mut response = MessageResponseBuilder::new(&queries, reply.edns.as_ref()).build(
        reply.metadata,
        &reply.answers,
        &reply.authorities,
        [],
        &reply.additionals,
    );
    if let Some(signature) = reply.signature.clone() {
        response.set_signature(signature);
    }
    let mut again = Vec::new();
    let mut encoder = BinEncoder::new(&mut again);
    response.destructive_emit(&mut encoder).unwrap();
    again
}

fn check_transmit(transmit: &Transmit) {
    let bytes = &transmit.payload;
    assert!(bytes.len() >= 12 && bytes[2] & 0x80 != 0, "a response");
    let is_udp = matches!(transmit.destination, quorate_core::Destination::Udp(_));
    assert!(!is_udp || bytes.len() <= 1232);
    let is_signed = Message::from_vec(bytes).unwrap().signature().is_some();
    if is_udp && !is_signed {
        assert_eq!(emitted_again(bytes), *bytes);
    } else {
        assert_eq!(emitted_by_the_server(bytes), *bytes);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// No panic, bounded output, determinism; and since the stream server parses what we send
    /// and sends what hickory makes of it, the two must be the same.
    #[test]
    fn the_laws_hold_for_any_bytes(inputs in prop::collection::vec(any_input(), 1..40)) {
        let transcript = obey(|| Authority::new(config(ZONE)), &inputs);
        transcript.transmits().for_each(check_transmit);
        // Whatever was written restores.
        let journals: Vec<Journal> = transcript.writes().cloned().collect();
        let text = serde_json::to_string(&journals).unwrap();
        let again: Vec<Journal> = serde_json::from_str(&text).unwrap();
        let direct = Authority::restore(config(ZONE), journals);
        let through_disk = Authority::restore(config(ZONE), again);
        prop_assert!(direct.zones().eq(through_disk.zones()));
    }

    /// Records of every type that hickory knows and of some that it does not, with any data.
    #[test]
    fn added_data_of_any_type_is_served_as_it_came(
        kind in prop_oneof![0..300u16, 32_760..32_775u16, Just(65_305u16)],
        data in prop::collection::vec(any::<u8>(), 0..80),
    ) {
        let mut update = script(&["nxdomain x"]).encode(None).bytes;
        update[9] = 1;
        update.extend_from_slice(b"\x01x\xc0\x0c");
        update.extend_from_slice(&kind.to_be_bytes());
        update.extend_from_slice(&[0, 1, 0, 0, 0, 9, 0, data.len() as u8]);
        update.extend_from_slice(&data);
        let owner: Name = name("x.lab.example.");
        let query = encode_query(&owner, RecordType::from(kind), 5);
        let send = |payload: &[u8]| Input::Datagram {
            source: "127.0.0.1:5353".parse().unwrap(),
            destination: "127.0.0.1:53".parse().unwrap(),
            channel: Channel::Udp,
            payload: payload.to_vec(),
        };
        let inputs = [send(&update), Input::Sync, send(&query)];
        let transcript = obey(|| Authority::new(config(ZONE)), &inputs);
        let replies: Vec<&Transmit> = transcript.transmits().collect();
        prop_assert_eq!(replies.len(), 2);
        replies.iter().for_each(|reply| check_transmit(reply));
        let was_added = transcript.writes().count() == 1;
        prop_assert_eq!(replies[0].payload[3] & 15 == 0, was_added);
        if was_added {
            let answer = Message::from_vec(&replies[1].payload).unwrap();
            prop_assert_eq!(answer.answers.len(), 1);
        }
    }
}
