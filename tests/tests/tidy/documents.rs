//! `ARCHITECTURE.md` names modules and items that there are.

use std::path::Path;

use quorate_tests::read;

use crate::tree::{files, shown};

#[test]
fn architecture_names_what_there_is() {
    let sources: Vec<_> = files(&["rs"]).iter().map(|path| shown(path)).collect();
    let text = read("ARCHITECTURE.md");
    let names: Vec<_> = text.split('`').filter(|name| is_path(name)).collect();
    assert!(names.len() > 20, "{names:?}");
    let missing: Vec<_> = names
        .into_iter()
        .filter(|name| !exists(name, &sources))
        .collect();
    assert!(missing.is_empty(), "ARCHITECTURE.md names {missing:?}");
}

#[test]
fn a_module_that_is_gone_is_missed() {
    let sources = ["crates/core/src/engine.rs".to_owned()];
    assert!(exists("core::engine", &sources));
    assert!(!exists("core::motor", &sources));
    assert!(!is_path("core") && !is_path("a word::here"));
}

/// A crate and what is in it, as in `dhcp::client`.
fn is_path(name: &str) -> bool {
    let is_word = |part: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    name.contains("::")
        && name.split("::").all(is_word)
        && name.starts_with(|c: char| c.is_ascii_lowercase())
}

/// True when the path leads to a file of the crate, or the crate defines an item of the last name.
fn exists(name: &str, sources: &[String]) -> bool {
    let (first, rest) = name.split_once("::").expect("it is a path");
    let root = format!("crates/{}/src/", first.replace('_', "-"));
    let module = format!("{root}{}", rest.replace("::", "/"));
    let files = [format!("{module}.rs"), format!("{module}/mod.rs")];
    if sources.iter().any(|path| files.contains(path)) {
        return true;
    }
    let item = Path::new(&module).file_name().expect("it has a last part");
    let item = item.to_string_lossy();
    let kinds = ["fn", "struct", "enum", "trait", "type", "mod"];
    let defines = |text: &str| {
        let ends = ['(', '<', ' ', ';', ':'];
        let starts = |kind| ends.map(|end| format!("{kind} {item}{end}"));
        kinds
            .iter()
            .flat_map(starts)
            .any(|start| text.contains(&start))
    };
    let mut own = sources.iter().filter(|path| path.starts_with(&root));
    own.any(|path| defines(&read(path)))
}
