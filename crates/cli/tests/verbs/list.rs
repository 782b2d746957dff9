//! `quorate list`

use crate::program::{quorate, scenarios, stdout};

#[test]
fn list_names_every_scenario() {
    let output = quorate(&["list", &scenarios()]);
    assert!(output.status.success());
    assert!(
        stdout(&output).contains("three-members.toml"),
        "{}",
        stdout(&output)
    );
    let output = quorate(&["list", "--format", "json", &scenarios()]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(
        json.as_array()
            .unwrap()
            .iter()
            .all(|row| row["machines"].is_u64()),
        "{json}"
    );
}
