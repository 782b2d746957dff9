//! How far a search has come.

/// How far it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    pub runs: u64,
    pub machines: usize,
    /// Lasting and single ones.
    pub faults: usize,
}
