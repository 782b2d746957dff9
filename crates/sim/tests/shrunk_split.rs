//! Written by `quorate shrink`. Needs the crates quorate-scenario and quorate-sim.
//!
//! cluster-id: the cluster split into 2: e3f309985a9220b8 on n47 (saw n47); f4fa75c7dd907940 on n48 (saw n47 n48, the right one)

use quorate_scenario::Story;
use quorate_sim::{Options, run};

#[test]
#[should_panic(expected = "link: ClusterId")]
fn shrunk_split_ends_well() {
    let text = include_str!("shrunk_split.toml");
    let story = Story::parse("shrunk_split.toml", text).expect("a scenario");
    let outcome = run(&story, Options::calm((3, 5), 1)).expect("a world");
    assert_eq!(outcome.verdict.findings(), [], "{}", story.title);
}
