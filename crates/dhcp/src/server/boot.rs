//! Boot files for firmware.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use super::config::RawBoot;
use super::identity::{says_user, says_vendor};
use super::validate::{ConfigError, ExtraOption, ServerConfig, boot_file, options};
use crate::name::Template;
use crate::wire::{Message, code};

/// A [`RawBoot`] that holds together.
#[derive(Clone, Debug)]
pub(super) struct Boot {
    architectures: Vec<u16>,
    vendor_class: Option<String>,
    user_class: Option<String>,
    pub(super) boot_file: Template,
    pub(super) next_server: Option<Ipv4Addr>,
    pub(super) options: BTreeMap<u8, ExtraOption>,
}

impl Boot {
    pub(super) fn new(raw: RawBoot) -> Result<Self, ConfigError> {
        Ok(Self {
            architectures: raw.architectures,
            vendor_class: raw.vendor_class,
            user_class: raw.user_class,
            boot_file: boot_file(raw.boot_file)?,
            next_server: raw.next_server,
            options: options(raw.options)?,
        })
    }

    fn matches(&self, message: &Message<'_>) -> bool {
        let architecture = || {
            // A list of 16-bit numbers; most firmware lists one (RFC 4578 §2.1).
            let value = message.options.bytes(code::ARCHITECTURE);
            let (pairs, _) = value.unwrap_or_default().as_chunks::<2>();
            pairs
                .iter()
                .any(|pair| self.architectures.contains(&u16::from_be_bytes(*pair)))
        };
        (self.architectures.is_empty() || architecture())
            && says_vendor(message, self.vendor_class.as_deref())
            && says_user(message, self.user_class.as_deref())
    }
}

impl ServerConfig {
    /// What the firmware that sent `message` boots, if it is firmware of a known kind.
    pub(super) fn boot_of(&self, message: &Message<'_>) -> Option<&Boot> {
        self.boot.iter().find(|boot| boot.matches(message))
    }
}
