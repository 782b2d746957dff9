//! The drivers that the image brings, for what the kernel has none built in.

use std::fs::{self, File};
use std::path::Path;

use rustix::io::Errno;

/// Loads the modules that `list` names, in its order. Answers what went wrong: a machine may
/// well come up without one of them.
pub(crate) fn load(list: &Path) -> Vec<String> {
    let text = match fs::read_to_string(list) {
        Ok(text) => text,
        Err(error) => return vec![format!("{}: {error}", list.display())],
    };
    let failures = text
        .lines()
        .filter(|line| !line.is_empty())
        .filter_map(|path| {
            let loaded = File::open(path).map_err(|error| error.to_string());
            let loaded = loaded.and_then(|file| {
                match rustix::system::finit_module(file, c"", 0) {
                    // It is there already.
                    Ok(()) | Err(Errno::EXIST) => Ok(()),
                    Err(error) => Err(error.to_string()),
                }
            });
            loaded.err().map(|error| format!("{path}: {error}"))
        });
    failures.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_loaded_is_told_and_skipped() {
        let dir = tempfile::tempdir().unwrap();
        let list = dir.path().join("modules");
        fs::write(&list, "/nowhere/a.ko\n\n/nowhere/b.ko\n").unwrap();
        let troubles = load(&list);
        assert_eq!(troubles.len(), 2, "{troubles:?}");
        assert!(troubles[0].starts_with("/nowhere/a.ko: "), "{troubles:?}");
        assert_eq!(load(Path::new("/nowhere/list")).len(), 1);
    }
}
