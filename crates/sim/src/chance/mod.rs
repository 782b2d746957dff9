//! What chance decides: named, written down, and given again.

pub(crate) mod choice_log;
pub mod decision_log;
pub(crate) mod naming;
