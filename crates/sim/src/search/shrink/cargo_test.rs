//! The Rust test of a shrunk story.

use quorate_scenario::Finding;

/// A test file that runs the scenario `file`, which lies beside it, and demands that all is
/// well: it fails with `finding` for as long as what causes that is there.
pub fn cargo_test(file: &str, etcd_version: (u32, u32), finding: &Finding) -> String {
    let (major, minor) = etcd_version;
    let name: String = file
        .trim_end_matches(".toml")
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect();
    let name = name.to_ascii_lowercase();
    let link = finding.link;
    let what = &finding.what;
    format!(
        "//! Written by `quorate shrink`. Needs the crates quorate-scenario and quorate-sim.\n\
         //!\n\
         //! {link}: {what}\n\
         \n\
         use quorate_scenario::Story;\n\
         use quorate_sim::{{Options, run}};\n\
         \n\
         #[test]\n\
         fn {name}_ends_well() {{\n\
         {INDENT}let text = include_str!({file:?});\n\
         {INDENT}let story = Story::parse({file:?}, text).expect(\"a scenario\");\n\
         {INDENT}let outcome = run(&story, Options::calm(({major}, {minor}), 1)).expect(\"a world\");\n\
         {INDENT}assert_eq!(outcome.verdict.findings(), [], \"{{}}\", story.title);\n\
         }}\n"
    )
}

const INDENT: &str = "    ";
