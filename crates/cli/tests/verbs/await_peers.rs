//! `quorate await-peers`, where it ends before it asks the DNS.

use crate::program::{quorate, stderr};

#[test]
fn a_peer_url_that_is_none_is_exit_2_and_named() {
    let output = quorate(&[
        "await-peers",
        "--discovery-srv",
        "lab.test",
        "--initial-advertise-peer-urls",
        "nonsense",
        "--data-dir",
        "/nowhere",
    ]);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("--initial-advertise-peer-urls"), "{said}");
}
