//! Names that are not used any more: `retired.txt` lists them, with what each became.

use std::collections::BTreeSet;
use std::path::Path;

use quorate_tests::{read, root};
use syn::visit::{self, Visit};

use crate::tree::{files, shown};

#[test]
fn no_retired_name_comes_back() {
    let retired = Retired::parse(&read("tests/tests/tidy/retired.txt"));
    let mut complaints = Vec::new();
    for path in files(&["rs", "toml", "md", "nix"]) {
        complaints.extend(retired.file_name(&shown(&path)));
        if path.extension().is_some_and(|extension| extension == "rs") {
            complaints.extend(retired.names(&shown(&path), &read(&path)));
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn a_retired_name_is_refused() {
    let list = "type Station → Endpoint\nfn tell → run\nfn take_off → allocate\nfn waits_* → measure\n\
                name told → reported\nfile orders.rs → effects.rs (but crates/cli/src/orders.rs)\n\
                file crates/lab → crates/container\n";
    let retired = Retired::parse(list);
    let found = |text: &str| retired.names("a.rs", text);
    assert_eq!(
        found("struct Station;"),
        ["a.rs: the type Station is Endpoint now"]
    );
    assert_eq!(found("enum A { Station }"), [""; 0]);
    assert_eq!(
        found("impl A { fn tell(&self) {} }"),
        ["a.rs: the function tell is run now"]
    );
    assert_eq!(
        found("trait A { fn take_off(&self); }"),
        ["a.rs: the function take_off is allocate now"]
    );
    assert_eq!(
        found("fn waits_here() {}"),
        ["a.rs: the function waits_here is measure now"]
    );
    assert_eq!(
        found("fn f() { let told = 1; }"),
        ["a.rs: the name told is reported now"]
    );
    assert_eq!(
        found("struct A { told: u8 }"),
        ["a.rs: the name told is reported now"]
    );
    assert_eq!(
        found("fn f() { std::mem::take(&mut a); println!(\"told\") }"),
        [""; 0]
    );
    assert_eq!(
        retired.file_name("crates/sim/src/orders.rs").unwrap(),
        "crates/sim/src/orders.rs: the file orders.rs is effects.rs now"
    );
    assert_eq!(retired.file_name("crates/cli/src/orders.rs"), None);
    assert!(retired.file_name("crates/lab/src/lib.rs").is_some());
    assert_eq!(retired.file_name("crates/laboratory/src/lib.rs"), None);
    assert_eq!(retired.file_name("crates/vm/src/lab.rs"), None);
}

#[test]
fn every_line_of_the_list_is_understood() {
    let list = read("tests/tests/tidy/retired.txt");
    let lines = list.lines().filter(|line| is_entry(line)).count();
    assert_eq!(Retired::parse(&list).entries.len(), lines);
    assert!(lines > 50, "{lines}");
    for path in Retired::parse(&list)
        .entries
        .into_iter()
        .flat_map(|one| one.exceptions)
    {
        assert!(
            Path::new(&root()).join(&path).exists(),
            "{path} is not there"
        );
    }
}

fn is_entry(line: &str) -> bool {
    !line.is_empty() && !line.starts_with('#')
}

/// The list.
struct Retired {
    entries: Vec<Entry>,
}

struct Entry {
    kind: Kind,
    name: String,
    now: String,
    /// Files where it stays.
    exceptions: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A struct, enum, trait or alias.
    Type,
    /// A function or method; `name_*` is a prefix.
    Function,
    /// Any identifier.
    Name,
    /// A file or folder, by its name alone or by its path.
    File,
}

impl Retired {
    /// Lines of `KIND NAME → WHAT IT IS NOW (but FILE FILE)`.
    fn parse(text: &str) -> Self {
        let entry = |line: &str| {
            let (old, now) = line.split_once(" → ")?;
            let (kind, name) = old.split_once(' ')?;
            let (now, but) = now.split_once(" (but ").unwrap_or((now, ""));
            let exceptions = but.trim_end_matches(')').split_whitespace();
            Some(Entry {
                kind: match kind {
                    "type" => Kind::Type,
                    "fn" => Kind::Function,
                    "name" => Kind::Name,
                    "file" => Kind::File,
                    _ => return None,
                },
                name: name.to_owned(),
                now: now.to_owned(),
                exceptions: exceptions.map(str::to_owned).collect(),
            })
        };
        let entries = text.lines().filter(|line| is_entry(line)).filter_map(entry);
        Self {
            entries: entries.collect(),
        }
    }

    fn file_name(&self, path: &str) -> Option<String> {
        let mut parts = path.split('/');
        parts.find_map(|part| self.complaint(Kind::File, part, path))
    }

    fn names(&self, path: &str, text: &str) -> Vec<String> {
        let file = syn::parse_file(text).unwrap_or_else(|error| panic!("{path}: {error}"));
        let mut defined = Defined::default();
        defined.visit_file(&file);
        let tokens: proc_macro2::TokenStream = text.parse().expect("it was parsed");
        let mut names = BTreeSet::new();
        identifiers(tokens, &mut names);
        let of = |kind: Kind, names: BTreeSet<String>| {
            let complaint = |name: String| self.complaint(kind, &name, path);
            names.into_iter().filter_map(complaint).collect::<Vec<_>>()
        };
        let mut complaints = of(Kind::Type, defined.types);
        complaints.extend(of(Kind::Function, defined.functions));
        complaints.extend(of(Kind::Name, names));
        complaints
    }

    fn complaint(&self, kind: Kind, name: &str, path: &str) -> Option<String> {
        let is_it = |entry: &&Entry| {
            let matches = match entry.name.strip_suffix('*') {
                Some(prefix) => name.starts_with(prefix),
                None if entry.name.contains('/') => Path::new(path).starts_with(&entry.name),
                None => entry.name == name,
            };
            entry.kind == kind && matches && !entry.exceptions.iter().any(|one| one == path)
        };
        let entry = self.entries.iter().find(is_it)?;
        let kind = match kind {
            Kind::Type => "type",
            Kind::Function => "function",
            Kind::Name => "name",
            Kind::File => "file",
        };
        Some(format!("{path}: the {kind} {name} is {} now", entry.now))
    }
}

/// What a file defines.
#[derive(Default)]
struct Defined {
    types: BTreeSet<String>,
    functions: BTreeSet<String>,
}

impl Visit<'_> for Defined {
    fn visit_item(&mut self, item: &syn::Item) {
        let name = match item {
            syn::Item::Struct(item) => Some(&item.ident),
            syn::Item::Enum(item) => Some(&item.ident),
            syn::Item::Trait(item) => Some(&item.ident),
            syn::Item::Type(item) => Some(&item.ident),
            _ => None,
        };
        self.types.extend(name.map(ToString::to_string));
        visit::visit_item(self, item);
    }

    fn visit_signature(&mut self, signature: &syn::Signature) {
        self.functions.insert(signature.ident.to_string());
        visit::visit_signature(self, signature);
    }
}

/// Every identifier, those in macros included.
fn identifiers(tokens: proc_macro2::TokenStream, names: &mut BTreeSet<String>) {
    for token in tokens {
        match token {
            proc_macro2::TokenTree::Ident(name) => _ = names.insert(name.to_string()),
            proc_macro2::TokenTree::Group(group) => identifiers(group.stream(), names),
            proc_macro2::TokenTree::Punct(_) | proc_macro2::TokenTree::Literal(_) => {}
        }
    }
}
