//! Records to bytes and back.
//!
//! ```text
//! file    = magic "qrtlog" | version u16 | frame…
//! frame   = head u32 | crc32(head ‖ payload) u32 | payload        (little-endian)
//! head    = bit 31: first frame of a batch | bit 30: the record goes on in the next frame
//!         | bits 0–29: payload length
//! ```
//!
//! A record of any size is a chain of frames. It counts when its last frame is there.
//!
//! A batch is what one `sync` makes durable. The next batch is written only when that returned,
//! so bytes of a later batch prove that every earlier one was whole on disk. That is how a
//! damaged record is classified: with a later batch behind it, acknowledged data was lost and
//! opening fails; with none, it is the torn end of a batch that was never acknowledged.

use std::borrow::Cow;

/// The most bytes of a record that one frame has when it is written.
pub const PART_BYTES_MAX: usize = 256 << 10;

/// The start of every log file: its name, and the version of this format.
pub const FILE_HEADER: [u8; 8] = *b"qrtlog\x02\x00";
/// The version before, in which every record was one frame. It is read as well.
pub const FILE_HEADER_1: [u8; 8] = *b"qrtlog\x01\x00";

/// The most that a frame may have when it is read: what the first version wrote.
const FRAME_BYTES_MAX: usize = 1 << 20;
const FRAME_HEADER_BYTES: usize = 8;
const BATCH_START: u32 = 1 << 31;
const CONTINUES: u32 = 1 << 30;

/// Appends one record.
pub fn encode(payload: &[u8], starts_batch: bool, out: &mut Vec<u8>) {
    let mut flag = if starts_batch { BATCH_START } else { 0 };
    let mut rest = payload;
    while let Some((part, behind)) = rest.split_at_checked(PART_BYTES_MAX)
        && !behind.is_empty()
    {
        encode_frame(part, flag | CONTINUES, out);
        (flag, rest) = (0, behind);
    }
    encode_frame(rest, flag, out);
}

fn encode_frame(payload: &[u8], flags: u32, out: &mut Vec<u8>) {
    let head = (payload.len() as u32 | flags).to_le_bytes();
    out.extend_from_slice(&head);
    out.extend_from_slice(&checksum(head, payload).to_le_bytes());
    out.extend_from_slice(payload);
}

/// What the body of a file (all after its header) holds.
#[derive(Debug, PartialEq, Eq)]
pub struct Body<'a> {
    pub records: Vec<Cow<'a, [u8]>>,
    /// How many bytes those records occupy.
    pub whole_bytes: usize,
}

/// A damaged record, at this offset in the body, with whole batches behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Corrupt {
    pub offset: usize,
}

/// Reads all records up to the end, or up to a torn tail.
///
/// # Errors
/// When there is a batch behind the damage.
pub fn decode(body: &[u8]) -> Result<Body<'_>, Corrupt> {
    let mut records = Vec::new();
    let whole_bytes = decode_run(body, 0, &mut records);
    if next_batch(body, whole_bytes + 1).is_some() {
        return Err(Corrupt {
            offset: whole_bytes,
        });
    }
    Ok(Body {
        records,
        whole_bytes,
    })
}

/// Reads whole records from `offset` on, and answers where they end.
pub(crate) fn decode_run<'a>(
    body: &'a [u8],
    mut offset: usize,
    records: &mut Vec<Cow<'a, [u8]>>,
) -> usize {
    let mut whole = offset;
    let mut chain: Option<Vec<u8>> = None;
    while let Some(frame) = frame_at(body, offset) {
        // A chain is in one batch.
        if chain.is_some() && frame.starts_batch {
            break;
        }
        offset = frame.end;
        if frame.continues {
            chain.get_or_insert_default().extend(frame.payload);
            continue;
        }
        records.push(match chain.take() {
            None => Cow::Borrowed(frame.payload),
            Some(mut record) => {
                record.extend(frame.payload);
                Cow::Owned(record)
            }
        });
        whole = offset;
    }
    whole
}

/// Where the next batch begins, at `from` or behind it. A damaged record's own length cannot be
/// trusted, so each byte may begin one.
pub(crate) fn next_batch(body: &[u8], from: usize) -> Option<usize> {
    // The flag is looked at first: it spares the checksums of most offsets.
    (from..body.len()).find(|at| starts_batch(body, *at) && frame_at(body, *at).is_some())
}

struct Frame<'a> {
    payload: &'a [u8],
    starts_batch: bool,
    continues: bool,
    end: usize,
}

/// Whether a frame at this offset would be the first of its batch.
fn starts_batch(body: &[u8], offset: usize) -> bool {
    let head = body.get(offset..).and_then(|rest| rest.first_chunk::<4>());
    head.is_some_and(|head| u32::from_le_bytes(*head) & BATCH_START != 0)
}

fn frame_at(body: &[u8], offset: usize) -> Option<Frame<'_>> {
    let header = body.get(offset..offset + FRAME_HEADER_BYTES)?;
    let (head, crc) = header.split_first_chunk::<4>()?;
    let word = u32::from_le_bytes(*head);
    let len = (word & !(BATCH_START | CONTINUES)) as usize;
    if len > FRAME_BYTES_MAX {
        return None;
    }
    let start = offset + FRAME_HEADER_BYTES;
    let payload = body.get(start..start + len)?;
    (checksum(*head, payload).to_le_bytes() == crc).then_some(Frame {
        payload,
        starts_batch: word & BATCH_START != 0,
        continues: word & CONTINUES != 0,
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
mod tests;
