//! `quorate compare`

use crate::program::{quorate, scenario, stderr};

#[test]
fn each_discovery_method_has_its_row() {
    let story = scenario("three-members");
    let output = quorate(&[
        "compare", &story, "--world", "sim", "--runs", "2", "--format", "json",
    ]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let methods = json["methods"].as_array().unwrap();
    let names: Vec<_> = methods.iter().map(|method| &method["discovery"]).collect();
    assert_eq!(names, ["static", "etcd", "dns"]);
    for method in methods {
        assert_eq!(method["runs"], 2, "{method}");
        assert_eq!(method["passed"], 2, "{method}");
        assert_eq!(method["healthy_secs"].as_array().unwrap().len(), 2);
    }
}
