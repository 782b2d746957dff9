//! What those who send UPDATEs and queries need: builders that encode, readers that verify.
//!
//! No socket and no randomness: the caller brings message IDs, clocks and keys.

#[cfg(test)]
mod tests;

use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};
use quorate_core::Wall;

use crate::emit::Question;
use crate::tsig::{self, Key};
use crate::{encode, wire};

/// The EDNS payload size that queries offer (the 2020 flag day's).
const PAYLOAD_OCTETS: u16 = 1232;

/// One UPDATE message (RFC 2136 §2) in the making.
#[derive(Clone, Debug)]
pub struct UpdateRequest {
    message: Message,
}

impl UpdateRequest {
    /// An UPDATE of `zone` that requires and changes nothing yet.
    pub fn new(zone: Name, id: u16) -> Self {
        let mut message = Message::new(id, MessageType::Query, OpCode::Update);
        message.add_query(Query::query(qualified(zone), RecordType::SOA));
        Self { message }
    }

    /// The name must own no record at all (RFC 2136 §2.4.5).
    #[must_use]
    pub fn require_name_absent(self, name: Name) -> Self {
        self.require(name, RecordType::ANY, DNSClass::NONE)
    }

    /// The name must own at least one record (RFC 2136 §2.4.4).
    #[must_use]
    pub fn require_name_exists(self, name: Name) -> Self {
        self.require(name, RecordType::ANY, DNSClass::ANY)
    }

    /// The name must own no record of this type (RFC 2136 §2.4.3).
    #[must_use]
    pub fn require_rrset_absent(self, name: Name, kind: RecordType) -> Self {
        self.require(name, kind, DNSClass::NONE)
    }

    /// The name must own a record of this type, whatever its data (RFC 2136 §2.4.1).
    #[must_use]
    pub fn require_rrset_exists(self, name: Name, kind: RecordType) -> Self {
        self.require(name, kind, DNSClass::ANY)
    }

    /// The RRsets of these records must exist with exactly this data: no record more, none
    /// fewer, TTLs aside (RFC 2136 §2.4.2).
    #[must_use]
    pub fn require_rrset_equals(mut self, records: Vec<Record>) -> Self {
        for record in records {
            self.message
                .add_answer(with_class(record, DNSClass::IN, Some(0)));
        }
        self
    }

    /// Adds the record to its RRset (RFC 2136 §2.5.1).
    #[must_use]
    #[expect(
        clippy::should_implement_trait,
        reason = "the RFC's word, in a chain of its words"
    )]
    pub fn add(self, record: Record) -> Self {
        self.change(with_class(record, DNSClass::IN, None))
    }

    /// Deletes all records of this type (RFC 2136 §2.5.2).
    #[must_use]
    pub fn delete_rrset(self, name: Name, kind: RecordType) -> Self {
        let record = Record::update0(name, 0, kind);
        self.change(with_class(record, DNSClass::ANY, Some(0)))
    }

    /// Deletes every record of the name (RFC 2136 §2.5.3).
    #[must_use]
    pub fn delete_name(self, name: Name) -> Self {
        self.delete_rrset(name, RecordType::ANY)
    }

    /// Deletes exactly this record from its RRset (RFC 2136 §2.5.4).
    #[must_use]
    pub fn delete_record(self, record: Record) -> Self {
        self.change(with_class(record, DNSClass::NONE, Some(0)))
    }

    /// The message for the wire, signed when there is a key.
    ///
    /// # Panics
    /// When the records do not fit into 64 KiB: split larger changes, they are atomic only
    /// within one message.
    pub fn encode(mut self, signature: Option<(&Key, Wall)>) -> Encoded {
        let mac = signature.map(|(key, now)| tsig::sign_request(&mut self.message, key, now));
        Encoded {
            bytes: encode::encode(&self.message, Question::Shared)
                .expect("one UPDATE fits into 64 KiB"),
            id: self.message.metadata.id,
            mac,
        }
    }

    fn require(mut self, name: Name, kind: RecordType, class: DNSClass) -> Self {
        let record = Record::update0(name, 0, kind);
        self.message.add_answer(with_class(record, class, Some(0)));
        self
    }

    fn change(mut self, record: Record) -> Self {
        self.message.add_authority(record);
        self
    }
}

