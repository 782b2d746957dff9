//! `quorate list`

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use quorate_scenario::{LoadError, Story};
use serde_json::json;

use crate::args::{Format, ListArgs};
use crate::error::CliError;
use crate::output::{print, print_json};

pub(crate) fn run(args: &ListArgs) -> Result<u8, CliError> {
    let files = files(&args.dir)?;
    let stories: Vec<_> = files
        .iter()
        .map(|path| (path.as_path(), Story::load(path)))
        .collect();
    match args.format {
        Format::Human => print(table(&stories))?,
        Format::Json => {
            let rows = stories.iter().map(|(path, story)| {
                let story = story.as_ref().ok();
                json!({
                    "file": path,
                    "title": story.map(|story| &story.title),
                    "machines": story.map(|story| story.machines.len()),
                })
            });
            print_json(&rows.collect())?;
        }
    }
    Ok(0)
}

/// The scenario files of a directory, sorted.
fn files(dir: &Path) -> Result<Vec<PathBuf>, CliError> {
    let entries = std::fs::read_dir(dir).map_err(|source| CliError::List {
        path: dir.to_owned(),
        source,
    })?;
    let is_story = |path: &PathBuf| path.extension().is_some_and(|ext| ext == "toml");
    let mut files: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(is_story)
        .collect();
    files.sort();
    Ok(files)
}

fn table(stories: &[(&Path, Result<Story, LoadError>)]) -> String {
    let lengths = stories
        .iter()
        .map(|(path, _)| path.display().to_string().len());
    let width = lengths.max().unwrap_or(0);
    let mut out = String::new();
    for (path, story) in stories {
        let shown = path.display().to_string();
        let _ = match story {
            Ok(story) => {
                let (machines, title) = (story.machines.len(), &story.title);
                writeln!(out, "{shown:width$}  {machines:>5} machines  {title}")
            }
            Err(_) => writeln!(
                out,
                "{shown:width$}  not a scenario: see `quorate check {shown}`"
            ),
        };
    }
    out
}
