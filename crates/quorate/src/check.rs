//! `quorate check`

use std::process::ExitCode;

use quorate_scenario::{LoadError, Story};
use serde_json::json;

use crate::cli::{CheckArgs, Format};
use crate::exit;

pub(crate) fn run(args: &CheckArgs) -> ExitCode {
    let mut results = Vec::new();
    let mut all_good = true;
    for path in &args.scenarios {
        let shown = path.display().to_string();
        match Story::load(path) {
            Ok(story) => {
                if args.format == Format::Human {
                    println!(
                        "{shown}: {} ({} machines)",
                        story.title,
                        story.machines.len()
                    );
                }
                exit::warn(&story);
                let warnings: Vec<_> = story
                    .warnings
                    .iter()
                    .map(|warning| json!({ "message": warning.message, "help": warning.help }))
                    .collect();
                results.push(json!({ "file": shown, "ok": true, "warnings": warnings }));
            }
            Err(error) => {
                all_good = false;
                results.push(json!({ "file": shown, "ok": false, "problems": problems(&error) }));
                if args.format == Format::Human {
                    exit::show(error);
                }
            }
        }
    }
    if args.format == Format::Json {
        println!("{:#}", json!(results));
    }
    if all_good {
        ExitCode::SUCCESS
    } else {
        exit::bad_input()
    }
}

fn problems(error: &LoadError) -> Vec<serde_json::Value> {
    match error {
        LoadError::Read { .. } => vec![json!({ "message": error.to_string() })],
        LoadError::Story(story) => story
            .problems
            .iter()
            .map(|problem| {
                json!({
                    "message": problem.message,
                    "help": problem.help,
                    "offset": problem.span.map(|span| span.offset()),
                    "length": problem.span.map(|span| span.len()),
                })
            })
            .collect(),
    }
}