/// A request as it goes out, and what is needed to believe its reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    pub bytes: Vec<u8>,
    pub id: u16,
    /// The request's MAC when it is signed.
    pub mac: Option<Vec<u8>>,
}

/// Why bytes are not the reply to an UPDATE.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplyError {
    #[error("not a DNS message")]
    Malformed,
    #[error("not a reply to this request")]
    Stranger,
    #[error("a reply to a signed request was checked without its key")]
    NoKey,
    #[error(transparent)]
    Signature(#[from] tsig::BadReply),
}

/// Reads the reply to `request`: the ID, QR, the opcode, and, when the request was signed, the
/// signature must be right.
///
/// # Errors
/// Why it is not to be believed. Wait on for the true one.
pub fn read_reply(
    bytes: &[u8],
    request: &Encoded,
    signature: Option<(&Key, Wall)>,
) -> Result<ResponseCode, ReplyError> {
    let header = wire::Header::read(bytes).ok_or(ReplyError::Malformed)?;
    if header.id != request.id || !header.is_response || header.opcode != UPDATE_OPCODE {
        return Err(ReplyError::Stranger);
    }
    let reply = Message::from_vec(bytes).map_err(|_| ReplyError::Malformed)?;
    if let Some(mac) = &request.mac {
        let (key, now) = signature.ok_or(ReplyError::NoKey)?;
        tsig::verify_reply(bytes, reply.signature(), key, mac, now)?;
    }
    Ok(reply.metadata.response_code)
}

const UPDATE_OPCODE: u8 = 5;

/// A plain query with RD set and an EDNS offer, for stub look-ups.
pub fn encode_query(name: &Name, kind: RecordType, id: u16) -> Vec<u8> {
    let mut message = Message::new(id, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(qualified(name.clone()), kind));
    let mut edns = Edns::new();
    edns.set_max_payload(PAYLOAD_OCTETS);
    message.set_edns(edns);
    encode::encode(&message, Question::Shared).expect("one question fits into 64 KiB")
}

/// What a server answered to one question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub rcode: ResponseCode,
    /// TC: ask again over a stream.
    pub truncated: bool,
    /// AA.
    pub authoritative: bool,
    pub answers: Vec<Record>,
    pub authorities: Vec<Record>,
    pub additionals: Vec<Record>,
}

impl Answer {
    /// Reads the answer to the query with this `id` for `name` and `kind`.
    ///
    /// # Errors
    /// When the bytes are no message, or not the answer to this question.
    pub fn read(bytes: &[u8], name: &Name, kind: RecordType, id: u16) -> Result<Self, ReplyError> {
        let header = wire::Header::read(bytes).ok_or(ReplyError::Malformed)?;
        if header.id != id || !header.is_response || header.opcode != 0 {
            return Err(ReplyError::Stranger);
        }
        let message = Message::from_vec(bytes).map_err(|_| ReplyError::Malformed)?;
        // A server that could not read the question may leave it out.
        let asked = |question: &Query| {
            question.name == qualified(name.clone()) && question.query_type == kind
        };
        if !message.queries.iter().all(asked) {
            return Err(ReplyError::Stranger);
        }
        Ok(Self {
            rcode: message.metadata.response_code,
            truncated: message.metadata.truncation,
            authoritative: message.metadata.authoritative,
            answers: message.answers,
            authorities: message.authorities,
            additionals: message.additionals,
        })
    }

    /// The data in the answer section of this owner and type.
    pub fn data<'a>(&'a self, name: &'a Name, kind: RecordType) -> impl Iterator<Item = &'a RData> {
        self.answers
            .iter()
            .filter(move |record| record.record_type() == kind && record.name == *name)
            .map(|record| &record.data)
    }
}

fn with_class(mut record: Record, class: DNSClass, ttl: Option<u32>) -> Record {
    record.name = qualified(record.name);
    record.dns_class = class;
    record.ttl = ttl.unwrap_or(record.ttl);
    record
}

/// Names on the wire are always fully qualified.
fn qualified(mut name: Name) -> Name {
    name.set_fqdn(true);
    name
}
