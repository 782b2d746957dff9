//! One broken expectation, and the stable name of its kind.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::link::Link;

/// One broken expectation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// The kind of what is broken; programs compare this.
    #[serde(default)]
    pub id: FindingId,
    /// The link that is broken.
    pub link: Link,
    /// The machine at which it broke; `None` when it concerns all.
    pub machine: Option<String>,
    /// What was seen, in one sentence that starts in lower case.
    pub what: String,
    /// Why it happened, as far as the evidence shows.
    pub cause: String,
    /// What to do about it.
    pub fix: String,
    /// A host that is too slow for its own clocks can be the cause: something did not come, or not
    /// in time. False for what is wrong on any host, such as an address that is leased twice.
    #[serde(default)]
    pub may_be_late: bool,
    /// Other causes would show the same.
    #[serde(default)]
    pub unsure: bool,
    /// What else was found, and follows from this.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub consequences: Vec<Self>,
}

macro_rules! ids {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal,)+) => {
        /// The kind of a finding. The names are never changed, and none is used for something else.
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize,
            JsonSchema,
        )]
        pub enum FindingId {
            $($(#[doc = $doc])+ #[serde(rename = $text)] $name,)+
            /// None of these: a later version has written it.
            #[default]
            #[serde(rename = "other")]
            Other,
        }

        impl FindingId {
            /// Every kind that this version finds.
            pub const ALL: &[Self] = &[$(Self::$name),+];
        }

        impl fmt::Display for FindingId {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(match self {
                    $(Self::$name => $text,)+
                    Self::Other => "other",
                })
            }
        }
    };
}

ids! {
    /// DHCP, DNS and seeds do not answer.
    ServersSilent = "servers-silent",
    /// The gate waits for a machine that will not come.
    GateWaits = "gate-waits",
    /// Fewer members than a quorum are there.
    QuorumLost = "quorum-lost",
    /// A machine did not come through its installation.
    NotInstalled = "not-installed",
    /// An installed machine booted from the network again.
    InstalledAgain = "installed-again",
    /// A machine's clock is not the one that it was given.
    WrongClock = "wrong-clock",
    /// A machine that is on never asked for an address.
    NeverAsked = "never-asked",
    /// A machine asked for an address and has none.
    NoLease = "no-lease",
    /// An address is leased twice.
    LeasedTwice = "leased-twice",
    /// A lease ended.
    LeaseLost = "lease-lost",
    /// A lease was not renewed as often as it should.
    NotRenewed = "not-renewed",
    /// A name does not lead to the leased address, or not back.
    WrongName = "wrong-name",
    /// A machine has a name and not its seed.
    NoSeed = "no-seed",
    /// An SRV record came before the address of its target.
    SrvBeforeAddress = "srv-before-address",
    /// The plain and the `-ssl` set of one cluster are both there.
    BothSrvSets = "both-srv-sets",
    /// The SRV set is not that of the cohort.
    WrongSrvSet = "wrong-srv-set",
    /// The directory at etcd's discovery service is not that of the cohort.
    WrongRegistry = "wrong-registry",
    /// etcd was not started.
    EtcdNotStarted = "etcd-not-started",
    /// etcd runs, and has not bootstrapped.
    EtcdSilent = "etcd-silent",
    /// etcd ends for a reason that has no name of its own.
    EtcdExits = "etcd-exits",
    /// etcd is killed by a signal.
    EtcdKilled = "etcd-killed",
    /// etcd does not find itself in the SRV records.
    SelfMissing = "self-missing",
    /// The DNS did not answer etcd.
    DnsFailed = "dns-failed",
    /// etcd 3.4 reads only the `-ssl` set.
    PlainSetOn34 = "plain-set-on-3.4",
    /// Certificates are missing or refused.
    Tls = "tls",
    /// The member's data is gone, and its cluster knows it.
    DataLost = "data-lost",
    /// The member was written down at the discovery service before.
    DiscoveryDuplicate = "discovery-duplicate",
    /// The disk is full.
    DiskFull = "disk-full",
    /// The disk cannot be written to.
    DiskReadOnly = "disk-read-only",
    /// The data directory is another user's.
    NoPermission = "no-permission",
    /// Another process has etcd's port.
    PortInUse = "port-in-use",
    /// What etcd has on its disk is damaged.
    DataDamaged = "data-damaged",
    /// The program cannot be executed.
    NotExecutable = "not-executable",
    /// A member saw only some of the records.
    PartOfSet = "part-of-set",
    /// Somebody who is no member is in the configuration.
    Phantom = "phantom-member",
    /// A cluster ID that no set of members explains.
    ForeignId = "foreign-cluster-id",
    /// A member is not the one that its peer URL makes it.
    WrongMemberId = "wrong-member-id",
    /// The cluster has another number of voters.
    WrongVoterCount = "wrong-voter-count",
    /// The list of voters is another one.
    WrongVoters = "wrong-voters",
    /// A member has the right ID and knows no leader.
    NoLeader = "no-leader",
    /// The cluster was without a quorum for too long.
    QuorumGap = "quorum-gap",
    /// A step that needs a leader was not done.
    StepUndone = "step-undone",
    /// A value written through one member was not read through another.
    WriteFailed = "write-failed",
    /// A value that was there is gone.
    ValueLost = "value-lost",
    /// Values were not written, or not looked for.
    NotProved = "not-proved",
    /// The cluster formed too late, or nobody knows why it did not.
    FormedLate = "formed-late",
    /// The world did not answer in time.
    WorldLate = "world-late",
    /// The run was interrupted.
    Interrupted = "interrupted",
}

impl Finding {
    /// What was seen at this link; cause and fix are still to be said.
    pub fn new(id: FindingId, link: Link, what: impl Into<String>) -> Self {
        Self {
            id,
            link,
            machine: None,
            what: what.into(),
            cause: String::new(),
            fix: String::new(),
            may_be_late: false,
            unsure: false,
            consequences: Vec::new(),
        }
    }

    /// At this machine.
    #[must_use]
    pub fn at(mut self, machine: impl Into<String>) -> Self {
        self.machine = Some(machine.into());
        self
    }

    /// Because of this; and what to do about it.
    #[must_use]
    pub fn because(mut self, cause: impl Into<String>, fix: impl Into<String>) -> Self {
        (self.cause, self.fix) = (cause.into(), fix.into());
        self
    }

    /// A host that is too slow may be the cause.
    #[must_use]
    pub const fn or_late(mut self, may_be_late: bool) -> Self {
        self.may_be_late = may_be_late;
        self
    }

    /// Other causes would show the same.
    #[must_use]
    pub const fn not_sure(mut self) -> Self {
        self.unsure = true;
        self
    }
}
