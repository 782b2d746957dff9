//! What the process may do: no more than it needs, and less once its sockets are open.
//!
//! ```text
//!   before the first thread        capabilities to open sockets (and to become somebody else);
//!                                  no new privileges, whatever is executed
//!   when all sockets are open      another user than root; no capability
//! ```
//!
//! Capabilities belong to threads, so the first step comes before there are more. The second step
//! changes the user of all threads at once (`setresuid(3)`), which takes their capabilities. As
//! somebody who is not root from the start, the other threads keep the right to open sockets.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt as _, lchown};
use std::path::{Path, PathBuf};

use nix::unistd::{Gid, Uid, setgroups, setresgid, setresuid};
use quorate_server::Config as Services;
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, remove_capability_from_bounding_set,
    set_capabilities, set_no_new_privs,
};

use crate::config::Config;

/// Who the process becomes when its sockets are open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct User {
    uid: u32,
    gid: u32,
}

/// Gives up what no server needs. Call it before the first thread starts: later threads inherit
/// what is left.
pub fn confine(config: &Config) {
    let dir = fs::metadata(&config.services.state_dir);
    let keeps = if user(&config.services).is_some() {
        TO_OPEN_SOCKETS | TO_BECOME_ANOTHER
    } else if Uid::effective().is_root() && dir.is_ok_and(|dir| dir.uid() != 0) {
        // Of a root that was somebody else before.
        TO_OPEN_SOCKETS | CapabilitySet::DAC_OVERRIDE
    } else {
        TO_OPEN_SOCKETS
    };
    if let Err(error) = set_no_new_privs(true).and_then(|()| reduce(keeps)) {
        tracing::warn!(%error, "capabilities that nothing needs are kept");
    }
}

fn reduce(keeps: CapabilitySet) -> rustix::io::Result<()> {
    let has = capabilities(None)?;
    for one in CapabilitySet::all().difference(keeps).iter() {
        // Without the right to do it there is none to gain either.
        let _ = remove_capability_from_bounding_set(one);
    }
    let reduced = CapabilitySets {
        effective: has.effective & keeps,
        permitted: has.permitted & keeps,
        inheritable: CapabilitySet::empty(),
    };
    set_capabilities(None, reduced)
}

/// All sockets are open: root becomes somebody else, and nobody keeps a capability.
pub(crate) fn give_up(services: &Services) {
    let given_up = match user(services) {
        Some(user) => become_user(user, &services.state_dir),
        // Only this thread's, see above; and what a root needs to come to its own files.
        None => reduce(CapabilitySet::DAC_OVERRIDE).map_err(Into::into),
    };
    if let Err(error) = given_up {
        tracing::warn!(%error, "privileges that nothing needs are kept");
    }
}

fn become_user(user: User, state_dir: &Path) -> io::Result<()> {
    own(state_dir, user)?;
    let (uid, gid) = (Uid::from_raw(user.uid), Gid::from_raw(user.gid));
    setgroups(&[])?;
    setresgid(gid, gid, gid)?;
    setresuid(uid, uid, uid)?;
    Ok(())
}

/// What is ours in the state directory belongs to `user` from now on.
fn own(dir: &Path, user: User) -> io::Result<()> {
    let give = |path: &Path| lchown(path, Some(user.uid), Some(user.gid));
    give(dir)?;
    let state = dir.join("state");
    for entry in fs::read_dir(&state)? {
        give(&entry?.path())?;
    }
    give(&state)?;
    let key = dir.join("ddns.key");
    if key.exists() { give(&key) } else { Ok(()) }
}

