//! From bytes to a message that is worth an answer, or the error.

use hickory_proto::op::{Message, OpCode, ResponseCode};
use hickory_proto::rr::RecordType;
use hickory_proto::serialize::binary::{BinDecodable, BinDecoder};

use crate::wire::Header;

/// Why bytes are not a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// An answer would help no client, or feed a loop.
    Silent(&'static str),
    /// The sender learns that it made a mistake, from a bare header.
    Error {
        header: Header,
        rcode: ResponseCode,
        reason: &'static str,
    },
}

/// Reads a query or an UPDATE.
///
/// # Errors
/// What to do with anything else.
pub(crate) fn read(bytes: &[u8]) -> Result<Message, Fault> {
    let header = Header::read(bytes).ok_or(Fault::Silent("shorter than a header"))?;
    if header.is_response {
        return Err(Fault::Silent("a response"));
    }
    let error = |rcode, reason| Fault::Error {
        header,
        rcode,
        reason,
    };
    match OpCode::from_u8(header.opcode) {
        OpCode::Query | OpCode::Update => {}
        OpCode::Status | OpCode::Notify | OpCode::Unknown(_) => {
            return Err(error(ResponseCode::NotImp, "opcode"));
        }
    }
    // Before hickory sees it: it would make room for 65,535 questions first.
    if header.counts[0] != 1 {
        return Err(error(ResponseCode::FormErr, "question count is not 1"));
    }
    let mut decoder = BinDecoder::new(bytes);
    let message =
        Message::read(&mut decoder).map_err(|_| error(ResponseCode::FormErr, "does not parse"))?;
    if !decoder.is_empty() {
        return Err(error(ResponseCode::FormErr, "octets behind the message"));
    }
    // hickory mistakes a TSIG without data for an ordinary record of an UPDATE.
    let is_tsig = |kind| kind == RecordType::TSIG;
    if message
        .all_sections()
        .any(|record| is_tsig(record.record_type()))
    {
        return Err(error(ResponseCode::FormErr, "TSIG has no data"));
    }
    Ok(message)
}
