//! No circle of imports between the files of one crate.
//!
//! A file imports another when it names something that is defined there: in a `use`, or in a path
//! that begins with `crate`, `super`, `self` or a module that it declares. What a file only hands
//! on (`pub use`) counts for the file that has it. A module may use what the modules around it have,
//! as it is a part of them.

use std::collections::{BTreeMap, BTreeSet};

use syn::visit::{self, Visit};
use syn::{Item, UseTree};

use crate::source::{self, Source};
use crate::tree::files;

/// A module's path within its crate; each is a file.
type Module = Vec<String>;

#[test]
fn files_of_a_crate_import_in_no_circle() {
    let mut crates: BTreeMap<String, Vec<(Module, String)>> = BTreeMap::new();
    for path in files(&["rs"]) {
        let source = Source::of(&path);
        if !source.crate_name.is_empty() && !source.is_test {
            let files = crates.entry(source.crate_name).or_default();
            files.push((source.module, source.text));
        }
    }
    let mut complaints = Vec::new();
    for (name, files) in crates {
        complaints.extend(
            circles(&files)
                .into_iter()
                .map(|one| format!("{name}: {one}")),
        );
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn a_circle_of_imports_is_refused() {
    let found = |files: &[(&str, &str)]| {
        let file = |(path, text): &(&str, &str)| {
            let module = path.split('/').filter(|part| !part.is_empty());
            (module.map(str::to_owned).collect(), (*text).to_owned())
        };
        circles(&files.iter().map(file).collect::<Vec<_>>())
    };
    let root = ("", "mod a; mod b; pub use a::A;");
    let a = ("a", "use crate::b::B; pub struct A(B);");
    assert_eq!(found(&[root, a, ("b", "pub struct B;")]), [""; 0]);
    let circle = "a → b (B), b → a (A)";
    assert_eq!(
        found(&[root, a, ("b", "use super::a::A; pub struct B;")]),
        [circle]
    );
    // By what the root hands on, by a whole path, and by a module.
    assert_eq!(
        found(&[root, a, ("b", "use crate::A; pub struct B;")]),
        [circle]
    );
    assert_eq!(
        found(&[root, a, ("b", "pub struct B; fn f(_: crate::a::A) {}")]),
        [circle]
    );
    assert_eq!(
        found(&[
            root,
            a,
            ("b", "use crate::a; pub struct B; fn f(_: a::A) {}")
        ]),
        ["a → b (B), b → a (self)"]
    );
    // A part may use its whole; who uses both ends of that makes a circle.
    let whole = ("a", "mod c; fn f() { c::g() } pub struct P;");
    let part = ("a/c", "use super::P; pub fn g() { crate::b::h() }");
    assert_eq!(found(&[root, whole, part, ("b", "pub fn h() {}")]), [""; 0]);
    assert_eq!(
        found(&[root, whole, part, ("b", "use crate::a::P; pub fn h() {}")]),
        ["a → a::c (g), a::c → b (h), b → a (P)"]
    );
    // What only tests import is no import.
    let tested = (
        "b",
        "pub struct B; #[cfg(test)] mod tests { use crate::a::A; }",
    );
    assert_eq!(found(&[root, a, tested]), [""; 0]);
}

/// Each circle with the names that tie it.
fn circles(files: &[(Module, String)]) -> Vec<String> {
    let crate_files = CrateFiles::read(files);
    let mut edges: BTreeMap<&Module, BTreeMap<&Module, BTreeSet<String>>> = BTreeMap::new();
    for (from, file) in &crate_files.files {
        for path in &file.paths {
            let Some((to, name)) = crate_files.definition(path, 0) else {
                continue;
            };
            if !from.starts_with(to) {
                edges
                    .entry(from)
                    .or_default()
                    .entry(to)
                    .or_default()
                    .insert(name);
            }
        }
    }
    let reach: BTreeMap<_, _> = edges
        .keys()
        .map(|from| (*from, reachable(&edges, from)))
        .collect();
    let mut seen = BTreeSet::new();
    let mut complaints = Vec::new();
    for (from, reached) in &reach {
        if !reached.contains(from) || seen.contains(from) {
            continue;
        }
        let is_back = |to: &&&Module| reach.get(**to).is_some_and(|back| back.contains(from));
        let ring: BTreeSet<&Module> = reached.iter().filter(is_back).copied().collect();
        let ties = ring
            .iter()
            .flat_map(|one| edges[*one].iter().map(move |(to, names)| (one, to, names)));
        let ties = ties.filter(|(_, to, _)| ring.contains(**to));
        let tie = |(one, to, names): (&&Module, &&Module, &BTreeSet<String>)| {
            let names: Vec<_> = names.iter().map(String::as_str).collect();
            format!(
                "{} → {} ({})",
                one.join("::"),
                to.join("::"),
                names.join(" ")
            )
        };
        complaints.push(ties.map(tie).collect::<Vec<_>>().join(", "));
        seen.extend(ring);
    }
    complaints
}

fn reachable<'a>(
    edges: &BTreeMap<&'a Module, BTreeMap<&'a Module, BTreeSet<String>>>,
    from: &'a Module,
) -> BTreeSet<&'a Module> {
    let mut reached = BTreeSet::new();
    let mut next = vec![from];
    while let Some(module) = next.pop() {
        let to = edges.get(module).into_iter().flat_map(|to| to.keys());
        next.extend(to.filter(|to| reached.insert(**to)));
    }
    reached
}

