//! The Debian package's list of files, against the files.
//!
//! Building the package needs cargo-deb: `packaging/deb` does it, and checks it.

use std::collections::BTreeSet;

use quorate_tests::checks::succeed;
use quorate_tests::stories::cli;
use quorate_tests::{read, root};

/// What the package's list says is in the repository, is there; and what it says `packaging/files`
/// makes, are the manual pages and completions of this program.
pub(crate) fn assets_exist() {
    let manifest: toml::Table = read("crates/quorate/Cargo.toml")
        .parse()
        .expect("it is TOML");
    let deb = &manifest["package"]["metadata"]["deb"];
    let assets = deb["assets"].as_array().expect("assets are a list");
    let sources: BTreeSet<&str> = assets
        .iter()
        .filter_map(|asset| asset[0].as_str())
        .collect();
    let dir = tempfile::tempdir().expect("a directory for temporary files");
    let script = root().join("packaging/files");
    let mut make = std::process::Command::new(script);
    make.arg(dir.path())
        .env("QUORATE", std::env::current_exe().expect("it is running"));
    make.envs(
        cli()
            .get_envs()
            .filter_map(|(key, value)| Some((key, value?))),
    );
    succeed(&mut make);

    for source in sources {
        let path = match source.strip_prefix(MADE) {
            Some(made) => dir.path().join(made),
            None if source == BINARY => continue,
            None => root().join("crates/quorate").join(source),
        };
        let (parent, name) = (path.parent(), path.file_name().unwrap_or_default());
        let pattern = name.to_string_lossy();
        let exists = match pattern.split_once('*') {
            None => path.is_file(),
            Some((start, end)) => parent
                .and_then(|parent| std::fs::read_dir(parent).ok())
                .into_iter()
                .flatten()
                .filter_map(Result::ok)
                .map(|entry| entry.file_name().to_string_lossy().into_owned())
                .any(|name| name.starts_with(start) && name.ends_with(end)),
        };
        assert!(exists, "{source} is not there");
    }
    let page = std::fs::read_to_string(dir.path().join("man/quorate-serve.1"));
    let page = page.expect("the page that the unit names");
    assert!(page.contains("\\-\\-check"), "{page}");
}

/// What is made of the program.
const MADE: &str = "../../target/package/";
/// cargo-deb finds it where cargo put it.
const BINARY: &str = "target/release/quorate";
