//! Records as people write them (RFC 1035 §5.1, unknown types by RFC 3597 §5).
//!
//! Our own, not hickory's, whose names escape in octal where the RFC says decimal and whose
//! TXT and unknown types do not read back what they print. One record a line; no `$ORIGIN`,
//! no parentheses.

#[cfg(test)]
mod tests;

use std::fmt::Write;

use data_encoding::{BASE64, HEXLOWER_PERMISSIVE};
use hickory_proto::rr::rdata::{A, AAAA, CNAME, MX, NS, NULL, PTR, SOA, SRV, TXT};
use hickory_proto::rr::{Name, RData, Record, RecordType};

use crate::{DHCID, wire};

/// Why a text is not a record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    #[error("{0:?} is not a domain name")]
    Name(String),
    #[error("{0:?} is not a record type")]
    Type(String),
    #[error("the data ends before its {0}")]
    Missing(&'static str),
    #[error("{text:?} is not {expected}")]
    Field {
        text: String,
        expected: &'static str,
    },
    #[error("{0:?} is more than the type allows")]
    TooMuch(String),
    #[error("a quote is not closed")]
    Quote,
    #[error("{0} data can only be written as \\# LENGTH HEX")]
    OnlyGeneric(String),
    #[error("the octets are not data of that type")]
    Octets,
}

/// `name ttl IN TYPE data`. Reads back by [`parse_record`] as the same record.
pub fn record(record: &Record) -> String {
    format!(
        "{} {} IN {} {}",
        name(&record.name),
        record.ttl,
        kind(record.record_type()),
        data(&record.data)
    )
}

/// A name with everything escaped that would read as something else.
pub fn name(name: &Name) -> String {
    if name.is_root() {
        return ".".to_owned();
    }
    let mut text = String::new();
    for label in name.iter() {
        for octet in label {
            escape(*octet, b".\\\"();@$ ", &mut text);
        }
        text.push('.');
    }
    text
}

/// A type's mnemonic, `TYPEn` where there is none.
pub fn kind(kind: RecordType) -> String {
    if kind == DHCID {
        "DHCID".to_owned()
    } else if let RecordType::Unknown(code) = kind {
        format!("TYPE{code}")
    } else {
        kind.to_string()
    }
}

/// The data alone.
pub fn data(data: &RData) -> String {
    let host = name;
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "whatever has no text of its own is written as octets"
    )]
    match data {
        RData::A(addr) => addr.to_string(),
        RData::AAAA(addr) => addr.to_string(),
        RData::NS(NS(target)) | RData::PTR(PTR(target)) | RData::CNAME(CNAME(target)) => {
            host(target)
        }
        RData::MX(mx) => format!("{} {}", mx.preference, host(&mx.exchange)),
        RData::SRV(srv) => {
            let target = host(&srv.target);
            format!("{} {} {} {target}", srv.priority, srv.weight, srv.port)
        }
        RData::SOA(soa) => {
            let (mname, rname) = (host(&soa.mname), host(&soa.rname));
            let timers = [soa.refresh, soa.retry, soa.expire].map(|secs| secs.cast_unsigned());
            let [refresh, retry, expire] = timers;
            let (serial, minimum) = (soa.serial, soa.minimum);
            format!("{mname} {rname} {serial} {refresh} {retry} {expire} {minimum}")
        }
        RData::TXT(txt) => {
            let strings = txt.txt_data.iter().map(|string| quoted(string));
            strings.collect::<Vec<_>>().join(" ")
        }
        RData::Unknown { code: DHCID, rdata } => BASE64.encode(&rdata.anything),
        other => {
            let octets = wire::plain_rdata(other).unwrap_or_default();
            format!(
                "\\# {} {}",
                octets.len(),
                HEXLOWER_PERMISSIVE.encode(&octets)
            )
        }
    }
}

/// Reads one record: `[name|@] [ttl] [IN] TYPE data`. Relative names end in `origin`.
///
/// # Errors
/// The first field that is wrong.
pub fn parse_record(text: &str, origin: &Name, default_ttl_secs: u32) -> Result<Record, TextError> {
    let tokens = tokens(text)?;
    let mut fields = Fields {
        tokens: tokens.into_iter(),
        origin,
    };
    let owner = fields.name("owner name")?;
    let mut ttl_secs = default_ttl_secs;
    let kind = loop {
        let field = fields.next("type")?;
        if let Ok(secs) = field.parse() {
            ttl_secs = secs;
        } else if !field.eq_ignore_ascii_case("IN") {
            break parse_type(&field).ok_or(TextError::Type(field))?;
        }
    };
    let data = parse_data(kind, &mut fields)?;
    Ok(Record::from_rdata(owner, ttl_secs, data))
}

