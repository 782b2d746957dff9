//! GNU's cpio reads our archives.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

#[path = "../src/cpio.rs"]
#[expect(dead_code, reason = "it is private, and its own tests run elsewhere")]
mod archive;

use std::io::Write as _;
use std::process::{Command, ExitCode, Stdio};

use archive::Cpio;
use quorate_needs::{Need, Test};

fn main() -> ExitCode {
    let test = Test::new("cpio_itself_reads_it", &[Need::Program("cpio")], reads_it);
    quorate_needs::main([test])
}

fn reads_it() {
    let mut cpio = Cpio::new(Vec::new());
    cpio.file("/etc/a/b", 0o600, 5, &b"hello"[..]).unwrap();
    cpio.symlink("/init", "/bin/quorate").unwrap();
    cpio.device("/dev/console", 0o600, (5, 1)).unwrap();
    let (bytes, _) = cpio.finish().unwrap();
    let mut child = Command::new("cpio")
        .args(["--list", "--verbose", "--quiet"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&bytes).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("init -> /bin/quorate"), "{text}");
    assert!(text.contains("crw-------"), "{text}");
    assert!(text.contains("dev/console"), "{text}");
}
