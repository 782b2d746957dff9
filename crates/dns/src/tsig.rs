//! Transaction signatures (RFC 8945): HMAC-SHA-256, -384 and -512 over a whole message.
//!
//! [`verify_request`] and `sign_reply` are the server's half, [`sign_request`] and
//! [`verify_reply`] the client's. MACs are computed and compared (in constant time) by ring.
//!
//! There is no replay protection beyond the fudge window, as in the RFC: within `fudge`
//! seconds a signed UPDATE can be sent again by an eavesdropper. Updates that must not apply
//! twice carry a prerequisite.

mod key;
#[cfg(test)]
mod tests;

use hickory_proto::op::Message;
use hickory_proto::rr::rdata::TSIG;
use hickory_proto::rr::rdata::tsig::{TsigAlgorithm, TsigError};
use hickory_proto::rr::{DNSClass, Name, Record};
use hickory_proto::serialize::binary::BinEncoder;
use quorate_core::Wall;

pub use key::{Algorithm, Key, KeyError, Keyring, parse_key_file};

use crate::emit::Question;
use crate::{encode, wire};

/// Seconds that two clocks may differ (RFC 8945 §10 recommends 300).
pub const FUDGE_SECS: u16 = 300;

/// The shortest MAC that is well formed at all, whatever the algorithm (RFC 8945 §5.2.2.1).
const TRUNCATED_MAC_LEN_MIN: usize = 10;

/// A request whose signature holds: what its reply must be signed with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signer {
    pub key: Key,
    /// The MAC of the request, which the reply's covers.
    pub request_mac: Vec<u8>,
    pub original_id: u16,
}

/// Why a signed request is not believed, which decides what its reply looks like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Not a TSIG as §5.1 wants it: FORMERR, no TSIG in the reply.
    Malformed(&'static str),
    /// No common secret (BADKEY, BADSIG): NOTAUTH with a TSIG that has no MAC (§5.3.2).
    Untrusted { key_name: Name, reply: Box<TSIG> },
    /// The secret is right, the time or the MAC's length is not (BADTIME, BADTRUNC): NOTAUTH
    /// with a signed TSIG (§5.2.3, §5.2.4).
    Unacceptable {
        signer: Box<Signer>,
        error: TsigError,
        /// What the client thought the time was; BADTIME replies repeat it.
        client_time: Wall,
    },
}

impl Refusal {
    /// The extended error, as people name it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "FORMERR",
            Self::Untrusted { reply, .. } => error_name(reply.error),
            Self::Unacceptable { error, .. } => error_name(Some(*error)),
        }
    }
}

/// Checks the TSIG of a request in the order of RFC 8945 §5.2: key, MAC, time, truncation.
///
/// `bytes` is the message as it arrived and `record` its TSIG as hickory parsed it.
///
/// # Errors
/// Why it is refused.
pub fn verify_request(
    bytes: &[u8],
    record: &Record<TSIG>,
    keys: &Keyring,
    now: Wall,
) -> Result<Signer, Refusal> {
    let tsig = &record.data;
    // RFC 8945 §4.2.
    if record.dns_class != DNSClass::ANY || record.ttl != 0 {
        return Err(Refusal::Malformed("TSIG of wrong class or TTL"));
    }
    let untrusted = |error| Refusal::Untrusted {
        key_name: record.name.clone(),
        reply: Box::new(TSIG::new(
            tsig.algorithm.clone(),
            now.as_unix_secs() & TIME_MASK,
            tsig.fudge,
            Vec::new(),
            tsig.oid,
            Some(error),
            Vec::new(),
        )),
    };
    let algorithm = Algorithm::from_wire(&tsig.algorithm);
    let key = keys
        .find(&record.name)
        .filter(|key| Some(key.algorithm()) == algorithm)
        .ok_or_else(|| untrusted(TsigError::BadKey))?;
    // RFC 8945 §5.2.2.1: longer than the hash, or shorter than both bounds, is not a MAC.
    let mac_len = key.algorithm().mac_len();
    let mac_len_min = TRUNCATED_MAC_LEN_MIN.max(mac_len / 2);
    if !(mac_len_min..=mac_len).contains(&tsig.mac.len()) {
        return Err(Refusal::Malformed("TSIG MAC of impossible length"));
    }
    let covered = unsigned_message(bytes, tsig.oid)
        .ok_or(Refusal::Malformed("TSIG is not the last record"))?;
    let input = digest_input(None, &covered, key.name(), tsig);
    if !mac_matches(key, &input, &tsig.mac) {
        return Err(untrusted(TsigError::BadSig));
    }
    let signer = Signer {
        key: key.clone(),
        request_mac: tsig.mac.clone(),
        original_id: tsig.oid,
    };
    let unacceptable = |error| Refusal::Unacceptable {
        signer: Box::new(signer.clone()),
        error,
        client_time: Wall::from_unix_secs(tsig.time),
    };
    if !within_fudge(tsig, now) {
        return Err(unacceptable(TsigError::BadTime));
    }
    // Our policy: whole MACs only (RFC 8945 §5.2.4).
    if tsig.mac.len() < mac_len {
        return Err(unacceptable(TsigError::BadTrunc));
    }
    Ok(signer)
}

