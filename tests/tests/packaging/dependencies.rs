//! What is linked, as `cargo deny` checks it by `deny.toml`: licences, sources, banned crates. Not
//! advisories, whose database is on the network.

use quorate_tests::checks::{foreign, succeed};
use quorate_tests::root;

pub(crate) fn are_allowed() {
    let mut command = foreign("cargo-deny");
    command.args(["--offline", "--locked", "check", "--hide-inclusion-graph"]);
    command.args(["bans", "licenses", "sources"]);
    succeed(command.current_dir(root()));
}
