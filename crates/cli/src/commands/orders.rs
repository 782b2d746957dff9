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
    let interleavings: Vec<Interleavings> = sizes
        .flat_map(|members| [true, false].map(|gate| Interleavings::new(members, gate)))
        .collect();
    let shown = interleavings
        .last()
        .map_or_else(BTreeSet::new, |largest| splits(largest, args.show));
    match args.format {
        Format::Human => print(table(&interleavings, &shown))?,
        Format::Json => {
            let rows: Vec<_> = interleavings.iter().map(row).collect();
            print_json(&json!({ "interleavings": rows, "splits": shown }))?;
        }
    }
    let let_through = |cluster: &Interleavings| cluster.gate && cluster.splits() > 0;
    Ok(u8::from(interleavings.iter().any(let_through)))
}

fn row(cluster: &Interleavings) -> serde_json::Value {
    json!({
        "members": cluster.members,
        "gate": cluster.gate,
        "publications": cluster.publications.len(),
        "orders": cluster.count(),
        "splits": cluster.splits(),
    })
}

/// Some of the orders that split, in words; those that read alike are one.
fn splits(cluster: &Interleavings, most: usize) -> BTreeSet<String> {
    let mut shown = BTreeSet::new();
    for publication in &cluster.publications {
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

fn table(interleavings: &[Interleavings], shown: &BTreeSet<String>) -> String {
    let mut out = String::from("members  gate  publications    orders    splits\n");
    for cluster in interleavings {
        let _ = writeln!(
            out,
            "{:>7}  {:>4}  {:>12}  {:>8}  {:>8}",
            cluster.members,
            if cluster.gate { "on" } else { "off" },
            cluster.publications.len(),
            cluster.count(),
            cluster.splits()
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
