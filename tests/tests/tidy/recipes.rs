//! Recipes in other languages name crates: Nix, packaging, CI, manuals.

use std::collections::BTreeSet;

use quorate_tests::read;

use crate::crates::dependencies;
use crate::tree::{files, shown};

#[test]
fn recipes_name_crates_that_there_are() {
    let mut members: BTreeSet<String> = dependencies().into_keys().collect();
    members.extend(["tests".to_owned(), "needs".to_owned()]);
    let mut complaints = Vec::new();
    let recipes = [
        "nix",
        "toml",
        "yml",
        "md",
        "sh",
        "deb",
        "static",
        "image",
        "files",
        "run",
        "Containerfile",
        "install-clients",
        "pure-crates",
        "justfile",
        "service",
    ];
    for path in files(&recipes) {
        complaints.extend(unknown_crates(&shown(&path), &read(&path), &members));
    }
    let nix = read("nix/package.nix");
    let tested = nix_list(&nix);
    assert!(!tested.is_empty(), "nix/package.nix has no list `pure`");
    let unknown = tested.iter().filter(|name| !members.contains(*name));
    complaints.extend(unknown.map(|name| format!("nix/package.nix tests {name}, no crate")));
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn a_recipe_with_a_crate_that_is_gone_is_refused() {
    let members = BTreeSet::from(["vm".to_owned(), "quorate".to_owned(), "cli".to_owned()]);
    let found = |text: &str| unknown_crates("a", text, &members);
    assert_eq!(
        found("see crates/vm/src, cargo test -p quorate-vm -p quorate"),
        [""; 0]
    );
    assert_eq!(found("see crates/metal/src"), ["a: metal is no crate"]);
    assert_eq!(
        found("cargo test -p quorate-metal"),
        ["a: metal is no crate"]
    );
    assert_eq!(
        found("cargoBuildFlags = [ \"--package=quorate-lab\" ]"),
        ["a: lab is no crate"]
    );
    assert_eq!(
        found("cargo install --path crates/serve"),
        ["a: serve is no crate"]
    );
    let nix = "pure = [\n    \"core\"\n    \"peers\"\n  ];\n";
    assert_eq!(nix_list(nix), ["core", "peers"]);
}

/// Names behind `crates/`, `-p quorate-` and `--package`.
fn unknown_crates(path: &str, text: &str, members: &BTreeSet<String>) -> Vec<String> {
    let marks = [
        "crates/",
        "-p quorate-",
        "--package quorate-",
        "--package=quorate-",
    ];
    let names = marks.iter().flat_map(|mark| text.split(mark).skip(1));
    let names = names.map(|rest| {
        let end = rest.find(|c: char| !(c.is_ascii_lowercase() || c == '-'));
        &rest[..end.unwrap_or(rest.len())]
    });
    let unknown: BTreeSet<_> = names
        .filter(|name| !name.is_empty() && !members.contains(*name))
        .collect();
    let complaint = |name| format!("{path}: {name} is no crate");
    unknown.into_iter().map(complaint).collect()
}

/// The list `pure` of `nix/package.nix`.
fn nix_list(text: &str) -> Vec<String> {
    let list = text
        .split_once("pure = [")
        .and_then(|(_, rest)| rest.split_once(']'));
    let list = list.map_or("", |(list, _)| list);
    list.split('"')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}
