use super::*;
use crate::client::{ReplyError, read_reply};
use crate::fixture::{Bench, NOW, key, message, script};
use hickory_proto::op::ResponseCode;

fn signed(now: Wall) -> Vec<u8> {
    script(&["add x A 10.0.0.1"])
        .encode(Some((&key(), now)))
        .bytes
}

fn verify(bytes: &[u8], now: Wall) -> Result<Signer, Refusal> {
    let message = Message::from_vec(bytes).unwrap();
    let keys = Keyring::new([key()]).unwrap();
    verify_request(bytes, message.signature().unwrap(), &keys, now)
}

/// Re-encodes a signed message after `change` to its TSIG.
fn forged(bytes: &[u8], change: impl FnOnce(&mut Record<TSIG>)) -> Vec<u8> {
    let mut message = Message::from_vec(bytes).unwrap();
    change(message.signature.as_mut().unwrap());
    message.to_vec().unwrap()
}

fn refusal(bytes: &[u8], now: Wall) -> &'static str {
    verify(bytes, now).unwrap_err().name()
}

#[test]
fn every_algorithm_signs_and_verifies_both_ways() {
    for algorithm in ["hmac-sha256", "hmac-sha384", "HMAC-SHA512."] {
        let key = Key::from_base64("K.example", algorithm, "AAECAwQFBgcICQ==").unwrap();
        let request = script(&["add x A 10.0.0.1"]).encode(Some((&key, NOW)));
        let parsed = Message::from_vec(&request.bytes).unwrap();
        let keys = Keyring::new([key.clone()]).unwrap();
        let signature = parsed.signature().unwrap();
        let signer = verify_request(&request.bytes, signature, &keys, NOW).unwrap();
        assert_eq!(Some(&signer.request_mac), request.mac.as_ref());
        assert_eq!(signer.request_mac.len(), key.algorithm().mac_len());
        let mut reply = Message::response(parsed.metadata.id, parsed.metadata.op_code);
        sign_reply(&mut reply, &signer, NOW);
        let bytes = reply.to_vec().unwrap();
        assert_eq!(
            read_reply(&bytes, &request, Some((&key, NOW))),
            Ok(ResponseCode::NoError)
        );
    }
}

/// Computed apart from this code, with Python's hmac over the RFC 8945 §4.3 input.
#[test]
fn the_mac_is_the_one_that_the_rfc_describes() {
    let mut request = message(script(&["nxdomain x", "add x A 10.0.0.1"]));
    let mac = sign_request(&mut request, &key(), NOW);
    let hex = data_encoding::HEXLOWER.encode(&mac);
    assert_eq!(hex, VECTOR_MAC);
}

const VECTOR_MAC: &str = "154fd39fa20551acc650fd44ead0aea80884871e1fd73ecb529c7bc85c972351";

#[test]
fn the_fudge_window_is_inclusive_on_both_sides() {
    let bytes = signed(NOW);
    let fudge = u64::from(FUDGE_SECS);
    let at = |secs| Wall::from_unix_secs(secs);
    let now = NOW.as_unix_secs();
    for inside in [now, now - fudge, now + fudge] {
        assert!(verify(&bytes, at(inside)).is_ok(), "{inside}");
    }
    for outside in [now - fudge - 1, now + fudge + 1, 0, u64::MAX] {
        assert_eq!(refusal(&bytes, at(outside)), "BADTIME", "{outside}");
    }
}

#[test]
fn what_is_not_signed_by_the_key_is_refused() {
    let bytes = signed(NOW);
    type Change = fn(&mut Record<TSIG>);
    let table: [(&str, Change); 12] = [
        ("BADKEY", |r| r.name = crate::fixture::name("other.")),
        ("BADKEY", |r| r.data.algorithm = TsigAlgorithm::HmacSha512),
        ("BADKEY", |r| r.data.algorithm = TsigAlgorithm::HmacMd5),
        ("BADKEY", |r| {
            let odd = crate::fixture::name("no.such.algorithm.");
            r.data.algorithm = TsigAlgorithm::Unknown(odd);
        }),
        ("BADSIG", |r| r.data.mac[31] ^= 1),
        ("BADSIG", |r| r.data.time += 1),
        // A wider window must not come for free (CVE-2017-3143).
        ("BADSIG", |r| r.data.fudge = u16::MAX),
        ("BADSIG", |r| r.data.oid ^= 1),
        ("FORMERR", |r| r.data.mac.clear()),
        ("FORMERR", |r| r.data.mac.truncate(15)),
        ("FORMERR", |r| r.data.mac.push(0)),
        ("FORMERR", |r| r.ttl = 1),
    ];
    for (row, (expected, change)) in table.into_iter().enumerate() {
        assert_eq!(refusal(&forged(&bytes, change), NOW), expected, "row {row}");
    }
    let mut changed = bytes.clone();
    let at = changed.windows(4).position(|w| w == [10, 0, 0, 1]).unwrap();
    changed[at] = 11;
    assert_eq!(refusal(&changed, NOW), "BADSIG");
}

#[test]
fn a_truncated_mac_is_told_apart_from_a_wrong_one() {
    let short = forged(&signed(NOW), |r| r.data.mac.truncate(16));
    assert_eq!(refusal(&short, NOW), "BADTRUNC");
    let wrong = forged(&short, |r| r.data.mac[15] ^= 1);
    assert_eq!(refusal(&wrong, NOW), "BADSIG");
}

