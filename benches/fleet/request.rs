//! What the command line asks for.

use std::path::{Path, PathBuf};

use crate::parts::{PARTS, What};

/// Which parts, and how often each.
pub(crate) struct Request {
    pub(crate) parts: Vec<(&'static What, usize)>,
    pub(crate) soak: Option<usize>,
    pub(crate) out: PathBuf,
}

impl Request {
    /// Reads the words behind `--`; without any part, every part is meant.
    pub(crate) fn read(words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut request = Self {
            parts: Vec::new(),
            soak: None,
            // Where builds are, which are not committed.
            out: Path::new(env!("CARGO_TARGET_TMPDIR")).join("../fleet.txt"),
        };
        let mut words = words.filter(|word| word != "--bench");
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or(format!("{word} of what?"));
            match word.as_str() {
                "--soak" => request.soak = Some(number(&value()?)?),
                "--out" => request.out = value()?.into(),
                part => request.parts.push(named(part)?),
            }
        }
        if request.parts.is_empty() && request.soak.is_none() {
            request.parts = PARTS.iter().map(|part| (&part.what, part.rounds)).collect();
        }
        Ok(request)
    }
}

/// `rack-300`, or `rack-300=2` for two rounds of it.
fn named(word: &str) -> Result<(&'static What, usize), String> {
    let (name, rounds) = match word.split_once('=') {
        Some((name, rounds)) => (name, Some(number(rounds)?)),
        None => (word, None),
    };
    let part = PARTS.iter().find(|part| part.name == name);
    let part = part.ok_or_else(|| format!("there is no part {name:?}"))?;
    Ok((&part.what, rounds.unwrap_or(part.rounds)))
}

fn number(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number) if number > 0 => Ok(number),
        Ok(_) | Err(_) => Err(format!("{text:?} is no number of rounds")),
    }
}

/// What can be asked for.
pub(crate) fn usage() -> String {
    let parts = PARTS
        .iter()
        .map(|part| format!("  {:20} {} rounds\n", part.name, part.rounds));
    format!(
        "cargo bench -p quorate-tests --bench fleet -- [PART[=ROUNDS]]… [--soak N] [--out FILE]\n\
         parts, all of them by default:\n{}--soak N: three-members N times in each world",
        parts.collect::<String>()
    )
}
