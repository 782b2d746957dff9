//! Rust files, read as Rust.

use std::path::Path;

use quorate_tests::{read, root};
use syn::{Attribute, Item};

/// A file, and what it belongs to.
pub(crate) struct Source {
    /// The folder in `crates/`; empty for files elsewhere.
    pub(crate) crate_name: String,
    /// The path within the crate's `src`, without `.rs`; empty for files elsewhere.
    pub(crate) module: Vec<String>,
    pub(crate) is_test: bool,
    pub(crate) text: String,
}

impl Source {
    pub(crate) fn of(path: &Path) -> Self {
        let root = root();
        let file = path.strip_prefix(&root).expect("it is of the project");
        let parts: Vec<String> = file
            .iter()
            .map(|part| part.to_string_lossy().into_owned())
            .collect();
        let (mut crate_name, mut module) = (String::new(), Vec::new());
        if let [first, name, src, rest @ ..] = &parts[..]
            && (first.as_str(), src.as_str()) == ("crates", "src")
        {
            crate_name = name.clone();
            module = rest.to_vec();
        }
        let is_test_part = |part: &String| {
            matches!(part.as_str(), "tests" | "tests.rs" | "benches" | "examples")
                || part.ends_with("_tests.rs")
        };
        Self {
            crate_name,
            module: module_path(&module),
            is_test: parts.iter().any(is_test_part),
            text: read(path),
        }
    }
}

/// `["lan"]` for `lan.rs` and `lan/mod.rs`; nothing for the root of the crate.
fn module_path(file: &[String]) -> Vec<String> {
    let mut path = file.to_vec();
    if let Some(last) = path.pop() {
        let name = last.trim_end_matches(".rs");
        if !matches!(name, "mod" | "lib" | "main") {
            path.push(name.to_owned());
        }
    }
    path
}

/// A parsed file, without what is compiled for tests only.
pub(crate) fn without_tests(text: &str) -> Option<syn::File> {
    let mut file = syn::parse_file(text).ok()?;
    if file.attrs.iter().any(is_for_tests) {
        file.items.clear();
    }
    retain_product(&mut file.items);
    Some(file)
}

fn retain_product(items: &mut Vec<Item>) {
    items.retain(|item| !attributes(item).iter().any(is_for_tests));
    for item in items {
        if let Item::Mod(module) = item
            && let Some((_, items)) = &mut module.content
        {
            retain_product(items);
        }
    }
}

/// Its tokens with single spaces, comments and tests left out.
pub(crate) fn tokens_without_tests(text: &str) -> String {
    use quote::ToTokens as _;
    let file = without_tests(text).expect("it compiles");
    let tokens: Vec<_> = file
        .items
        .iter()
        .map(|item| item.to_token_stream().to_string())
        .collect();
    tokens.join("\n")
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// `#[test]` and `#[cfg(test)]`.
fn is_for_tests(attribute: &Attribute) -> bool {
    use quote::ToTokens as _;
    attribute.path().is_ident("test")
        || attribute.path().is_ident("cfg")
            && attribute.meta.to_token_stream().to_string() == "cfg (test)"
}
