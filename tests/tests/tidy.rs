//! The house rules that a compiler does not know.
//!
//! `ARCHITECTURE.md` is where the crate graph is written; this test reads it there, so that the
//! document and the rule cannot differ.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use quorate_tests::{read, root};
use serde_json::Value;

/// Crates that do nothing but compute: no socket, clock, task, thread or ambient random number.
const PURE: [&str; 14] = [
    "await-peers",
    "boot",
    "core",
    "ddns",
    "dhcp",
    "dns",
    "etcd",
    "fabric",
    "hollow",
    "node",
    "scenario",
    "server",
    "sim",
    "world",
];

/// What a pure crate could do more with.
const IMPURE_LIBRARIES: [&str; 8] = [
    "axum",
    "hickory-server",
    "libc",
    "nix",
    "rustix",
    "socket2",
    "tokio",
    "ureq",
];

const FILE_LINES_WARN: usize = 500;
const FILE_LINES_MAX: usize = 800;
const ARCHITECTURE_LINES_MAX: usize = 250;

/// What no file may contain, and why. In pieces, because this file is one of them.
const FORBIDDEN: [(&str, &str); 5] = [
    (concat!("to", "do!("), "unfinished code is not merged"),
    (
        concat!("unimpl", "emented!("),
        "unfinished code is not merged",
    ),
    (
        concat!("#[ig", "nore"),
        "a test that cannot run here says so",
    ),
    (concat!("/wo", "rk/"), "a path of one machine"),
    (concat!("/ro", "ot/"), "a path of one machine"),
];

#[test]
fn crates_know_only_whom_they_may_know() {
    let graph = graph();
    for (name, dependencies) in dependencies() {
        let allowed = graph
            .get(&name)
            .unwrap_or_else(|| panic!("ARCHITECTURE.md does not say whom {name} may know"));
        let known: BTreeSet<_> = dependencies
            .iter()
            .filter_map(|dependency| short(dependency))
            .collect();
        let excess: Vec<_> = known.difference(allowed).collect();
        assert!(excess.is_empty(), "{name} may not know {excess:?}");
    }
}

#[test]
fn pure_crates_stay_pure() {
    let (graph, dependencies) = (graph(), dependencies());
    for name in PURE {
        let impure: Vec<_> = dependencies[name]
            .iter()
            .filter(|dependency| IMPURE_LIBRARIES.contains(&dependency.as_str()))
            .collect();
        assert!(impure.is_empty(), "{name} is pure and uses {impure:?}");
        let friends: Vec<_> = graph[name]
            .iter()
            .filter(|friend| !PURE.contains(&friend.as_str()))
            .collect();
        assert!(
            friends.is_empty(),
            "{name} is pure and may know {friends:?}"
        );

        let link = root().join("crates").join(name).join("clippy.toml");
        let target = std::fs::read_link(&link).ok();
        assert_eq!(
            target.as_deref(),
            Some(Path::new("../../pure-clippy.toml")),
            "{} is not a link to the lints of pure crates",
            link.display()
        );
    }
}

#[test]
fn every_package_takes_the_lints_of_the_workspace() {
    let mut manifests: Vec<_> = dependencies()
        .keys()
        .map(|name| format!("crates/{name}/Cargo.toml"))
        .collect();
    manifests.push("tests/Cargo.toml".to_owned());
    for manifest in manifests {
        assert!(
            read(&manifest).contains("[lints]\nworkspace = true\n"),
            "{manifest} has lints of its own"
        );
    }
}

#[test]
fn the_architecture_is_short_and_names_every_crate() {
    let text = read("ARCHITECTURE.md");
    let lines = text.lines().count();
    assert!(
        lines <= ARCHITECTURE_LINES_MAX,
        "ARCHITECTURE.md has {lines} lines, {ARCHITECTURE_LINES_MAX} are read"
    );
    let crates = dependencies();
    for name in crates.keys() {
        assert!(
            text.contains(&format!("`crates/{name}`")),
            "ARCHITECTURE.md does not say what lives in crates/{name}"
        );
    }
    for name in graph().keys() {
        assert!(
            crates.contains_key(name),
            "ARCHITECTURE.md speaks of {name}, which is no crate"
        );
    }
}

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

#[test]
fn files_are_short() {
    let mut long = Vec::new();
    for file in files(&["rs"]) {
        let lines = read(&file).lines().count();
        if lines > FILE_LINES_MAX {
            long.push(format!("{}: {lines} lines", file.display()));
        } else if lines > FILE_LINES_WARN {
            warn(&format!(
                "{}: {lines} lines, above {FILE_LINES_WARN}",
                file.display()
            ));
        }
    }
    assert!(
        long.is_empty(),
        "more than {FILE_LINES_MAX} lines:\n{}",
        long.join("\n")
    );
}

