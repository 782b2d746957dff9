//! `quorate etcd fetch` and `quorate etcd list`

use std::fmt::Write as _;
use std::path::Path;

use quorate::runner::EtcdError;
use quorate_obtain::request::NoCacheDir;
use quorate_obtain::{Cached, Provider, Request, obtain};
use serde_json::json;

use crate::args::{EtcdArgs, EtcdVerb, Format};
use crate::error::CliError;
use crate::output::{print, print_json};
use crate::run_view::Steps;

pub(crate) fn run(args: &EtcdArgs) -> Result<u8, CliError> {
    match &args.verb {
        EtcdVerb::Fetch { version, format } => fetch(version.as_deref(), *format)?,
        EtcdVerb::List { format } => list(*format)?,
    }
    Ok(0)
}

fn fetch(version: Option<&str>, format: Format) -> Result<(), CliError> {
    let version = version.map(str::parse).transpose();
    let version = version.map_err(EtcdError::Version)?;
    // What is asked for is a copy in the cache, not what happens to be on the machine.
    let request = Request {
        environment: None,
        search_path: None,
        ..Request::new(None, version)?
    };
    let etcd = obtain(&request, &Steps).map_err(EtcdError::Obtain)?;
    let (version, origin, path) = (&etcd.version, &etcd.origin, etcd.etcd.display());
    match format {
        Format::Human => print(format_args!("etcd {version} ({origin})\n{path}\n")),
        Format::Json => print_json(&json!({
            "version": version.to_string(),
            "origin": origin.to_string(),
            "etcd": etcd.etcd,
            "etcdctl": etcd.etcdctl,
        })),
    }
}

fn list(format: Format) -> Result<(), CliError> {
    let cache = quorate_obtain::cache::default_dir().ok_or(NoCacheDir)?;
    let cached = quorate_obtain::list(&cache);
    let providers = quorate_obtain::providers();
    match format {
        Format::Human => print(human(&cache, &cached, &providers)),
        Format::Json => print_json(&json(&cache, &cached, &providers)),
    }
}

fn human(cache: &Path, cached: &[Cached], providers: &[Box<dyn Provider>]) -> String {
    let mut out = format!("in {}:\n", cache.display());
    for Cached { manifest, etcd, .. } in cached {
        let _ = writeln!(
            out,
            "  {:8} {:12} {}",
            manifest.version,
            manifest.provider,
            etcd.display()
        );
    }
    if cached.is_empty() {
        out.push_str("  nothing yet\n");
    }
    out.push_str("offered:\n");
    for provider in providers {
        let offers = offers(provider.as_ref()).join(", ");
        let _ = writeln!(out, "  {:12} {offers}", provider.name());
    }
    out
}

fn json(cache: &Path, cached: &[Cached], providers: &[Box<dyn Provider>]) -> serde_json::Value {
    let rows = cached.iter().map(|cached| {
        json!({
            "version": cached.manifest.version.to_string(),
            "provider": cached.manifest.provider,
            "etcd": cached.etcd,
        })
    });
    let rows: Vec<_> = rows.collect();
    let offers: serde_json::Map<_, _> = providers
        .iter()
        .map(|provider| (provider.name().to_owned(), json!(offers(provider.as_ref()))))
        .collect();
    json!({ "cache": cache, "cached": rows, "providers": offers })
}

fn offers(provider: &dyn Provider) -> Vec<String> {
    provider.offers().iter().map(ToString::to_string).collect()
}
