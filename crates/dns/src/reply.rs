//! From sections to bytes: the header, EDNS, truncation, the signature.

#[cfg(test)]
mod tests;

use hickory_proto::op::{Edns, Message, MessageType, OpCode, ResponseCode};
use quorate_core::Wall;

use crate::answer::Body;
use crate::emit::Question;
use crate::encode;
use crate::tsig::{self, Refusal, Signer};
use crate::wire::Header;

/// The least that every DNS transport carries (RFC 1035 §2.3.4).
const UDP_OCTETS_MIN: u16 = 512;

/// What stands behind the reply's last record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Security {
    Unsigned,
    Signed(Signer),
    Refused(Refusal),
}

/// A reply that waits for its bytes: it is signed when it leaves, not when it is decided.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    message: Message,
    octets_max: usize,
    question: Question,
    is_transfer: bool,
    security: Security,
}

impl Reply {
    /// A reply of these sections to `request`.
    pub(crate) fn new(
        request: &Message,
        body: Body,
        security: Security,
        is_stream: bool,
        udp_payload_octets: u16,
    ) -> Self {
        let mut message = Message::new(
            request.metadata.id,
            MessageType::Response,
            request.metadata.op_code,
        );
        message.metadata.recursion_desired =
            request.metadata.recursion_desired && request.metadata.op_code == OpCode::Query;
        message.metadata.authoritative = body.is_authoritative;
        message.metadata.response_code = body.rcode;
        message.queries.clone_from(&request.queries);
        message.answers = body.answers;
        message.authorities = body.authorities;
        message.additionals = body.additionals;
        let mut octets_max = UDP_OCTETS_MIN;
        if let Some(theirs) = &request.edns {
            octets_max = theirs
                .max_payload()
                .clamp(UDP_OCTETS_MIN, udp_payload_octets);
            let mut ours = Edns::new();
            ours.set_max_payload(udp_payload_octets);
            // RFC 3225 §3.
            ours.set_dnssec_ok(theirs.flags().dnssec_ok);
            message.set_edns(ours);
        }
        // Streams pass through hickory-server, and whatever is signed may: see `Question`.
        let question = match &security {
            Security::Unsigned if !is_stream => Question::Shared,
            Security::Unsigned | Security::Signed(_) | Security::Refused(_) => Question::Apart,
        };
        Self {
            message,
            question,
            octets_max: usize::from(if is_stream { u16::MAX } else { octets_max }),
            is_transfer: body.is_transfer,
            security,
        }
    }

    /// Says this instead of what was decided.
    pub(crate) const fn fail(&mut self, rcode: ResponseCode) {
        self.message.metadata.response_code = rcode;
    }

    /// The bytes, within the limit of their transport. Additional records may silently go
    /// missing; when answers or authorities must, all do and TC says so (RFC 2181 §9). A zone
    /// transfer that does not fit is REFUSED.
    pub(crate) fn into_bytes(mut self, now: Wall) -> Vec<u8> {
        if let Some(bytes) = self.encode_within(now) {
            return bytes;
        }
        self.message.additionals.clear();
        if let Some(bytes) = self.encode_within(now) {
            return bytes;
        }
        self.message.answers.clear();
        self.message.authorities.clear();
        if self.is_transfer {
            self.message.metadata.response_code = ResponseCode::Refused;
            self.message.metadata.authoritative = false;
        } else {
            self.message.metadata.truncation = true;
        }
        // The longest names and MACs together can pass 512 octets; there is nothing left out.
        self.encode(now).unwrap_or_default()
    }

    fn encode_within(&mut self, now: Wall) -> Option<Vec<u8>> {
        self.encode(now)
            .filter(|bytes| bytes.len() <= self.octets_max)
    }

    fn encode(&mut self, now: Wall) -> Option<Vec<u8>> {
        match &self.security {
            Security::Unsigned => {}
            Security::Signed(signer) => tsig::sign_reply(&mut self.message, signer, now),
            Security::Refused(refusal) => tsig::sign_refusal(&mut self.message, refusal, now),
        }
        encode::encode(&self.message, self.question)
    }
}

/// A bare header for what cannot be answered otherwise.
pub(crate) fn bare(header: Header, rcode: ResponseCode) -> Vec<u8> {
    let opcode = OpCode::from_u8(header.opcode);
    let mut message = Message::new(header.id, MessageType::Response, opcode);
    message.metadata.recursion_desired = header.recursion_desired && header.opcode == 0;
    message.metadata.response_code = rcode;
    encode::encode(&message, Question::Shared).unwrap_or_default()
}
