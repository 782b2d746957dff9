//! Exit codes of processes that are a part of a run.

/// The input is not what the part expects.
pub(crate) const BAD_INPUT: u8 = 2;
/// What the part needs is not here.
pub(crate) const CANNOT_RUN: u8 = 3;
/// The run says nothing, because the host was too slow.
pub(crate) const INCONCLUSIVE: u8 = 4;
/// What shells answer for a process that SIGINT ended.
pub(crate) const INTERRUPTED: u8 = 130;
