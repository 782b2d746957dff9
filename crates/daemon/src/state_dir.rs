//! The state directory, which is nobody else's.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// Takes the directory from everybody else, if there is nothing else in it. Somebody who gives a
/// directory with other files in it may have reasons for its mode: what is ours in it is closed
/// anyway.
pub(crate) fn close(dir: &Path) {
    match close_own(dir) {
        // It is made later, or that fails and says why.
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) => {}
        Err(error) => tracing::warn!(%error, ?dir, "others can read the state directory"),
        Ok(false) => tracing::warn!(
            ?dir,
            "others can read the state directory; it has other files"
        ),
        Ok(true) => {}
    }
}

/// False when it stays open.
fn close_own(dir: &Path) -> io::Result<bool> {
    if fs::metadata(dir)?.permissions().mode() & OTHERS == 0 {
        return Ok(true);
    }
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name();
        if !OURS.iter().any(|ours| name == *ours) {
            return Ok(false);
        }
    }
    fs::set_permissions(dir, Permissions::from_mode(OWNER_ONLY))?;
    Ok(true)
}

const OURS: [&str; 2] = ["state", "ddns.key"];
const OWNER_ONLY: u32 = 0o700;
const OTHERS: u32 = 0o077;

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(dir: &Path) -> u32 {
        fs::metadata(dir).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_directory_of_our_own_is_closed_and_no_other() {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
        fs::write(dir.path().join("ddns.key"), "").unwrap();
        fs::write(dir.path().join("photo"), "").unwrap();
        close(dir.path());
        assert_eq!(mode(dir.path()), 0o755);
        fs::remove_file(dir.path().join("photo")).unwrap();
        close(dir.path());
        assert_eq!(mode(dir.path()), 0o700);
        close(&dir.path().join("absent"));
    }
}
