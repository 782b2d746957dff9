//! Any cut and any flipped bit.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// Batches to bytes, with the offset at which each batch begins, and the end.
fn encode_batches(batches: &[Vec<Vec<u8>>]) -> (Vec<u8>, Vec<usize>) {
    let mut body = Vec::new();
    let mut starts = Vec::new();
    for batch in batches {
        starts.push(body.len());
        for (index, payload) in batch.iter().enumerate() {
            encode(payload, index == 0, &mut body);
        }
    }
    starts.push(body.len());
    (body, starts)
}

fn batches() -> impl Strategy<Value = Vec<Vec<Vec<u8>>>> {
    vec(vec(vec(any::<u8>(), 0..40), 1..4), 1..5)
}

proptest! {
    #[test]
    fn what_is_encoded_is_decoded(batches in batches()) {
        let (body, _) = encode_batches(&batches);
        let decoded = decode(&body).unwrap();
        prop_assert_eq!(decoded.whole_bytes, body.len());
        prop_assert_eq!(decoded.records, batches.concat());
    }

    #[test]
    fn any_bytes_are_read_without_panic(body in vec(any::<u8>(), 0..400)) {
        let read = decode(&body);
        prop_assert!(read.is_err() || read.unwrap().whole_bytes <= body.len());
    }
}

/// A crash leaves any prefix of the last batch; the rest of it may even be zeros.
#[test]
fn a_body_cut_anywhere_gives_the_records_before_the_cut() {
    let payloads: Vec<Vec<u8>> = (0..6u8).map(|n| vec![n; usize::from(n) * 3]).collect();
    let batches: Vec<_> = payloads.chunks(2).map(<[_]>::to_vec).collect();
    let (body, _) = encode_batches(&batches);
    for cut in 0..=body.len() {
        let mut expected = Vec::new();
        let mut end = 0;
        for payload in &payloads {
            end += FRAME_HEADER_BYTES + payload.len();
            if end <= cut {
                expected.push(payload.clone());
            }
        }
        let read = decode(&body[..cut]).unwrap();
        assert_eq!(read.records, expected, "cut at {cut}");

        let mut zeroed = body[..cut].to_vec();
        zeroed.resize(body.len() + 64, 0);
        let read = decode(&zeroed).unwrap();
        assert!(read.records.len() >= expected.len(), "zeros from {cut}");
        let prefix = &payloads[..read.records.len().min(payloads.len())];
        assert_eq!(read.records, prefix, "zeros from {cut}");
    }
}

#[test]
fn a_flipped_bit_is_corruption_before_the_last_batch_and_a_torn_tail_in_it() {
    let batches = vec![
        vec![b"one".to_vec(), b"two".to_vec()],
        vec![b"three".to_vec()],
        vec![b"four".to_vec(), b"five".to_vec()],
    ];
    let (body, starts) = encode_batches(&batches);
    for bit in 0..body.len() * 8 {
        let mut damaged = body.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        let read = decode(&damaged);
        if bit / 8 < starts[2] {
            let Err(Corrupt { offset }) = read else {
                panic!("bit {bit} went unnoticed: {read:?}");
            };
            assert!(offset <= bit / 8, "bit {bit} blamed on {offset}");
        } else {
            let read = read.unwrap();
            assert!(read.whole_bytes < body.len(), "bit {bit} went unnoticed");
            assert!(
                read.records.len() >= 3,
                "bit {bit} took whole batches along"
            );
        }
    }
}

/// Within one batch the disk may write later sectors first.
#[test]
fn the_last_batch_may_lose_its_first_record_only() {
    let batches = vec![
        vec![b"kept".to_vec()],
        vec![b"lost".to_vec(), b"later".to_vec()],
    ];
    let (mut body, starts) = encode_batches(&batches);
    body[starts[1]..starts[1] + 12].fill(0);
    let read = decode(&body).unwrap();
    assert_eq!(read.records, [b"kept".to_vec()]);
    assert_eq!(read.whole_bytes, starts[1]);
}

/// One record of several frames: it is there when its last frame is.
#[test]
fn a_large_record_is_a_chain_that_counts_when_it_is_whole() {
    let large: Vec<u8> = (0..PART_BYTES_MAX * 2 + 5)
        .map(|n| (n % 251) as u8)
        .collect();
    let mut body = Vec::new();
    encode(b"before", true, &mut body);
    let start = body.len();
    encode(&large, false, &mut body);
    assert!(body.len() > start + large.len() + 2 * FRAME_HEADER_BYTES);
    let read = decode(&body).unwrap();
    assert_eq!(read.records, [&b"before"[..], &large]);
    for cut in [start, start + 9, start + PART_BYTES_MAX + 8, body.len() - 1] {
        let read = decode(&body[..cut]).unwrap();
        assert_eq!(read.records, [&b"before"[..]], "cut at {cut}");
        assert_eq!(read.whole_bytes, start, "cut at {cut}");
    }
    // Its end is missing, and a later batch says that it had been written.
    let mut damaged = body[..start + PART_BYTES_MAX + 8].to_vec();
    encode(b"later", true, &mut damaged);
    assert_eq!(decode(&damaged), Err(Corrupt { offset: start }));
}

#[test]
fn a_record_of_exactly_one_part_is_one_frame() {
    let mut body = Vec::new();
    encode(&vec![7; PART_BYTES_MAX], true, &mut body);
    assert_eq!(body.len(), FRAME_HEADER_BYTES + PART_BYTES_MAX);
    assert_eq!(decode(&body).unwrap().records.len(), 1);
}
