//! Messages as octets, the very ones that hickory's encoder writes.
//!
//! hickory keeps a copy of every tail of every name that it has written, each on the heap, to point
//! to it later. Here a tail is compared where it lies in the message, and only its place is kept.
//! What this does not know how to write is left to hickory; a test holds both against each other.

#[cfg(test)]
mod tests;

use hickory_proto::op::{Edns, Message, MessageType, Metadata};
use hickory_proto::rr::rdata::TSIG;
use hickory_proto::rr::{Name, RData, Record, RecordData, RecordType};
use hickory_proto::serialize::binary::{BinEncodable, BinEncoder, NameEncoding};

use crate::wire::HEADER_LEN;

/// Whether names in records may point into the question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    /// Records are compressed against it: the smallest message.
    Shared,
    /// They are not. So does hickory-server emit the replies of its handlers, and a reply that
    /// passes through it must come out octet by octet as it was signed.
    Apart,
}

/// The message, or `None` when it is for hickory: it has data of a rarer type, or no transport
/// carries as much.
pub(crate) fn message(message: &Message, question: Question) -> Option<Vec<u8>> {
    if message.queries.len() > 1 {
        return None;
    }
    let mut writer = Writer::new();
    for query in &message.queries {
        match question {
            Question::Shared => writer.name(&query.name, Compressed::Yes),
            Question::Apart => writer.plain_name(&query.name),
        }
        writer.word(query.query_type.into());
        writer.word(query.query_class.into());
    }
    if question == Question::Apart && !message.queries.is_empty() {
        // As `encode::Opaque` does it: nothing is ever found there, but it occupies one of the places.
        writer.note(NOWHERE);
    }
    let sections = [&message.answers, &message.authorities, &message.additionals];
    for record in sections.into_iter().flatten() {
        writer.record(record)?;
    }
    if let Some(edns) = &message.edns {
        writer.edns(edns, &message.metadata)?;
    }
    if let Some(signature) = &message.signature {
        writer.signature(signature)?;
    }
    let count = |len: usize| u16::try_from(len).ok();
    let additionals = message.additionals.len()
        + usize::from(message.edns.is_some())
        + usize::from(message.signature.is_some());
    let counts = [
        count(message.queries.len())?,
        count(message.answers.len())?,
        count(message.authorities.len())?,
        count(additionals)?,
    ];
    writer.header(&message.metadata, counts);
    (writer.octets.len() <= usize::from(u16::MAX)).then_some(writer.octets)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Compressed {
    Yes,
    No,
}

/// A message in the making.
struct Writer {
    octets: Vec<u8>,
    /// Where names begin that later ones may point to, and each of their tails.
    places: [u16; PLACES_MAX],
    place_count: usize,
    /// How many names might have been compressed so far.
    compressed: usize,
}

impl Writer {
    fn new() -> Self {
        let mut octets = Vec::with_capacity(OCTETS);
        octets.resize(HEADER_LEN, 0);
        Self {
            octets,
            places: [0; PLACES_MAX],
            place_count: 0,
            compressed: 0,
        }
    }

    /// RFC 1035 §4.1.1.
    fn header(&mut self, metadata: &Metadata, counts: [u16; 4]) {
        let flag = |set: bool, bit: u8| u8::from(set) << bit;
        let flags = [
            flag(metadata.message_type == MessageType::Response, 7)
                | u8::from(metadata.op_code) << 3
                | flag(metadata.authoritative, 2)
                | flag(metadata.truncation, 1)
                | flag(metadata.recursion_desired, 0),
            flag(metadata.recursion_available, 7)
                | flag(metadata.authentic_data, 5)
                | flag(metadata.checking_disabled, 4)
                | metadata.response_code.low(),
        ];
        let [questions, answers, authorities, additionals] = counts.map(u16::to_be_bytes);
        let header = [
            metadata.id.to_be_bytes(),
            flags,
            questions,
            answers,
            authorities,
            additionals,
        ];
        self.octets[..HEADER_LEN].copy_from_slice(header.as_flattened());
    }

    fn record(&mut self, record: &Record) -> Option<()> {
        self.name(&record.name, Compressed::Yes);
        self.word(record.record_type().into());
        self.word(record.dns_class.into());
        self.double_word(record.ttl);
        self.rdata(|writer| writer.data(&record.data))
    }

    fn data(&mut self, data: &RData) -> Option<()> {
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "everything else is for hickory"
        )]
        match data {
            RData::A(addr) => self.octets.extend(addr.octets()),
            RData::AAAA(addr) => self.octets.extend(addr.octets()),
            RData::CNAME(name) => self.name(name, Compressed::Yes),
            RData::NS(name) => self.name(name, Compressed::Yes),
            RData::PTR(name) => self.name(name, Compressed::Yes),
            RData::SOA(soa) => {
                self.name(&soa.mname, Compressed::Yes);
                self.name(&soa.rname, Compressed::Yes);
                self.double_word(soa.serial);
                for secs in [soa.refresh, soa.retry, soa.expire] {
                    self.octets.extend(secs.to_be_bytes());
                }
                self.double_word(soa.minimum);
            }
            RData::SRV(srv) => {
                self.word(srv.priority);
                self.word(srv.weight);
                self.word(srv.port);
                // RFC 2782: not compressed.
                self.name(&srv.target, Compressed::No);
            }
            RData::Unknown { rdata, .. } => self.octets.extend(&rdata.anything),
            RData::Update0(_) => {}
            _ => return None,
        }
        Some(())
    }

    /// RFC 6891 §6.1.3.
    fn edns(&mut self, edns: &Edns, metadata: &Metadata) -> Option<()> {
        if !edns.options().options.is_empty() {
            return None;
        }
        self.name(&Name::root(), Compressed::Yes);
        self.word(RecordType::OPT.into());
        // Less is not said, as in hickory.
        self.word(edns.max_payload().max(UDP_OCTETS_MIN));
        let flags = u16::from(*edns.flags()).to_be_bytes();
        let [high, low] = flags;
        self.octets
            .extend([metadata.response_code.high(), edns.version(), high, low]);
        self.rdata(|_| Some(()))
    }

    /// RFC 8945 §4.2. It is the last record.
    fn signature(&mut self, record: &Record<TSIG>) -> Option<()> {
        self.name(&record.name, Compressed::Yes);
        self.word(record.data.record_type().into());
        self.word(record.dns_class.into());
        self.double_word(record.ttl);
        self.rdata(|writer| {
            let end = writer.octets.len();
            let mut encoder = BinEncoder::new(&mut writer.octets);
            encoder.set_offset(end);
            encoder.set_name_encoding(NameEncoding::Uncompressed);
            record.data.emit(&mut encoder).ok()
        })
    }

    /// What `write` writes, behind its length.
    fn rdata(&mut self, write: impl FnOnce(&mut Self) -> Option<()>) -> Option<()> {
        let at = self.octets.len();
        self.word(0);
        let start = self.octets.len();
        write(self)?;
        let len = u16::try_from(self.octets.len() - start).ok()?;
        self.octets[at..start].copy_from_slice(&len.to_be_bytes());
        Some(())
    }

    /// A name that no other points to and that points to none.
    fn plain_name(&mut self, name: &Name) {
        for label in name {
            self.label(label);
        }
        self.octets.push(0);
    }

    fn label(&mut self, label: &[u8]) {
        let len = u8::try_from(label.len()).expect("labels are of 63 octets at most");
        self.octets.push(len);
        self.octets.extend(label);
    }

    /// RFC 1035 §4.1.4: the longest tail that is there already becomes a pointer to it.
    fn name(&mut self, name: &Name, compressed: Compressed) {
        let compressed = compressed == Compressed::Yes && self.compressed < COMPRESSED_MAX;
        self.compressed += usize::from(compressed);
        let mut tail = self.octets.len();
        for label in name {
            self.label(label);
        }
        let end = self.octets.len();
        while tail < end {
            let there = compressed.then(|| self.find(tail)).flatten();
            if let Some(place) = there {
                self.octets.truncate(tail);
                return self.word(POINTER | place);
            }
            self.note(tail);
            tail += 1 + usize::from(self.octets[tail]);
        }
        self.octets.push(0);
    }

    /// Where the tail of a name that begins here, and ends where the message does, has been
    /// written before. Letters count in the case they have.
    fn find(&self, tail: usize) -> Option<u16> {
        let places = self.places[..self.place_count].iter().copied();
        let mut places = places.filter(|place| usize::from(*place) != NOWHERE);
        places.find(|place| self.is_at(usize::from(*place), &self.octets[tail..]))
    }

    fn is_at(&self, mut at: usize, mut labels: &[u8]) -> bool {
        loop {
            let len = self.octets[at];
            if len & POINTER_OCTET == POINTER_OCTET {
                let pointer = u16::from_be_bytes([len, self.octets[at + 1]]);
                at = usize::from(pointer & !POINTER);
                continue;
            }
            if len == 0 || labels.is_empty() {
                return len == 0 && labels.is_empty();
            }
            let end = at + 1 + usize::from(len);
            let Some(rest) = labels.strip_prefix(&self.octets[at..end]) else {
                return false;
            };
            (at, labels) = (end, rest);
        }
    }

    /// Later names may point here.
    fn note(&mut self, at: usize) {
        if let Ok(at) = u16::try_from(at)
            && self.octets.len() < usize::from(POINTER_MAX)
            && self.place_count < PLACES_MAX
        {
            self.places[self.place_count] = at;
            self.place_count += 1;
        }
    }

    fn word(&mut self, word: u16) {
        self.octets.extend(word.to_be_bytes());
    }

    fn double_word(&mut self, word: u32) {
        self.octets.extend(word.to_be_bytes());
    }
}

/// Room for nearly every message.
const OCTETS: usize = 256;
/// The least that every DNS transport carries (RFC 1035 §2.3.4).
const UDP_OCTETS_MIN: u16 = 512;
const POINTER: u16 = 0xc000;
/// No place that can be pointed to.
const NOWHERE: usize = POINTER as usize;
const POINTER_OCTET: u8 = 0xc0;
/// Nothing behind this is pointed to.
const POINTER_MAX: u16 = 0x3fff;
/// hickory's bounds on the work that one message makes.
const PLACES_MAX: usize = 64;
const COMPRESSED_MAX: usize = 120;
