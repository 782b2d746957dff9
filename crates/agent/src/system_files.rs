//! The files and kernel settings by which programs learn the machine's name and name servers.

use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// Where units are written on a machine, and read by systemd.
const UNIT_DIR: &str = "/etc/systemd/system";

/// The files of one machine.
#[derive(Clone, Debug)]
pub(crate) struct SystemFiles {
    pub(crate) etc_dir: PathBuf,
    pub(crate) unit_dir: PathBuf,
}

impl SystemFiles {
    /// Configures the name servers of the C library's resolver, and Go's.
    pub(crate) fn write_resolv_conf(&self, dns: &[Ipv4Addr]) -> io::Result<()> {
        overwrite(&self.etc_dir.join("resolv.conf"), &resolv_conf(dns))
    }

    /// Names the machine. Its own address is kept out of `/etc/hosts`: etcd must learn it from
    /// DNS as its peers do, or a missing record would go unseen on the one machine it belongs to.
    pub(crate) fn set_hostname(&self, hostname: &str) -> io::Result<()> {
        overwrite(&self.etc_dir.join("hostname"), &format!("{hostname}\n"))?;
        overwrite(&self.etc_dir.join("hosts"), "127.0.0.1 localhost\n")?;
        rustix::system::sethostname(hostname.as_bytes())?;
        Ok(())
    }

    /// Writes a file of the seed; units go to the machine's own unit directory.
    pub(crate) fn install(&self, path: &str, permissions: u32, content: &str) -> io::Result<()> {
        let path = match Path::new(path).strip_prefix(UNIT_DIR) {
            Ok(unit) => self.unit_dir.join(unit),
            Err(_) => PathBuf::from(path),
        };
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        // Beside the target and renamed, so that no reader meets half a file; its permissions
        // are in place before its content is.
        let mut beside = path.clone().into_os_string();
        beside.push(".quorate-new");
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let file = options.open(&beside)?;
        file.set_permissions(fs::Permissions::from_mode(permissions))?;
        io::Write::write_all(&mut &file, content.as_bytes())?;
        fs::rename(&beside, &path)
    }
}

/// No `search` list: with one, Go reports every failure of a name server as "no such host", and
/// the cause of a failed bootstrap is lost. Five tries a second apart, since a machine that boots
/// with its whole rack meets name servers that are busy.
fn resolv_conf(dns: &[Ipv4Addr]) -> String {
    let mut text: String = dns
        .iter()
        .map(|server| format!("nameserver {server}\n"))
        .collect();
    text.push_str("options timeout:1 attempts:5\n");
    text
}

/// In place: these files may be bind mounts, which nothing can be renamed over.
fn overwrite(path: &Path, text: &str) -> io::Result<()> {
    fs::write(path, text)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files() -> (tempfile::TempDir, SystemFiles) {
        let dir = tempfile::tempdir().unwrap();
        let files = SystemFiles {
            etc_dir: dir.path().to_owned(),
            unit_dir: dir.path().join("units"),
        };
        (dir, files)
    }

    #[test]
    fn the_resolver_is_told_the_servers_and_no_search_list() {
        let (dir, files) = files();
        let dns = [Ipv4Addr::new(10, 77, 0, 2), Ipv4Addr::new(10, 77, 0, 3)];
        files.write_resolv_conf(&dns).unwrap();
        assert_eq!(
            fs::read_to_string(dir.path().join("resolv.conf")).unwrap(),
            "nameserver 10.77.0.2\nnameserver 10.77.0.3\noptions timeout:1 attempts:5\n"
        );
    }

    #[test]
    fn a_unit_goes_to_the_unit_directory_with_its_permissions() {
        let (dir, files) = files();
        for content in ["first, longer", "second"] {
            files
                .install("/etc/systemd/system/a.service", 0o640, content)
                .unwrap();
        }
        let path = dir.path().join("units/a.service");
        assert_eq!(fs::read_to_string(&path).unwrap(), "second");
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o640);
        assert_eq!(fs::read_dir(dir.path().join("units")).unwrap().count(), 1);
    }

    #[test]
    fn any_other_file_goes_where_it_says() {
        let (dir, files) = files();
        let path = dir.path().join("deep/er/file");
        files.install(path.to_str().unwrap(), 0o755, "x").unwrap();
        assert_eq!(fs::read_to_string(path).unwrap(), "x");
    }

    #[test]
    fn a_failure_names_the_file() {
        let (_dir, files) = files();
        let files = SystemFiles {
            etc_dir: files.etc_dir.join("absent"),
            ..files
        };
        let error = files.write_resolv_conf(&[]).unwrap_err().to_string();
        assert!(error.contains("absent/resolv.conf"), "{error}");
    }
}
