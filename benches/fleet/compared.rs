//! The discovery methods, in turns, as `quorate compare` shows them.

use std::path::Path;
use std::process::Stdio;

use serde_json::Value;

use crate::runs::{NOT_HERE, cli, median, root, row, watch};
use crate::{BenchError, Paper, load};

/// DNS minus static, paired: the median is at most half a second.
pub(crate) fn three_members(rounds: usize, paper: &mut Paper) -> Result<bool, BenchError> {
    let file = root().join("scenarios/three-members.toml");
    paper.line(&format!(
        "\ncompare three-members: static, etcd, dns, {rounds} rounds; load {}",
        load()
    ))?;
    let Some(report) = compare(&file, "static,etcd,dns", rounds, paper)? else {
        return Ok(true);
    };
    let passed = methods(&report, paper)?;
    let times = |method: &str| healthy(&report, method);
    let pairs = times("dns").into_iter().zip(times("static"));
    let differences: Vec<f64> = pairs
        .filter_map(|(dns, fixed)| Some(dns? - fixed?))
        .collect();
    let Some((line, met)) = row(
        "dns minus static, paired",
        differences,
        Some(PAIRED_MAX_SECS),
    ) else {
        return Ok(false);
    };
    paper.line(&line)?;
    Ok(met && passed)
}

/// Twenty clusters at once, with either timing of elections: the median of DNS is at most a
/// quarter above that of static.
pub(crate) fn twenty_clusters(rounds: usize, paper: &mut Paper) -> Result<bool, BenchError> {
    let mut met = true;
    for (name, timing) in TIMINGS {
        met &= twenty_clusters_with(name, timing, rounds, paper)?;
    }
    Ok(met)
}

fn twenty_clusters_with(
    name: &str,
    timing: &str,
    rounds: usize,
    paper: &mut Paper,
) -> Result<bool, BenchError> {
    let dir = tempfile::tempdir()?;
    let file = dir.path().join("twenty-clusters.toml");
    std::fs::write(&file, TWENTY_CLUSTERS.replace("TIMING", timing))?;
    paper.line(&format!(
        "\ncompare twenty clusters of three, {name}: static, dns, {rounds} rounds; load {}",
        load()
    ))?;
    let Some(report) = compare(&file, "static,dns", rounds, paper)? else {
        return Ok(true);
    };
    let passed = methods(&report, paper)?;
    let middle = |method: &str| {
        let mut times: Vec<f64> = healthy(&report, method).into_iter().flatten().collect();
        times.sort_by(f64::total_cmp);
        median(&times)
    };
    let (Some(dns), Some(fixed)) = (middle("dns"), middle("static")) else {
        return Ok(false);
    };
    let (ratio, met) = (dns / fixed, dns <= fixed * RATIO_MAX);
    let word = if met { "met" } else { "MISSED" };
    paper.line(&format!(
        "  dns / static, medians      {ratio:.2}  at most {RATIO_MAX}: {word}"
    ))?;
    Ok(met && passed)
}

/// What the verb prints; `None` where it cannot run.
fn compare(
    file: &Path,
    methods: &str,
    rounds: usize,
    paper: &mut Paper,
) -> Result<Option<Value>, BenchError> {
    let child = cli()?
        .arg("compare")
        .arg(file)
        .args(["--discovery", methods, "--runs", &rounds.to_string()])
        .args(["--world", "host", "--format", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let (code, _, out, said) = watch(child)?;
    match (code, serde_json::from_slice(&out)) {
        // One: some run did not pass, which its row says.
        (Some(0 | 1), Ok(report)) => Ok(Some(report)),
        (Some(NOT_HERE), _) => {
            paper.line(&format!("  not run: {said}"))?;
            Ok(None)
        }
        (code, _) => Err(format!("compare ended with {code:?}: {said}").into()),
    }
}

/// A line for each method; true when all runs passed.
fn methods(report: &Value, paper: &mut Paper) -> Result<bool, BenchError> {
    let mut passed = true;
    for method in report["methods"].as_array().into_iter().flatten() {
        let name = method["discovery"].as_str().unwrap_or_default();
        let times = healthy(report, name).into_iter().flatten().collect();
        if let Some((line, _)) = row(&format!("{name}, healthy"), times, None) {
            paper.line(&line)?;
        }
        if let Some(failure) = method["first_failure"].as_str() {
            passed = false;
            let (of, runs) = (&method["passed"], &method["runs"]);
            paper.line(&format!("  {name}: {of} of {runs} passed: {failure}"))?;
        }
    }
    Ok(passed)
}

/// From the last power-on to health, in seconds; `None` for a run that did not pass.
fn healthy(report: &Value, discovery: &str) -> Vec<Option<f64>> {
    let methods = report["methods"].as_array().into_iter().flatten();
    let method = methods
        .into_iter()
        .find(|method| method["discovery"] == discovery);
    let times = method.and_then(|method| method["healthy_secs"].as_array());
    let times = times.into_iter().flatten();
    times.map(Value::as_f64).collect()
}

/// What the story's `[etcd]` says of elections: nothing as in rack-300, or slow as in rack-600.
const TIMINGS: [(&str, &str); 2] = [
    ("etcd's own timing", ""),
    (
        "heartbeats 300 ms apart",
        "heartbeat = \"300ms\"\nelection = \"3s\"",
    ),
];

/// The members of rack-300 alone.
const TWENTY_CLUSTERS: &str = r#"
title = "twenty clusters of three at once"

[etcd]
clusters = 20
members = 3
TIMING

[expect]
formed_within = "60s"

[[machines]]
name = "n"
count = 60
class = "etcd"
"#;

const PAIRED_MAX_SECS: f64 = 0.5;
const RATIO_MAX: f64 = 1.25;
