//! `quorate serve`, as far as it reads its configuration.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::program::{file, quorate, stderr};

const SIGNED: &str = r#"state_dir = "/nowhere"
[dns]
listen = ["192.0.2.1:53"]
key_files = ["/nowhere/xfr.key"]
transfer = [{ key = "xfr." }]
[[dns.zones]]
name = "lab.test"
primary_ns = "ns"
records = ["ns 60 IN A 192.0.2.1"]
"#;

#[test]
fn a_configuration_is_checked_where_its_keys_are_not() {
    let (_dir, path) = file("quorate.toml", SIGNED);
    let output = quorate(&["serve", "--check", "--config", &path]);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert_eq!(said, "not read: /nowhere/xfr.key\n");
    assert!(!Path::new("/nowhere").exists());
}

#[test]
fn a_configuration_is_checked_as_if_it_were_served() {
    let (_keys, key) = file("xfr.key", "key \"xfr.\" { algorithm rot13; };");
    for (wrong, complaint) in [
        (SIGNED.replace("listen", "listne"), "listne"),
        (SIGNED.replace("ns 60 IN A", "ns 60 IN AAAA"), "192.0.2.1"),
        (SIGNED.replace("/nowhere/xfr.key", &key), "xfr.key"),
    ] {
        let (_dir, path) = file("quorate.toml", &wrong);
        let output = quorate(&["serve", "--check", "--config", &path]);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{wrong}: {said}");
        assert!(said.contains(complaint), "{complaint}: {said}");
    }
}

/// A permission to change or copy a zone needs a key that can sign.
#[test]
fn a_permission_for_a_key_that_is_none_is_refused_with_the_span() {
    let secret = "key \"xfr.\" { algorithm hmac-sha256; secret \"c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0MTI=\"; };";
    let (_keys, key) = file("xfr.key", secret);
    let owner_alone = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(&key, owner_alone).unwrap();
    let good = SIGNED.replace("/nowhere/xfr.key", &key);
    let update = "update = [{ key = \"nsupdate.\", names = { subdomain = \"lab.test\" }, types = [\"A\"] }]\n";
    for (text, place, complaint) in [
        (good.clone(), "", ""),
        (good.replace("\"xfr.\"", "\"XFR\""), "", ""),
        (
            good.replace("\"xfr.\"", "\"xrf.\""),
            "quorate.toml:5:21",
            "[dns] transfer: no key is called \"xrf.\"",
        ),
        (
            good.replace("[[dns.zones]]", &format!("{update}[[dns.zones]]")),
            "quorate.toml:6:19",
            "[dns] update: no key is called \"nsupdate.\"",
        ),
    ] {
        for verb in [&["serve", "--check"][..], &["serve"]] {
            let (_dir, path) = file("quorate.toml", &text);
            if complaint.is_empty() && verb.len() == 1 {
                // It would serve.
                continue;
            }
            let output = quorate(&[verb, &["--config", &path]].concat());
            let said = stderr(&output);
            let code = if complaint.is_empty() { 0 } else { 2 };
            assert_eq!(output.status.code(), Some(code), "{text}: {said}");
            assert!(said.contains(place) && said.contains(complaint), "{said}");
            assert!(
                complaint.is_empty() || said.contains("there are: xfr."),
                "{said}"
            );
        }
    }
}

/// After a mistake the operator mends the file and starts again, with nothing to remove.
#[test]
fn what_is_refused_leaves_no_state() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("lib/quorate").display().to_string();
    let good = SIGNED.replace("key_files", "# key_files");
    let no_key = "no key is called \"xfr.\"";
    let record = good.replace("transfer", "# transfer");
    let record = record.replace("IN A 192", "IN AAAA 192");
    for (text, complaint) in [(good, no_key), (record, "192.0.2.1")] {
        let (_dir, path) = file("quorate.toml", &text.replace("/nowhere", &state));
        let output = quorate(&["serve", "--config", &path]);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(complaint), "{said}");
        assert!(!dir.path().join("lib").exists(), "{text}");
    }
}

#[test]
fn a_state_directory_that_cannot_be_made_is_exit_3_and_named() {
    let (dir, path) = file("in-the-way", "");
    let state = format!("state_dir = \"{path}/quorate\"\n");
    let config = dir.path().join("quorate.toml");
    std::fs::write(&config, state).unwrap();
    let output = quorate(&["serve", "--config", &config.display().to_string()]);
    assert_eq!(output.status.code(), Some(3));
    let said = stderr(&output);
    let start = format!("state_dir: create directory {path}/quorate");
    assert!(said.starts_with(&start), "{said}");
    assert!(said.contains("Not a directory"), "{said}");
}

#[test]
fn a_broken_configuration_is_exit_2_with_the_span() {
    let (_dir, path) = file(
        "quorate.toml",
        "state_dir = \"/nowhere\"\n[dns]\nlisten = \"here\"\n",
    );
    let output = quorate(&["serve", "--config", &path]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("quorate.toml:3:10"),
        "{}",
        stderr(&output)
    );
}
