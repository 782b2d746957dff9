//! Which configured class, and which kind of firmware, a message comes from.

use super::lease::ClientKey;
use super::validate::{Boot, Class, ServerConfig};
use crate::wire::{Message, code};

/// The class of the client that sent `message`: its reservation's, else the first that matches.
pub(super) fn class_of<'c>(
    config: &'c ServerConfig,
    key: &ClientKey,
    message: &Message<'_>,
) -> Option<&'c Class> {
    let host = config.host(key, message.chaddr).map(|(_, host)| host);
    match host.and_then(|host| host.class.as_deref()) {
        Some(name) => config.class(name),
        None => config.classes.iter().find(|class| class.matches(message)),
    }
}

impl Class {
    fn matches(&self, message: &Message<'_>) -> bool {
        message.chaddr.0.starts_with(&self.mac_prefix)
            && says_vendor(message, self.vendor_class.as_deref())
            && says_user(message, self.user_class.as_deref())
    }
}

impl Boot {
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

/// Option 60 begins so, if anything is wanted of it.
fn says_vendor(message: &Message<'_>, prefix: Option<&str>) -> bool {
    prefix.is_none_or(|prefix| {
        let value = message.options.bytes(code::VENDOR_CLASS);
        value.is_some_and(|value| value.starts_with(prefix.as_bytes()))
    })
}

/// Option 77, or an item of it, begins so, if anything is wanted of it.
fn says_user(message: &Message<'_>, prefix: Option<&str>) -> bool {
    prefix.is_none_or(|prefix| {
        let value = message.options.bytes(code::USER_CLASS);
        value.is_some_and(|value| user_class_begins(value, prefix.as_bytes()))
    })
}

/// Option 77 is a list of counted items (RFC 3004 §4), but many clients send plain text.
fn user_class_begins(value: &[u8], prefix: &[u8]) -> bool {
    let mut items = value;
    while let Some((len, rest)) = items.split_first() {
        let Some(item) = rest.get(..usize::from(*len)) else {
            break;
        };
        if item.starts_with(prefix) {
            return true;
        }
        items = &rest[item.len()..];
    }
    value.starts_with(prefix)
}
