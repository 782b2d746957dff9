//! NoCloud seeds rendered from a machine's facts
