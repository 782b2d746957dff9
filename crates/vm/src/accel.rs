//! What executes machines' instructions: the host's processor, or QEMU in its place.

use std::fmt;

/// What executes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Accelerator {
    Kvm,
    /// QEMU's translator, and why.
    Tcg {
        why: String,
    },
}

impl fmt::Display for Accelerator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kvm => f.write_str("virtual machines run under KVM"),
            Self::Tcg { why } => write!(f, "virtual machines are emulated (TCG): {why}"),
        }
    }
}
