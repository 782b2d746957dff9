//! The arithmetic against a real etcd: one statically configured member on loopback.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};

use quorate_etcd::log::parse_line;
use quorate_etcd::{ClusterId, LogEvent, MemberId, expected_cluster_id, member_id};
use quorate_needs::{Need, Test, probe};

/// Kills and reaps the process whatever becomes of the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn main() -> ExitCode {
    quorate_needs::main(VERSIONS.map(|version| {
        let name = format!("a_real_member_{version}_has_the_predicted_ids");
        let needs = [Need::Etcd(version)];
        Test::new(name, &needs, || has_the_predicted_ids(version))
    }))
}

fn has_the_predicted_ids(version: &str) {
    let etcd = probe::etcd(version).unwrap();
    let (peer, client) = (free_port(), free_port());
    let url = format!("http://127.0.0.1:{peer}");
    let (member, cluster) = ids_in_log(&etcd.etcd, &url, client);
    assert_eq!(member, member_id(&[&url], "tok"));
    assert_eq!(cluster, expected_cluster_id(&[&url], "tok"));
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

/// A port that was free a moment ago; etcd cannot be asked to choose one itself.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

const VERSIONS: [&str; 2] = ["3.4", "3.5"];
