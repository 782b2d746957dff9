//! What must hold before a single field is used.
//!
//! Strict where state depends on it (the type, addresses, times, the client identifier);
//! lenient for what only decorates a lease: a broken option 12 or 81 costs the client its
//! hostname hint, not its address.

use std::fmt;

use super::options::{Options, code};
use super::{HEADER_LEN, HTYPE_ETHERNET, MAGIC_COOKIE, MessageType, Op};

/// The longest client identifier a lease is kept under.
const CLIENT_ID_LEN_MAX: usize = 255;

/// The first rule that a packet broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Malformed {
    TooShort,
    Op,
    HardwareType,
    MagicCookie,
    OptionPastEnd,
    NoEnd,
    Overload,
    NoMessageType,
    MessageType,
    OptionLength,
    ClientId,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooShort => "shorter than the header and its magic cookie",
            Self::Op => "op is neither request nor reply",
            Self::HardwareType => "not Ethernet with a six-octet address",
            Self::MagicCookie => "no DHCP magic cookie",
            Self::OptionPastEnd => "an option runs past the end",
            Self::NoEnd => "the options do not end",
            Self::Overload => "option 52 is not 1, 2 or 3, or not in the options field",
            Self::NoMessageType => "no message type (plain BOOTP)",
            Self::MessageType => "unknown message type",
            Self::OptionLength => "an option of fixed length has another one",
            Self::ClientId => "a client identifier of less than 2 or more than 255 octets",
        })
    }
}

/// The parts of a packet that carry options; each has been walked to its END.
pub(super) struct Areas<'a> {
    options: &'a [u8],
    pub(super) file: Option<&'a [u8]>,
    pub(super) sname: Option<&'a [u8]>,
}

impl<'a> Areas<'a> {
    /// In the order in which split options join (RFC 3396 §5).
    pub(super) fn iter(&self) -> impl Iterator<Item = &'a [u8]> {
        [Some(self.options), self.file, self.sname]
            .into_iter()
            .flatten()
    }
}

/// Checks the header and the shape of all options.
pub(super) fn areas(bytes: &[u8]) -> Result<Areas<'_>, Malformed> {
    if bytes.len() < HEADER_LEN {
        return Err(Malformed::TooShort);
    }
    op(bytes)?;
    let (htype, hlen) = (bytes[1], bytes[2]);
    // dhcproto's `chaddr` panics when hlen is more than the field holds.
    if htype != HTYPE_ETHERNET || hlen != 6 {
        return Err(Malformed::HardwareType);
    }
    if bytes[236..HEADER_LEN] != MAGIC_COOKIE {
        return Err(Malformed::MagicCookie);
    }
    let mut overload = 0;
    let options = walk(&bytes[HEADER_LEN..], |code, value| {
        if code != code::OVERLOAD {
            return Ok(());
        }
        match (overload, value) {
            (0, [fields @ 1..=3]) => {
                overload = *fields;
                Ok(())
            }
            _ => Err(Malformed::Overload),
        }
    })?;
    // An overloaded field cannot overload again.
    let field = |bit: u8, range: std::ops::Range<usize>| {
        let refuse = |code, _: &[u8]| match code {
            code::OVERLOAD => Err(Malformed::Overload),
            _ => Ok(()),
        };
        (overload & bit != 0)
            .then(|| walk(&bytes[range], refuse))
            .transpose()
    };
    Ok(Areas {
        options,
        file: field(1, 108..236)?,
        sname: field(2, 44..108)?,
    })
}

pub(super) fn op(bytes: &[u8]) -> Result<Op, Malformed> {
    match bytes.first() {
        Some(1) => Ok(Op::Request),
        Some(2) => Ok(Op::Reply),
        _ => Err(Malformed::Op),
    }
}

/// Removes option 53, and 52 which has done its work, from `options`.
pub(super) fn kind(options: &mut Options<'_>) -> Result<MessageType, Malformed> {
    options.remove(code::OVERLOAD);
    let value = options
        .remove(code::MESSAGE_TYPE)
        .ok_or(Malformed::NoMessageType)?;
    match *value {
        [number] => MessageType::from_number(number).ok_or(Malformed::MessageType),
        _ => Err(Malformed::OptionLength),
    }
}

/// Checks the lengths of the options that the engines' state depends on.
pub(super) fn fixed_lengths(options: &Options<'_>) -> Result<(), Malformed> {
    for (code, value) in options.iter() {
        let len = value.len();
        let right = match code {
            code::SUBNET_MASK
            | code::REQUESTED_ADDR
            | code::LEASE_SECS
            | code::SERVER_ID
            | code::T1_SECS
            | code::T2_SECS => len == 4,
            code::ROUTERS | code::DNS_SERVERS => len > 0 && len.is_multiple_of(4),
            code::MESSAGE_LEN_MAX => len == 2,
            code::CLIENT_ID if !(2..=CLIENT_ID_LEN_MAX).contains(&len) => {
                return Err(Malformed::ClientId);
            }
            _ => true,
        };
        if !right {
            return Err(Malformed::OptionLength);
        }
    }
    Ok(())
}

/// Visits each option of `area`; answers `area` up to and including END.
fn walk(
    area: &[u8],
    mut visit: impl FnMut(u8, &[u8]) -> Result<(), Malformed>,
) -> Result<&[u8], Malformed> {
    let mut at = 0;
    loop {
        match area.get(at) {
            None => return Err(Malformed::NoEnd),
            Some(&code::END) => return Ok(&area[..=at]),
            Some(&code::PAD) => at += 1,
            Some(&code) => {
                let len = *area.get(at + 1).ok_or(Malformed::OptionPastEnd)?;
                let start = at + 2;
                let end = start + usize::from(len);
                visit(code, area.get(start..end).ok_or(Malformed::OptionPastEnd)?)?;
                at = end;
            }
        }
    }
}
