use proptest::prelude::*;

use super::*;

fn service(lines: &str) -> Result<(Unit, Vec<String>), UnitError> {
    parse("a.service", &format!("[Service]\n{lines}"), "n1")
}

fn argv(value: &str) -> Result<Vec<String>, String> {
    service(&format!("ExecStart={value}"))
        .map(|(unit, _)| unit.exec_start.argv)
        .map_err(|error| error.to_string())
}

#[test]
fn a_whole_unit_is_read() {
    let text = "
# comment
; comment
[Unit]
Description = spaces around the sign
After=network-online.target
StartLimitIntervalSec=0

[Service]
Type=exec
Environment=A=b \"C=d e\" 'F=%H'
Environment=A=g
ExecStartPre=-/bin/mkdir /x
ExecStart=/bin/run \\
  --one \\
# a comment between
  --two=\"a b\"
Restart=on-failure
RestartSec=1min 500ms
LimitNOFILE=100:infinity

[Install]
WantedBy=multi-user.target
";
    let (unit, left_out) = parse("a.service", text, "n1").unwrap();
    assert_eq!(left_out, Vec::<String>::new());
    let variables = [("A", "g"), ("C", "d e"), ("F", "n1")];
    assert_eq!(
        unit,
        Unit {
            name: "a.service".into(),
            exec_start_pre: vec![Exec {
                argv: vec!["/bin/mkdir".into(), "/x".into()],
                ignore_failure: true,
            }],
            exec_start: Exec {
                argv: vec!["/bin/run".into(), "--one".into(), "--two=a b".into()],
                ignore_failure: false,
            },
            environment: variables.map(|(k, v)| (k.into(), v.into())).into(),
            environment_files: Vec::new(),
            restart: Restart::OnFailure,
            restart_delay: Duration::from_millis(60_500),
            start_limit: StartLimit {
                interval: Duration::ZERO,
                burst: 5,
            },
            open_files: Some((100, u64::MAX)),
        }
    );
}

#[test]
fn the_defaults_are_those_of_systemd() {
    let (unit, _) = service("ExecStart=/bin/true").unwrap();
    assert_eq!(unit.restart, Restart::No);
    assert_eq!(unit.restart_delay, Duration::from_millis(100));
    assert_eq!(
        (unit.start_limit.interval, unit.start_limit.burst),
        (Duration::from_secs(10), 5)
    );
}

#[test]
fn words_are_read_as_systemd_reads_them() {
    for (line, words) in [
        ("/x a  b", vec!["a", "b"]),
        (r#"/x "a b" 'c "d"'"#, vec!["a b", r#"c "d""#]),
        (r#"/x pre"mid dle"post"#, vec!["premid dlepost"]),
        (r#"/x """#, vec![""]),
        (r#"/x "\x41\u00e9\103\s\t\"\\""#, vec!["AéC \t\"\\"]),
        (r"/x \xc3\xa9", vec!["é"]),
        ("/x 50%% %H.lab", vec!["50%", "n1.lab"]),
        ("/x $$HOME a$$ $ 5$", vec!["$HOME", "a$", "$", "5$"]),
        (r#"/x \; ";""#, vec![";", ";"]),
        ("/x '#'", vec!["#"]),
    ] {
        let mut all = vec!["/x"];
        all.extend(words);
        assert_eq!(argv(line).unwrap(), all, "{line}");
    }
}

#[test]
fn command_lines_that_cannot_be_run_as_written_make_the_unit_unusable() {
    for (line, why) in [
        ("/x \"a", "quote is not closed"),
        (r"/x \q", r"unknown escape \q"),
        (r"/x \x4", r"unknown escape \x4"),
        (r"/x \x00", r"unknown escape \x00"),
        (r"/x \000", r"unknown escape \000"),
        (r"/x \xff", "not UTF-8"),
        ("/x %n", "specifier %n"),
        ("/x $HOME", "variables are not supported"),
        ("/x ${HOME}", "variables are not supported"),
        ("/x ; /y", "`;` between commands"),
        ("run", "absolute path"),
        ("@/x", "absolute path"),
    ] {
        let error = argv(line).unwrap_err();
        assert!(error.contains(why), "{line}: {error}");
    }
    assert!(matches!(
        service("ExecStart=/a\nExecStart="),
        Err(UnitError::NothingToRun { .. })
    ));
    assert!(matches!(
        service("ExecStart=/a\nExecStart=/b"),
        Err(UnitError::TooManyToRun { .. })
    ));
}

#[test]
fn settings_that_are_not_understood_are_named() {
    let (_, left_out) =
        service("User=etcd\nType=notify\nExecStart=/x\n[Unit]\nAfter=other.service\n[Socket]\nA=b")
            .unwrap();
    assert_eq!(
        left_out,
        [
            "a.service: [Service] User=etcd",
            "a.service: [Service] Type=notify",
            "a.service: [Unit] After=other.service",
            "a.service: [Socket] A=b",
        ]
    );
    for line in [
        "Restart=maybe",
        "RestartSec=x",
        "LimitNOFILE=2:1",
        "Environment=1A=b",
    ] {
        let text = format!("ExecStart=/x\n{line}");
        assert!(
            matches!(service(&text), Err(UnitError::Setting { .. })),
            "{line}"
        );
    }
    assert_eq!(
        service("ExecStart=/x\nnonsense"),
        Err(UnitError::Syntax {
            unit: "a.service".into(),
            line: 3
        })
    );
}

proptest! {
    #[test]
    fn what_boot_writes_is_what_runs(args in prop::collection::vec("[^\r\n\0]*", 0..6)) {
        let mut argv = vec!["/usr/bin/etcd".to_owned()];
        argv.extend(args);
        let line = quorate_boot::etcd_unit::exec_start(&argv).unwrap();
        let (unit, left_out) = service(&format!("ExecStart={line}\nRestart=no\n")).unwrap();
        prop_assert_eq!(unit.exec_start.argv, argv);
        prop_assert_eq!(left_out, Vec::<String>::new());
    }

    #[test]
    fn no_text_panics(text in any::<String>(), line in any::<String>()) {
        let _ = parse("a.service", &text, "n1");
        let _ = argv(&line);
        let _ = service(&format!("RestartSec={line}\nEnvironment={line}"));
    }
}
