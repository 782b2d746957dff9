//! Engines are held to the laws, and ship without seeded bugs.

use std::collections::BTreeMap;

use quorate_tests::{read, root};

use crate::crates::dependencies;
use crate::tree::files;

/// Only tests may ask for bugs.
#[test]
fn no_shipped_crate_has_seeded_bugs() {
    for name in dependencies().keys() {
        let manifest = read(format!("crates/{name}/Cargo.toml"));
        let shipped = manifest.split("[dev-dependencies]").next();
        let asks = shipped.is_some_and(|text| text.contains("\"mutants\""));
        assert!(!asks, "{name} is shipped with seeded bugs");
    }
}

/// An engine without `core::laws` in its tests would be one that nobody holds to them.
#[test]
fn every_engine_is_held_to_the_laws() {
    let mut engines: BTreeMap<String, usize> = BTreeMap::new();
    let mut held: BTreeMap<String, usize> = BTreeMap::new();
    let root = root();
    for path in files(&["rs"]) {
        let file = path.strip_prefix(&root).expect("it was found there");
        let mut parts = file.iter().map(|part| part.to_string_lossy().into_owned());
        let (Some(first), Some(name)) = (parts.next(), parts.next()) else {
            continue;
        };
        if first != "crates" || name == "core" {
            continue;
        }
        let text = read(&path);
        let is_test = file
            .iter()
            .any(|part| part == "tests" || part == "tests.rs");
        if !is_test && text.contains(" Engine for ") {
            *engines.entry(name).or_default() += 1;
        } else if text.contains("obey(") {
            *held.entry(name).or_default() += 1;
        }
    }
    assert!(engines.len() > 4, "{engines:?}");
    for (name, engines) in engines {
        let held = held.get(&name).copied().unwrap_or_default();
        assert!(
            held >= engines,
            "{name}: {engines} engines, {held} tests of laws"
        );
    }
}
