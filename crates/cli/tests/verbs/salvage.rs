//! `quorate salvage`

use std::fs;
use std::path::Path;

use quorate_store::Log;

use crate::program::{file, quorate, stderr, stdout};

/// A state directory with a log of three batches, the second of which has a flipped bit, and a
/// configuration that names it.
fn damaged(dir: &Path) -> String {
    let state = dir.join("state");
    let (mut log, _) = Log::open(&state).unwrap();
    let mut second = 0;
    for text in ["first", "second", "third"] {
        if text == "second" {
            second = log.len_bytes() as usize;
        }
        log.append(text.as_bytes());
        log.sync().unwrap();
    }
    drop(log);
    let mut bytes = fs::read(state.join("log")).unwrap();
    bytes[second + 9] ^= 1;
    fs::write(state.join("log"), bytes).unwrap();
    format!("state_dir = {dir:?}\n")
}

#[test]
fn a_damaged_log_is_salvaged_and_the_loss_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let (_config, path) = file("quorate.toml", &damaged(dir.path()));
    let output = quorate(&["salvage", "--config", &path]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let said = stdout(&output);
    assert!(
        said.starts_with("lost: 14 bytes from offset 21\nkept: 2 records\n"),
        "{said}"
    );
    assert!(dir.path().join("state/log.damaged").exists());
    let (_, records) = Log::open(&dir.path().join("state")).unwrap();
    assert!(records.iter().eq([&b"first"[..], b"third"]));

    let output = quorate(&["salvage", "--format", "json", "--config", &path]);
    let said: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
    let nothing = serde_json::json!({ "damaged": null, "lost": [], "records": 2 });
    assert_eq!(said, nothing);
}

#[test]
fn a_log_that_is_none_or_in_use_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let (_config, path) = file("quorate.toml", &format!("state_dir = {:?}\n", dir.path()));
    let output = quorate(&["salvage", "--config", &path]);
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    let (_log, _) = Log::open(&dir.path().join("state")).unwrap();
    let output = quorate(&["salvage", "--config", &path]);
    assert_eq!(output.status.code(), Some(3));
    assert!(stderr(&output).contains("in use"), "{}", stderr(&output));
}
