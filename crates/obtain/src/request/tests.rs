use std::fs;

use super::*;
use crate::provider::{Fetched, Silent};

/// Offers one version, and fetches a script that says it is `actual`.
struct Scripted {
    name: &'static str,
    offer: Version,
    actual: Result<Version, &'static str>,
}

impl Provider for Scripted {
    fn name(&self) -> &'static str {
        self.name
    }

    fn offers(&self) -> Vec<Version> {
        vec![self.offer]
    }

    fn fetch(&self, _: Version, into: &Path, _: &dyn Progress) -> Result<Fetched, FetchError> {
        let failed = |codename| FetchError::NoMirror(str::to_owned(codename));
        let actual = self.actual.map_err(failed)?;
        let etcd = into.join("download");
        script(&etcd, actual);
        Ok(Fetched {
            etcd,
            etcdctl: None,
            source: "script".to_owned(),
        })
    }
}

fn script(path: &Path, version: Version) {
    fs::write(path, format!("#!/bin/sh\necho 'etcd Version: {version}'\n")).unwrap();
    make_executable(path).unwrap();
}

fn request(cache: &Path) -> Request {
    Request {
        path: None,
        version: None,
        environment: None,
        search_path: None,
        cache: cache.to_owned(),
        download: true,
    }
}

const NEW: Version = Version::new(3, 5, 16);
const OLD: Version = Version::new(3, 4, 23);

fn provider(
    name: &'static str,
    offer: Version,
    actual: Result<Version, &'static str>,
) -> Box<dyn Provider> {
    Box::new(Scripted {
        name,
        offer,
        actual,
    })
}

#[test]
fn the_first_provider_that_works_is_used_and_then_the_cache() {
    let dir = tempfile::tempdir().unwrap();
    let providers = [
        provider("broken", NEW, Err("sid")),
        provider("liar", NEW, Ok(OLD)),
        provider("good", NEW, Ok(NEW)),
    ];
    let first = obtain_from(&providers, &request(dir.path()), &Silent).unwrap();
    assert_eq!(first.origin, Origin::Fetched("good".to_owned()));
    assert_eq!(first.etcd, dir.path().join("etcd-3.5.16-good/etcd"));
    let again = obtain_from(&[], &request(dir.path()), &Silent).unwrap();
    assert_eq!(again.origin, Origin::Cache("good".to_owned()));
    assert_eq!(again.etcd, first.etcd);
}

#[test]
fn the_error_names_every_place_and_its_reason() {
    let dir = tempfile::tempdir().unwrap();
    let cache = dir.path().join("cache");
    let providers = [
        provider("broken", NEW, Err("sid")),
        provider("liar", NEW, Ok(OLD)),
        provider("other", OLD, Ok(OLD)),
    ];
    let error = obtain_from(&providers, &request(&cache), &Silent).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "no etcd 3.5 could be obtained:\n  $PATH: has no etcd\n  cache: nothing of it in {}\n  \
             broken: no source in /etc/apt has Debian \"sid\" main\n  liar: script holds 3.4.23, not 3.5.16\n  \
             other: has only 3.4.23\n\
             give one with --etcd PATH or $QUORATE_ETCD, or install one into $PATH",
            cache.display()
        )
    );
    assert!(!cache.join(".staging").exists(), "nothing is left behind");
}

#[test]
fn path_environment_and_search_path_go_before_the_cache() {
    let dir = tempfile::tempdir().unwrap();
    let (bin, env, arg) = (
        dir.path().join("bin"),
        dir.path().join("env"),
        dir.path().join("arg"),
    );
    for (place, version) in [(&bin, NEW), (&env, OLD), (&arg, OLD)] {
        fs::create_dir(place).unwrap();
        script(&place.join("etcd"), version);
    }
    let mut request = request(&dir.path().join("cache"));
    request.search_path = Some(bin.clone().into());
    let origin = |request: &Request| obtain_from(&[], request, &Silent).map(|etcd| etcd.origin);
    assert_eq!(origin(&request), Ok(Origin::Path));
    request.environment = Some(env.join("etcd"));
    assert_eq!(origin(&request), Ok(Origin::Environment));
    request.version = Some(VersionReq::DEFAULT);
    assert_eq!(
        origin(&request),
        Ok(Origin::Path),
        "the environment's is too old"
    );
    request.path = Some(arg.join("etcd"));
    assert_eq!(origin(&request), Ok(Origin::Argument));
}

#[test]
fn a_path_that_is_not_etcd_is_an_error_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut request = request(dir.path());
    for (path, reason) in [
        ("/bin/true", "does not say that it is etcd"),
        ("/nonexistent/etcd", "No such file"),
    ] {
        request.path = Some(path.into());
        let error = obtain_from(&[], &request, &Silent).unwrap_err().to_string();
        assert!(error.contains(path) && error.contains(reason), "{error}");
    }
}
