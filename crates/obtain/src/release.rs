//! The etcd project's own release archives.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::cache::sha256_hex;
use crate::error::FetchError;
use crate::provider::{Fetched, Progress, Provider, go_arch};
use crate::tool::{find, run};
use crate::version::{Version, VersionReq};

const DOWNLOADS: &str = "https://github.com/etcd-io/etcd/releases/download";
const CONNECT_SECS_MAX: &str = "10";

/// Archives at the project's release page, checked against its SHA256SUMS.
#[derive(Clone, Copy, Debug)]
pub struct ReleaseArchive;

impl Provider for ReleaseArchive {
    fn name(&self) -> &'static str {
        "release"
    }

    /// A series is answered with a release that is known to exist; any other by its number.
    fn offers(&self) -> Vec<Version> {
        vec![
            Version::new(3, 6, 0),
            Version::new(3, 5, 16),
            Version::new(3, 4, 34),
        ]
    }

    fn candidate(&self, req: VersionReq) -> Option<Version> {
        req.exact()
            .or_else(|| self.offers().into_iter().find(|offer| req.matches(*offer)))
    }

    fn fetch(
        &self,
        version: Version,
        into: &Path,
        progress: &dyn Progress,
    ) -> Result<Fetched, FetchError> {
        let folder = format!("etcd-v{version}-linux-{}", go_arch());
        let archive = format!("{folder}.tar.gz");
        let file = into.join(&archive);
        let sums = into.join("SHA256SUMS");
        progress.step(&format!("downloading {archive}"));
        download(
            &format!("{DOWNLOADS}/v{version}/SHA256SUMS"),
            &sums,
            progress,
        )?;
        download(
            &format!("{DOWNLOADS}/v{version}/{archive}"),
            &file,
            progress,
        )?;

        progress.step("checking and unpacking");
        let sums = fs::read_to_string(&sums).map_err(FetchError::file("SHA256SUMS"))?;
        let expected = published_sum(&sums, &archive).ok_or_else(|| FetchError::NoDigest {
            version,
            archive: archive.clone(),
        })?;
        let actual = sha256_hex(&file).map_err(FetchError::file(&archive))?;
        if actual != expected {
            return Err(FetchError::WrongDigest {
                archive,
                actual,
                published: expected.to_owned(),
            });
        }
        let mut tar = Command::new("tar");
        tar.arg("-xzf").arg(&file).arg("-C").arg(into);
        run(&mut tar, progress)?;
        Ok(Fetched {
            etcd: into.join(&folder).join("etcd"),
            etcdctl: Some(into.join(&folder).join("etcdctl")),
            source: archive,
        })
    }
}

/// The digest beside this file name in `SHA256SUMS`.
fn published_sum<'a>(sums: &'a str, file: &str) -> Option<&'a str> {
    sums.lines().find_map(|line| {
        let (sum, name) = line.split_once(char::is_whitespace)?;
        (name.trim().trim_start_matches('*') == file && sum.len() == 64).then_some(sum)
    })
}

fn download(url: &str, to: &Path, progress: &dyn Progress) -> Result<(), FetchError> {
    let mut command = if find("curl").is_some() {
        let mut curl = Command::new("curl");
        curl.args(["-fsSL", "--connect-timeout", CONNECT_SECS_MAX, "-o"]);
        curl.arg(to).arg(url);
        curl
    } else if find("wget").is_some() {
        let mut wget = Command::new("wget");
        wget.args([
            "-q",
            "--tries=1",
            "--connect-timeout",
            CONNECT_SECS_MAX,
            "-O",
        ]);
        wget.arg(to).arg(url);
        wget
    } else {
        return Err(FetchError::NotInstalled(&["curl", "wget"]));
    };
    run(&mut command, progress).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_sum_is_the_one_of_that_very_file() {
        let (one, two) = ("1".repeat(64), "2".repeat(64));
        let sums = format!(
            "{one}  etcd-v3.5.16-linux-amd64.tar.gz.asc\n{two}  etcd-v3.5.16-linux-amd64.tar.gz\n"
        );
        let archive = "etcd-v3.5.16-linux-amd64.tar.gz";
        assert_eq!(published_sum(&sums, archive), Some(two.as_str()));
        assert_eq!(
            published_sum(&sums, "etcd-v3.5.17-linux-amd64.tar.gz"),
            None
        );
    }

    #[test]
    fn any_release_can_be_asked_for_by_its_number() {
        let exact: VersionReq = "3.5.12".parse().unwrap();
        assert_eq!(ReleaseArchive.candidate(exact), exact.exact());
    }
}
