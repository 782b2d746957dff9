//! The flake from outside: its names and its lock.

use std::collections::BTreeSet;

use quorate_tests::{read, root};
use serde_json::Value;

use crate::evaluate;

/// The names of the outputs, which `nix/outputs.json` has. They may not need nixpkgs: who asks
/// what there is should not wait for a download.
pub(crate) fn shape() {
    let mut shape = evaluate(&[SHAPE]);
    shape["legacyPackages"] = Value::Null;
    let expected: Value = serde_json::from_str(&read("nix/outputs.json")).expect("it is JSON");
    assert_eq!(
        shape, expected,
        "write to nix/outputs.json what is meant: {shape:#}"
    );
}

pub(crate) fn scenarios() {
    let shape = evaluate(&[SHAPE]);
    let files: BTreeSet<String> = std::fs::read_dir(root().join("scenarios"))
        .expect("the repository has scenarios")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter_map(|name| Some(name.strip_suffix(".toml")?.to_owned()))
        .collect();
    for system in ["x86_64-linux", "aarch64-linux"] {
        let tests = shape["legacyPackages"][system]["scenarios"].as_array();
        let tests = tests.expect("scenarios are there for each system").iter();
        let tests: BTreeSet<String> = tests
            .filter_map(|name| Some(name.as_str()?.to_owned()))
            .collect();
        assert_eq!(tests, files, "{system}");
    }
}

/// `flake.lock` locks what `flake.nix` asks for, and nothing else.
pub(crate) fn lock() {
    let inputs = evaluate(&["--expr", "(import ./flake.nix).inputs"]);
    let inputs = inputs.as_object().expect("inputs are an attribute set");
    let lock: Value = serde_json::from_str(&read("flake.lock")).expect("it is JSON");
    assert_eq!(lock["version"], 7);
    let nodes = lock["nodes"].as_object().expect("nodes are an object");
    let root = lock["root"].as_str().expect("the root has a name");
    let locked = lock["nodes"][root]["inputs"].as_object();
    let locked: BTreeSet<_> = locked.expect("the root has inputs").keys().collect();
    assert_eq!(locked, inputs.keys().collect(), "inputs");
    assert_eq!(nodes.len(), inputs.len() + 1, "nothing else is locked");

    for (name, input) in inputs {
        let node = &lock["nodes"][name];
        let url = input["url"].as_str().expect("an input has a URL");
        let (original, locked) = (&node["original"], &node["locked"]);
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let of = |value: &Value| {
            let [kind, owner, repo] = ["type", "owner", "repo"].map(|key| word(&value[key]));
            format!("{kind}:{owner}/{repo}")
        };
        assert_eq!(format!("{}/{}", of(original), word(&original["ref"])), url);
        assert_eq!(of(original), of(locked));
        let rev = word(&locked["rev"]);
        let is_hex = rev.bytes().all(|byte| byte.is_ascii_hexdigit());
        assert!(rev.len() == 40 && is_hex, "{name}: rev {rev}");
        let hash = word(&locked["narHash"]);
        let bytes = hash.strip_prefix("sha256-").unwrap_or_default();
        assert!(
            bytes.len() == 44 && bytes.ends_with('=') && !bytes[..43].contains('='),
            "{name}: narHash {hash}"
        );
        assert!(locked["lastModified"].is_u64(), "{name}: lastModified");
    }
}

const SHAPE: &str = "nix/checks/shape.nix";
