//! `quorate orders`

use crate::program::{quorate, stdout};

#[test]
fn orders_split_without_the_gate_only() {
    let output = quorate(&["orders", "--members", "2", "--show", "1"]);
    assert_eq!(output.status.code(), Some(0));
    insta::assert_snapshot!(stdout(&output), @r"
    members  gate  publications    orders    splits
          1    on             1         3         0
          1   off             1         3         0
          2    on             1        16         0
          2   off             3        75        60

    without the gate, for example:
      A n1, A n2, SRV n1, [n1 saw n1], SRV n2, [n2 saw n1 n2]
    ");
}

#[test]
fn the_json_has_a_row_for_each_cluster() {
    let output = quorate(&["orders", "--members", "2", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let rows = json["interleavings"].as_array().unwrap();
    assert_eq!(rows.len(), 4, "{json}");
    assert_eq!(rows[3]["members"], 2, "{json}");
    assert_eq!(rows[3]["gate"], false, "{json}");
    assert_eq!(rows[3]["splits"], 60, "{json}");
}
