//! A server that has never run: what it makes, and what it does without.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use quorate_tests::checks::succeed;
use quorate_tests::dns_tools::{dig, nsupdate};
use quorate_tests::network::{Daemon, Endpoint, Lab, SERVER, foreign};
use serde_json::json;

/// The state directory and what is above it are made, for the server's eyes only; the key in it is
/// one, and stays.
pub(crate) fn makes_its_directory(dir: &Path) {
    let lab = Lab::new(dir);
    let endpoint = lab.addressed(2);
    let state = dir.join("var/lib/quorate");
    let key = state.join("ddns.key");
    let mut daemon = serve(&lab, &state);
    for (path, expected) in [(&state, 0o700), (&key, 0o600)] {
        let mode = fs::metadata(path)
            .expect("it was made")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, expected, "{}", path.display());
    }
    signs(&endpoint, &key, "first");

    let made = fs::read(&key).expect("the server's user is ours");
    daemon.kill();
    let _daemon = serve(&lab, &state);
    assert_eq!(fs::read(&key).expect("it is still there"), made);
    signs(&endpoint, &key, "second");
}

/// The kernel's random numbers need no file: in a root without devices there is none.
pub(crate) fn needs_no_devices(dir: &Path) {
    let lab = Lab::new(dir);
    let endpoint = lab.addressed(2);
    let nothing = dir.join("nothing");
    fs::write(&nothing, "").expect("the test's directory is writable");
    for device in ["/dev/random", "/dev/urandom"] {
        succeed(foreign("mount").arg("--bind").arg(&nothing).arg(device));
    }
    let state = lab.state_dir();
    let _daemon = serve(&lab, &state);
    let key = state.join("ddns.key");
    for device in ["/dev/random", "/dev/urandom"] {
        // nsupdate has its own opinion.
        succeed(foreign("umount").arg(device));
    }
    signs(&endpoint, &key, "first");
}

fn serve(lab: &Lab, state_dir: &Path) -> Daemon {
    lab.serve(&json!({
        "state_dir": state_dir,
        "dns": {
            "listen": [format!("{SERVER}:53")],
            "zones": [{ "name": "lab.test", "primary_ns": "ns", "records": [format!("ns 60 IN A {SERVER}")] }],
        },
        "ddns": { "server": format!("{SERVER}:53"), "forward_zone": "lab.test" },
    }))
}

/// The server knows the key that it made.
fn signs(endpoint: &Endpoint, key: &Path, name: &str) {
    let script = format!("zone lab.test\nupdate add {name}.lab.test 60 A 192.0.2.1");
    let key = key.display().to_string();
    nsupdate(endpoint, &[], &script).expect("REFUSED");
    nsupdate(endpoint, &["-k", &key], &script).expect("NOERROR");
    let answer = dig(endpoint, &format!("{name}.lab.test A"));
    assert_eq!(answer.data("A"), ["192.0.2.1"], "{}", answer.text);
}