/// Signs the reply to a request whose signature held.
///
/// The MAC covers the reply with its question apart: encode it so.
pub(crate) fn sign_reply(reply: &mut Message, signer: &Signer, now: Wall) {
    let tsig = blank(signer.key.algorithm(), now, signer.original_id);
    let request_mac = Some(&signer.request_mac[..]);
    sign(reply, Question::Apart, &signer.key, tsig, request_mac);
}

/// Adds the TSIG with the reason for the refusal to the reply.
pub(crate) fn sign_refusal(reply: &mut Message, refusal: &Refusal, now: Wall) {
    match refusal {
        Refusal::Malformed(_) => {}
        Refusal::Untrusted {
            key_name,
            reply: tsig,
        } => attach(reply, key_name, (**tsig).clone()),
        Refusal::Unacceptable {
            signer,
            error,
            client_time,
        } => {
            let mut tsig = blank(signer.key.algorithm(), now, signer.original_id);
            tsig.error = Some(*error);
            if *error == TsigError::BadTime {
                // RFC 8945 §5.2.3: the client's time where it expects it, ours beside it.
                tsig.time = client_time.as_unix_secs() & TIME_MASK;
                tsig.other = now.as_unix_secs().to_be_bytes()[2..].to_vec();
            }
            let request_mac = Some(&signer.request_mac[..]);
            sign(reply, Question::Apart, &signer.key, tsig, request_mac);
        }
    }
}

/// Signs a request and answers its MAC, which [`verify_reply`] needs.
pub fn sign_request(request: &mut Message, key: &Key, now: Wall) -> Vec<u8> {
    let tsig = blank(key.algorithm(), now, request.metadata.id);
    sign(request, Question::Shared, key, tsig, None)
}

/// Why the reply to a signed request is not believed, or what the server said of the request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadReply {
    #[error("the reply to a signed request is not signed")]
    Unsigned,
    #[error("the reply is signed with another key, or not well formed")]
    Stranger,
    #[error("the reply's signature does not hold")]
    Forged,
    #[error("the reply was signed at {signed_at:?}, outside the fudge window")]
    Stale { signed_at: Wall },
    /// Not proven by a signature, so anyone can forge it; never a reason to give up for good.
    #[error("the server refuses the request's signature: {0}")]
    Refused(&'static str),
    #[error("the server's clock reads {server_time:?}: BADTIME")]
    BadTime { server_time: Wall },
}

/// Checks the TSIG of a reply to the request that had `request_mac` (RFC 8945 §5.3, §5.4).
///
/// # Errors
/// Why it is not believed; [`BadReply::BadTime`] only after its own signature held.
pub fn verify_reply(
    bytes: &[u8],
    record: Option<&Record<TSIG>>,
    key: &Key,
    request_mac: &[u8],
    now: Wall,
) -> Result<(), BadReply> {
    let record = record.ok_or(BadReply::Unsigned)?;
    let tsig = &record.data;
    if tsig.mac.is_empty() && matches!(tsig.error, Some(TsigError::BadKey | TsigError::BadSig)) {
        return Err(BadReply::Refused(error_name(tsig.error)));
    }
    let ours = record.name == *key.name()
        && record.dns_class == DNSClass::ANY
        && Algorithm::from_wire(&tsig.algorithm) == Some(key.algorithm());
    if !ours {
        return Err(BadReply::Stranger);
    }
    let covered = unsigned_message(bytes, tsig.oid).ok_or(BadReply::Stranger)?;
    let input = digest_input(Some(request_mac), &covered, key.name(), tsig);
    if tsig.mac.len() != key.algorithm().mac_len() || !mac_matches(key, &input, &tsig.mac) {
        return Err(BadReply::Forged);
    }
    match tsig.error {
        None if within_fudge(tsig, now) => Ok(()),
        None => Err(BadReply::Stale {
            signed_at: Wall::from_unix_secs(tsig.time),
        }),
        Some(TsigError::BadTime) => Err(BadReply::BadTime {
            server_time: Wall::from_unix_secs(read_u48(&tsig.other)),
        }),
        error => Err(BadReply::Refused(error_name(error))),
    }
}

