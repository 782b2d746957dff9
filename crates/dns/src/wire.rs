//! The header, RDATA and single records as octets.

use hickory_proto::rr::{RData, Record, RecordData, RecordType};
use hickory_proto::serialize::binary::{
    BinDecodable, BinDecoder, BinEncodable, BinEncoder, NameEncoding, Restrict,
};

/// Octets of the fixed header (RFC 1035 §4.1.1).
pub(crate) const HEADER_LEN: usize = 12;

/// The fixed header, read without believing anything behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) id: u16,
    pub(crate) is_response: bool,
    pub(crate) opcode: u8,
    pub(crate) recursion_desired: bool,
    /// QDCOUNT, ANCOUNT, NSCOUNT, ARCOUNT.
    pub(crate) counts: [u16; 4],
}

impl Header {
    /// None when there are fewer octets than a header has.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let header = bytes.first_chunk::<HEADER_LEN>()?;
        let word = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
        Some(Self {
            id: word(0),
            is_response: header[2] & 0x80 != 0,
            opcode: header[2] >> 3 & 0x0f,
            recursion_desired: header[2] & 1 != 0,
            counts: [word(4), word(6), word(8), word(10)],
        })
    }
}

/// The offset of the last record of the message, which is where a TSIG begins.
///
/// None when the message has no record or does not parse.
pub(crate) fn last_record_offset(bytes: &[u8]) -> Option<usize> {
    let [questions, sections @ ..] = Header::read(bytes)?.counts;
    let mut at = HEADER_LEN;
    for _ in 0..questions {
        at = skip_name(bytes, at)? + 4;
    }
    let records: u32 = sections.into_iter().map(u32::from).sum();
    let mut last = None;
    for _ in 0..records {
        last = Some(at);
        // TYPE, CLASS and TTL are eight octets; RDLENGTH follows.
        let length_at = skip_name(bytes, at)? + 8;
        let length = bytes.get(length_at..)?.first_chunk::<2>()?;
        at = length_at + 2 + usize::from(u16::from_be_bytes(*length));
    }
    last.filter(|_| at <= bytes.len())
}

/// The offset just behind the name at `at`, without following its pointer.
fn skip_name(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let octet = *bytes.get(at)?;
        match octet >> 6 {
            0b00 if octet == 0 => return Some(at + 1),
            0b00 => at += 1 + usize::from(octet),
            0b11 => return Some(at + 2),
            _ => return None,
        }
    }
}

/// RDATA in canonical form: names in it uncompressed and lowercased (RFC 4034 §6.2), which is
/// also what RFC 2136 §1.1.1 compares.
///
/// None when hickory cannot carry the data (a character-string too long, say).
pub(crate) fn canonical_rdata(data: &RData) -> Option<Vec<u8>> {
    if let RData::A(addr) = data {
        return Some(addr.octets().to_vec());
    }
    let mut bytes = Vec::new();
    let mut encoder = BinEncoder::new(&mut bytes);
    encoder.set_canonical_form(true);
    data.emit(&mut encoder).ok()?;
    Some(bytes)
}

/// RDATA as it is spelled, names in it uncompressed. None as for [`canonical_rdata`].
pub(crate) fn plain_rdata(data: &RData) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut encoder = BinEncoder::new(&mut bytes);
    encoder.set_name_encoding(NameEncoding::Uncompressed);
    data.emit(&mut encoder).ok()?;
    Some(bytes)
}

/// Reads uncompressed RDATA. None when it is empty or not of that type.
pub(crate) fn read_rdata(kind: RecordType, octets: &[u8]) -> Option<RData> {
    let len = u16::try_from(octets.len()).ok().filter(|len| *len > 0)?;
    RData::read(&mut BinDecoder::new(octets), kind, Restrict::new(len)).ok()
}

/// True when hickory gives back the data that it was given, so that a zone, a journal and an
/// answer can hold it.
pub(crate) fn carries(data: &RData) -> bool {
    if let RData::A(_) = data {
        return true;
    }
    !data.is_update()
        && canonical_rdata(data).is_some()
        && plain_rdata(data).is_some_and(|octets| {
            read_rdata(data.record_type(), &octets)
                .and_then(|again| plain_rdata(&again))
                .is_some_and(|again| again == octets)
        })
}

/// One record alone, names uncompressed and spelled as they are.
pub(crate) fn record_to_octets(record: &Record) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut encoder = BinEncoder::new(&mut bytes);
    encoder.set_name_encoding(NameEncoding::Uncompressed);
    record.emit(&mut encoder).ok()?;
    Some(bytes)
}

/// Reads what [`record_to_octets`] wrote, all of it.
pub(crate) fn record_from_octets(octets: &[u8]) -> Option<Record> {
    let mut decoder = BinDecoder::new(octets);
    let record = Record::read(&mut decoder).ok()?;
    (decoder.is_empty() && !record.data.is_update()).then_some(record)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_needs_twelve_octets() {
        assert_eq!(Header::read(&[0; 11]), None);
        let header = Header::read(&[1, 2, 0xad, 0, 0, 1, 0, 2, 0, 3, 0, 4]).unwrap();
        assert_eq!(header.id, 0x0102);
        assert!(header.is_response && header.recursion_desired);
        assert_eq!(header.opcode, 5);
        assert_eq!(header.counts, [1, 2, 3, 4]);
    }

    #[test]
    fn the_last_record_is_found_behind_pointers() {
        let mut bytes = vec![0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 2];
        bytes.extend_from_slice(b"\x01a\x00\x00\x01\x00\x01");
        bytes.extend_from_slice(b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x00\x00\x01x");
        let last = bytes.len();
        bytes.extend_from_slice(b"\x00\x00\xfa\x00\xff\x00\x00\x00\x00\x00\x02xy");
        assert_eq!(last_record_offset(&bytes), Some(last));
        bytes.pop();
        assert_eq!(last_record_offset(&bytes), None);
    }
}
