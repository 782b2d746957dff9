//! The help of verbs.

use crate::program::{quorate, stdout};

#[test]
fn verbs_for_machines_have_an_example() {
    for verb in [&["node"][..], &["image", "build"], &["install"]] {
        let output = quorate(&[verb, &["--help"]].concat());
        let help = stdout(&output);
        let example = format!("  quorate {}", verb.join(" "));
        assert!(help.contains("Example"), "{help}");
        assert!(help.contains(&example), "{help}");
    }
}

#[test]
fn the_help_of_run_has_examples_and_options() {
    let help = stdout(&quorate(&["run", "--help"]));
    assert!(help.contains("Examples:"), "{help}");
    assert!(help.contains("--report"), "{help}");
}
