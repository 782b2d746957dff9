//! What fits, what is left out, and what EDNS adds.

use hickory_proto::op::{Edns, Message};
use hickory_proto::rr::RecordType;

use crate::fixture::{Bench, NOW, key, query};
use crate::tsig::sign_request;

fn send(message: &Message) -> Message {
    let bytes = Bench::new(&["n1 A 10.0.0.1"]).udp(&message.to_vec().unwrap());
    Message::from_vec(&bytes[0]).unwrap()
}

#[test]
fn edns_is_answered_when_offered_and_only_version_0() {
    assert!(send(&query("n1", RecordType::A)).edns.is_none());
    let mut message = query("n1", RecordType::A);
    let mut edns = Edns::new();
    edns.set_dnssec_ok(true);
    message.set_edns(edns.clone());
    let ours = send(&message).edns.unwrap();
    assert_eq!((ours.version(), ours.max_payload()), (0, 1232));
    assert!(ours.flags().dnssec_ok);
    message.set_edns(edns.set_version(1).clone());
    let refused = send(&message);
    // 16 is BADVERS and BADSIG; OPT carries its upper half.
    assert_eq!(u16::from(refused.metadata.response_code), 16);
    assert!(refused.answers.is_empty());
    assert_eq!(refused.edns.unwrap().version(), 0);
}

/// A question by UDP with this offer, or by stream: octets, TC, answers, additionals.
fn sizes(hosts: usize, offer: Option<u16>, is_stream: bool) -> (usize, bool, usize, usize) {
    let records: Vec<String> = (0..hosts)
        .flat_map(|n| {
            [
                format!("_s._tcp SRV 0 0 {n} host-{n}"),
                format!("host-{n} A 10.0.1.{n}"),
            ]
        })
        .collect();
    let records: Vec<&str> = records.iter().map(String::as_str).collect();
    let mut bench = Bench::new(&records);
    let mut message = query("_s._tcp", RecordType::SRV);
    if let Some(octets) = offer {
        let mut edns = Edns::new();
        edns.set_max_payload(octets);
        message.set_edns(edns);
    }
    let bytes = message.to_vec().unwrap();
    let reply = if is_stream {
        bench.stream(&bytes)
    } else {
        bench.udp(&bytes)
    };
    let parsed = Message::from_vec(&reply[0]).unwrap();
    let sections = (parsed.answers.len(), parsed.additionals.len());
    (
        reply[0].len(),
        parsed.metadata.truncation,
        sections.0,
        sections.1,
    )
}

#[test]
fn what_does_not_fit_loses_additionals_first_and_then_says_tc() {
    assert!(!sizes(3, None, false).1);
    let (octets, truncated, answers, additionals) = sizes(9, None, false);
    assert!(octets <= 512 && !truncated, "{octets}");
    assert_eq!((answers, additionals), (9, 0));
    let (octets, truncated, answers, additionals) = sizes(40, None, false);
    assert!(octets <= 512 && truncated);
    assert_eq!((answers, additionals), (0, 0));
    // 22 SRVs and their addresses need more than 512; an offer of more than 1232 is not taken.
    let (octets, truncated, answers, _) = sizes(22, Some(4096), false);
    assert!(
        (513..=1232).contains(&octets) && !truncated && answers == 22,
        "{octets}"
    );
    let (octets, truncated, ..) = sizes(60, Some(4096), false);
    assert!(octets <= 1232 && truncated);
    // Values below 512 mean 512 (RFC 6891 §6.2.3).
    assert!(!sizes(9, Some(100), false).1);
    let (octets, truncated, answers, additionals) = sizes(60, None, true);
    assert!(octets > 1232 && !truncated);
    assert_eq!((answers, additionals), (60, 60));
}

#[test]
fn the_signature_counts_when_a_reply_must_fit() {
    let records: Vec<String> = (0..10).map(|n| format!("t TXT {n:040}")).collect();
    let records: Vec<&str> = records.iter().map(String::as_str).collect();
    for is_signed in [false, true] {
        let mut message = query("t", RecordType::TXT);
        // Nine records of 53 octets and the question: 512 hold them only without a TSIG.
        let mut bench = Bench::new(&records[..9]);
        if is_signed {
            sign_request(&mut message, &key(), NOW);
        }
        let reply = bench.udp(&message.to_vec().unwrap()).remove(0);
        let parsed = Message::from_vec(&reply).unwrap();
        assert!(reply.len() <= 512);
        assert_eq!(parsed.signature().is_some(), is_signed);
        assert_eq!(parsed.metadata.truncation, is_signed, "{}", reply.len());
    }
}
