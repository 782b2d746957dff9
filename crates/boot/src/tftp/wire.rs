//! Octets ↔ packets.

use thiserror::Error;

/// A request to read a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The file as the client names it, not validated in any way but that it is text.
    pub file: String,
    pub mode: Mode,
    pub options: Options,
}

/// How the octets of the file are carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// As they are.
    Octet,
    /// As text whose lines end in CR LF (RFC 764).
    Netascii,
}

/// What a client proposes. Options that are unknown, repeated or out of range are not there:
/// leaving them out of the answer refuses them (RFC 2347).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// `blksize`: octets in a block, 8 to 65464 (RFC 2348).
    pub block_octets: Option<u16>,
    /// `timeout`: seconds before something is sent again, 1 to 255 (RFC 2349). More than
    /// [`TIMEOUT_SECS_MAX`] are out of range here: nobody waits so long on a LAN, and what waits takes
    /// room.
    pub timeout_secs: Option<u8>,
    /// `tsize`: the client wants to know how long the file is (RFC 2349).
    pub size: bool,
    /// `windowsize`: blocks sent before an acknowledgement is waited for (RFC 7440).
    pub window_blocks: Option<u16>,
}

/// Why a datagram at the server's port starts no transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Malformed {
    #[error("longer than {REQUEST_OCTETS_MAX} octets")]
    TooLong,
    #[error("no request")]
    NotARequest,
    #[error("it wants to write")]
    Write,
    #[error("its texts do not end")]
    Truncated,
    #[error("its texts are not UTF-8")]
    NotText,
    #[error("its mode is neither octet nor netascii")]
    Mode,
}

impl Malformed {
    /// The reply to the client, if it asked for anything.
    pub fn answer(self) -> Option<Vec<u8>> {
        match self {
            Self::NotARequest => None,
            Self::Write => Some(error(
                ErrorCode::AccessViolation,
                "this server is read-only",
            )),
            Self::TooLong | Self::Truncated | Self::NotText | Self::Mode => {
                Some(error(ErrorCode::IllegalOperation, &self.to_string()))
            }
        }
    }
}

impl Request {
    /// Reads a datagram that came to [`PORT`](super::PORT).
    ///
    /// # Errors
    /// When it is not a request to read; [`Malformed::answer`] is what to say then.
    pub fn parse(packet: &[u8]) -> Result<Self, Malformed> {
        let (opcode, rest) = packet.split_first_chunk().ok_or(Malformed::NotARequest)?;
        match u16::from_be_bytes(*opcode) {
            READ => {}
            WRITE => return Err(Malformed::Write),
            _ => return Err(Malformed::NotARequest),
        }
        if packet.len() > REQUEST_OCTETS_MAX {
            return Err(Malformed::TooLong);
        }
        let rest = rest.strip_suffix(&[0]).ok_or(Malformed::Truncated)?;
        let rest = std::str::from_utf8(rest).map_err(|_| Malformed::NotText)?;
        let mut texts = rest.split('\0');
        let file = texts.next().filter(|file| !file.is_empty());
        let mode = texts.next().ok_or(Malformed::Truncated)?;
        let mode = match mode.to_ascii_lowercase().as_str() {
            "octet" => Mode::Octet,
            "netascii" => Mode::Netascii,
            _ => return Err(Malformed::Mode),
        };
        let mut options = Options::default();
        while let (Some(name), Some(value)) = (texts.next(), texts.next()) {
            options.propose(&name.to_ascii_lowercase(), value);
        }
        Ok(Self {
            file: file.ok_or(Malformed::Truncated)?.to_owned(),
            mode,
            options,
        })
    }
}

impl Options {
    fn propose(&mut self, name: &str, value: &str) {
        let Ok(number) = value.parse::<u64>() else {
            return;
        };
        match name {
            "blksize" => {
                let valid = u16::try_from(number).ok();
                let valid = valid.filter(|octets| BLOCK_OCTETS_VALID.contains(octets));
                self.block_octets = self.block_octets.or(valid);
            }
            "timeout" => {
                let valid = u8::try_from(number).ok();
                let valid = valid.filter(|secs| (1..=TIMEOUT_SECS_MAX).contains(secs));
                self.timeout_secs = self.timeout_secs.or(valid);
            }
            "windowsize" => {
                let valid = u16::try_from(number).ok().filter(|blocks| *blocks > 0);
                self.window_blocks = self.window_blocks.or(valid);
            }
            // A reader sends 0; some firmware sends what it hopes for.
            "tsize" => self.size = true,
            _ => {}
        }
    }
}

/// What a client says in the course of a transfer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    Ack(u16),
    Error { code: u16, message: String },
}

impl Reply {
    pub(super) fn parse(packet: &[u8]) -> Option<Self> {
        let (head, rest) = packet.split_first_chunk::<4>()?;
        let [a, b, c, d] = *head;
        let number = u16::from_be_bytes([c, d]);
        match u16::from_be_bytes([a, b]) {
            ACK => Some(Self::Ack(number)),
            ERROR => {
                let text = rest.split(|octet| *octet == 0).next().unwrap_or_default();
                let text = &text[..text.len().min(ERROR_OCTETS_MAX)];
                Some(Self::Error {
                    code: number,
                    message: String::from_utf8_lossy(text).into_owned(),
                })
            }
            _ => None,
        }
    }
}

/// Why there is no file, or no more of it (RFC 1350 appendix, RFC 2347).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorCode {
    NotDefined = 0,
    FileNotFound = 1,
    AccessViolation = 2,
    IllegalOperation = 4,
    UnknownTransfer = 5,
}

/// An ERROR packet.
pub fn error(code: ErrorCode, message: &str) -> Vec<u8> {
    let mut packet = head(ERROR, code as u16);
    packet.extend(message.bytes().filter(|octet| *octet != 0));
    packet.push(0);
    packet
}

/// A DATA packet with block `number`, counted from 1 and written modulo 2¹⁶.
pub(super) fn data(number: u64, block: &[u8]) -> Vec<u8> {
    let mut packet = head(DATA, number as u16);
    packet.extend(block);
    packet
}

/// An OACK packet: the options that hold.
pub(super) fn oack(options: &[(&str, u64)]) -> Vec<u8> {
    let mut packet = OACK.to_be_bytes().to_vec();
    for (name, value) in options {
        packet.extend(name.bytes());
        packet.push(0);
        packet.extend(value.to_string().bytes());
        packet.push(0);
    }
    packet
}

fn head(opcode: u16, number: u16) -> Vec<u8> {
    let [a, b] = opcode.to_be_bytes();
    let [c, d] = number.to_be_bytes();
    vec![a, b, c, d]
}

const READ: u16 = 1;
const WRITE: u16 = 2;
const DATA: u16 = 3;
const ACK: u16 = 4;
const ERROR: u16 = 5;
const OACK: u16 = 6;
/// RFC 2347: "the maximum size of a request packet is 512 octets".
const REQUEST_OCTETS_MAX: usize = 512;
/// RFC 2348.
const BLOCK_OCTETS_VALID: std::ops::RangeInclusive<u16> = 8..=65_464;
/// The longest time before something is sent again that is accepted.
pub const TIMEOUT_SECS_MAX: u8 = 10;
/// As much of a client's words as anybody reads.
const ERROR_OCTETS_MAX: usize = 128;
