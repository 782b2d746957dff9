//! `quorate schema`

use crate::program::quorate;

#[test]
fn the_schema_describes_the_keys() {
    let output = quorate(&["schema"]);
    let schema: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(schema["properties"]["machines"]["type"], "array");
    assert!(schema["$defs"]["Etcd"]["properties"]["gate"]["description"].is_string());
}
