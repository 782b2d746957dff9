//! Scenario files as verbs read them.

use std::path::Path;

use quorate_scenario::Story;
use quorate_scenario::draft::Draft;

use crate::error::{CliError, warn};

/// The story in a file, and its text.
pub(crate) fn load(path: &Path) -> Result<(Story, String), CliError> {
    let text = std::fs::read_to_string(path).map_err(|source| CliError::ReadScenario {
        path: path.to_owned(),
        source,
        help: help(path),
    })?;
    let story = Story::parse(&path.display().to_string(), &text)?;
    warn(&story);
    Ok((story, text))
}

/// What to write instead of a path that leads nowhere.
pub(crate) fn help(path: &Path) -> String {
    let meant = Path::new(SCENARIOS).join(path).with_extension("toml");
    let list = "`quorate list` shows the scenarios in ./scenarios, `quorate list DIR` those of DIR";
    if meant.is_file() {
        format!("write {}; {list}", meant.display())
    } else {
        list.to_owned()
    }
}

/// The story of this seed, and a text that says it under every seed: its own when nothing of it
/// is drawn.
pub(crate) fn drawn(story: &Story, text: String, seed: u64) -> (Story, String) {
    let story = story.drawn(seed).into_owned();
    let text = match &story.sizes {
        Some(sizes) => format!("# Seed {seed}: {sizes}\n{}", Draft::of(&story, seed)),
        None => text,
    };
    (story, text)
}

/// Where `quorate list` looks.
const SCENARIOS: &str = "scenarios";