#[test]
fn nothing_forbidden_is_written() {
    let mut found = Vec::new();
    for file in files(&["rs", "toml", "md", "sh", "run"]) {
        let text = read(&file);
        for (number, line) in text.lines().enumerate() {
            for (word, why) in FORBIDDEN {
                if line.contains(word) {
                    found.push(format!("{}:{}: {word} ({why})", file.display(), number + 1));
                }
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn every_silenced_lint_has_a_reason() {
    let mut silent = Vec::new();
    for file in files(&["rs"]) {
        let text = read(&file);
        for (at, attribute) in attributes(&text) {
            let silences = attribute.contains("allow(") || attribute.contains("expect(");
            if silences && !attribute.contains("reason") {
                silent.push(format!("{}:{at}: {attribute}", file.display()));
            }
        }
    }
    assert!(silent.is_empty(), "{}", silent.join("\n"));
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut dead = Vec::new();
    for file in files(&["md"]) {
        let text = read(&file);
        let targets = text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next());
        for target in targets.filter(|target| !target.contains("://")) {
            let path = target.split('#').next().unwrap_or_default();
            let dir = file.parent().expect("a file is in a directory");
            if !path.is_empty() && !dir.join(path).exists() {
                dead.push(format!("{}: {target}", file.display()));
            }
        }
    }
    assert!(dead.is_empty(), "{}", dead.join("\n"));
}

#[test]
fn attributes_are_read_to_their_end() {
    let text =
        "#![expect(\n    a,\n    reason = \"x] y\"\n)]\nlet x = v[0];\n    #[allow(b)] fn f() {}\n";
    let found: Vec<_> = attributes(text).collect();
    assert_eq!(
        found,
        [
            (1, "#![expect(\n    a,\n    reason = \"x] y\"\n)]"),
            (6, "#[allow(b)]")
        ]
    );
}

/// Each crate of `crates/` and the crates it may know, from the block of `ARCHITECTURE.md`
/// that begins with ```` ```crates ````. `*` stands for all.
fn graph() -> BTreeMap<String, BTreeSet<String>> {
    let text = read("ARCHITECTURE.md");
    let block = text
        .split_once("```crates\n")
        .and_then(|(_, rest)| rest.split_once("```"))
        .map(|(block, _)| block)
        .expect("ARCHITECTURE.md has the crate graph");
    let rows: Vec<(&str, &str)> = block
        .lines()
        .map(|line| line.split_once('→').unwrap_or((line, "")))
        .collect();
    let all: BTreeSet<String> = rows
        .iter()
        .map(|(name, _)| name.trim().to_owned())
        .collect();
    rows.iter()
        .map(|(name, friends)| {
            let friends = match friends.trim() {
                "*" => all.clone(),
                list => list.split_whitespace().map(str::to_owned).collect(),
            };
            (name.trim().to_owned(), friends)
        })
        .collect()
}

/// Each crate of `crates/` and the packages it needs to be built, tests aside.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let arguments = [
        "metadata",
        "--format-version",
        "1",
        "--no-deps",
        "--offline",
    ];
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(root())
        .output()
        .expect("cargo started this test");
    assert!(
        output.status.success(),
        "cargo metadata: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo writes JSON");
    let packages = metadata["packages"]
        .as_array()
        .expect("cargo lists packages");
    let text = |value: &Value| value.as_str().map(str::to_owned);
    packages
        .iter()
        .filter_map(|package| {
            let name = short(package["name"].as_str()?)?;
            let needed = package["dependencies"].as_array()?;
            let needed = needed.iter().filter(|needed| needed["kind"] != "dev");
            let names = needed.filter_map(|needed| text(&needed["name"]));
            Some((name, names.collect()))
        })
        .filter(|(name, _): &(String, _)| name != "tests")
        .collect()
}

/// `dhcp` for `quorate-dhcp`, `quorate` for the command line, nothing for other people's.
fn short(package: &str) -> Option<String> {
    let name = package.strip_prefix("quorate-");
    name.or((package == "quorate").then_some(package))
        .map(str::to_owned)
}

/// Every file of the project whose name ends in one of `extensions`, or is one of them.
fn files(extensions: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut dirs = vec![root()];
    while let Some(dir) = dirs.pop() {
        let entries = std::fs::read_dir(&dir).expect("the project is readable");
        for entry in entries {
            let path = entry.expect("the project is readable").path();
            let name = path
                .file_name()
                .and_then(|name| name.to_str())
                .unwrap_or_default();
            let extension = name.rsplit('.').next().unwrap_or_default();
            if path.is_symlink() || name == "target" || name == ".git" {
                continue;
            } else if path.is_dir() {
                dirs.push(path);
            } else if extensions.contains(&extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "no file ends in {extensions:?}");
    found
}

/// The attributes that begin a line, each with the number of that line.
fn attributes(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let starts = text.lines().enumerate().filter(|(_, line)| {
        let line = line.trim_start();
        line.starts_with("#[") || line.starts_with("#![")
    });
    starts.filter_map(|(number, line)| {
        let start = line.as_ptr().addr() - text.as_ptr().addr();
        let rest = text[start..].trim_start();
        let (mut depth, mut quoted, mut escaped) = (0, false, false);
        for (at, byte) in rest.bytes().enumerate() {
            match byte {
                b'"' if !escaped => quoted = !quoted,
                b'[' if !quoted => depth += 1,
                b']' if !quoted => depth -= 1,
                _ => {}
            }
            escaped = byte == b'\\' && !escaped;
            if byte == b']' && depth == 0 {
                return Some((number + 1, &rest[..=at]));
            }
        }
        None
    })
}

#[expect(clippy::print_stderr, reason = "a warning is not a failure")]
fn warn(text: &str) {
    eprintln!("warning: {text}");
}
