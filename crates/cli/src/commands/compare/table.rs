//! The comparison, for people and for programs.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};

use super::MethodRuns;

/// One row for each method.
pub(super) fn table(title: &str, late: Duration, methods: &[MethodRuns]) -> String {
    let mut out = format!("{title}\n\nlast power-on to healthy, in seconds\n");
    let _ = writeln!(
        out,
        "{:8} {:>7} {:>7} {:>7} {:>7} {:>7}  {:24} it needs",
        "", "passed", "median", "min", "max", "p90", "minus the first, paired"
    );
    for method in methods {
        let times = sorted(method.healthy_secs.iter().flatten().copied());
        let passed = format!("{}/{}", times.len(), method.healthy_secs.len());
        let paired = paired(method, &methods[0]);
        let paired = match (median(&paired), paired.first(), paired.last()) {
            (Some(median), Some(min), Some(max)) if method.discovery != methods[0].discovery => {
                format!("{median:+.2} ({min:+.2} to {max:+.2})")
            }
            (_, _, _) => "-".to_owned(),
        };
        let _ = writeln!(
            out,
            "{:8} {:>7} {:>7} {:>7} {:>7} {:>7}  {:24} {}",
            method.discovery,
            passed,
            shown(median(&times)),
            shown(times.first().copied()),
            shown(times.last().copied()),
            shown(quantile(&times, 0.9)),
            paired,
            needs(&method.discovery)
        );
    }
    if methods.iter().any(|method| method.late.is_some()) {
        let _ = writeln!(
            out,
            "\nwith the last member {:.1} s late",
            late.as_secs_f64()
        );
    }
    for method in methods {
        let Some(late) = &method.late else { continue };
        let others = match (late.others_secs, late.without_it) {
            (Some(secs), true) => format!("the others are healthy without it after {secs:.2} s"),
            (Some(secs), false) => format!("the others wait for it: healthy after {secs:.2} s"),
            (None, _) => "the others are not healthy".to_owned(),
        };
        let joined = late.joined_secs.map_or_else(
            || "it does not join".to_owned(),
            |secs| format!("it joins {secs:.2} s after its power-on"),
        );
        let _ = writeln!(out, "{:8} {others}; {joined}", method.discovery);
    }
    for method in methods {
        if let Some(failure) = &method.first_failure {
            let _ = writeln!(out, "\n{}: FAIL {failure}", method.discovery);
        }
    }
    out
}

/// The same with every time.
pub(super) fn json(title: &str, late: Duration, methods: &[MethodRuns]) -> Value {
    let rows: Vec<Value> = methods
        .iter()
        .map(|method| {
            let times = sorted(method.healthy_secs.iter().flatten().copied());
            json!({
                "discovery": method.discovery,
                "runs": method.healthy_secs.len(),
                "passed": times.len(),
                "healthy_secs": method.healthy_secs,
                "median_secs": median(&times),
                "min_secs": times.first(),
                "max_secs": times.last(),
                "p90_secs": quantile(&times, 0.9),
                "paired_median_secs": median(&paired(method, &methods[0])),
                "needs": needs(&method.discovery),
                "late": method.late,
                "first_failure": method.first_failure,
            })
        })
        .collect();
    json!({ "title": title, "late_secs": late.as_secs_f64(), "methods": rows })
}

/// What each method depends on.
fn needs(discovery: &str) -> &'static str {
    match discovery {
        "static" => "every name, before the first boot",
        "etcd" => "a running etcd with a v2 registry, a new token each time",
        _ => "SRV records, held back by the gate",
    }
}

/// Differences of the runs of one round that both passed, in order.
fn paired(method: &MethodRuns, base: &MethodRuns) -> Vec<f64> {
    let both = method.healthy_secs.iter().zip(&base.healthy_secs);
    sorted(both.filter_map(|(one, base)| Some((*one)? - (*base)?)))
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}

/// Of values in order: the middle one, or the mean of the two in the middle.
pub(crate) fn median(values: &[f64]) -> Option<f64> {
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        even if even % 2 == 0 => Some(f64::midpoint(values[middle - 1], values[middle])),
        _ => Some(values[middle]),
    }
}

/// Of values in order: the least that so large a part of them does not exceed.
fn quantile(values: &[f64], part: f64) -> Option<f64> {
    let rank = (values.len() as f64 * part).ceil() as usize;
    values.get(rank.max(1) - 1).copied()
}

fn shown(secs: Option<f64>) -> String {
    secs.map_or_else(|| "-".to_owned(), |secs| format!("{secs:.2}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn method(discovery: &str, healthy_secs: Vec<Option<f64>>) -> MethodRuns {
        MethodRuns {
            discovery: discovery.to_owned(),
            healthy_secs,
            first_failure: None,
            late: None,
        }
    }

    #[test]
    fn differences_are_of_rounds_that_both_passed() {
        let fixed = method("static", vec![Some(1.0), Some(2.0), None, Some(4.0)]);
        let dns = method("dns", vec![Some(1.5), Some(2.25), Some(9.0), None]);
        assert_eq!(paired(&dns, &fixed), [0.25, 0.5]);
        let text = table("t", Duration::ZERO, &[fixed, dns]);
        assert!(text.contains("dns          3/4"), "{text}");
        assert!(text.contains("+0.38 (+0.25 to +0.50)"), "{text}");
    }

    #[test]
    fn quantiles_are_values_that_were_measured() {
        let values: Vec<f64> = (1..=10).map(f64::from).collect();
        assert_eq!(quantile(&values, 0.9), Some(9.0));
        assert_eq!(median(&values), Some(5.5));
        assert_eq!((quantile(&[], 0.9), median(&[])), (None, None));
    }
}
