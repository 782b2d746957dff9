//! `quorate bench`

use crate::program::{quorate, scenario, stderr, stdout};

#[test]
fn a_knee_is_searched_by_rate() {
    let args = ["--find-knee", "--over", "rate", "--ramp", "500ms"];
    let limits = ["--target", "leased<=1m", "--max", "40", "--format", "json"];
    let ramp = scenario("ramp");
    let output = quorate(&[&["bench", &ramp][..], &args, &limits].concat());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let probes = json["probes"].as_array().unwrap();
    let loads: Vec<_> = probes
        .iter()
        .map(|probe| (probe["per_sec"].as_i64(), probe["machines"].as_i64()))
        .collect();
    let ramps = [(10, 5), (20, 10), (40, 20)];
    assert_eq!(loads, ramps.map(|(rate, all)| (Some(rate), Some(all))));
    assert_eq!(
        (&json["over"], &json["holds_at"]),
        (&"rate".into(), &40.into())
    );
    assert_eq!(json["breaks_at"], serde_json::Value::Null);
    // What it cannot reach at all, it breaks at once, and says where.
    let output = quorate(&[
        "bench",
        &ramp,
        "--find-knee",
        "--over",
        "rate",
        "--target",
        "named<=1ns",
        "--ramp",
        "1s",
    ]);
    let said = stdout(&output);
    assert!(
        said.contains("breaks with 1 machine a second already"),
        "{said}"
    );
    assert!(said.contains("first link: "), "{said}");
}
