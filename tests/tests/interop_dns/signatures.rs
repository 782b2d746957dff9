//! TSIG (RFC 8945), as BIND's tools sign and verify it.

use std::path::Path;

use quorate_tests::dns_tools::{dig, key_file, nsupdate};

use crate::bench::{Bench, SECRETS};

/// Every algorithm, by UDP and by TCP; and keys that may change some things only.
pub(crate) fn updates(dir: &Path) {
    let bench = Bench::new(dir);
    for (n, key) in ["all-256", "all-384", "all-512"].into_iter().enumerate() {
        for way in ["", "-v"] {
            let key_path = bench.key_path(key);
            let options: Vec<&str> = ["-k", &key_path, way]
                .into_iter()
                .filter(|o| !o.is_empty())
                .collect();
            let name = format!("signed{way}-{n}.lab.test");
            let script = format!("zone lab.test\nupdate add {name} 60 A 192.0.2.1");
            let update = nsupdate(&bench.stranger, &options, &script);
            update.expect("NOERROR");
            assert_eq!(update.complaints(), "", "the reply's signature");
            assert_eq!(dig(&bench.stranger, &name).data("A"), ["192.0.2.1"]);
        }
    }
    let few = bench.key_path("few-256");
    let with_few = |change: &str| {
        nsupdate(
            &bench.stranger,
            &["-k", &few],
            &format!("zone lab.test\n{change}"),
        )
    };
    with_few("update add www.few.lab.test 60 A 192.0.2.1").expect("NOERROR");
    with_few("update add www.few.lab.test 60 TXT no").expect("REFUSED");
    with_few("update add www.lab.test 60 A 192.0.2.1").expect("REFUSED");
    // To delete a name is to delete what it owns.
    bench
        .update("update add www.few.lab.test 60 TXT other")
        .expect("NOERROR");
    with_few("update delete www.few.lab.test").expect("REFUSED");
    with_few("update delete www.few.lab.test A").expect("NOERROR");
    // What a key may not change it may not change in company either.
    with_few("update add more.few.lab.test 60 A 192.0.2.1\nupdate add www.lab.test 60 A 192.0.2.1")
        .expect("REFUSED");
    assert_eq!(
        dig(&bench.stranger, "more.few.lab.test").status(),
        "NXDOMAIN"
    );
    // A trusted address that shows a key is that key.
    let script = "zone lab.test\nupdate add www.lab.test 60 A 192.0.2.1";
    nsupdate(&bench.trusted, &["-k", &few], script).expect("REFUSED");
}

/// A key that the server does not have, a secret that is another, an algorithm that is another.
pub(crate) fn strangers(dir: &Path) {
    let bench = Bench::new(dir);
    let cases = [
        ("nobody", "hmac-sha256", SECRETS[0], "BADKEY"),
        ("all-256", "hmac-sha256", SECRETS[2], "BADSIG"),
        ("all-256", "hmac-sha512", SECRETS[0], "BADKEY"),
    ];
    for (name, algorithm, secret, error) in cases {
        let key = key_file(&bench.lab, name, algorithm, secret)
            .display()
            .to_string();
        for way in ["", "-v"] {
            let options: Vec<&str> = ["-k", &key, way]
                .into_iter()
                .filter(|o| !o.is_empty())
                .collect();
            let script = "zone lab.test\nupdate add evil.lab.test 60 A 192.0.2.66";
            let update = nsupdate(&bench.trusted, &options, script);
            update.expect(&format!("NOTAUTH({error})"));
        }
        for way in ["+notcp", "+tcp"] {
            let answer = dig(&bench.trusted, &format!("{way} -k {key} ns.lab.test A"));
            assert_eq!(answer.status(), "NOTAUTH", "{}", answer.text);
            assert!(answer.text.contains(error), "{}", answer.text);
            assert!(!answer.is_verified(), "{}", answer.text);
            assert_eq!(answer.data("A"), [""; 0]);
        }
    }
    assert_eq!(dig(&bench.trusted, "evil.lab.test").status(), "NXDOMAIN");
}

/// Signed questions get signed answers, whatever they are.
pub(crate) fn queries(dir: &Path) {
    let bench = Bench::new(dir);
    for key in ["all-256", "all-384", "all-512"] {
        for way in ["+notcp", "+tcp"] {
            for (question, status) in [
                ("lab.test SOA", "NOERROR"),
                ("Ns.lAb.TEST A", "NOERROR"),
                ("free.lab.test A", "NXDOMAIN"),
                ("www.example.com A", "REFUSED"),
                ("+noedns ns.lab.test A", "NOERROR"),
            ] {
                let options = format!("{way} -k {}", bench.key_path(key));
                let answer = dig(&bench.stranger, &format!("{options} {question}"));
                assert_eq!(answer.status(), status, "{}", answer.text);
                assert!(
                    answer.is_verified(),
                    "{options} {question}\n{}",
                    answer.text
                );
            }
        }
    }
    assert!(!dig(&bench.stranger, "lab.test SOA").text.contains("TSIG"));
}

/// Zones are copied by TCP, by those who may.
pub(crate) fn transfers(dir: &Path) {
    let bench = Bench::new(dir);
    let axfr = |key: &str| {
        let key = bench.key_path(key);
        dig(&bench.stranger, &format!("-k {key} lab.test AXFR"))
    };
    let whole = axfr("all-512");
    // dig prints a transfer without sections.
    let soas = whole
        .text
        .lines()
        .filter(|line| line.contains("\tSOA\t"))
        .count();
    assert_eq!(soas, 2, "first and last: {}", whole.text);
    assert!(whole.text.contains("ns.lab.test.\t"), "{}", whole.text);
    assert!(!whole.text.contains("verify"), "{}", whole.text);
    assert!(axfr("all-256").text.contains("Transfer failed"));
    let unsigned = dig(&bench.stranger, "lab.test AXFR");
    assert!(
        unsigned.text.contains("Transfer failed"),
        "{}",
        unsigned.text
    );
}
