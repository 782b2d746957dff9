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
        (
            "yxrrset WWW.Lab.TEST A 192.0.2.1\nprereq yxrrset www.lab.test A 192.0.2.2",
            "NOERROR",
        ),
        ("yxrrset www.lab.test A 192.0.2.1", "NXRRSET"),
        (
            "yxrrset www.lab.test A 192.0.2.1\nprereq yxrrset www.lab.test A 192.0.2.2\n\
             prereq yxrrset www.lab.test A 192.0.2.3",
            "NXRRSET",
        ),
        ("yxrrset www.lab.test A 192.0.2.9", "NXRRSET"),
        // All must hold.
        (
            "yxdomain www.lab.test\nprereq nxdomain www.lab.test",
            "YXDOMAIN",
        ),
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
        bench
            .update(&format!("prereq {form}\n{change}"))
            .expect(rcode);
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

/// RFC 2136 §3.4.2: what each form of change does to the zone, and which are no changes at all.
pub(crate) fn forms(dir: &Path) {
    let bench = Bench::new(dir);
    let held = |question: &str| {
        let answer = dig(&bench.trusted, question);
        let kind = question.split(' ').nth(1).expect("name and type");
        answer.data(kind)
    };
    let changes = |script: &str| {
        let before = serial(&bench.trusted, "lab.test");
        bench.update(script).expect("NOERROR");
        serial(&bench.trusted, "lab.test").wrapping_sub(before)
    };
    let add = "update add www.lab.test 60 A 192.0.2.1
        update add www.lab.test 60 A 192.0.2.2
        update add www.lab.test 60 A 192.0.2.3
        update add www.lab.test 60 TXT \"two words\" three";
    assert_eq!(changes(add), 1, "one UPDATE is one version");
    assert_eq!(held("www.lab.test TXT"), ["\"two words\" \"three\""]);
    // The same again is no change; a new TTL is one, and it is the RRset's (RFC 2181 §5.2).
    assert_eq!(changes("update add www.lab.test 60 A 192.0.2.3"), 0);
    assert_eq!(changes("update add www.lab.test 30 A 192.0.2.3"), 1);
    let ttls = dig(&bench.trusted, "www.lab.test A").section("ANSWER");
    assert!(
        ttls.iter().all(|line| line.contains(" 30 IN A ")),
        "{ttls:?}"
    );

    assert_eq!(changes("update delete www.lab.test A 192.0.2.2"), 1);
    assert_eq!(held("www.lab.test A"), ["192.0.2.1", "192.0.2.3"]);
    assert_eq!(changes("update delete www.lab.test A 192.0.2.9"), 0);
    assert_eq!(changes("update delete www.lab.test A"), 1);
    assert_eq!(held("www.lab.test A"), [""; 0]);
    assert_eq!(changes("update delete WWW.lab.test"), 1);
    assert_eq!(dig(&bench.trusted, "www.lab.test TXT").status(), "NXDOMAIN");
    assert_eq!(changes("update delete www.lab.test"), 0);

    // CNAME and other data exclude each other, whichever came first (§3.4.2.2).
    assert_eq!(
        changes("update add alias.lab.test 60 CNAME ns.lab.test."),
        1
    );
    assert_eq!(changes("update add alias.lab.test 60 TXT other"), 0);
    assert_eq!(
        changes("update add ns.lab.test 60 CNAME alias.lab.test."),
        0
    );
    assert_eq!(
        changes("update add alias.lab.test 60 CNAME www.lab.test."),
        1
    );
    assert_eq!(held("alias.lab.test CNAME"), ["www.lab.test."]);

    // Delegation below the apex: `delete` of the name takes its NS, too.
    assert_eq!(changes("update add sub.lab.test 60 NS ns.lab.test."), 1);
    assert_eq!(changes("update delete sub.lab.test"), 1);
    assert_eq!(dig(&bench.trusted, "sub.lab.test NS").status(), "NXDOMAIN");
}

/// SOA and the last NS of a zone stay, whatever is asked for (RFC 2136 §3.4.2.3, §3.4.2.4).
pub(crate) fn apex(dir: &Path) {
    let bench = Bench::new(dir);
    let apex = || {
        let ns = dig(&bench.trusted, "lab.test NS").data("NS");
        (ns, dig(&bench.trusted, "lab.test SOA").data("SOA").len())
    };
    let whole = (vec!["ns.lab.test.".to_owned()], 1);
    assert_eq!(apex(), whole);
    for change in [
        "update delete lab.test NS ns.lab.test.",
        "update delete lab.test NS",
        "update delete lab.test SOA",
        "update delete lab.test",
    ] {
        bench.update(change).expect("NOERROR");
        assert_eq!(apex(), whole, "{change}");
    }
    bench
        .update("update add lab.test 60 TXT apex")
        .expect("NOERROR");
    bench.update("update delete lab.test").expect("NOERROR");
    assert_eq!(dig(&bench.trusted, "lab.test TXT").data("TXT"), [""; 0]);
    assert_eq!(apex(), whole);
}

/// Names and zones that are not ours to change.
pub(crate) fn elsewhere(dir: &Path) {
    let bench = Bench::new(dir);
    let mixed = "update add in.lab.test 60 A 192.0.2.1
        update add out.slow.test 60 A 192.0.2.1";
    bench.update(mixed).expect("NOTZONE");
    assert_eq!(dig(&bench.trusted, "in.lab.test A").status(), "NXDOMAIN");
    let of_zone = |zone: &str, name: &str| {
        let script = format!("zone {zone}\nupdate add {name} 60 A 192.0.2.1");
        nsupdate(&bench.trusted, &[], &script)
    };
    of_zone("example.com", "www.example.com").expect("NOTAUTH");
    // A name within a zone is not a zone.
    of_zone("in.lab.test", "www.in.lab.test").expect("NOTAUTH");
    of_zone("slow.test", "www.slow.test").expect("REFUSED");
}

/// Hundreds of records in one UPDATE: by TCP when asked to, and when it has to.
pub(crate) fn large(dir: &Path) {
    const RECORDS: usize = 400;
    let bench = Bench::new(dir);
    for (prefix, options) in [("asked", &["-v"][..]), ("needed", &[][..])] {
        let add = |n| {
            format!(
                "update add {prefix}-{n}.lab.test 60 A 10.1.{}.{}\n",
                n / 250,
                n % 250
            )
        };
        let script: String = (0..RECORDS).map(add).collect();
        let before = serial(&bench.trusted, "lab.test");
        let key = bench.key_path("all-512");
        let options = [options, &["-k", &key]].concat();
        let update = nsupdate(
            &bench.stranger,
            &options,
            &format!("zone lab.test\n{script}"),
        );
        update.expect("NOERROR");
        assert_eq!(serial(&bench.trusted, "lab.test"), before.wrapping_add(1));
    }
    let transfer = dig(
        &bench.stranger,
        &format!("-k {} lab.test AXFR", bench.key_path("all-512")),
    );
    let lines = |prefix: &str| {
        transfer
            .text
            .lines()
            .filter(|line| line.starts_with(prefix))
            .count()
    };
    assert_eq!((lines("asked-"), lines("needed-")), (RECORDS, RECORDS));
}
