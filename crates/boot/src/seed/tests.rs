use std::net::Ipv4Addr;

use proptest::prelude::*;
use quorate_core::MacAddr;

use super::*;

fn facts() -> Facts {
    Facts {
        mac: MacAddr([2, 0, 0x5e, 0x10, 0, 1]),
        addr: Ipv4Addr::new(10, 77, 0, 11),
        prefix_len: 24,
        hostname: "n1".into(),
        domain: "lab.example".into(),
        gateway: Some(Ipv4Addr::new(10, 77, 0, 1)),
        dns: vec![Ipv4Addr::new(10, 77, 0, 2)],
        instance_id: "i-02005e100001".into(),
        class: Some("etcd".into()),
    }
}

fn etcd() -> EtcdUnit {
    EtcdUnit {
        discovery_srv: "lab.example".into(),
        ..EtcdUnit::default()
    }
}

fn yaml(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

#[test]
fn the_files_of_an_etcd_machine() {
    let seed = seed(&facts(), Some(&etcd())).unwrap();
    insta::assert_snapshot!(seed.meta_data, @r#"
    {
      "instance-id": "i-02005e100001",
      "local-hostname": "n1",
      "domain": "lab.example",
      "mac": "02:00:5e:10:00:01",
      "local-ipv4": "10.77.0.11",
      "prefix-length": 24,
      "gateway": "10.77.0.1",
      "dns": [
        "10.77.0.2"
      ],
      "class": "etcd"
    }
    "#);
    insta::assert_snapshot!(seed.network_config, @r#"
    {
      "ethernets": {
        "boot": {
          "dhcp-identifier": "mac",
          "dhcp4": true,
          "match": {
            "macaddress": "02:00:5e:10:00:01"
          }
        }
      },
      "version": 2
    }
    "#);
    assert_eq!(seed.vendor_data, "#cloud-config\n{}\n");
    let user_data = yaml(&seed.user_data);
    assert_eq!(user_data["fqdn"], "n1.lab.example");
    assert_eq!(user_data["manage_etc_hosts"], false);
    assert_eq!(user_data["write_files"][0]["path"], UNIT_PATH);
    assert_eq!(
        user_data["write_files"][0]["content"],
        etcd().render(&facts()).unwrap()
    );
    assert_eq!(
        user_data["runcmd"],
        json!([
            ["systemctl", "daemon-reload"],
            ["systemctl", "enable", "--now", "--no-block", "etcd.service"]
        ])
    );
}

#[test]
fn a_machine_without_etcd_installs_nothing() {
    let user_data = yaml(&seed(&facts(), None).unwrap().user_data);
    assert_eq!(
        user_data,
        json!({"hostname": "n1", "fqdn": "n1.lab.example", "manage_etc_hosts": false})
    );
}

#[test]
fn a_machine_that_no_unit_fits_gets_no_seed() {
    let facts = Facts {
        hostname: "0".into(),
        ..facts()
    };
    assert_eq!(
        seed(&facts, Some(&etcd())),
        Err(UnitError::NumericName { name: "0".into() })
    );
}

#[test]
fn hostile_facts_stay_data() {
    for hostile in [
        "$(reboot)",
        "`id`",
        "\"}\nruncmd: [reboot]\n#",
        "n1\nruncmd:\n- reboot",
        "*alias",
        "&anchor",
        "!!python/object:os.system",
        "{{ 7*7 }}",
        "---",
        "no",
        "0o17",
        "1e3",
        "~",
        "\u{85}\u{2028}\u{feff}\x7f\0",
        "\\u0041",
        "\u{1f600}",
    ] {
        round_trips(&Facts {
            hostname: hostile.into(),
            domain: hostile.into(),
            instance_id: hostile.into(),
            class: Some(hostile.into()),
            ..facts()
        });
    }
}

/// Every fact comes back, and there is nothing that was not put in.
fn round_trips(facts: &Facts) {
    let seed = seed(facts, None).unwrap();
    assert_eq!(
        yaml(&seed.meta_data),
        json!({
            "instance-id": facts.instance_id,
            "local-hostname": facts.hostname,
            "domain": facts.domain,
            "mac": facts.mac.to_string(),
            "local-ipv4": facts.addr.to_string(),
            "prefix-length": facts.prefix_len,
            "gateway": facts.gateway.map(|addr| addr.to_string()),
            "dns": facts.dns.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "class": facts.class,
        })
    );
    assert_eq!(
        yaml(&seed.user_data),
        json!({"hostname": facts.hostname, "fqdn": facts.fqdn(), "manage_etc_hosts": false})
    );
}

proptest! {
    #[test]
    fn any_facts_come_back_through_a_yaml_reader(
        hostname in any::<String>(),
        domain in any::<String>(),
        instance_id in any::<String>(),
        class in any::<Option<String>>(),
        mac in any::<[u8; 6]>(),
        addr in any::<[u8; 4]>(),
    ) {
        round_trips(&Facts {
            mac: MacAddr(mac),
            addr: addr.into(),
            hostname,
            domain,
            instance_id,
            class,
            ..facts()
        });
    }

    #[test]
    fn a_unit_of_any_name_stays_one_string(hostname in "[^\r\n\0]*[a-z][^\r\n\0]*") {
        let facts = Facts { hostname, ..facts() };
        let user_data = yaml(&seed(&facts, Some(&etcd())).unwrap().user_data);
        prop_assert_eq!(
            &user_data["write_files"][0]["content"],
            &etcd().render(&facts).unwrap()
        );
    }
}
