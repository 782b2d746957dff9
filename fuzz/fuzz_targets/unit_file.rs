//! Unit files as seeds bring them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use quorate_node::unit;

fuzz_target!(|input: (bool, &str)| {
    let (is_service, text) = input;
    let given = if is_service { "[Service]\n" } else { "" };
    let text = format!("{given}{text}");
    let once = unit::parse("etcd.service", &text, "n1");
    assert_eq!(once, unit::parse("etcd.service", &text, "n1"));
    if let Ok((unit, _)) = once {
        assert!(
            !unit.exec_start.argv.is_empty(),
            "there is a program to run"
        );
    }
});
