//! The guide says what the program does.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn quorate(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_quorate"))
        .args(args)
        .output()
        .expect("the program starts")
}

fn guide(name: &str) -> String {
    let path = root().join("docs/guide").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn the_list_of_keys_is_that_of_the_schema() {
    let output = quorate(&["schema", "--format", "markdown"]);
    let now = String::from_utf8(output.stdout).unwrap();
    assert!(
        guide("scenario-keys.md") == now,
        "docs/guide/scenario-keys.md is out of date; make it again with\n  \
         cargo run -- schema --format markdown > docs/guide/scenario-keys.md"
    );
}

/// Editors complete and check by the schema: it must not want what may be left out.
#[test]
fn the_schema_takes_every_scenario() {
    let output = quorate(&["schema"]);
    let schema: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    let files = std::fs::read_dir(root().join("scenarios")).unwrap();
    let mut count = 0;
    for path in files.map(|file| file.unwrap().path()) {
        let text = std::fs::read_to_string(&path).unwrap();
        let story: serde_json::Value = toml::from_str(&text).unwrap();
        if let Err(error) = schema.validate(&story) {
            panic!("{}: {}: {error}", path.display(), error.instance_path);
        }
        count += 1;
    }
    assert!(count > 20, "{count} scenarios");
}

#[test]
fn every_key_that_may_be_left_out_has_a_default() {
    let page = guide("scenario-keys.md");
    let unknown: Vec<_> = page
        .lines()
        .filter(|line| line.split(" | ").nth(2) == Some(quorate_report::schema_page::UNKNOWN))
        .collect();
    assert!(
        unknown.is_empty(),
        "say `Default: …` in the key's doc comment:\n{}",
        unknown.join("\n")
    );
    assert!(page.lines().filter(|line| line.starts_with("| `")).count() > 20);
}

/// Every block of TOML that begins with a title is a whole scenario.
#[test]
fn the_scenarios_of_the_guide_are_right() {
    let dir = tempfile::tempdir().unwrap();
    let text = guide("first-scenario.md");
    let blocks = text.split("```toml\n").skip(1);
    let blocks = blocks.filter_map(|block| block.split("```").next());
    let mut count = 0;
    for block in blocks.filter(|block| block.starts_with("title")) {
        let path = dir.path().join("story.toml");
        std::fs::write(&path, block).unwrap();
        let output = quorate(&["check", &path.display().to_string()]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}\nin\n{block}");
        count += 1;
    }
    assert_eq!(count, 2);
}

/// Every block of Rust is part of a file that is compiled and run.
#[test]
fn the_rust_of_the_guide_is_compiled() {
    let files = [
        "tests/our_rack.rs",
        "tests/api.rs",
        "examples/first_cluster.rs",
    ];
    let compiled = files.map(|file| {
        let path = root().join("crates/quorate").join(file);
        std::fs::read_to_string(path).unwrap()
    });
    let text = guide("rust.md");
    let blocks = text.split("```rust\n").skip(1);
    let blocks: Vec<_> = blocks
        .filter_map(|block| block.split("```").next())
        .collect();
    for block in &blocks {
        assert!(
            compiled.iter().any(|file| file.contains(block)),
            "in no compiled file:\n{block}"
        );
    }
    assert_eq!(blocks.len(), 3);
    for example in std::fs::read_dir(root().join("crates/quorate/examples")).unwrap() {
        let path = example.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        assert!(
            text.contains(&format!("| `{name}` |")),
            "{name} is not named"
        );
    }
}

/// Every file that the guide names is written by a run.
#[test]
fn the_files_of_a_report_are_those_of_the_guide() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().display().to_string();
    let story = root()
        .join("scenarios/one-machine.toml")
        .display()
        .to_string();
    let ran = quorate(&["run", &story, "--world", "sim", "--report", &out]);
    assert!(ran.status.success(), "{ran:?}");
    let text = guide("read-a-report.md");
    let (_, table) = text.split_once("## The other files").unwrap();
    let (table, _) = table.split_once("\n## ").unwrap();
    let lines = table
        .lines()
        .filter(|line| line.starts_with("| `") && !line.contains("(world `host`)"));
    let mut count = 0;
    for line in lines {
        let names = line
            .split('|')
            .nth(1)
            .unwrap()
            .split('`')
            .skip(1)
            .step_by(2);
        for name in names {
            assert!(dir.path().join(name).is_file(), "{name}");
            count += 1;
        }
    }
    assert!(count >= 6, "{count}");

    let before = std::fs::read(dir.path().join("report.html")).unwrap();
    std::fs::remove_file(dir.path().join("report.html")).unwrap();
    let again = quorate(&["report", &out]);
    assert!(again.status.success(), "{again:?}");
    assert!(before == std::fs::read(dir.path().join("report.html")).unwrap());
    assert_eq!(again.stdout, ran.stdout);
}

#[test]
fn a_directory_without_a_recording_is_bad_input() {
    let dir = tempfile::tempdir().unwrap();
    let output = quorate(&["report", &dir.path().display().to_string()]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said.contains("scenario.toml") && said.contains("--report DIR"),
        "{said}"
    );
}
