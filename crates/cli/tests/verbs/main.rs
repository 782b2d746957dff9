//! The command line as people meet it: a file for each verb, as in `src/commands`, one for the
//! help and one for standard output.
#![expect(clippy::unwrap_used, reason = "these are tests")]

mod await_peers;
mod bench;
mod check;
mod compare;
mod completions;
mod etcd;
mod help;
mod image;
mod install;
mod list;
mod man;
mod node;
mod orders;
mod output;
mod program;
mod replay;
mod report;
mod run;
mod salvage;
mod schema;
mod serve;
mod shrink;
mod sweep;

use std::collections::BTreeSet;
use std::path::Path;

#[test]
fn every_verb_has_its_tests() {
    let names = |dir: &str| -> BTreeSet<String> {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join(dir);
        let files = std::fs::read_dir(dir).unwrap();
        let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.ends_with(".rs")).collect()
    };
    let (verbs, tests) = (names("src/commands"), names("tests/verbs"));
    let missing: Vec<_> = verbs.difference(&tests).collect();
    assert!(missing.is_empty(), "no file in tests/verbs: {missing:?}");
}
