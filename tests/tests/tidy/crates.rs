//! The crate graph of `ARCHITECTURE.md`, and its pure crates.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use quorate_tests::{read, root};
use serde_json::Value;

use crate::source::{self, Source};
use crate::tree::{files, shown};

type Graph = BTreeMap<String, BTreeSet<String>>;

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

/// The same, of the standard library: as tokens are printed.
const IMPURE_PATHS: [(&str, &str); 10] = [
    ("Instant :: now", "a clock"),
    ("SystemTime", "a clock"),
    ("std :: fs", "files"),
    ("std :: thread", "threads"),
    ("UdpSocket", "a socket"),
    ("TcpStream", "a socket"),
    ("TcpListener", "a socket"),
    ("UnixStream", "a socket"),
    ("HashMap", "an order that changes from run to run"),
    ("HashSet", "an order that changes from run to run"),
];

/// `Story::load` reads the file that it checks.
const MAY_READ_FILES: &str = "crates/scenario/src/check.rs";

const ARCHITECTURE_LINES_MAX: usize = 250;

#[test]
fn crates_know_only_whom_they_may_know() {
    let complaints = beyond_the_graph(&graph(&read("ARCHITECTURE.md")), &dependencies());
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn a_crate_beyond_the_graph_is_refused() {
    let text = "```crates\ncore →\ndns  → core\nall  → *\n```\n";
    let graph = graph(text);
    let needs = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let found = |name: &str, names: &[&str]| {
        beyond_the_graph(&graph, &BTreeMap::from([(name.to_owned(), needs(names))]))
    };
    assert_eq!(found("dns", &["quorate-core", "serde"]), [""; 0]);
    assert_eq!(found("all", &["quorate-core", "quorate-dns"]), [""; 0]);
    assert_eq!(found("core", &["quorate-dns"]), ["core may not know dns"]);
    let unknown = "ARCHITECTURE.md does not say which crates new may use";
    assert_eq!(found("new", &[]), [unknown]);
}

/// Whom crates know and may not, and crates that the graph does not have.
fn beyond_the_graph(graph: &Graph, dependencies: &Graph) -> Vec<String> {
    let mut complaints = Vec::new();
    for (name, dependencies) in dependencies {
        let Some(allowed) = graph.get(name) else {
            let unknown = format!("ARCHITECTURE.md does not say which crates {name} may use");
            complaints.push(unknown);
            continue;
        };
        let known = dependencies.iter().filter_map(|one| short(one));
        let excess = known.filter(|known| !allowed.contains(known));
        complaints.extend(excess.map(|known| format!("{name} may not know {known}")));
    }
    complaints
}

#[test]
fn pure_crates_stay_pure() {
    let text = read("ARCHITECTURE.md");
    let (graph, dependencies, pure) = (graph(&text), dependencies(), pure(&text));
    assert!(pure.len() > 10, "{pure:?}");
    for name in &pure {
        let complaints = impure_dependencies(name, &graph, &dependencies[name], &pure);
        assert!(complaints.is_empty(), "{}", complaints.join("\n"));

        let link = root().join("crates").join(name).join("clippy.toml");
        let target = std::fs::read_link(&link).ok();
        assert_eq!(
            target.as_deref(),
            Some(Path::new("../../pure-clippy.toml")),
            "{} is not a link to the lints of pure crates",
            link.display()
        );
    }
    let mut complaints = Vec::new();
    for path in files(&["rs"]) {
        let source = Source::of(&path);
        if pure.contains(&source.crate_name) && !source.is_test {
            let place = shown(&path);
            let impure = impure_paths(&source.text).into_iter();
            let impure = impure.filter(|what| place != MAY_READ_FILES || !what.ends_with("files"));
            complaints.extend(impure.map(|what| format!("{place}: {what}")));
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn a_pure_crate_with_a_clock_is_refused() {
    let clock = "fn now() -> u64 { let at = std::time::Instant::now(); at.0 }";
    assert_eq!(impure_paths(clock), ["Instant :: now is a clock"]);
    let date = "use std::time::{Duration, SystemTime};";
    assert_eq!(impure_paths(date), ["SystemTime is a clock"]);
    let tests = "#[cfg(test)] mod tests { use std::time::SystemTime; } // SystemTime\nfn f() {}";
    assert_eq!(impure_paths(tests), [""; 0]);

    let text =
        "**Pure crates** (`core`,\n`dns`): no\n```crates\ncore →\nhost →\ndns → core host\n```";
    let (graph, pure) = (graph(text), pure(text));
    let tokio = BTreeSet::from(["tokio".to_owned()]);
    assert_eq!(
        impure_dependencies("core", &graph, &tokio, &pure),
        ["core is pure and uses tokio"]
    );
    assert_eq!(
        impure_dependencies("dns", &graph, &BTreeSet::new(), &pure),
        ["dns is pure and may know host"]
    );
}

fn impure_dependencies(
    name: &str,
    graph: &Graph,
    dependencies: &BTreeSet<String>,
    pure: &BTreeSet<String>,
) -> Vec<String> {
    let libraries = dependencies.iter();
    let libraries = libraries.filter(|one| IMPURE_LIBRARIES.contains(&one.as_str()));
    let libraries = libraries.map(|library| format!("{name} is pure and uses {library}"));
    let friends = graph[name].iter().filter(|one| !pure.contains(*one));
    let friends = friends.map(|friend| format!("{name} is pure and may know {friend}"));
    libraries.chain(friends).collect()
}

/// What a file of a pure crate uses, its tests aside.
fn impure_paths(text: &str) -> Vec<String> {
    let tokens = source::tokens_without_tests(text);
    let used = IMPURE_PATHS
        .iter()
        .filter(|(path, _)| tokens.contains(path));
    used.map(|(path, what)| format!("{path} is {what}"))
        .collect()
}

/// The crates that `ARCHITECTURE.md` calls pure.
fn pure(architecture: &str) -> BTreeSet<String> {
    let list = architecture
        .split_once("**Pure crates** (")
        .and_then(|(_, rest)| rest.split_once(')'))
        .map(|(list, _)| list)
        .expect("ARCHITECTURE.md names the pure crates");
    list.split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
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
    for name in graph(&text).keys() {
        assert!(
            crates.contains_key(name),
            "ARCHITECTURE.md speaks of {name}, which is no crate"
        );
    }
}

/// Each crate of `crates/` and the crates it may know, from the block of `ARCHITECTURE.md`
/// that begins with ```` ```crates ````. `*` stands for all.
fn graph(architecture: &str) -> Graph {
    let block = architecture
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
pub(crate) fn dependencies() -> Graph {
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
            let manifest = package["manifest_path"].as_str()?;
            let dir = Path::new(manifest).parent()?;
            let is_ours = dir.parent() == Some(&root().join("crates"));
            let name = dir.file_name()?.to_str().filter(|_| is_ours)?.to_owned();
            let needed = package["dependencies"].as_array()?;
            let needed = needed.iter().filter(|needed| needed["kind"] != "dev");
            let names = needed.filter_map(|needed| text(&needed["name"]));
            Some((name, names.collect()))
        })
        .collect()
}

/// `dhcp` for `quorate-dhcp`, `quorate` for the command line, nothing for other people's.
fn short(package: &str) -> Option<String> {
    let name = package.strip_prefix("quorate-");
    name.or((package == "quorate").then_some(package))
        .map(str::to_owned)
}