#[test]
fn the_key_name_is_compared_in_any_case() {
    let bytes = forged(&signed(NOW), |r| r.name = crate::fixture::name("DDNS."));
    assert!(verify(&bytes, NOW).is_ok());
}

/// The rcode of the reply, its TSIG error, and whether it carries a MAC.
fn reply_to(bytes: &[u8]) -> (ResponseCode, Option<(Option<TsigError>, bool)>) {
    let mut bench = Bench::new(&[]);
    let replies = bench.udp(bytes);
    assert!(bench.writes.is_empty(), "a refused UPDATE changes nothing");
    let reply = Message::from_vec(&replies[0]).unwrap();
    let tsig = reply.signature().map(|record| &record.data);
    let shape = tsig.map(|tsig| (tsig.error, !tsig.mac.is_empty()));
    (reply.metadata.response_code, shape)
}

#[test]
fn the_server_says_what_is_wrong_and_signs_only_what_it_may() {
    let bytes = signed(NOW);
    let stranger = forged(&bytes, |r| r.name = crate::fixture::name("other."));
    let wrong = forged(&bytes, |r| r.data.mac[0] ^= 1);
    let late = signed(NOW.plus_secs(301));
    let short = forged(&bytes, |r| r.data.mac.truncate(16));
    let notauth = ResponseCode::NotAuth;
    for (request, error, is_signed) in [
        (stranger, TsigError::BadKey, false),
        (wrong, TsigError::BadSig, false),
        (late, TsigError::BadTime, true),
        (short, TsigError::BadTrunc, true),
    ] {
        assert_eq!(
            reply_to(&request),
            (notauth, Some((Some(error), is_signed)))
        );
    }
}

#[test]
fn a_client_with_a_wrong_clock_learns_the_time_from_a_signed_reply() {
    let late = NOW.plus_secs(301);
    let request = script(&["add x A 10.0.0.1"]).encode(Some((&key(), late)));
    let reply = Bench::new(&[]).udp(&request.bytes).remove(0);
    let read = |now| read_reply(&reply, &request, Some((&key(), now)));
    let expected = BadReply::BadTime { server_time: NOW };
    assert_eq!(read(late), Err(ReplyError::Signature(expected)));
}

#[test]
fn tsig_must_be_the_last_record_the_only_one_and_whole() {
    let bytes = signed(NOW);
    let at = wire::last_record_offset(&bytes).unwrap();
    let tsig = bytes[at..].to_vec();
    let additional = |count: u8, tail: &[&[u8]]| {
        let mut bytes = bytes[..at].to_vec();
        bytes[11] = count;
        bytes.extend(tail.concat());
        bytes
    };
    let plain = b"\x00\x00\x01\x00\x01\x00\x00\x00\x00\x00\x04\x0a\x00\x00\x01";
    let empty = b"\x00\x00\xfa\x00\xff\x00\x00\x00\x00\x00\x00";
    for (what, message) in [
        ("two", additional(2, &[&tsig, &tsig])),
        ("not last", additional(2, &[&tsig, plain])),
        ("without data", additional(1, &[empty])),
        ("cut short", additional(1, &[&tsig[..tsig.len() - 1]])),
    ] {
        assert_eq!(reply_to(&message), (ResponseCode::FormErr, None), "{what}");
    }
    let after = additional(2, &[plain, &tsig]);
    assert_eq!(
        reply_to(&after).0,
        ResponseCode::NotAuth,
        "a record slipped in"
    );
}

#[test]
fn a_client_believes_only_the_reply_to_its_own_request() {
    let request = script(&["add x A 10.0.0.1"]).encode(Some((&key(), NOW)));
    let mut bench = Bench::new(&[]);
    bench.udp(&request.bytes);
    let reply = bench.sync().remove(0);
    let read = |bytes: &[u8], now| read_reply(bytes, &request, Some((&key(), now)));
    assert_eq!(read(&reply, NOW), Ok(ResponseCode::NoError));
    let bad = |error| Err(ReplyError::Signature(error));
    let signed_at = NOW;
    assert_eq!(
        read(&reply, NOW.plus_secs(301)),
        bad(BadReply::Stale { signed_at })
    );
    let mut flipped = reply.clone();
    flipped[3] ^= 5;
    assert_eq!(read(&flipped, NOW), bad(BadReply::Forged));
    let mut unsigned = Message::from_vec(&reply).unwrap();
    unsigned.take_signature();
    assert_eq!(
        read(&unsigned.to_vec().unwrap(), NOW),
        bad(BadReply::Unsigned)
    );
    let other = forged(&reply, |r| r.name = crate::fixture::name("other."));
    assert_eq!(read(&other, NOW), bad(BadReply::Stranger));
    let refused = forged(&reply, |r| {
        r.data.mac.clear();
        r.data.error = Some(TsigError::BadKey);
    });
    assert_eq!(read(&refused, NOW), bad(BadReply::Refused("BADKEY")));
    // Another request's MAC does not fit, even under the same key and ID.
    let mut stranger = script(&["add y A 10.0.0.2"]).encode(Some((&key(), NOW)));
    stranger.id = request.id;
    let misread = read_reply(&reply, &stranger, Some((&key(), NOW)));
    assert_eq!(misread, bad(BadReply::Forged));
    assert_eq!(read_reply(&reply, &request, None), Err(ReplyError::NoKey));
}
