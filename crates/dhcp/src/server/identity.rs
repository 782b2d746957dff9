//! Who a client is to us: its ordinal in its class, its name.
//!
//! The name is the first of these that no other client holds: the reservation's; the class's
//! template; what the client asks for, if its class lets it; `ip-…`. When it is taken,
//! `-2` … `-9` follow, then `ip-…`, which only this address can have. A bounded number of
//! tries, so that a thousand clients called `localhost` cost no more than any thousand.

use quorate_core::MacAddr;

use super::database::LeaseDatabase;
use super::event::NameRefusal;
use super::lease::{ClientKey, Lease, NameUpdates};
use super::matching::class_of;
use super::validate::{Class, ServerConfig};
use crate::name::{self, Values};
use crate::wire::{Message, code};
use crate::{ClientFqdn, FqdnFlags};

/// Nothing in the DNS.
const NONE: NameUpdates = NameUpdates {
    forward: false,
    reverse: false,
};

/// The last suffix tried after a name that another client holds.
const SUFFIX_MAX: u32 = 9;

/// Gives `lease` its class, ordinal, name and DNS duties. Its old binding has been removed
/// from the database; it keeps what that had, if it still may. Why the client does not have the name
/// that it asked for, if it may ask for one.
pub(super) fn identify(
    lease: &mut Lease,
    config: &ServerConfig,
    database: &mut LeaseDatabase,
    message: &Message<'_>,
) -> Option<NameRefusal> {
    let class = class_of(config, &lease.client, message);
    let stays = class.map(|class| &class.name) == lease.class.as_ref();
    lease.index = class.and_then(|class| match lease.index {
        Some(index) if stays && database.ordinal_is_free(&class.name, index) => Some(index),
        Some(_) | None => database.ordinal(&class.name),
    });
    lease.class = class.map(|class| class.name.clone());
    let fqdn = message
        .options
        .bytes(code::FQDN)
        .and_then(ClientFqdn::decode);
    lease.fqdn = fqdn.as_ref().map(|fqdn| fqdn.flags);
    let is_known = !lease.hostname.is_empty();
    lease.updates = match config.boot_of(message) {
        // Firmware wants to boot, and may never start a system. A machine without a name gets it
        // when its system asks; one that has a name only boots again.
        Some(_) if is_known => lease.updates,
        Some(_) => NONE,
        None => updates(config, lease.fqdn),
    };
    let hint = fqdn
        .map(|fqdn| fqdn.name)
        .filter(|name| !name.is_empty())
        .or_else(|| message.options.text(code::HOSTNAME).map(str::to_owned));
    let (base, refusal) = match base_name(config, class, lease, hint.as_deref()) {
        Ok(base) => (base, None),
        Err(refusal) => (None, Some(refusal)),
    };
    lease.hostname = vacant_name(config, database, lease, base.clone());
    let is_asked = hint.is_some() && class.is_some_and(|class| class.client_hostname);
    let base = base.filter(|base| is_asked && *base != lease.hostname);
    refusal.or_else(|| base.map(|wanted| NameRefusal::Taken { wanted }))
}

/// Which records the server keeps (RFC 4702 §4).
fn updates(config: &ServerConfig, fqdn: Option<FqdnFlags>) -> NameUpdates {
    let all = NameUpdates {
        forward: true,
        reverse: true,
    };
    match fqdn {
        Some(flags) if !config.override_client_updates => NameUpdates {
            forward: flags.server_updates && !flags.no_updates,
            reverse: !flags.no_updates,
        },
        Some(_) | None => all,
    }
}

fn base_name(
    config: &ServerConfig,
    class: Option<&Class>,
    lease: &Lease,
    hint: Option<&str>,
) -> Result<Option<String>, NameRefusal> {
    let host = config.host(&lease.client, lease.mac).map(|(_, host)| host);
    if let Some(name) = host.and_then(|host| host.hostname.clone()) {
        return Ok(Some(name));
    }
    let Some(class) = class else { return Ok(None) };
    if let Some(template) = &class.hostname {
        return Ok(Some(template.fill(Values {
            mac: lease.mac,
            addr: lease.addr,
            index: lease.index.unwrap_or(0),
        })));
    }
    let Some(hint) = hint.filter(|_| class.client_hostname) else {
        return Ok(None);
    };
    let wanted = hint.to_owned();
    // Only the first label: the domain is the subnet's to choose.
    let Some(hint) = hint.split('.').next().and_then(name::label) else {
        return Err(NameRefusal::NoLabel { wanted });
    };
    // A client must not squat a name that a reservation, a class or an address can have.
    let owned = |name: &str| {
        let templates = config
            .classes
            .iter()
            .filter_map(|class| class.hostname.as_ref());
        config.names.contains_key(name)
            || name.starts_with(name::ADDR_NAME_PREFIX)
            || templates.clone().any(|template| template.could_yield(name))
    };
    if owned(&hint) {
        return Err(NameRefusal::SetAside { wanted });
    }
    Ok(Some(hint))
}

fn vacant_name(
    config: &ServerConfig,
    database: &LeaseDatabase,
    lease: &Lease,
    base: Option<String>,
) -> String {
    let Some(base) = base else {
        return name::addr_name(lease.addr);
    };
    let suffixed = (2..=SUFFIX_MAX).map(|n| format!("{base}-{n}"));
    let candidates: Vec<String> = std::iter::once(base.clone())
        .chain(suffixed)
        .filter(|name| name::label(name).is_some())
        .filter(|name| may_have(config, &lease.client, lease.mac, name))
        .collect();
    let vacant = |name: &&String| database.named(name).is_none_or(|addr| addr == lease.addr);
    // A name once given stays, although a better one may have become vacant.
    let kept = candidates.iter().find(|name| **name == lease.hostname);
    let name = kept
        .filter(vacant)
        .or_else(|| candidates.iter().find(vacant));
    name.cloned().unwrap_or_else(|| name::addr_name(lease.addr))
}

/// True unless the name is set aside for another client.
fn may_have(config: &ServerConfig, client: &ClientKey, mac: MacAddr, name: &str) -> bool {
    match config.names.get(name) {
        None => true,
        Some(owner) => owner
            .as_ref()
            .is_some_and(|owner| *owner == *client || *owner == ClientKey::Mac(mac)),
    }
}
