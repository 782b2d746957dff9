//! What Nix says once more must be what the program and the packages say.

use std::collections::BTreeMap;

use quorate_boot::{EtcdUnit, Facts};
use quorate_core::MacAddr;
use quorate_tests::read;
use serde_json::{Value, json};

use crate::evaluate;

/// `hardening.nix` is the `[Service]` of the Debian package's unit, less its command line.
pub(crate) fn units() {
    let data = evaluate(&["nix/modules/hardening.nix"]);
    let data: BTreeMap<String, Vec<String>> = data
        .as_object()
        .expect("it is an attribute set")
        .iter()
        .map(|(key, value)| (key.clone(), words(value)))
        .collect();

    let text = read("packaging/quorate.service");
    let (_, service) = text.split_once("[Service]\n").expect("a unit of a service");
    let (service, _) = service.split_once("[Install]\n").expect("it is installed");
    let mut unit: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in service.lines() {
        if let Some((key, value)) = line.split_once('=')
            && !line.starts_with('#')
            && key != "ExecStart"
        {
            let words = value.split(' ').map(str::to_owned);
            unit.entry(key.to_owned()).or_default().extend(words);
        }
    }
    assert_eq!(data, unit);
}

/// As NixOS writes a value into a unit.
fn words(value: &Value) -> Vec<String> {
    match value {
        Value::Array(values) => values.iter().flat_map(words).collect(),
        Value::Bool(true) => vec!["yes".into()],
        Value::Bool(false) => vec!["no".into()],
        Value::String(text) => text.split(' ').map(str::to_owned).collect(),
        Value::Number(number) => vec![number.to_string()],
        Value::Null | Value::Object(_) => panic!("{value} is no value of a unit"),
    }
}

/// A NixOS node starts etcd with the words of a seed's unit.
pub(crate) fn etcd() {
    let facts = Facts {
        mac: MacAddr([2, 0, 0, 0, 0, 1]),
        addr: [192, 0, 2, 1].into(),
        prefix_len: 24,
        hostname: "ash".into(),
        domain: "closet.example".into(),
        gateway: None,
        dns: Vec::new(),
        instance_id: "i".into(),
        class: None,
    };
    let said = evaluate(&["--expr", "(import ./nix/modules/etcd-unit.nix).defaults"]);
    let meant = serde_json::to_value(EtcdUnit::default()).expect("a unit is JSON");
    // Of the ways to find peers, a NixOS node has DNS alone.
    for (key, value) in said.as_object().expect("defaults are an attribute set") {
        assert_eq!(Some(value), meant.get(key), "{key}");
    }

    let plain = json!({ "discovery_srv": "closet.example", "token": "closet-1" });
    let full = json!({
        "binary": "/opt/etcd",
        "discovery_srv": "closet.example",
        "discovery_srv_name": "blue",
        "token": "it's one",
        "peer_scheme": "https",
        "client_port": 4001,
        "peer_port": 7001,
        "data_dir": "/srv/etcd",
        "heartbeat_ms": 50,
        "election_ms": 500,
        "extra_args": ["--log-level", "debug"],
        "restart_ms": 200,
        "await": "/opt/quorate",
    });
    for settings in [plain, full] {
        let unit: EtcdUnit = serde_json::from_value(settings.clone()).expect("it is a unit");
        let expression = "{ settings }: let unit = import ./nix/modules/etcd-unit.nix; in
            unit.argv { unit = unit.defaults // builtins.fromJSON settings;
              name = \"ash\"; fqdn = \"ash.closet.example\"; }";
        let text = settings.to_string();
        let said = evaluate(&["--expr", expression, "--argstr", "settings", &text]);
        let meant = unit.argv(&facts).expect("the unit is whole");
        assert_eq!(said, json!(meant), "{settings}");
        if unit.await_peers.is_some() {
            let said = evaluate(&["--expr", AWAIT, "--argstr", "settings", &text]);
            let rendered = unit.render(&facts).expect("the unit is whole");
            assert_eq!(said, json!(exec_start_pre(&rendered)), "{settings}");
        }
    }
}

/// The words of a unit's first step, none of which is quoted here.
fn exec_start_pre(unit: &str) -> Vec<String> {
    let unit = unit.replace("\\\n", " ");
    let line = unit
        .lines()
        .find_map(|line| line.strip_prefix("ExecStartPre=-"))
        .unwrap_or_else(|| panic!("nothing runs before etcd: {unit}"));
    line.split_whitespace().map(str::to_owned).collect()
}

const AWAIT: &str = "{ settings }: let unit = import ./nix/modules/etcd-unit.nix; in
    unit.awaitArgv { unit = unit.defaults // builtins.fromJSON settings;
      fqdn = \"ash.closet.example\"; }";
