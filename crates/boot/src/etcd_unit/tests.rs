use std::net::Ipv4Addr;

use quorate_core::MacAddr;

use super::*;

fn facts(hostname: &str) -> Facts {
    Facts {
        mac: MacAddr([2, 0, 0, 0, 0, 1]),
        addr: Ipv4Addr::new(10, 77, 0, 11),
        prefix_len: 24,
        hostname: hostname.into(),
        domain: "lab".into(),
        gateway: None,
        dns: vec![],
        instance_id: "i-1".into(),
        class: None,
    }
}

fn unit() -> EtcdUnit {
    EtcdUnit {
        discovery_srv: "lab".into(),
        token: "rack-1".into(),
        ..EtcdUnit::default()
    }
}

#[test]
fn a_plain_member() {
    insta::assert_snapshot!(unit().render(&facts("n1")).unwrap(), @r#"
    [Unit]
    Description=etcd key-value store
    Documentation=https://etcd.io/docs/
    After=network-online.target
    Wants=network-online.target
    StartLimitIntervalSec=0

    [Service]
    Type=exec
    ExecStart=/usr/bin/etcd \
      --name n1 \
      --discovery-srv lab \
      --initial-advertise-peer-urls http://n1.lab:2380 \
      --initial-cluster-token rack-1 \
      --initial-cluster-state new \
      --advertise-client-urls http://n1.lab:2379 \
      --listen-client-urls http://0.0.0.0:2379 \
      --listen-peer-urls http://0.0.0.0:2380 \
      --data-dir /var/lib/etcd
    Restart=always
    RestartSec=100ms
    LimitNOFILE=65536

    [Install]
    WantedBy=multi-user.target
    "#);
}

#[test]
fn a_tls_member_with_everything_set() {
    let unit = EtcdUnit {
        binary: "/opt/etcd-3.4/etcd".into(),
        discovery_srv_name: Some("blue".into()),
        peer_scheme: PeerScheme::Https,
        heartbeat_ms: Some(500),
        election_ms: Some(5_000),
        extra_args: vec!["--log-level=debug".into(), "50% $HOME".into(), "#".into()],
        restart_ms: 2_500,
        ..unit()
    };
    insta::assert_snapshot!(unit.render(&facts("n1")).unwrap(), @r##"
    [Unit]
    Description=etcd key-value store
    Documentation=https://etcd.io/docs/
    After=network-online.target
    Wants=network-online.target
    StartLimitIntervalSec=0

    [Service]
    Type=exec
    ExecStart=/opt/etcd-3.4/etcd \
      --name n1 \
      --discovery-srv lab \
      --discovery-srv-name blue \
      --initial-advertise-peer-urls https://n1.lab:2380 \
      --initial-cluster-token rack-1 \
      --initial-cluster-state new \
      --advertise-client-urls http://n1.lab:2379 \
      --listen-client-urls http://0.0.0.0:2379 \
      --listen-peer-urls https://0.0.0.0:2380 \
      --data-dir /var/lib/etcd \
      --heartbeat-interval 500 \
      --election-timeout 5000 \
      --peer-auto-tls \
      --log-level=debug "50%% $$HOME" "#"
    Restart=always
    RestartSec=2500ms
    LimitNOFILE=65536

    [Install]
    WantedBy=multi-user.target
    "##);
}

#[test]
fn names_that_etcd_or_systemd_would_trip_over_are_refused() {
    let refused = |hostname: &str| unit().render(&facts(hostname)).unwrap_err();
    assert_eq!(
        refused("42"),
        UnitError::NumericName { name: "42".into() },
        "reference row 11"
    );
    assert_eq!(refused(""), UnitError::NoName);
    assert!(matches!(
        refused("n1\nExecStartPost=/bin/true"),
        UnitError::Word {
            source: QuoteError::LineBreak,
            ..
        }
    ));
    assert!(matches!(
        refused("n\0"),
        UnitError::Word {
            source: QuoteError::Nul,
            ..
        }
    ));
}

#[test]
fn programs_that_systemd_would_read_otherwise_are_refused() {
    for binary in [
        "",
        "etcd",
        "-/bin/etcd",
        "/bin/",
        "/a b",
        "/a$b",
        "/a%b",
        "/a\nb",
    ] {
        let unit = EtcdUnit {
            binary: binary.into(),
            ..unit()
        };
        assert_eq!(
            unit.render(&facts("n1")),
            Err(UnitError::Binary {
                binary: binary.into()
            })
        );
    }
}

#[test]
fn a_discovery_domain_is_required() {
    assert_eq!(
        EtcdUnit::default().render(&facts("n1")),
        Err(UnitError::NoPeers)
    );
}

#[test]
fn a_member_that_waits_for_its_peers() {
    let unit = EtcdUnit {
        await_peers: Some("/usr/bin/quorate".into()),
        discovery_srv_name: Some("rack 1".into()),
        peer_scheme: PeerScheme::Https,
        ..unit()
    };
    let text = unit.render(&facts("n1")).unwrap();
    let service = text.split("ExecStart=").next().unwrap();
    let (_, step) = service.split_once("Type=exec\n").unwrap();
    insta::assert_snapshot!(step, @r#"
    EnvironmentFile=-/run/etcd.env
    ExecStartPre=-/usr/bin/quorate await-peers \
      --discovery-srv lab \
      --discovery-srv-name "rack 1" \
      --initial-advertise-peer-urls https://n1.lab:2380 \
      --data-dir /var/lib/etcd \
      --environment-file /run/etcd.env
    TimeoutStartSec=infinity
    "#);
    let decided = EtcdUnit {
        extra_args: vec!["--initial-election-tick-advance=true".into()],
        ..unit.clone()
    };
    let text = decided.render(&facts("n1")).unwrap();
    assert!(!text.contains("/run/etcd.env"), "{text}");
    let wrong = EtcdUnit {
        await_peers: Some("quorate".into()),
        ..unit
    };
    assert!(matches!(
        wrong.render(&facts("n1")),
        Err(UnitError::Binary { .. })
    ));
}

fn flags_of_peers(unit: &EtcdUnit) -> Result<Vec<String>, UnitError> {
    let argv = unit.argv(&facts("n1"))?;
    let peers = ["--initial-cluster", "--discovery", "--discovery-fallback"];
    let of_peers = |pair: &&[String]| {
        peers.contains(&pair[0].as_str()) || pair[0].starts_with("--discovery-srv")
    };
    let flags = argv[1..].chunks(2).filter(of_peers);
    Ok(flags.map(|pair| pair.join(" ")).collect())
}

#[test]
fn each_way_to_the_peers_has_its_flags() {
    let url = "http://10.77.0.3:2379/v2/keys/discovery/rack-1";
    let given = EtcdUnit {
        discovery_srv: String::new(),
        ..unit()
    };
    let fixed = EtcdUnit {
        initial_cluster: vec![
            "n1=http://n1.lab:2380".into(),
            "n2=http://n2.lab:2380".into(),
        ],
        ..given.clone()
    };
    let registry = EtcdUnit {
        discovery_url: Some(url.into()),
        ..given
    };
    assert_eq!(flags_of_peers(&unit()).unwrap(), ["--discovery-srv lab"]);
    assert_eq!(
        flags_of_peers(&fixed).unwrap(),
        ["--initial-cluster n1=http://n1.lab:2380,n2=http://n2.lab:2380"]
    );
    assert_eq!(
        flags_of_peers(&registry).unwrap(),
        [
            format!("--discovery {url}"),
            "--discovery-fallback exit".into()
        ]
    );
    let both = EtcdUnit {
        discovery_url: Some(url.into()),
        ..unit()
    };
    assert_eq!(flags_of_peers(&both), Err(UnitError::SeveralMethods));
}
