//! Seeds from a stranger's HTTP server.
#![no_main]

use libfuzzer_sys::fuzz_target;
use quorate_node::cloud_config;

fuzz_target!(|input: (bool, &[u8], &[u8])| {
    let (is_marked, meta_data, user_data) = input;
    let marker: &[u8] = if is_marked { b"#cloud-config\n" } else { b"" };
    let user_data = [marker, user_data].concat();
    let once = cloud_config::read(meta_data, &user_data);
    assert_eq!(once, cloud_config::read(meta_data, &user_data));
});
