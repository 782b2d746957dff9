//! `quorate etcd fetch` and `quorate etcd list`, and how other verbs get their etcd.

use std::path::PathBuf;
use std::process::ExitCode;

use quorate_obtain::{Etcd, Progress, Request, VersionReq, obtain};
use serde_json::json;
use thiserror::Error;

use crate::cli::{EtcdArgs, EtcdVerb, Format};
use crate::exit;

pub(crate) fn run(args: &EtcdArgs) -> ExitCode {
    match &args.verb {
        EtcdVerb::Fetch { version, format } => fetch(version.as_deref(), *format),
        EtcdVerb::List { format } => list(*format),
    }
}

/// Finds or fetches what `--etcd` names, else what the scenario names, else the default.
pub(crate) fn get(wanted: Option<&str>, story: Option<&str>) -> Result<Etcd, ExitCode> {
    find(wanted, story, &Steps).map_err(|error| match error {
        NotFound::Version(text) => {
            eprintln!("{text}");
            exit::bad_input()
        }
        NotFound::Anywhere(text) => fail(text),
    })
}

/// The same, without a word.
pub(crate) fn find(
    wanted: Option<&str>,
    story: Option<&str>,
    progress: &dyn Progress,
) -> Result<Etcd, NotFound> {
    let is_path = |text: &&str| text.contains('/') || text.parse::<VersionReq>().is_err();
    let path = wanted.filter(is_path).map(PathBuf::from);
    let version = match (&path, wanted.or(story)) {
        (None, Some(text)) => {
            let version = text.parse::<VersionReq>();
            Some(version.map_err(|error| NotFound::Version(error.to_string()))?)
        }
        (Some(_), _) | (None, None) => None,
    };
    let anywhere = |error: String| NotFound::Anywhere(error);
    let request = Request::new(path, version).map_err(|error| anywhere(error.to_string()))?;
    obtain(&request, progress).map_err(|error| anywhere(error.to_string()))
}

/// Why there is no etcd.
#[derive(Debug, Error)]
pub(crate) enum NotFound {
    /// What was asked for is no version.
    #[error("{0}")]
    Version(String),
    #[error("{0}")]
    Anywhere(String),
}

fn fail(error: impl std::fmt::Display) -> ExitCode {
    eprintln!("{error}");
    exit::cannot_run()
}

fn fetch(version: Option<&str>, format: Format) -> ExitCode {
    let version = match version.map(str::parse).transpose() {
        Ok(version) => version,
        Err(error) => {
            eprintln!("{error}");
            return exit::bad_input();
        }
    };
    // What is asked for is a copy in the cache, not what happens to be on the machine.
    let request = Request::new(None, version).map(|request| Request {
        environment: None,
        search_path: None,
        ..request
    });
    let etcd = match request
        .map_err(fail)
        .and_then(|r| obtain(&r, &Steps).map_err(fail))
    {
        Ok(etcd) => etcd,
        Err(code) => return code,
    };
    match format {
        Format::Human => println!(
            "etcd {} ({})\n{}",
            etcd.version,
            etcd.origin,
            etcd.etcd.display()
        ),
        Format::Json => println!(
            "{:#}",
            json!({
                "version": etcd.version.to_string(),
                "origin": etcd.origin.to_string(),
                "etcd": etcd.etcd,
                "etcdctl": etcd.etcdctl,
            })
        ),
    }
    ExitCode::SUCCESS
}

fn list(format: Format) -> ExitCode {
    let Some(cache) = quorate_obtain::cache::default_dir() else {
        return fail(quorate_obtain::request::NoCacheDir);
    };
    let cached = quorate_obtain::list(&cache);
    let providers = quorate_obtain::providers();
    if format == Format::Json {
        let rows: Vec<_> = cached
            .iter()
            .map(|cached| {
                json!({
                    "version": cached.manifest.version.to_string(),
                    "provider": cached.manifest.provider,
                    "etcd": cached.etcd,
                })
            })
            .collect();
        let offers: serde_json::Map<_, _> = providers
            .iter()
            .map(|provider| {
                let offers: Vec<_> = provider.offers().iter().map(ToString::to_string).collect();
                (provider.name().to_owned(), json!(offers))
            })
            .collect();
        println!(
            "{:#}",
            json!({ "cache": cache, "cached": rows, "providers": offers })
        );
        return ExitCode::SUCCESS;
    }
    println!("in {}:", cache.display());
    for cached in &cached {
        println!(
            "  {:8} {:12} {}",
            cached.manifest.version,
            cached.manifest.provider,
            cached.etcd.display()
        );
    }
    if cached.is_empty() {
        println!("  nothing yet");
    }
    println!("offered:");
    for provider in providers {
        let offers: Vec<_> = provider.offers().iter().map(ToString::to_string).collect();
        println!("  {:12} {}", provider.name(), offers.join(", "));
    }
    ExitCode::SUCCESS
}

/// Progress as lines on standard error.
#[derive(Debug)]
pub(crate) struct Steps;

impl Progress for Steps {
    fn step(&self, what: &str) {
        eprintln!("  {what} ...");
    }

    fn line(&self, text: &str) {
        tracing::info!("{text}");
    }
}
