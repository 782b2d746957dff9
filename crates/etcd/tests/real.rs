//! The arithmetic against a real etcd: one statically configured member on loopback.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use quorate_etcd::log::parse_line;
use quorate_etcd::{ClusterId, LogEvent, MemberId, expected_cluster_id, member_id};

/// Kills and reaps the process whatever becomes of the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn a_real_member_has_the_predicted_ids() {
    let binaries = binaries();
    if binaries.is_empty() {
        report("not run: no etcd on $QUORATE_ETCD, in $PATH or in quorate's cache");
    }
    for etcd in binaries {
        let (peer, client) = (free_port(), free_port());
        let url = format!("http://127.0.0.1:{peer}");
        let (member, cluster) = ids_in_log(&etcd, &url, client);
        assert_eq!(member, member_id(&[&url], "tok"), "{}", etcd.display());
        assert_eq!(cluster, expected_cluster_id(&[&url], "tok"));
        report(&format!("{}: {member} in {cluster}", etcd.display()));
    }
}

/// Runs a member until it is ready, and answers the IDs that it logged.
fn ids_in_log(etcd: &Path, peer_url: &str, client_port: u16) -> (MemberId, ClusterId) {
    let dir = tempfile::tempdir().unwrap();
    let client_url = format!("http://127.0.0.1:{client_port}");
    let mut running = Running(
        Command::new(etcd)
            .args(["--name", "only", "--data-dir"])
            .arg(dir.path().join("data"))
            .args(["--initial-cluster", &format!("only={peer_url}")])
            .args(["--initial-cluster-token", "tok"])
            .args(["--initial-advertise-peer-urls", peer_url])
            .args(["--listen-peer-urls", peer_url])
            .args(["--listen-client-urls", &client_url])
            .args(["--advertise-client-urls", &client_url])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap(),
    );
    let stderr = running.0.stderr.take().unwrap();
    let mut started = None;
    for line in BufReader::new(stderr).lines() {
        match parse_line(&line.unwrap()) {
            Some(LogEvent::Started {
                member, cluster, ..
            }) => started = Some((member, cluster)),
            Some(LogEvent::Ready) => return started.expect("it starts before it is ready"),
            Some(LogEvent::Fatal { error }) => panic!("etcd gave up: {error}"),
            _ => {}
        }
    }
    panic!("etcd ended without being ready");
}

fn binaries() -> Vec<PathBuf> {
    let given = std::env::var_os("QUORATE_ETCD").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).map(|dir| dir.join("etcd"));
    let cached = std::fs::read_dir(cache_dir())
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("etcd"));
    given
        .into_iter()
        .chain(on_path)
        .chain(cached)
        .filter(|file| file.is_file())
        .collect()
}

fn cache_dir() -> PathBuf {
    let variable = |name: &str| std::env::var_os(name).filter(|value: &OsString| !value.is_empty());
    if let Some(dir) = variable("QUORATE_CACHE") {
        return dir.into();
    }
    if let Some(dir) = variable("XDG_CACHE_HOME") {
        return PathBuf::from(dir).join("quorate");
    }
    PathBuf::from(variable("HOME").unwrap_or_default()).join(".cache/quorate")
}

/// A port that was free a moment ago; etcd cannot be asked to choose one itself.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

#[expect(clippy::print_stderr, reason = "a test that is not run says so")]
fn report(text: &str) {
    eprintln!("{text}");
}
