//! `quorate check`

use std::path::Path;

use quorate::World;
use quorate_scenario::{LoadError, Story};
use serde_json::{Value, json};

use crate::args::{CheckArgs, Format};
use crate::error::{BAD_INPUT, CliError, show, warn};
use crate::output::{print, print_json};

pub(crate) fn run(args: &CheckArgs) -> Result<u8, CliError> {
    let mut results = Vec::new();
    let mut all_good = true;
    for path in &args.scenarios {
        let shown = path.display().to_string();
        match load(args, path) {
            Ok(story) => {
                if args.format == Format::Human {
                    let machines = story.machines.len();
                    print(format_args!(
                        "{shown}: {} ({machines} machines)\n",
                        story.title
                    ))?;
                }
                warn(&story);
                results.push(json!({ "file": shown, "ok": true, "warnings": warnings(&story) }));
            }
            Err(error) => {
                all_good = false;
                results.push(json!({ "file": shown, "ok": false, "problems": problems(&error) }));
                if args.format == Format::Human {
                    show(error);
                }
            }
        }
    }
    if args.format == Format::Json {
        print_json(&json!(results))?;
    }
    Ok(if all_good { 0 } else { BAD_INPUT })
}

/// The story in a file, when the world that was named supports it.
fn load(args: &CheckArgs, path: &Path) -> Result<Story, LoadError> {
    let story = Story::load(path)?;
    if let Some(world) = args.world {
        let kind = World::from(world).kind();
        story.supported_in(kind, args.etcd.as_deref())?;
    }
    Ok(story)
}

fn warnings(story: &Story) -> Vec<Value> {
    let warnings = story.warnings.iter();
    warnings
        .map(|warning| json!({ "message": warning.message, "help": warning.help }))
        .collect()
}

fn problems(error: &LoadError) -> Vec<Value> {
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