/// A 48-bit clock is all that the wire has room for.
const TIME_MASK: u64 = (1 << 48) - 1;

fn blank(algorithm: Algorithm, now: Wall, original_id: u16) -> TSIG {
    TSIG::new(
        algorithm.to_wire(),
        now.as_unix_secs() & TIME_MASK,
        FUDGE_SECS,
        Vec::new(),
        original_id,
        None,
        Vec::new(),
    )
}

fn sign(
    message: &mut Message,
    question: Question,
    key: &Key,
    tsig: TSIG,
    request_mac: Option<&[u8]>,
) -> Vec<u8> {
    message.signature = None;
    // A message too large for any transport is refused when it is encoded for sending.
    let covered = encode::encode(message, question).unwrap_or_default();
    let mac = mac(key, &digest_input(request_mac, &covered, key.name(), &tsig));
    attach(message, key.name(), tsig.set_mac(mac.clone()));
    mac
}

fn attach(message: &mut Message, key_name: &Name, tsig: TSIG) {
    let mut record = Record::from_rdata(key_name.clone(), 0, tsig);
    record.dns_class = DNSClass::ANY;
    message.set_signature(Box::new(record));
}

/// The message as its sender signed it: without the TSIG, one record fewer, and under the ID
/// it had then (RFC 8945 §4.3.2).
fn unsigned_message(bytes: &[u8], original_id: u16) -> Option<Vec<u8>> {
    let mut message = bytes.get(..wire::last_record_offset(bytes)?)?.to_vec();
    let additional = wire::Header::read(bytes)?.counts[3].checked_sub(1)?;
    message[..2].copy_from_slice(&original_id.to_be_bytes());
    message[10..12].copy_from_slice(&additional.to_be_bytes());
    Some(message)
}

/// What the MAC is computed over (RFC 8945 §4.3).
fn digest_input(
    request_mac: Option<&[u8]>,
    message: &[u8],
    key_name: &Name,
    tsig: &TSIG,
) -> Vec<u8> {
    let mut input = Vec::with_capacity(message.len() + 256);
    if let Some(mac) = request_mac {
        let len = u16::try_from(mac.len()).expect("no MAC is longer than a hash");
        input.extend_from_slice(&len.to_be_bytes());
        input.extend_from_slice(mac);
    }
    input.extend_from_slice(message);
    let mut variables = Vec::new();
    tsig.emit_tsig_for_mac(&mut BinEncoder::new(&mut variables), key_name)
        .expect("two names and some integers fit into 64 KiB");
    input.extend_from_slice(&variables);
    input
}

fn mac(key: &Key, input: &[u8]) -> Vec<u8> {
    wire_algorithm(key)
        .mac_data(key.secret(), input)
        .expect("hickory implements each Algorithm")
}

/// Compares in constant time; a truncated MAC against the same part of the whole one.
fn mac_matches(key: &Key, input: &[u8], claimed: &[u8]) -> bool {
    if claimed.len() == key.algorithm().mac_len() {
        return wire_algorithm(key)
            .verify_mac(key.secret(), input, claimed)
            .is_ok();
    }
    let whole = mac(key, input);
    let differing = whole
        .iter()
        .zip(claimed)
        .fold(0, |bits, (ours, theirs)| bits | (ours ^ theirs));
    std::hint::black_box(differing) == 0
}

fn wire_algorithm(key: &Key) -> TsigAlgorithm {
    key.algorithm().to_wire()
}

/// RFC 8945 §5.2.3.
fn within_fudge(tsig: &TSIG, now: Wall) -> bool {
    now.as_unix_secs().abs_diff(tsig.time) <= u64::from(tsig.fudge)
}

fn read_u48(other: &[u8]) -> u64 {
    other
        .iter()
        .take(6)
        .fold(0, |secs, octet| secs << 8 | u64::from(*octet))
}

fn error_name(error: Option<TsigError>) -> &'static str {
    match error {
        None => "NOERROR",
        Some(TsigError::BadSig) => "BADSIG",
        Some(TsigError::BadKey) => "BADKEY",
        Some(TsigError::BadTime) => "BADTIME",
        Some(TsigError::BadTrunc) => "BADTRUNC",
        Some(TsigError::Unknown(_)) => "an unknown TSIG error",
    }
}
