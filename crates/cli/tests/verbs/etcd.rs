//! `quorate etcd`, as far as it needs no network.

use crate::program::{quorate, stderr};

#[test]
fn the_list_names_the_cache_and_the_providers() {
    let output = quorate(&["etcd", "list", "--format", "json"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(json["cache"].is_string(), "{json}");
    assert!(json["providers"]["debian"].is_array(), "{json}");
}

#[test]
fn a_version_that_is_none_is_exit_2() {
    let output = quorate(&["etcd", "fetch", "three"]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(stderr(&output).contains("three"), "{}", stderr(&output));
}
