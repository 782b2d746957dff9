//! Questions to this machine. None of them asks the code under test, whose regression must not
//! look like a machine that cannot do it; but for etcd, which has no other source.

use std::env;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use quorate_obtain::cache::default_dir;
use quorate_obtain::{Etcd, Request, Silent, obtain};

/// The path of a program; some are in directories that are not on everybody's `$PATH`.
pub fn program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let more = ["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from);
    env::split_paths(&path)
        .chain(more)
        .map(|dir| dir.join(name))
        .find(|path| path.is_file())
}

/// An etcd of this version; fetched when there is none.
///
/// # Errors
/// Why it cannot be had.
pub fn etcd(version: &str) -> Result<Etcd, String> {
    let version = version
        .parse()
        .map_err(|error| format!("{version}: {error}"))?;
    let request = Request::new(None, Some(version)).map_err(|error| error.to_string())?;
    obtain(&request, &Silent).map_err(|error| error.to_string())
}

/// What a program answers to `--version`: the last word of its first line.
pub(crate) fn version(name: &str) -> Result<[u32; 2], String> {
    let path = program(name).ok_or_else(|| format!("{name} is not installed"))?;
    let output = Command::new(path).arg("--version").output();
    let output = output.map_err(|error| format!("{name}: {error}"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    let line = said.lines().next().unwrap_or_default();
    let word = line.split(' ').next_back().unwrap_or_default();
    let mut parts = word.split('.').map(str::parse);
    match (parts.next(), parts.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => Ok([major, minor]),
        _ => Err(format!("{name} does not say its version: {line}")),
    }
}

/// Whether the kernel lets this user make the namespaces of a sandbox: with a user namespace, or
/// for root without.
pub(crate) fn namespaces() -> Result<(), String> {
    let all = ["--mount", "--net", "--pid", "--ipc", "--uts", "--fork"];
    let with_user = [&["--user", "--map-root-user"][..], &all].concat();
    unshare(&with_user).or_else(|error| unshare(&all).map_err(|_| error))
}

/// Whether it makes these, which are named as unshare(1) does.
pub(crate) fn unshare(namespaces: &[&str]) -> Result<(), String> {
    let output = Command::new("unshare")
        .args(namespaces)
        .arg("true")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("unshare: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let made = output.status.success().then_some(());
    made.ok_or_else(|| format!("no namespaces: {}", said.trim()))
}

/// Whether a Docker engine answers where `$DOCKER_HOST` says, else where engines usually are.
pub(crate) fn docker() -> Result<(), String> {
    let found = env::var("DOCKER_HOST").ok().filter(|host| !host.is_empty());
    let host = found.unwrap_or_else(default_engine);
    let failed = |error: std::io::Error| format!("no Docker engine at {host}: {error}");
    match host.split_once("://") {
        Some(("unix", path)) => {
            let stream = UnixStream::connect(path).map_err(failed)?;
            stream.set_read_timeout(Some(ANSWER_MAX)).map_err(failed)?;
            ping(stream)
        }
        Some(("tcp" | "http", address)) => {
            let stream = TcpStream::connect(address).map_err(failed)?;
            stream.set_read_timeout(Some(ANSWER_MAX)).map_err(failed)?;
            ping(stream)
        }
        _ => return Err(format!("$DOCKER_HOST is {host}: no socket")),
    }
    .map_err(|said| format!("no Docker engine at {host}: {said}"))
}

/// Whether this URL answers.
pub(crate) fn network(url: &str) -> Result<(), String> {
    let curl = program("curl").ok_or("no network without curl to ask it with")?;
    let output = Command::new(curl)
        .args(["-sSfI", "--max-time", "30", url])
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("curl: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let answers = output.status.success().then_some(());
    answers.ok_or_else(|| format!("{url}: {}", said.trim()))
}

/// Whether a package of Debian's is in quorate's cache, of whatever release.
pub(crate) fn is_cached(package: &str) -> bool {
    let Some(cache) = default_dir() else {
        return false;
    };
    let entries = std::fs::read_dir(cache).into_iter().flatten().flatten();
    let mut names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let end = format!("-{package}");
    names.any(|name| name.starts_with("debian-") && name.ends_with(&end))
}

fn default_engine() -> String {
    let of_user = |variable: &str| {
        let socket = PathBuf::from(env::var_os(variable)?).join(".docker/run/docker.sock");
        socket
            .exists()
            .then(|| format!("unix://{}", socket.display()))
    };
    let usual = "/var/run/docker.sock";
    let usual_is_there = PathBuf::from(usual).exists();
    let rootless = || of_user("XDG_RUNTIME_DIR").or_else(|| of_user("HOME"));
    (!usual_is_there)
        .then(rootless)
        .flatten()
        .unwrap_or_else(|| format!("unix://{usual}"))
}

fn ping(mut stream: impl Read + Write) -> Result<(), String> {
    let mut answer = [0; 64];
    let length = stream
        .write_all(b"GET /_ping HTTP/1.0\r\nHost: docker\r\n\r\n")
        .and_then(|()| stream.read(&mut answer))
        .map_err(|error| error.to_string())?;
    let head = String::from_utf8_lossy(&answer[..length]);
    let line = head.lines().next().unwrap_or_default();
    if line.contains(" 200 ") {
        Ok(())
    } else {
        Err(format!("it answers {line:?}"))
    }
}

const ANSWER_MAX: Duration = Duration::from_secs(10);
