//! `quorate image`, where it ends before it builds. `tests/tests/metal` boots what it builds.

use crate::program::{quorate, stderr};

#[test]
fn an_image_of_what_is_no_program_is_refused() {
    let output = quorate(&["image", "build", "--etcd", "/dev/null"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(stderr(&output).contains("/dev/null"));
}
