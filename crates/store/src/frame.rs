//! Records to bytes and back.
//!
//! ```text
//! file    = magic "qrtlog" | version u16 | record…
//! record  = head u32 | crc32(head ‖ payload) u32 | payload        (little-endian)
//! head    = bit 31: first record of a batch | bits 0–30: payload length
//! ```
//!
//! A batch is what one `sync` makes durable. The next batch is written only when that returned,
//! so bytes of a later batch prove that every earlier one was whole on disk. That is how a
//! damaged record is classified: with a later batch behind it, acknowledged data was lost and
//! opening fails; with none, it is the torn end of a batch that was never acknowledged.

/// The most bytes that one record may have.
pub const RECORD_BYTES_MAX: usize = 1 << 20;

/// The start of every log file: its name, and the version of this format.
pub const FILE_HEADER: [u8; 8] = *b"qrtlog\x01\x00";

const RECORD_HEADER_BYTES: usize = 8;
const BATCH_START: u32 = 1 << 31;

/// Appends one record. `payload` has at most [`RECORD_BYTES_MAX`] bytes.
pub fn encode(payload: &[u8], starts_batch: bool, out: &mut Vec<u8>) {
    assert!(payload.len() <= RECORD_BYTES_MAX, "the caller checked");
    let flag = if starts_batch { BATCH_START } else { 0 };
    let head = (payload.len() as u32 | flag).to_le_bytes();
    out.extend_from_slice(&head);
    out.extend_from_slice(&checksum(head, payload).to_le_bytes());
    out.extend_from_slice(payload);
}

/// What the body of a file (all after its header) holds.
#[derive(Debug, PartialEq, Eq)]
pub struct Body {
    pub records: Vec<Vec<u8>>,
    /// How many bytes those records occupy.
    pub whole_bytes: usize,
}

/// A damaged record, at this offset in the body, with whole batches behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Corrupt {
    pub offset: usize,
}

/// Reads all records up to the end, or up to a torn tail.
pub fn decode(body: &[u8]) -> Result<Body, Corrupt> {
    let mut records = Vec::new();
    let mut offset = 0;
    while let Some(record) = record_at(body, offset) {
        records.push(record.payload.to_vec());
        offset = record.end;
    }
    // The damaged record's own length cannot be trusted, so each later byte may begin a batch.
    // The flag is looked at first: it spares the checksums of most offsets.
    let later_batch =
        (offset + 1..body.len()).any(|at| starts_batch(body, at) && record_at(body, at).is_some());
    if later_batch {
        return Err(Corrupt { offset });
    }
    Ok(Body {
        records,
        whole_bytes: offset,
    })
}

struct Record<'a> {
    payload: &'a [u8],
    end: usize,
}

/// Whether a record at this offset would be the first of its batch.
fn starts_batch(body: &[u8], offset: usize) -> bool {
    let head = body.get(offset..).and_then(|rest| rest.first_chunk::<4>());
    head.is_some_and(|head| u32::from_le_bytes(*head) & BATCH_START != 0)
}

fn record_at(body: &[u8], offset: usize) -> Option<Record<'_>> {
    let header = body.get(offset..offset + RECORD_HEADER_BYTES)?;
    let (head, crc) = header.split_first_chunk::<4>()?;
    let word = u32::from_le_bytes(*head);
    let len = (word & !BATCH_START) as usize;
    if len > RECORD_BYTES_MAX {
        return None;
    }
    let start = offset + RECORD_HEADER_BYTES;
    let payload = body.get(start..start + len)?;
    (checksum(*head, payload).to_le_bytes() == crc).then_some(Record {
        payload,
        end: start + len,
    })
}

/// CRC-32 of the head and the payload; zeros do not check out, whatever their number.
fn checksum(head: [u8; 4], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&head);
    hasher.update(payload);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
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
                end += RECORD_HEADER_BYTES + payload.len();
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
            assert!(payloads.starts_with(&read.records), "zeros from {cut}");
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
}
