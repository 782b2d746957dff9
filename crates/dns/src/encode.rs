//! [`Message`] → bytes: by our own encoder where it knows every record, else by hickory's.

use hickory_proto::ProtoError;
use hickory_proto::op::{EmitAndCount, Message, Query, emit_message_parts};
use hickory_proto::serialize::binary::BinEncoder;

use crate::emit::{self, Question};
use crate::wire::Header;

/// The message as it goes on the wire.
///
/// None when it does not fit into the 64 KiB that any transport carries.
pub(crate) fn encode(message: &Message, question: Question) -> Option<Vec<u8>> {
    emit::message(message, question).or_else(|| encode_by_hickory(message, question))
}

/// The same for any message.
pub(crate) fn encode_by_hickory(message: &Message, question: Question) -> Option<Vec<u8>> {
    let bytes = match question {
        Question::Shared => message.to_vec().ok()?,
        Question::Apart => encode_apart(message)?,
    };
    // hickory's encoder answers an overflow by setting TC and leaving records out, with the
    // tail of the record it gave up still in the buffer.
    let sent = message.answers.len()
        + message.authorities.len()
        + message.additionals.len()
        + usize::from(message.edns.is_some())
        + usize::from(message.signature.is_some());
    let [_, sections @ ..] = Header::read(&bytes)?.counts;
    let written: usize = sections.into_iter().map(usize::from).sum();
    (written == sent).then_some(bytes)
}

fn encode_apart(message: &Message) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    emit_message_parts(
        &message.metadata,
        &mut Opaque(&message.queries),
        &mut message.answers.iter(),
        &mut message.authorities.iter(),
        &mut message.additionals.iter(),
        message.edns.as_ref(),
        message.signature.as_deref(),
        &mut BinEncoder::new(&mut bytes),
    )
    .ok()?;
    Some(bytes)
}

/// Questions as octets without names that could be pointed to.
struct Opaque<'a>(&'a [Query]);

impl EmitAndCount for Opaque<'_> {
    fn emit(&mut self, encoder: &mut BinEncoder<'_>) -> Result<usize, ProtoError> {
        let mut octets = Vec::new();
        BinEncoder::new(&mut octets).emit_all(self.0.iter())?;
        let start = encoder.offset();
        encoder.emit_vec(&octets)?;
        if !self.0.is_empty() {
            // As hickory-server does. It matches no name, type and class being part of it, but
            // occupies one of the encoder's places for candidates.
            encoder.store_label_pointer(start, start + octets.len());
        }
        Ok(self.0.len())
    }
}
