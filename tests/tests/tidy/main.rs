//! The house rules that a compiler does not know.
//!
//! Where a rule is written in a document, it is read there, so that the two cannot differ:
//! `ARCHITECTURE.md` has the crate graph and the pure crates, `retired.txt` the names that are not
//! used any more. Each rule is a function from text to complaints, and has a test that sees it
//! complain, beside the one that asks it about this repository.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "syn has many kinds of items, and no list of them is complete"
)]

mod crates;
mod documents;
mod engines;

mod functions;
mod imports;
mod names;
mod recipes;
mod source;
mod text;
mod tree;
