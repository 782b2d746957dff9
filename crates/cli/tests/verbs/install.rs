//! `quorate install`, where it ends before it writes. `tests/tests/metal` boots what it writes.

use crate::program::{quorate, stderr};

#[test]
fn nothing_is_installed_without_a_disk() {
    let url = "http://127.0.0.1:9/disk.img.zst";
    assert_eq!(quorate(&["install", url]).status.code(), Some(2));
    let output = quorate(&["install", url, "--disk", "/nowhere/disk"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(stderr(&output).contains(url), "{}", stderr(&output));
}
