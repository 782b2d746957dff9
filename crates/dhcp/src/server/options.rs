//! Options and boot files as configured.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use super::config::RawOption;
use super::error::ConfigError;
use super::lease::octets;
use crate::name::Template;
use crate::wire::code;

/// Options that the protocol itself decides.
const CODES_RESERVED: [u8; 14] = [
    code::PAD,
    code::SUBNET_MASK,
    code::HOSTNAME,
    code::REQUESTED_ADDR,
    code::LEASE_SECS,
    code::OVERLOAD,
    code::MESSAGE_TYPE,
    code::SERVER_ID,
    code::PARAMETERS,
    code::T1_SECS,
    code::T2_SECS,
    code::CLIENT_ID,
    code::FQDN,
    code::RELAY_AGENT,
];
/// The `file` field keeps one octet for its NUL.
const BOOT_FILE_LEN_MAX: usize = 127;

/// A configured option's value.
#[derive(Clone, Debug)]
pub(super) struct ExtraOption {
    pub(super) value: Vec<u8>,
    pub(super) always: bool,
}

pub(super) fn boot_file(text: String) -> Result<Template, ConfigError> {
    Template::parse(&text)
        .filter(|template| template.len_max() <= BOOT_FILE_LEN_MAX)
        .ok_or(ConfigError::BootFile(text))
}

pub(super) fn options(raw: Vec<RawOption>) -> Result<BTreeMap<u8, ExtraOption>, ConfigError> {
    let mut options = BTreeMap::new();
    for raw in raw {
        let (code, option) = option(raw)?;
        if CODES_RESERVED.contains(&code)
            || code == code::END
            || options.insert(code, option).is_some()
        {
            return Err(ConfigError::OptionCode(code));
        }
    }
    Ok(options)
}

fn option(raw: RawOption) -> Result<(u8, ExtraOption), ConfigError> {
    let code = raw.code;
    let value = match (raw.text, raw.hex, raw.addrs) {
        (Some(text), None, None) => Some(text.into_bytes()),
        (None, Some(hex), None) => octets(&hex),
        (None, None, Some(addrs)) => Some(addrs.iter().flat_map(Ipv4Addr::octets).collect()),
        _ => None,
    };
    let value = value.ok_or(ConfigError::OptionValue(code))?;
    let always = raw.always;
    Ok((code, ExtraOption { value, always }))
}
