//! `quorate list`

use std::path::PathBuf;
use std::process::ExitCode;

use quorate_scenario::Story;
use serde_json::json;

use crate::cli::{Format, ListArgs};
use crate::exit;

pub(crate) fn run(args: &ListArgs) -> ExitCode {
    let files = match std::fs::read_dir(&args.dir) {
        Ok(files) => files,
        Err(error) => {
            eprintln!(
                "{}: {error}\nname the directory: quorate list DIR",
                args.dir.display()
            );
            return exit::bad_input();
        }
    };
    let is_story = |path: &PathBuf| {
        path.extension()
            .is_some_and(|extension| extension == "toml")
    };
    let mut files: Vec<PathBuf> = files
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(is_story)
        .collect();
    files.sort();
    let stories: Vec<_> = files.iter().map(|path| (path, Story::load(path))).collect();
    if args.format == Format::Json {
        let rows: Vec<_> = stories
            .iter()
            .map(|(path, story)| {
                json!({
                    "file": path,
                    "title": story.as_ref().ok().map(|story| &story.title),
                    "machines": story.as_ref().ok().map(|story| story.machines.len()),
                })
            })
            .collect();
        println!("{:#}", json!(rows));
        return ExitCode::SUCCESS;
    }
    let width = files
        .iter()
        .map(|path| path.display().to_string().len())
        .max()
        .unwrap_or(0);
    for (path, story) in &stories {
        let shown = path.display().to_string();
        match story {
            Ok(story) => {
                println!(
                    "{shown:width$}  {:>5} machines  {}",
                    story.machines.len(),
                    story.title
                );
            }
            Err(_) => println!("{shown:width$}  not a scenario: see `quorate check {shown}`"),
        }
    }
    ExitCode::SUCCESS
}
