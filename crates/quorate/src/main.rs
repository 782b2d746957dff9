//! From power-on to quorum: the command line.
fn main() {}
