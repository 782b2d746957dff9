//! The files of the project.

use std::path::PathBuf;

use quorate_tests::root;

/// Every file of the project whose name ends in one of `extensions`, or is one of them.
pub(crate) fn files(extensions: &[&str]) -> Vec<PathBuf> {
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
            if path.is_symlink() || matches!(name, "target" | ".git") {
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

/// The path from the root, for people.
pub(crate) fn shown(path: &std::path::Path) -> String {
    let path = path.strip_prefix(root()).unwrap_or(path);
    path.display().to_string()
}