/// A name; relative ones end in `origin`, `@` is `origin`.
///
/// # Errors
/// When it is not a domain name.
pub fn parse_name(text: &str, origin: &Name) -> Result<Name, TextError> {
    let wrong = || TextError::Name(text.to_owned());
    if text == "@" {
        return Ok(origin.clone());
    }
    if text == "." {
        return Ok(Name::root());
    }
    let mut labels = Vec::with_capacity(text.len());
    let mut ends = Vec::with_capacity(LABELS);
    let mut octets = text.bytes();
    while let Some(octet) = octets.next() {
        match octet {
            b'.' => ends.push(labels.len()),
            b'\\' => labels.push(unescape(&mut octets).ok_or_else(wrong)?),
            _ => labels.push(octet),
        }
    }
    let is_absolute = ends.last().is_some_and(|end| *end == labels.len());
    if !is_absolute {
        ends.push(labels.len());
    }
    let starts = std::iter::once(0).chain(ends.iter().copied());
    let own = starts.zip(&ends).map(|(start, end)| &labels[start..*end]);
    if ends.is_empty() || own.clone().any(<[u8]>::is_empty) {
        return Err(wrong());
    }
    let rest = origin.iter().filter(|_| !is_absolute);
    let name = Name::from_labels(own.chain(rest)).map_err(|_| wrong())?;
    // hickory's decoder refuses a name of 255 octets, so none may get into a zone.
    if name.len() > NAME_LEN_MAX {
        return Err(wrong());
    }
    Ok(name)
}

const NAME_LEN_MAX: usize = 254;
/// As many as nearly all names have.
const LABELS: usize = 8;

/// A type by mnemonic or as `TYPEn`; `ANY` too.
pub fn parse_type(text: &str) -> Option<RecordType> {
    let upper = text.to_ascii_uppercase();
    if upper == "DHCID" {
        return Some(DHCID);
    }
    match upper.strip_prefix("TYPE") {
        Some(code) => code.parse::<u16>().ok().map(RecordType::from),
        None => upper.parse().ok(),
    }
}

fn parse_data(kind: RecordType, fields: &mut Fields<'_>) -> Result<RData, TextError> {
    if fields.skip("\\#") {
        let len: usize = fields.number("a length")?;
        let octets = fields.rest_decoded(&HEXLOWER_PERMISSIVE, "hexadecimal")?;
        if octets.len() != len {
            return Err(TextError::Octets);
        }
        return wire::read_rdata(kind, &octets).ok_or(TextError::Octets);
    }
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "whatever has no text of its own is written as octets"
    )]
    let data = match kind {
        RecordType::A => RData::A(A(fields.number("an IPv4 address")?)),
        RecordType::AAAA => RData::AAAA(AAAA(fields.number("an IPv6 address")?)),
        RecordType::NS => RData::NS(NS(fields.name("name server")?)),
        RecordType::PTR => RData::PTR(PTR(fields.name("target")?)),
        RecordType::CNAME => RData::CNAME(CNAME(fields.name("target")?)),
        RecordType::MX => {
            let preference = fields.number("a preference")?;
            RData::MX(MX::new(preference, fields.name("exchange")?))
        }
        RecordType::SRV => {
            let priority = fields.number("a priority")?;
            let weight = fields.number("a weight")?;
            let port = fields.number("a port")?;
            RData::SRV(SRV::new(priority, weight, port, fields.name("target")?))
        }
        RecordType::SOA => {
            let (mname, rname) = (fields.name("primary")?, fields.name("mailbox")?);
            let serial = fields.number("a serial")?;
            let mut secs = || fields.number::<u32>("a number of seconds");
            let timers = [secs()?, secs()?, secs()?].map(u32::cast_signed);
            let [refresh, retry, expire] = timers;
            let minimum = secs()?;
            RData::SOA(SOA::new(
                mname, rname, serial, refresh, retry, expire, minimum,
            ))
        }
        RecordType::TXT => fields.strings()?,
        DHCID => {
            let octets = fields.rest_decoded(&BASE64, "base64")?;
            RData::Unknown {
                code: DHCID,
                rdata: NULL::with(octets),
            }
        }
        other => return Err(TextError::OnlyGeneric(self::kind(other))),
    };
    match fields.tokens.next() {
        Some(token) => Err(TextError::TooMuch(token)),
        None => Ok(data),
    }
}

