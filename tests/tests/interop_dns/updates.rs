//! What `nsupdate` asks for, and what the zone is afterwards.

use std::path::Path;

use quorate_tests::dns_tools::{dig, nsupdate, serial};

use crate::bench::Bench;

/// Without a key, the address decides; and without `zone`, nsupdate finds it by asking.
pub(crate) fn by_address(dir: &Path) {
    let bench = Bench::new(dir);
    let before = serial(&bench.trusted, "lab.test");
    let script = "update add www.lab.test 60 A 192.0.2.1";
    nsupdate(&bench.trusted, &[], script).expect("NOERROR");
    let seen = dig(&bench.stranger, "www.lab.test A");
    assert_eq!(seen.data("A"), ["192.0.2.1"], "{}", seen.text);
    assert_eq!(serial(&bench.trusted, "lab.test"), before.wrapping_add(1));

    let script = "update add evil.lab.test 60 A 192.0.2.66";
    nsupdate(&bench.stranger, &[], script).expect("REFUSED");
    assert_eq!(dig(&bench.stranger, "evil.lab.test A").status(), "NXDOMAIN");
    assert_eq!(serial(&bench.trusted, "lab.test"), before.wrapping_add(1));
}

/// RFC 2136 §3.2: each form against a zone for which it holds, and one for which it does not.
/// The rows with a wildcard, a CNAME and a subset are those where others go wrong.
pub(crate) fn prerequisites(dir: &Path) {
    const ROWS: [(&str, &str); 22] = [
        ("nxdomain free.lab.test", "NOERROR"),
        ("nxdomain www.lab.test", "YXDOMAIN"),
        // Not by way of a wildcard, and an empty non-terminal owns nothing.
        ("nxdomain under.wild.lab.test", "NOERROR"),
        ("nxdomain deep.lab.test", "NOERROR"),
        ("yxdomain www.lab.test", "NOERROR"),
        ("yxdomain free.lab.test", "NXDOMAIN"),
        ("yxdomain under.wild.lab.test", "NXDOMAIN"),
        ("yxdomain deep.lab.test", "NXDOMAIN"),
        ("nxrrset www.lab.test TXT", "NOERROR"),
        ("nxrrset www.lab.test A", "YXRRSET"),
        // Not by way of a CNAME.
        ("nxrrset alias.lab.test A", "NOERROR"),
        ("nxrrset alias.lab.test CNAME", "YXRRSET"),
        ("yxrrset www.lab.test A", "NOERROR"),
        ("yxrrset www.lab.test TXT", "NXRRSET"),
        ("yxrrset alias.lab.test A", "NXRRSET"),
        ("yxrrset free.lab.test A", "NXRRSET"),
        ("yxrrset WWW.Lab.TEST A 192.0.2.1\nprereq yxrrset www.lab.test A 192.0.2.2", "NOERROR"),
        ("yxrrset www.lab.test A 192.0.2.1", "NXRRSET"),
        (
            "yxrrset www.lab.test A 192.0.2.1\nprereq yxrrset www.lab.test A 192.0.2.2\n\
             prereq yxrrset www.lab.test A 192.0.2.3",
            "NXRRSET",
        ),
        ("yxrrset www.lab.test A 192.0.2.9", "NXRRSET"),
        // All must hold.
        ("yxdomain www.lab.test\nprereq nxdomain www.lab.test", "YXDOMAIN"),
        ("nxdomain www.slow.test", "NOTZONE"),
    ];
    let bench = Bench::new(dir);
    let zone = "update add www.lab.test 60 A 192.0.2.1
        update add www.lab.test 60 A 192.0.2.2
        update add alias.lab.test 60 CNAME www.lab.test.
        update add *.wild.lab.test 60 TXT wild
        update add below.deep.lab.test 60 TXT deep";
    bench.update(zone).expect("NOERROR");
    for (n, (form, rcode)) in ROWS.into_iter().enumerate() {
        let before = serial(&bench.trusted, "lab.test");
        let change = format!("update add probe-{n}.lab.test 60 TXT probe");
        bench.update(&format!("prereq {form}\n{change}")).expect(rcode);
        let (status, changes) = match rcode {
            "NOERROR" => ("NOERROR", 1),
            _ => ("NXDOMAIN", 0),
        };
        let probe = dig(&bench.trusted, &format!("probe-{n}.lab.test TXT"));
        assert_eq!(probe.status(), status, "{form}");
        let after = serial(&bench.trusted, "lab.test");
        assert_eq!(after, before.wrapping_add(changes), "{form}");
    }
}
