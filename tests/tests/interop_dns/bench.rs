//! One server with three zones, three keys, and two endpoints: one that it trusts by its address.

use std::path::{Path, PathBuf};

use quorate_tests::dns_tools::{Update, key_file, nsupdate};
use quorate_tests::network::{Daemon, Endpoint, Lab, SERVER, addr};
use serde_json::json;

/// TSIG keys by name, algorithm and secret.
const KEYS: [(&str, &str, &str); 4] = [
    ("all-256", "hmac-sha256", SECRETS[0]),
    ("all-384", "hmac-sha384", SECRETS[1]),
    ("all-512", "hmac-sha512", SECRETS[2]),
    ("few-256", "hmac-sha256", SECRETS[1]),
];

/// Base64, of 32 octets each.
pub(crate) const SECRETS: [&str; 3] = [
    "bm90IGEgc2VjcmV0LCBqdXN0IDMyIG9jdGV0cyAuLi4=",
    "QSBzZWNvbmQgb25lLCBvZiB0aGUgc2FtZSBsZW5ndGg=",
    "VGhlIHRoaXJkLiBBbGwgb2YgdGhlbSBhcmUgcHVibGk=",
];

pub(crate) struct Bench {
    pub(crate) trusted: Endpoint,
    pub(crate) stranger: Endpoint,
    _daemon: Daemon,
    pub(crate) lab: Lab,
}

impl Bench {
    pub(crate) fn new(dir: &Path) -> Self {
        let lab = Lab::new(dir);
        let (trusted, stranger) = (lab.addressed(2), lab.addressed(3));
        let key_files: Vec<PathBuf> = KEYS
            .iter()
            .map(|(name, algorithm, secret)| key_file(&lab, name, algorithm, secret))
            .collect();
        let everything = |key: &str| json!({ "key": key, "names": { "subdomain": "lab.test" }, "types": ["ANY"] });
        let trusted_source = format!("{}/32", addr(2));
        let daemon = lab.serve(&json!({
            "state_dir": lab.state_dir(),
            "dns": {
                "listen": [format!("{SERVER}:53")],
                "zones": [
                    {
                        "name": "lab.test",
                        "bootstrap": true,
                        "primary_ns": "ns",
                        "records": [format!("ns 60 IN A {SERVER}")],
                    },
                    { "name": "slow.test", "primary_ns": "ns.lab.test." },
                    { "name": "0.77.10.in-addr.arpa", "primary_ns": "ns.lab.test." },
                ],
                "update": [
                    {
                        "sources": [trusted_source],
                        "names": { "subdomain": "lab.test" },
                        "types": ["ANY"],
                    },
                    everything("all-256."),
                    everything("all-384."),
                    everything("all-512."),
                    {
                        "key": "few-256.",
                        "names": { "subdomain": "few.lab.test" },
                        "types": ["A"],
                    },
                ],
                "transfer": [{ "key": "all-512." }],
                "key_files": key_files,
            },
        }));
        Self {
            trusted,
            stranger,
            _daemon: daemon,
            lab,
        }
    }

    /// An UPDATE from the endpoint that needs no key.
    pub(crate) fn update(&self, script: &str) -> Update {
        nsupdate(&self.trusted, &[], &format!("zone lab.test\n{script}"))
    }

    /// `-k` with the file of a key.
    pub(crate) fn key_path(&self, name: &str) -> String {
        self.lab
            .dir()
            .join(format!("{name}.key"))
            .display()
            .to_string()
    }
}
