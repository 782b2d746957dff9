//! From text to the raw story, with every error on the way and not the first alone.
//!
//! What serde cannot read is reported and cut out of the document, and the rest is read again.

use std::collections::BTreeSet;
use std::ops::Range;

use serde::Deserialize as _;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Deserializer, Error};

use super::{MACHINES_MAX, Problem, span};
use crate::amount;
use crate::fault::FaultKind;
use crate::raw;

/// What could be read of a file.
pub(super) struct Read {
    /// `None` when not even a part of it makes sense.
    pub(super) raw: Option<raw::Story>,
    pub(super) problems: Vec<Problem>,
    /// Something is missing in `raw` that the file has: what refers to it is not judged.
    pub(super) is_partial: bool,
    /// The keys that were cut out.
    pub(super) gone: BTreeSet<String>,
}

pub(super) fn read(text: &str) -> Read {
    let (mut table, errors) = DeTable::parse_recoverable(text);
    let mut read = Read {
        raw: None,
        problems: errors.iter().map(syntax).collect(),
        is_partial: false,
        gone: BTreeSet::new(),
    };
    if !errors.is_empty() {
        return read;
    }
    loop {
        let error = match raw::Story::deserialize(Deserializer::from(table.clone())) {
            Ok(raw) => {
                read.raw = Some(raw);
                return read;
            }
            Err(error) => error,
        };
        let cut = error.span().and_then(|at| cut(table.get_mut(), &at));
        let message = error.message();
        // It is missing because it was cut out before.
        let is_consequence =
            quoted(message, "missing field `").is_some_and(|name| read.gone.contains(name));
        if !is_consequence {
            read.problems.push(problem(&error, cut.as_ref()));
        }
        let Some(cut) = cut else { return read };
        read.is_partial |= quoted(message, "unknown field `").is_none();
        read.gone.insert(cut.key);
    }
}

/// A piece of the document that was taken away.
struct Cut {
    key: String,
    /// What a fault's amount is counted in, when it is one.
    kind: Option<FaultKind>,
    number: Option<i64>,
}

/// Takes the smallest key and value at this place away.
fn cut(table: &mut DeTable<'_>, at: &Range<usize>) -> Option<Cut> {
    for (_, value) in table.iter_mut() {
        let found = if let DeValue::Array(list) = value.get_mut() {
            let mut elements = list.iter_mut();
            elements.find_map(|element| cut_within(element, at))
        } else {
            cut_within(value, at)
        };
        if found.is_some() {
            return found;
        }
    }
    let is_here = |key: &Range<usize>, value: &Range<usize>| {
        key == at || (value.start <= at.start && at.end <= value.end)
    };
    let mut pairs = table.iter();
    let found = pairs.find_map(|(key, value)| {
        is_here(&key.span(), &value.span()).then(|| key.get_ref().to_string())
    });
    if let Some(key) = found {
        let what = table.get("what").and_then(|what| what.get_ref().as_str());
        let kind = what
            .and_then(FaultKind::of_name)
            .filter(|_| key == "amount");
        let value = table.remove(key.as_str());
        let number = value.and_then(|value| integer(&value));
        return Some(Cut { key, kind, number });
    }
    // A whole table of a list: something that it needs is missing.
    table.iter_mut().find_map(|(key, value)| {
        let DeValue::Array(list) = value.get_mut() else {
            return None;
        };
        let place = list.iter().position(|element| element.span() == *at)?;
        let others = (0..)
            .zip(list.iter())
            .filter(|(number, _)| *number != place);
        *list = others.map(|(_, element)| element.clone()).collect();
        Some(Cut {
            key: key.get_ref().to_string(),
            kind: None,
            number: None,
        })
    })
}

fn cut_within(value: &mut Spanned<DeValue<'_>>, at: &Range<usize>) -> Option<Cut> {
    if let DeValue::Table(inner) = value.get_mut() {
        cut(inner, at)
    } else {
        None
    }
}

fn integer(value: &Spanned<DeValue<'_>>) -> Option<i64> {
    let written = value.get_ref().as_integer()?;
    i64::from_str_radix(written.as_str(), written.radix()).ok()
}

fn syntax(error: &Error) -> Problem {
    Problem {
        message: error.message().to_owned(),
        span: error.span().map(span),
        help: Some("`quorate schema` prints every key with its meaning".to_owned()),
    }
}

/// The error, with what to write instead.
fn problem(error: &Error, cut: Option<&Cut>) -> Problem {
    let mut problem = syntax(error);
    let Some(cut) = cut else { return problem };
    let Cut { key, kind, number } = cut;
    let message = error.message();
    let wants_text =
        message.starts_with("invalid type: ") && message.ends_with("expected a string");
    match number {
        Some(number) if wants_text && AMOUNTS.contains(&key.as_str()) => {
            problem.message = format!("`{key} = {number}` has no unit");
            let new = kind.map(|kind| amount::text(kind.unit(), *number));
            problem.help = Some(match new.as_deref() {
                Some("") => "leave `amount` out".to_owned(),
                Some(new) => format!("write {key} = \"{new}\""),
                None => format!("write {key} = \"{number}s\""),
            });
        }
        Some(number) if key == "memory_mib" => {
            problem.message =
                "`memory_mib` is called `memory`, and has its unit with it".to_owned();
            problem.help = Some(format!("write memory = \"{number}MiB\""));
        }
        Some(number) if message.starts_with("invalid value: integer") => {
            problem.message = format!("`{key}` cannot be {number}");
            problem.help = Some(allowed(key));
        }
        _ => {}
    }
    problem
}

/// What a key's number may be.
fn allowed(key: &str) -> String {
    match key {
        "count" | "clusters" => format!("write 1 to {MACHINES_MAX}"),
        "formation" | "nth" | "iops" | "members" | "machines" => {
            format!("write 1 to {}", u32::MAX)
        }
        _ => format!("write 0 to {}", u32::MAX),
    }
}

/// The name in backquotes behind this beginning.
fn quoted<'a>(message: &'a str, begins: &str) -> Option<&'a str> {
    message.strip_prefix(begins)?.split('`').next()
}

/// Keys of amounts and times, which are texts because they have a unit.
const AMOUNTS: [&str; 17] = [
    "after_formed",
    "amount",
    "at",
    "by",
    "down",
    "election",
    "every",
    "formed_within",
    "from",
    "heartbeat",
    "lasts",
    "lease",
    "power_on",
    "quorum_gap",
    "spread",
    "takes",
    "until",
];
