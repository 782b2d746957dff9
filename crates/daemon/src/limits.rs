//! How many file descriptors there are, and how many strangers may hold of them.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Connections that one kind of listener accepts at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ConnectionLimits {
    /// Of all sources together.
    pub(crate) all: usize,
    /// Of one address.
    pub(crate) per_source: usize,
}

/// Raises the soft limit of descriptors to the hard one. systemd's soft default, 1,024, is for
/// programs that call select(2). Returns the limit that holds.
pub(crate) fn raise_descriptors() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let Rlimit { current, maximum } = limit;
    if current == maximum {
        return current.unwrap_or(u64::MAX);
    }
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => maximum.unwrap_or(u64::MAX),
        Err(error) => {
            tracing::warn!(%error, "the limit of file descriptors stays as it is");
            current.unwrap_or(u64::MAX)
        }
    }
}

impl ConnectionLimits {
    /// What listeners may accept when there are so many descriptors: all kinds together leave
    /// [`KEPT_BACK`] for the log, its compaction and the sockets of the servers themselves.
    pub(crate) fn new(descriptors: u64) -> Self {
        let for_strangers = descriptors.saturating_sub(KEPT_BACK) / KINDS;
        let all = usize::try_from(for_strangers).unwrap_or(usize::MAX);
        let all = all.clamp(1, CONNECTIONS_MAX);
        Self {
            all,
            per_source: PER_SOURCE_MAX.min(all.div_ceil(2)),
        }
    }
}

/// For the log and its compaction, the listeners, the runtime and the sockets that replies leave by.
const KEPT_BACK: u64 = 192;
/// Connections to DNS, connections for seeds and boot files, transfers by TFTP; and a file that is
/// being sent on each of the latter two.
const KINDS: u64 = 5;
const CONNECTIONS_MAX: usize = 256;
const PER_SOURCE_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_never_hold_all_descriptors() {
        for descriptors in [256, 1_024, 4_096, 1 << 20, u64::MAX] {
            let limits = ConnectionLimits::new(descriptors);
            assert!(
                limits.all as u64 * KINDS + KEPT_BACK <= descriptors,
                "{descriptors}"
            );
            assert!(limits.per_source <= limits.all);
        }
        let usual = ConnectionLimits::new(524_288);
        assert_eq!((usual.all, usual.per_source), (256, 16));
    }

    #[test]
    fn the_soft_limit_becomes_the_hard_one() {
        let raised = raise_descriptors();
        let limit = getrlimit(Resource::Nofile);
        assert_eq!(limit.current, limit.maximum);
        assert_eq!(limit.current.unwrap_or(u64::MAX), raised);
    }
}