/// The files of a crate by their modules.
struct CrateFiles {
    files: BTreeMap<Module, File>,
}

/// What a file names, and what it hands on.
#[derive(Default)]
struct File {
    /// Paths from the root of the crate.
    paths: Vec<Vec<String>>,
    /// A name that can be reached through this file, and where it comes from. `*` is all.
    handed_on: Vec<(String, Vec<String>)>,
}

impl CrateFiles {
    fn read(files: &[(Module, String)]) -> Self {
        let known: BTreeSet<&Module> = files.iter().map(|(module, _)| module).collect();
        let read = |(module, text): &(Module, String)| {
            let file = source::without_tests(text).unwrap_or_else(|| panic!("{module:?}"));
            let mut reader = Reader {
                module,
                known: &known,
                file: File::default(),
            };
            reader.visit_file(&file);
            (module.clone(), reader.file)
        };
        Self {
            files: files.iter().map(read).collect(),
        }
    }

    /// The file that has what a path names, and the name; handing on is followed.
    fn definition(&self, path: &[String], depth: usize) -> Option<(&Module, String)> {
        let length = (0..=path.len())
            .rev()
            .find(|end| self.files.contains_key(&path[..*end]))?;
        let (module, file) = self.files.get_key_value(&path[..length])?;
        let Some(name) = path.get(length) else {
            return Some((module, "self".to_owned()));
        };
        let source = file.handed_on.iter().find(|(one, _)| one == name);
        match source {
            Some((_, source)) if depth < 8 => self.definition(source, depth + 1),
            _ => Some((module, name.clone())),
        }
    }
}

struct Reader<'a> {
    module: &'a Module,
    known: &'a BTreeSet<&'a Module>,
    file: File,
}

impl Reader<'_> {
    /// From the root of the crate; none for other crates' things and for this file's own.
    fn absolute(&self, path: &[String]) -> Option<Vec<String>> {
        let (first, rest) = path.split_first()?;
        let mut base = match first.as_str() {
            "crate" => Vec::new(),
            "self" => self.module.clone(),
            "super" => self.module.split_last()?.1.to_vec(),
            child => {
                let mut module = self.module.clone();
                module.push(child.to_owned());
                return self.known.contains(&module).then(|| {
                    module.extend(rest.iter().cloned());
                    module
                });
            }
        };
        let mut rest = rest;
        while let Some(("super", more)) = rest.split_first().map(|(a, b)| (a.as_str(), b)) {
            base.pop();
            rest = more;
        }
        base.extend(rest.iter().cloned());
        Some(base)
    }

    fn add(&mut self, path: &[String]) {
        if path.len() > 1
            && let Some(path) = self.absolute(path)
        {
            self.file.paths.push(path);
        }
    }

    fn add_use(&mut self, tree: &UseTree, before: &[String], is_public: bool) {
        let with = |name: &syn::Ident| [before, &[name.to_string()]].concat();
        let (path, name) = match tree {
            UseTree::Path(path) => return self.add_use(&path.tree, &with(&path.ident), is_public),
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.add_use(tree, before, is_public);
                }
                return;
            }
            UseTree::Name(name) if name.ident == "self" => {
                (before.to_vec(), before.last().cloned())
            }
            UseTree::Name(name) => (with(&name.ident), Some(name.ident.to_string())),
            UseTree::Rename(rename) => (with(&rename.ident), Some(rename.rename.to_string())),
            UseTree::Glob(_) => (before.to_vec(), None),
        };
        if !is_public {
            self.add(&path);
        } else if let (Some(name), Some(path)) = (name, self.absolute(&path)) {
            self.file.handed_on.push((name, path));
        }
    }
}

impl Visit<'_> for Reader<'_> {
    fn visit_item(&mut self, item: &Item) {
        match item {
            Item::Use(item) => {
                let is_public = !matches!(item.vis, syn::Visibility::Inherited);
                self.add_use(&item.tree, &[], is_public);
            }
            // Its paths are not from this file.
            Item::Mod(item) if item.content.is_some() => {}
            _ => visit::visit_item(self, item),
        }
    }

    fn visit_path(&mut self, path: &syn::Path) {
        let names = path
            .segments
            .iter()
            .map(|segment| segment.ident.to_string());
        self.add(&names.collect::<Vec<_>>());
        visit::visit_path(self, path);
    }

    fn visit_visibility(&mut self, _: &syn::Visibility) {
        // `pub(super)` names no file.
    }
}
