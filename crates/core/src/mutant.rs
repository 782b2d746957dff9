//! Engines with a seeded bug (mutants), so that tests can show that such bugs are found.
//!
//! Only a build with the feature `mutants`, which only the dependencies of tests switch on, can
//! make a [`Mutant`] that has a bug. In every other build it is empty, and the branches behind it
//! are compiled out.

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
    /// The registrar counts silence as a yes.
    SilenceIsYes,
}

/// The seeded bug of one engine; none, in everything that is not a test.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mutant {
    #[cfg(feature = "mutants")]
    bug: Option<Bug>,
}

impl Mutant {
    /// An engine with this bug.
    #[cfg(feature = "mutants")]
    pub const fn new(bug: Bug) -> Self {
        Self { bug: Some(bug) }
    }

    /// True when the engine has this bug.
    #[cfg(feature = "mutants")]
    pub fn is(self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    /// False.
    #[cfg(not(feature = "mutants"))]
    pub const fn is(self, _bug: Bug) -> bool {
        false
    }
}
