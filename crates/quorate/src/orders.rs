//! `quorate orders`: every order in which records can appear and members can start.

use std::collections::BTreeSet;
use std::process::ExitCode;

use quorate_sim::interleavings::Interleavings;
use serde_json::json;

use crate::cli::{Format, OrdersArgs};

/// Answers 1 when the gate lets a split through.
pub(crate) fn run(args: &OrdersArgs) -> ExitCode {
    let sizes = 1..=usize::from(args.members);
    let surveys: Vec<Interleavings> = sizes
        .flat_map(|members| [true, false].map(|gate| Interleavings::new(members, gate)))
        .collect();
    let shown = surveys
        .last()
        .map_or_else(BTreeSet::new, |largest| splits(largest, args.show));
    match args.format {
        Format::Human => tell(&surveys, &shown),
        Format::Json => {
            let rows: Vec<_> = surveys.iter().map(row).collect();
            println!("{:#}", json!({ "surveys": rows, "splits": shown }));
        }
    }
    let let_through = |survey: &Interleavings| survey.gate && survey.splits() > 0;
    ExitCode::from(u8::from(surveys.iter().any(let_through)))
}

fn row(survey: &Interleavings) -> serde_json::Value {
    json!({
        "members": survey.members,
        "gate": survey.gate,
        "publications": survey.publications.len(),
        "orders": survey.orders(),
        "splits": survey.splits(),
    })
}

/// Some of the orders that split, told; those that read alike are one.
fn splits(survey: &Interleavings, most: usize) -> BTreeSet<String> {
    let mut told = BTreeSet::new();
    for publication in &survey.publications {
        for starts in publication.starts() {
            if told.len() >= most {
                return told;
            }
            if publication.is_split(&starts) {
                told.insert(publication.describe(&starts));
            }
        }
    }
    told
}

fn tell(surveys: &[Interleavings], shown: &BTreeSet<String>) {
    println!("members  gate  publications    orders    splits");
    for survey in surveys {
        println!(
            "{:>7}  {:>4}  {:>12}  {:>8}  {:>8}",
            survey.members,
            if survey.gate { "on" } else { "off" },
            survey.publications.len(),
            survey.orders(),
            survey.splits()
        );
    }
    if !shown.is_empty() {
        println!("\nwithout the gate, for example:");
    }
    for order in shown {
        println!("  {order}");
    }
}
