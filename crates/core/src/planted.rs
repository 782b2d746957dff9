//! Bugs that are put in on purpose, so that tests can show that they are found.
//!
//! Only a build with the feature `planted`, which no crate's dependencies switch on but those of
//! tests, can make a [`Planted`] that holds a bug. In every other build it is empty, and the
//! branches behind it are compiled out.

/// One bug that engines have made elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// The DHCP server says ACK while the lease is on its way to the disk.
    AckBeforeDurable,
    /// The DHCP server does not read its leases when it starts.
    RestartForgetsLeases,
    /// The DHCP server does not hear those who renew.
    RenewalIgnored,
    /// The last record of an UPDATE is seen when the next one comes.
    UpdateNotAtomic,
    /// The gate counts members whose addresses are not in the zone yet.
    SrvBeforeA,
    /// The gate is content with one member less.
    GateOpensEarly,
    /// The registrar takes silence for a yes.
    SilenceIsYes,
}

/// The bug of one engine; none, in everything that is not a test.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Planted {
    #[cfg(feature = "planted")]
    bug: Option<Bug>,
}

impl Planted {
    /// Puts a bug in.
    #[cfg(feature = "planted")]
    pub const fn new(bug: Bug) -> Self {
        Self { bug: Some(bug) }
    }

    /// True when this bug was put in.
    #[cfg(feature = "planted")]
    pub fn is(self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    /// False.
    #[cfg(not(feature = "planted"))]
    pub const fn is(self, _bug: Bug) -> bool {
        false
    }
}
