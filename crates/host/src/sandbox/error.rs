//! Why there is no sandbox, and what to do about it.

use std::{fs, io};

/// The namespaces cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SandboxError {
    /// A bug: namespaces must be entered before the first thread is started.
    #[error("a sandbox can only be entered by a process with one thread")]
    Threads,
    /// The process that was setting up the namespaces ended without a word.
    #[error("the process that was setting up the namespaces was killed")]
    Vanished,
    /// The kernel refused.
    #[error("{stage}: {}", io::Error::from_raw_os_error(*errno))]
    Refused {
        stage: Stage,
        errno: i32,
        /// What to do about it, as far as it is known.
        remedy: Option<&'static str>,
    },
}

/// What was being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stage {
    #[error("cannot start a process for the sandbox")]
    Fork,
    #[error("cannot create namespaces")]
    Unshare,
    #[error("cannot map users into the new user namespace")]
    MapUsers,
    #[error("cannot mount /proc in the new namespaces")]
    Mount,
    #[error("cannot prepare the new network namespace")]
    Prepare,
}

impl SandboxError {
    pub(super) fn at(stage: Stage, error: &io::Error) -> Self {
        let errno = error.raw_os_error().unwrap_or(libc::EIO);
        let remedy = remedy(stage, errno, &HostSettings::read());
        Self::Refused {
            stage,
            errno,
            remedy,
        }
    }

    /// Reads what [`to_line`] wrote.
    pub(super) fn from_line(line: &str) -> Self {
        let parse = || {
            let (stage, errno) = line.split_once(' ')?;
            let stage = STAGES.into_iter().find(|s| format!("{s:?}") == stage)?;
            Some((stage, io::Error::from_raw_os_error(errno.parse().ok()?)))
        };
        parse().map_or(Self::Vanished, |(stage, error)| Self::at(stage, &error))
    }

    /// What to do about it, in a sentence with the command or setting.
    pub fn remedy(&self) -> Option<&'static str> {
        match self {
            Self::Refused { remedy, .. } => *remedy,
            Self::Threads | Self::Vanished => None,
        }
    }
}

/// One failure as a line for the process outside.
pub(super) fn to_line(stage: Stage, error: &io::Error) -> String {
    format!("{stage:?} {}", error.raw_os_error().unwrap_or(libc::EIO))
}

/// The host's settings that forbid user namespaces; `None` where the kernel has no such one.
#[derive(Debug, Default)]
struct HostSettings {
    max_user_namespaces: Option<u64>,
    unprivileged_userns_clone: Option<u64>,
    apparmor_restrict: Option<u64>,
}

impl HostSettings {
    fn read() -> Self {
        let sysctl = |path: &str| {
            let text = fs::read_to_string(format!("/proc/sys/{path}")).ok()?;
            text.trim().parse().ok()
        };
        Self {
            max_user_namespaces: sysctl("user/max_user_namespaces"),
            unprivileged_userns_clone: sysctl("kernel/unprivileged_userns_clone"),
            apparmor_restrict: sysctl("kernel/apparmor_restrict_unprivileged_userns"),
        }
    }
}

fn remedy(stage: Stage, errno: i32, host: &HostSettings) -> Option<&'static str> {
    match (stage, errno) {
        (Stage::Unshare, libc::ENOSPC | libc::EPERM) if host.max_user_namespaces == Some(0) => {
            Some(
                "user namespaces are switched off: as root, sysctl -w user.max_user_namespaces=15000",
            )
        }
        (Stage::Unshare, libc::ENOSPC) => Some(
            "the limit of namespaces is reached, or they are nested too deeply: as root, raise \
             user.max_user_namespaces, user.max_net_namespaces and their like with sysctl -w",
        ),
        (Stage::Unshare, libc::EPERM) if host.unprivileged_userns_clone == Some(0) => Some(
            "unprivileged user namespaces are switched off: as root, \
             sysctl -w kernel.unprivileged_userns_clone=1",
        ),
        // AppArmor may let the namespace be created, and then deny it every privilege.
        (
            Stage::Unshare | Stage::MapUsers | Stage::Mount | Stage::Prepare,
            libc::EPERM | libc::EACCES,
        ) if host.apparmor_restrict == Some(1) => Some(
            "AppArmor restricts user namespaces: as root, \
                 sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, or give this program \
                 an AppArmor profile with the rule \"userns,\"",
        ),
        (Stage::Unshare, libc::EPERM) => Some(
            "user namespaces are forbidden here. In a container, allow them: run it with \
             --privileged, or with --security-opt seccomp=unconfined --security-opt \
             systempaths=unconfined",
        ),
        (Stage::Unshare, libc::EINVAL | libc::ENOSYS) => {
            Some("this kernel has no user namespaces: it needs CONFIG_USER_NS=y")
        }
        (Stage::Mount, libc::EPERM) => Some(
            "a container hides parts of /proc, and the kernel therefore allows no new one: run it \
             with --security-opt systempaths=unconfined, or with --privileged",
        ),
        _ => None,
    }
}

const STAGES: [Stage; 5] = [
    Stage::Fork,
    Stage::Unshare,
    Stage::MapUsers,
    Stage::Mount,
    Stage::Prepare,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_crosses_the_line_to_the_outer_process() {
        for stage in STAGES {
            let line = to_line(stage, &io::Error::from_raw_os_error(libc::EPERM));
            let SandboxError::Refused {
                stage: read, errno, ..
            } = SandboxError::from_line(&line)
            else {
                panic!("{line}")
            };
            assert_eq!((read, errno), (stage, libc::EPERM));
        }
        assert_eq!(SandboxError::from_line("nonsense"), SandboxError::Vanished);
    }

    #[test]
    fn each_setting_that_forbids_namespaces_is_named() {
        let named = |stage, errno, host: HostSettings, word: &str| {
            let remedy = remedy(stage, errno, &host).unwrap_or_default();
            assert!(remedy.contains(word), "{stage:?} {errno}: {remedy}");
        };
        let off = HostSettings {
            max_user_namespaces: Some(0),
            ..HostSettings::default()
        };
        named(
            Stage::Unshare,
            libc::ENOSPC,
            off,
            "user.max_user_namespaces=",
        );
        let debian = HostSettings {
            unprivileged_userns_clone: Some(0),
            ..HostSettings::default()
        };
        named(
            Stage::Unshare,
            libc::EPERM,
            debian,
            "unprivileged_userns_clone=1",
        );
        let ubuntu = || HostSettings {
            apparmor_restrict: Some(1),
            ..HostSettings::default()
        };
        named(
            Stage::Mount,
            libc::EACCES,
            ubuntu(),
            "apparmor_restrict_unprivileged_userns=0",
        );
        named(Stage::MapUsers, libc::EPERM, ubuntu(), "apparmor");
        named(
            Stage::Unshare,
            libc::EPERM,
            HostSettings::default(),
            "seccomp=unconfined",
        );
        named(
            Stage::Mount,
            libc::EPERM,
            HostSettings::default(),
            "systempaths",
        );
        assert_eq!(
            remedy(Stage::Fork, libc::EAGAIN, &HostSettings::default()),
            None
        );
    }
}
