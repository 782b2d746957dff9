//! `quorate orders`: every order in which records can appear and members can start.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use quorate_sim::interleavings::Interleavings;
use serde_json::json;

use crate::args::{Format, OrdersArgs};
use crate::error::CliError;
use crate::output::{print, print_json};

/// Answers 1 when the gate lets a split through.
pub(crate) fn run(args: &OrdersArgs) -> Result<u8, CliError> {
    let sizes = 1..=usize::from(args.members);
    let surveys: Vec<Interleavings> = sizes
        .flat_map(|members| [true, false].map(|gate| Interleavings::new(members, gate)))
        .collect();
    let shown = surveys
        .last()
        .map_or_else(BTreeSet::new, |largest| splits(largest, args.show));
    match args.format {
        Format::Human => print(table(&surveys, &shown))?,
        Format::Json => {
            let rows: Vec<_> = surveys.iter().map(row).collect();
            print_json(&json!({ "surveys": rows, "splits": shown }))?;
        }
    }
    let let_through = |survey: &Interleavings| survey.gate && survey.splits() > 0;
    Ok(u8::from(surveys.iter().any(let_through)))
}

fn row(survey: &Interleavings) -> serde_json::Value {
    json!({
        "members": survey.members,
        "gate": survey.gate,
        "publications": survey.publications.len(),
        "orders": survey.count(),
        "splits": survey.splits(),
    })
}

/// Some of the orders that split, in words; those that read alike are one.
fn splits(survey: &Interleavings, most: usize) -> BTreeSet<String> {
    let mut shown = BTreeSet::new();
    for publication in &survey.publications {
        for starts in publication.starts() {
            if shown.len() >= most {
                return shown;
            }
            if publication.is_split(&starts) {
                shown.insert(publication.describe(&starts));
            }
        }
    }
    shown
}

fn table(surveys: &[Interleavings], shown: &BTreeSet<String>) -> String {
    let mut out = String::from("members  gate  publications    orders    splits\n");
    for survey in surveys {
        let _ = writeln!(
            out,
            "{:>7}  {:>4}  {:>12}  {:>8}  {:>8}",
            survey.members,
            if survey.gate { "on" } else { "off" },
            survey.publications.len(),
            survey.count(),
            survey.splits()
        );
    }
    if !shown.is_empty() {
        out.push_str("\nwithout the gate, for example:\n");
    }
    for order in shown {
        let _ = writeln!(out, "  {order}");
    }
    out
}