/// The tokens of one record, still escaped; quoted ones with their opening quote.
struct Fields<'a> {
    tokens: std::vec::IntoIter<String>,
    origin: &'a Name,
}

impl Fields<'_> {
    fn next(&mut self, what: &'static str) -> Result<String, TextError> {
        self.tokens.next().ok_or(TextError::Missing(what))
    }

    fn skip(&mut self, text: &str) -> bool {
        let found = self.tokens.as_slice().first().is_some_and(|t| t == text);
        if found {
            self.tokens.next();
        }
        found
    }

    fn name(&mut self, what: &'static str) -> Result<Name, TextError> {
        let text = self.next(what)?;
        parse_name(&text, self.origin)
    }

    fn number<T: std::str::FromStr>(&mut self, expected: &'static str) -> Result<T, TextError> {
        let text = self.next(expected)?;
        text.parse()
            .map_err(|_| TextError::Field { text, expected })
    }

    fn rest_decoded(
        &mut self,
        encoding: &data_encoding::Encoding,
        expected: &'static str,
    ) -> Result<Vec<u8>, TextError> {
        let text: String = self.tokens.by_ref().collect();
        encoding
            .decode(text.as_bytes())
            .map_err(|_| TextError::Field { text, expected })
    }

    fn strings(&mut self) -> Result<RData, TextError> {
        let mut strings = vec![string(&self.next("string")?)?];
        for token in self.tokens.by_ref() {
            strings.push(string(&token)?);
        }
        let strings = strings.iter().map(Vec::as_slice).collect();
        Ok(RData::TXT(TXT::from_bytes(strings)))
    }
}

fn string(token: &str) -> Result<Vec<u8>, TextError> {
    let wrong = || TextError::Field {
        text: token.to_owned(),
        expected: "a string of at most 255 octets",
    };
    let mut octets = token.strip_prefix('"').unwrap_or(token).bytes();
    let mut string = Vec::new();
    while let Some(octet) = octets.next() {
        string.push(match octet {
            b'\\' => unescape(&mut octets).ok_or_else(wrong)?,
            plain => plain,
        });
    }
    if string.len() > 255 {
        return Err(wrong());
    }
    Ok(string)
}

/// Splits at blanks outside quotes; a semicolon outside quotes begins a comment.
fn tokens(text: &str) -> Result<Vec<String>, TextError> {
    let mut tokens: Vec<String> = Vec::new();
    let (mut is_quoted, mut is_within) = (false, false);
    let mut chars = text.chars();
    while let Some(next) = chars.next() {
        let is_blank = next.is_ascii_whitespace() && !is_quoted;
        match next {
            ';' if !is_quoted => break,
            '"' if is_quoted => (is_quoted, is_within) = (false, false),
            '"' => {
                (is_quoted, is_within) = (true, true);
                tokens.push("\"".to_owned());
            }
            _ if is_blank => is_within = false,
            _ => {
                if !is_within {
                    tokens.push(String::new());
                    is_within = true;
                }
                let token = tokens.last_mut().ok_or(TextError::Quote)?;
                token.push(next);
                if next == '\\' {
                    token.extend(chars.next());
                }
            }
        }
    }
    if is_quoted {
        return Err(TextError::Quote);
    }
    Ok(tokens)
}

fn quoted(string: &[u8]) -> String {
    let mut text = String::from("\"");
    for octet in string {
        match octet {
            b' ' => text.push(' '),
            _ => escape(*octet, b"\\\"", &mut text),
        }
    }
    text.push('"');
    text
}

/// RFC 1035 §5.1: `\DDD` is decimal.
fn escape(octet: u8, special: &[u8], text: &mut String) {
    if special.contains(&octet) && octet != b' ' {
        text.push('\\');
        text.push(char::from(octet));
    } else if octet.is_ascii_graphic() {
        text.push(char::from(octet));
    } else {
        write!(text, "\\{octet:03}").expect("writing to a String does not fail");
    }
}

/// The octet that the escape sequence behind a backslash means.
fn unescape(octets: &mut std::str::Bytes<'_>) -> Option<u8> {
    let first = octets.next()?;
    if !first.is_ascii_digit() {
        return Some(first);
    }
    let digits = [first, octets.next()?, octets.next()?];
    str::from_utf8(&digits).ok()?.parse().ok()
}
