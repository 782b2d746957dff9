//! Every file in `scenarios/` can be run, and says what it is about.

use std::path::PathBuf;

use quorate_scenario::Story;
use quorate_tests::{read, root};

/// A header summarises the story; it is not a manual.
const HEADER_LINES: std::ops::RangeInclusive<usize> = 3..=8;

fn scenarios() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join("scenarios")).expect("scenarios/ is there");
    let mut files: Vec<_> = entries
        .map(|entry| entry.expect("its entries are readable").path())
        .collect();
    files.sort();
    assert!(!files.is_empty(), "scenarios/ is empty");
    files
}

#[test]
fn every_scenario_is_a_story() {
    for file in scenarios() {
        if let Err(error) = Story::load(&file) {
            panic!("{:?}", miette::Report::new(error));
        }
    }
}

#[test]
fn every_scenario_begins_with_its_story() {
    for file in scenarios() {
        let text = read(&file);
        let header = text.lines().take_while(|line| line.starts_with("# "));
        let count = header.count();
        assert!(
            HEADER_LINES.contains(&count),
            "{} begins with {count} lines of comment; {HEADER_LINES:?} are enough",
            file.display()
        );
    }
}

#[test]
fn titles_differ() {
    let titles: Vec<_> = scenarios()
        .iter()
        .filter_map(|file| Story::load(file).ok())
        .map(|story| story.title)
        .collect();
    let distinct: std::collections::BTreeSet<_> = titles.iter().collect();
    assert_eq!(distinct.len(), titles.len(), "{titles:?}");
}