/// Who root becomes: the owner of the state directory, else the user `quorate`, else nobody. `None`
/// when this is not root, or a root without the right to it, or when that user could not reach what the servers read and write.
fn user(services: &Services) -> Option<User> {
    let can_change = capabilities(None).is_ok_and(|has| has.effective.contains(TO_BECOME_ANOTHER));
    if !Uid::effective().is_root() || !can_change {
        return None;
    }
    let owner = fs::metadata(&services.state_dir).ok();
    let owner = owner.map(|dir| User {
        uid: dir.uid(),
        gid: dir.gid(),
    });
    let user = owner
        .filter(|owner| owner.uid != 0)
        .or_else(|| named(&fs::read_to_string("/etc/passwd").ok()?))
        .unwrap_or(NOBODY);
    let uids = fs::read_to_string("/proc/self/uid_map").ok()?;
    let gids = fs::read_to_string("/proc/self/gid_map").ok()?;
    if !is_mapped(&uids, user.uid) || !is_mapped(&gids, user.gid) {
        // A root of a namespace that has no other users: it is somebody else outside already.
        return None;
    }
    let boot = services.boot().into_iter().flat_map(|boot| &boot.files);
    let state = services.state_dir.parent();
    let closed = boot
        .map(PathBuf::as_path)
        .chain(state)
        .find_map(|path| closed_to(user, path));
    if let Some(closed) = closed {
        tracing::warn!(
            dir = ?closed,
            uid = user.uid,
            "root is kept, without its capabilities: another user could not enter this directory"
        );
        return None;
    }
    Some(user)
}

/// The user `quorate` of passwd(5).
fn named(passwd: &str) -> Option<User> {
    let entry = passwd
        .lines()
        .find_map(|line| line.strip_prefix("quorate:"))?;
    let mut fields = entry.split(':').skip(1);
    let uid = fields.next()?.parse().ok()?;
    let gid = fields.next()?.parse().ok()?;
    (uid != 0).then_some(User { uid, gid })
}

/// Whether a map of user_namespaces(7) has this number.
fn is_mapped(map: &str, id: u32) -> bool {
    map.lines().any(|line| {
        let numbers: Vec<u64> = line.split_whitespace().flat_map(str::parse).collect();
        matches!(numbers[..], [first, _, count] if (first..first + count).contains(&id.into()))
    })
}

/// The first directory on the way to `path`, itself included, that the user may not enter.
fn closed_to(user: User, path: &Path) -> Option<PathBuf> {
    let path = std::path::absolute(path).ok()?;
    let mut way: Vec<_> = path.ancestors().collect();
    way.reverse();
    let is_closed = |dir: &Path| {
        let Ok(is) = fs::metadata(dir) else {
            // It is not there, for anybody.
            return false;
        };
        let enter = if is.uid() == user.uid {
            0o100
        } else if is.gid() == user.gid {
            0o010
        } else {
            0o001
        };
        is.is_dir() && is.mode() & enter == 0
    };
    let closed = way.into_iter().find(|dir| is_closed(dir))?;
    Some(closed.to_owned())
}

const TO_OPEN_SOCKETS: CapabilitySet =
    CapabilitySet::NET_BIND_SERVICE.union(CapabilitySet::NET_RAW);
/// With the state directory given to the other user; root reads files of others until then.
const TO_BECOME_ANOTHER: CapabilitySet = CapabilitySet::SETUID
    .union(CapabilitySet::SETGID)
    .union(CapabilitySet::CHOWN)
    .union(CapabilitySet::FOWNER)
    .union(CapabilitySet::DAC_OVERRIDE);
/// What Debian and NixOS call nobody and nogroup.
const NOBODY: User = User {
    uid: 65_534,
    gid: 65_534,
};

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_user_is_read_from_passwd() {
        let passwd = "root:x:0:0::/root:/bin/sh\nquorate:x:990:991::/:/bin/false\n";
        let user = named(passwd);
        assert_eq!(user, Some(User { uid: 990, gid: 991 }));
        assert_eq!(named("quorated:x:1:1::/:/bin/false\n"), None);
        assert_eq!(named("quorate:x:0:0::/:/bin/false\n"), None);
    }

    #[test]
    fn a_namespace_with_one_user_has_no_other() {
        assert!(!is_mapped("         0       1000          1\n", 65_534));
        assert!(is_mapped("         0          0 4294967295\n", 65_534));
        assert!(is_mapped("0 1000 1\n1 100000 65536\n", 65_534));
    }

    #[test]
    fn a_directory_that_only_root_may_enter_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let inner = dir.path().join("a/b");
        fs::create_dir_all(&inner).unwrap();
        let set =
            |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
        set(dir.path(), 0o755);
        set(&dir.path().join("a"), 0o711);
        set(&inner, 0o755);
        let other = User {
            uid: NOBODY.uid - 1,
            gid: NOBODY.gid - 1,
        };
        assert_eq!(closed_to(other, &inner), None);
        set(&dir.path().join("a"), 0o700);
        assert_eq!(closed_to(other, &inner), Some(dir.path().join("a")));
    }
}
