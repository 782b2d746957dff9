//! Any line that a process may write to its log.
#![no_main]

use libfuzzer_sys::fuzz_target;
use quorate_etcd::log;

fuzz_target!(|text: &str| {
    let whole = log::parse(text).count();
    let lines = text.lines().filter_map(log::parse_line).count();
    assert_eq!(whole, lines);
});
