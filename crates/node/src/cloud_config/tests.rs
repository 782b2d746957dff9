use proptest::prelude::*;

use super::*;

const META: &[u8] = b"instance-id: i-1\nlocal-hostname: n1\n";

fn plan(user_data: &str) -> Plan {
    read(META, format!("#cloud-config\n{user_data}").as_bytes()).unwrap()
}

#[test]
fn a_seed_that_boot_rendered_is_carried_out_whole() {
    let facts = quorate_boot::Facts {
        mac: quorate_core::MacAddr([2, 0, 0, 0, 0, 1]),
        addr: [10, 77, 0, 11].into(),
        prefix_len: 24,
        hostname: "n1".into(),
        domain: "lab".into(),
        gateway: None,
        dns: vec![],
        instance_id: "i-1".into(),
        class: None,
    };
    let etcd = quorate_boot::EtcdUnit {
        discovery_srv: "lab".into(),
        ..quorate_boot::EtcdUnit::default()
    };
    let seed = quorate_boot::seed(&facts, Some(&etcd)).unwrap();
    assert_eq!(
        read(seed.meta_data.as_bytes(), seed.user_data.as_bytes()),
        Ok(Plan {
            instance_id: Some("i-1".into()),
            hostname: Some("n1".into()),
            files: vec![FileToWrite {
                path: quorate_boot::etcd_unit::UNIT_PATH.into(),
                permissions: 0o644,
                content: etcd.render(&facts).unwrap(),
            }],
            actions: vec![Action::Start {
                unit: "etcd.service".into()
            }],
            left_out: vec![],
        })
    );
}

#[test]
fn the_name_comes_from_hostname_then_fqdn_then_meta_data() {
    for (user_data, name) in [
        ("hostname: a\nfqdn: b.lab", "a"),
        ("fqdn: b.lab\nhostname: a", "a"),
        ("fqdn: b.lab", "b"),
        ("", "n1"),
    ] {
        assert_eq!(
            plan(user_data).hostname.as_deref(),
            Some(name),
            "{user_data}"
        );
    }
}

#[test]
fn a_name_that_no_machine_can_have_is_left_out() {
    for name in ["$(reboot)", "a b", "-a", "", "ä", "a\\nb", "a..b"] {
        let plan = plan(&format!("hostname: \"{name}\""));
        assert_eq!(plan.hostname.as_deref(), Some("n1"));
        assert_eq!(plan.left_out.len(), 1, "{name}");
    }
}

#[test]
fn files_are_decoded_with_their_permissions() {
    let plan = plan(
        "write_files:
- path: /a
  content: |
    text
  permissions: '0755'
  owner: root:root
- {path: /b, encoding: b64, content: 'aGVs bG8=', permissions: 0o600}
- {path: /c}",
    );
    let file = |path: &str, permissions, content: &str| FileToWrite {
        path: path.into(),
        permissions,
        content: content.into(),
    };
    assert_eq!(
        plan.files,
        [
            file("/a", 0o755, "text\n"),
            file("/b", 0o600, "hello"),
            file("/c", 0o644, ""),
        ]
    );
    assert_eq!(plan.left_out, Vec::<String>::new());
}

#[test]
fn a_file_that_cannot_be_written_as_asked_is_left_out_whole() {
    for entry in [
        "{path: relative}",
        "{path: /etc/../shadow}",
        "{path: /a, append: true}",
        "{path: /a, owner: 'etcd:etcd'}",
        "{path: /a, encoding: gz+b64}",
        "{path: /a, encoding: b64, content: '!'}",
        "{path: /a, permissions: rwx}",
        "{path: /a, permissions: '77777'}",
        "{content: x}",
        "text",
    ] {
        let plan = plan(&format!("write_files: [{entry}]"));
        assert_eq!(plan.files, [], "{entry}");
        assert_eq!(plan.left_out.len(), 1, "{entry}");
        assert!(plan.left_out[0].starts_with("write_files[0]: "), "{entry}");
    }
}

#[test]
fn systemctl_commands_become_actions() {
    let start = |unit: &str| Action::Start { unit: unit.into() };
    for (entry, actions) in [
        ("[systemctl, daemon-reload]", vec![]),
        ("[systemctl, enable, etcd]", vec![]),
        (
            "[systemctl, enable, --now, --no-block, etcd.service]",
            vec![start("etcd.service")],
        ),
        (
            "systemctl --quiet start a b.service",
            vec![start("a.service"), start("b.service")],
        ),
        (
            "/usr/bin/systemctl restart etcd",
            vec![Action::Restart {
                unit: "etcd.service".into(),
            }],
        ),
    ] {
        let plan = plan(&format!("runcmd:\n- {entry}"));
        assert_eq!(plan.actions, actions, "{entry}");
        assert_eq!(plan.left_out, Vec::<String>::new(), "{entry}");
    }
}

#[test]
fn every_other_command_is_named_and_not_run() {
    for entry in [
        "reboot",
        "[sh, -c, reboot]",
        "systemctl start a; reboot",
        "systemctl start $(id)",
        "[systemctl, stop, a]",
        "[systemctl, start]",
        "[systemctl, --user, start, a]",
        "[systemctl, start, a.socket]",
        "[systemctl, start, ../a]",
        "[systemctl]",
        "[]",
        "[[nested]]",
    ] {
        let plan = plan(&format!("runcmd:\n- {entry}"));
        assert_eq!(plan.actions, [], "{entry}");
        assert_eq!(plan.left_out.len(), 1, "{entry}");
    }
}

#[test]
fn keys_that_are_not_carried_out_are_named() {
    let plan = plan("packages: [etcd]\nmanage_etc_hosts: true\nbootcmd: []\nwrite_files: no");
    let mut left_out = plan.left_out;
    left_out.sort();
    assert_eq!(
        left_out,
        ["bootcmd", "manage_etc_hosts", "packages", "write_files"]
    );
}

#[test]
fn what_is_no_seed_is_an_error() {
    assert_eq!(read(META, b"#!/bin/sh\n"), Err(SeedError::NotCloudConfig));
    assert_eq!(
        read(META, b"\xff"),
        Err(SeedError::NotText { file: "user-data" })
    );
    assert_eq!(
        read(b"[a]", b""),
        Err(SeedError::NotMapping { file: "meta-data" })
    );
    assert!(matches!(
        read(META, b"#cloud-config\n{"),
        Err(SeedError::NotYaml {
            file: "user-data",
            ..
        })
    ));
    assert_eq!(read(b"", b"").unwrap(), Plan::default());
}

#[test]
fn a_document_that_unfolds_without_end_is_refused() {
    let mut bomb = String::from("#cloud-config\na0: &a0 [x]\n");
    for level in 1..40 {
        let below = level - 1;
        bomb.push_str(&format!(
            "a{level}: &a{level} [*a{below}, *a{below}, *a{below}, *a{below}]\n"
        ));
    }
    assert!(matches!(
        read(META, bomb.as_bytes()),
        Err(SeedError::NotYaml { .. })
    ));
}

proptest! {
    #[test]
    fn no_bytes_panic(meta in any::<Vec<u8>>(), user in any::<String>()) {
        let _ = read(&meta, user.as_bytes());
        let _ = read(META, format!("#cloud-config\n{user}").as_bytes());
    }
}
