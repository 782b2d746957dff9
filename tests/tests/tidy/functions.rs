//! A function fits on a screen.

use quorate_tests::read;
use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};
use syn::{Block, ImplItemFn, ItemFn, Signature, TraitItemFn};

use crate::tree::{files, shown};

#[test]
fn functions_are_short() {
    let mut complaints = Vec::new();
    for path in files(&["rs"]) {
        let place = shown(&path);
        complaints.extend(long_functions(&place, &read(&path)));
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn a_function_over_70_lines_is_refused() {
    let body = |lines: usize| "    work();\n".repeat(lines);
    let free = |lines: usize| {
        format!(
            "/// Doc.\n#[inline]\nfn long(\n    a: u8,\n) {{\n{}}}\n",
            body(lines)
        )
    };
    assert_eq!(long_functions("a.rs", &free(66)), [""; 0]);
    assert_eq!(
        long_functions("a.rs", &free(67)),
        ["a.rs:3: long has 71 lines"]
    );
    let method = format!("impl A {{\nfn b() {{\n{}}}\n}}\n", body(69));
    assert_eq!(long_functions("a.rs", &method), ["a.rs:2: b has 71 lines"]);
    let test = format!("mod tests {{\n#[test]\nfn c() {{\n{}}}\n}}\n", body(69));
    assert_eq!(long_functions("a.rs", &test), ["a.rs:3: c has 71 lines"]);
}

/// From `fn` to the closing brace, tests included.
fn long_functions(place: &str, text: &str) -> Vec<String> {
    let file = syn::parse_file(text).unwrap_or_else(|error| panic!("{place}: {error}"));
    let mut found = Functions {
        place,
        complaints: Vec::new(),
    };
    found.visit_file(&file);
    found.complaints
}

struct Functions<'a> {
    place: &'a str,
    complaints: Vec<String>,
}

impl Functions<'_> {
    fn measure(&mut self, signature: &Signature, body: &Block) {
        let first = signature.fn_token.span().start().line;
        let lines = body.span().end().line - first + 1;
        if lines > LINES_MAX {
            let (place, name) = (self.place, &signature.ident);
            let complaint = format!("{place}:{first}: {name} has {lines} lines");
            self.complaints.push(complaint);
        }
    }
}

impl Visit<'_> for Functions<'_> {
    fn visit_item_fn(&mut self, item: &ItemFn) {
        self.measure(&item.sig, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &ImplItemFn) {
        self.measure(&item.sig, &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &TraitItemFn) {
        if let Some(body) = &item.default {
            self.measure(&item.sig, body);
        }
        visit::visit_trait_item_fn(self, item);
    }
}

const LINES_MAX: usize = 70;
