//! Where user namespaces are forbidden: exit 3, and what to do about it.
#![expect(clippy::unwrap_used, reason = "these are tests")]

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, ExitCode};

use quorate_needs::{Need, Test};

fn main() -> ExitCode {
    let name = "without_user_namespaces_it_is_exit_3_with_the_remedy";
    let needs = [Need::UserNamespace, Need::Program("setpriv")];
    quorate_needs::main([Test::new(name, &needs, without_user_namespaces)])
}

fn without_user_namespaces() {
    let dir = tempfile::tempdir().unwrap();
    let etcd = dir.path().join("etcd");
    std::fs::write(&etcd, "#!/bin/sh\necho 'etcd Version: 3.5.16'\n").unwrap();
    std::fs::set_permissions(&etcd, Permissions::from_mode(0o755)).unwrap();
    // A user namespace in which no more can be made, and no capability to do without.
    let script = "echo 0 > /proc/sys/user/max_user_namespaces && \
        exec setpriv --bounding-set=-all --inh-caps=-all \"$0\" run \"$1\" --etcd \"$2\"";
    let story = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../scenarios/three-members.toml"
    );
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "sh", "-c", script])
        .arg(env!("CARGO_BIN_EXE_quorate"))
        .arg(story)
        .arg(&etcd)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("max_user_namespaces"), "{said}");
}
