//! The cohort gate: which members of a service may be announced, and when.
//!
//! etcd reads its SRV set once, at first boot. A set that grows while machines boot splits the
//! cluster for good, so the set is held back until it is whole, goes out in one UPDATE, and is
//! never touched again.

use std::collections::BTreeMap;

use crate::config::Service;

/// One service's members, as far as they are announced.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cohort {
    /// By change. A gated service has one at most.
    pub(crate) announcements: BTreeMap<u64, Announcement>,
    /// What was last said about the gate.
    have_reported: usize,
}

#[derive(Clone, Debug)]
pub(crate) struct Announcement {
    pub(crate) members: Vec<String>,
    pub(crate) status: SetStatus,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SetStatus {
    Underway,
    /// In the zone for good.
    Frozen,
    Conflict,
}

/// What is to be done about a service whose members changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    Nothing,
    /// There are this many now.
    Wait(usize),
    /// Announce these.
    Announce(Vec<String>),
}

impl Cohort {
    pub(crate) fn has_announced(&self, hostname: &str) -> bool {
        self.announced().any(|member| member == hostname)
    }

    /// True when no further member will be announced.
    pub(crate) fn is_closed(&self, service: &Service) -> bool {
        if service.gate {
            !self.announcements.is_empty()
        } else {
            self.announced().count() >= service.members
        }
    }

    /// `ready` are the distinct hostnames of the class whose names are in the zones, those that
    /// have been there longest first.
    pub(crate) fn decide(&mut self, service: &Service, ready: &[String]) -> Decision {
        if self.is_closed(service) {
            return Decision::Nothing;
        }
        if !service.gate {
            let room = service.members - self.announced().count();
            let fresh = ready
                .iter()
                .filter(|hostname| !self.has_announced(hostname));
            let fresh: Vec<String> = fresh.take(room).cloned().collect();
            return if fresh.is_empty() {
                Decision::Nothing
            } else {
                Decision::Announce(fresh)
            };
        }
        if ready.len() >= service.members {
            let mut members = ready[..service.members].to_vec();
            members.sort_unstable();
            return Decision::Announce(members);
        }
        if ready.len() == self.have_reported {
            return Decision::Nothing;
        }
        self.have_reported = ready.len();
        Decision::Wait(ready.len())
    }

    fn announced(&self) -> impl Iterator<Item = &String> {
        let members = self.announcements.values().map(|one| &one.members);
        members.flatten()
    }
}
