//! Every file by itself.

use std::path::PathBuf;

use quorate_tests::checks::{foreign, succeed};
use quorate_tests::{read, root};
use rnix::SyntaxKind;

use crate::instantiate;

/// The files below `nix/` and the flake, by their paths from the root, whose names end so.
fn files(ending: &str) -> Vec<PathBuf> {
    let mut found = vec![PathBuf::from("flake.nix")];
    let mut dirs = vec![root().join("nix")];
    while let Some(dir) = dirs.pop() {
        for entry in std::fs::read_dir(dir).expect("the repository is readable") {
            let path = entry.expect("the repository is readable").path();
            if path.is_dir() {
                dirs.push(path);
            } else {
                let path = path.strip_prefix(root()).expect("it is below the root");
                found.push(path.into());
            }
        }
    }
    found.retain(|path| path.extension().is_some_and(|is| is == ending));
    found.sort();
    assert!(found.len() > 5, "there are more files than {found:?}");
    found
}

pub(crate) fn formatted() {
    for file in files("nix") {
        let text = read(&file);
        let formatted = nixfmt_rs::format(&text);
        let formatted = formatted.unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let first = text
            .lines()
            .zip(formatted.lines())
            .position(|(is, should_be)| is != should_be);
        assert!(
            text == formatted,
            "{}: line {} is not as nixfmt writes it",
            file.display(),
            first.map_or(text.lines().count(), |line| line + 1)
        );
    }
}

pub(crate) fn no_dead_code() {
    let settings = deadnix::Settings {
        no_lambda_arg: false,
        no_lambda_pattern_names: false,
        no_underscore: false,
        warn_used_underscore: false,
    };
    for file in files("nix") {
        let tree = rnix::Root::parse(&read(&file));
        assert_eq!(tree.errors(), &[], "{}", file.display());
        let dead: Vec<_> = settings
            .find_dead_code(&tree.syntax())
            .into_iter()
            .map(|dead| dead.binding.name.to_string())
            .collect();
        assert!(dead.is_empty(), "{}: unused: {dead:?}", file.display());
    }
}

/// Under `with` an undefined variable is found only when it is evaluated.
pub(crate) fn no_with() {
    for file in files("nix") {
        let tree = rnix::Root::parse(&read(&file));
        let with = tree
            .syntax()
            .descendants()
            .find(|node| node.kind() == SyntaxKind::NODE_WITH);
        assert!(with.is_none(), "{}: {with:?}", file.display());
    }
}

/// Syntax, and variables that nobody defines.
pub(crate) fn parse() {
    succeed(instantiate().arg("--parse").args(files("nix")));
}

pub(crate) fn scripts_compile() {
    let program = "import ast, sys\nfor name in sys.argv[1:]: ast.parse(open(name).read(), name)";
    succeed(
        foreign("python3")
            .current_dir(root())
            .args(["-c", program])
            .args(files("py")),
    );
}

/// What the test driver defines, it cannot know.
pub(crate) fn scripts_are_clean() {
    succeed(
        foreign("ruff")
            .current_dir(root())
            .args(["check", "--isolated", "--no-cache", "--ignore=F821"])
            .args(files("py")),
    );
}
