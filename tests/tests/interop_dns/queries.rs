//! What `dig` gets to see.

use std::path::Path;

use quorate_tests::dns_tools::dig;

use crate::bench::Bench;

/// etcd asks for SRV and connects to every target: all addresses come with them.
pub(crate) fn srv(dir: &Path) {
    let bench = Bench::new(dir);
    let add = |n| {
        format!(
            "update add n{n}.lab.test 60 A 10.77.0.{n}
             update add _etcd-server._tcp.lab.test 60 SRV 0 0 2380 n{n}.lab.test.\n"
        )
    };
    bench
        .update(&(11..16).map(add).collect::<String>())
        .expect("NOERROR");
    for way in ["+notcp", "+tcp", "+noedns", "+norec"] {
        let answer = dig(
            &bench.stranger,
            &format!("{way} _etcd-server._tcp.lab.test SRV"),
        );
        let targets: Vec<_> = (11..16)
            .map(|n| format!("0 0 2380 n{n}.lab.test."))
            .collect();
        assert_eq!(answer.data("SRV"), targets);
        let mut additional = answer.section("ADDITIONAL");
        additional.sort();
        let addresses: Vec<_> = (11..16)
            .map(|n| format!("n{n}.lab.test. 60 IN A 10.77.0.{n}"))
            .collect();
        assert_eq!(additional, addresses, "{way}");
    }
}

/// Sixty members do not fit into a datagram: TC, and dig asks again by TCP.
pub(crate) fn truncation(dir: &Path) {
    let bench = Bench::new(dir);
    let name = "_etcd-server._tcp.lab.test";
    let add = |n| {
        format!(
            "update add n{n}.lab.test 60 A 10.77.1.{n}
             update add {name} 60 SRV 0 0 2380 n{n}.lab.test.\n"
        )
    };
    for tens in 0..6 {
        let ten = (tens * 10..tens * 10 + 10).map(add).collect::<String>();
        bench.update(&ten).expect("NOERROR");
    }
    for size in ["+noedns", "+bufsize=512", "+bufsize=1232", "+bufsize=4096"] {
        let cut = dig(&bench.stranger, &format!("+ignore {size} {name} SRV"));
        assert!(cut.flags().contains(&"tc"), "{size}: {}", cut.text);
        let retried = dig(&bench.stranger, &format!("{size} {name} SRV"));
        assert!(retried.text.contains(";; Truncated, retrying in TCP mode."));
        assert_eq!(retried.data("SRV").len(), 60, "{size}");
        assert!(!retried.flags().contains(&"tc"), "{size}");
        assert_eq!(retried.section("ADDITIONAL").len(), 60, "{size}");
    }
    // What is left out of the additional section alone is no truncation (RFC 2181 §9).
    bench
        .update(&format!("update delete {name}"))
        .expect("NOERROR");
    let few: String = (0..20)
        .map(|n| format!("update add {name} 60 SRV 0 0 2380 n{n}.lab.test.\n"))
        .collect();
    bench.update(&few).expect("NOERROR");
    let answer = dig(
        &bench.stranger,
        &format!("+ignore +bufsize=1232 {name} SRV"),
    );
    assert!(!answer.flags().contains(&"tc"), "{}", answer.text);
    assert_eq!(answer.data("SRV").len(), 20);
}

/// EDNS (RFC 6891): ours is sent when asked, and only then; versions that we do not speak.
pub(crate) fn edns(dir: &Path) {
    let bench = Bench::new(dir);
    let with = dig(&bench.stranger, "+bufsize=4096 lab.test SOA");
    assert!(
        with.text.contains("EDNS: version: 0, flags:; udp: 1232"),
        "{}",
        with.text
    );
    let without = dig(&bench.stranger, "+noedns lab.test SOA");
    assert!(!without.text.contains("EDNS"), "{}", without.text);
    let later = dig(&bench.stranger, "+edns=1 +noednsneg lab.test SOA");
    assert_eq!(later.status(), "BADVERS", "{}", later.text);
    assert!(later.text.contains("EDNS: version: 0"), "{}", later.text);
    assert_eq!(later.data("SOA"), [""; 0]);
    // dig makes do with the version in the answer.
    let agreed = dig(&bench.stranger, "+edns=1 lab.test SOA");
    assert_eq!(agreed.data("SOA").len(), 1, "{}", agreed.text);
    // Options and flags that we do not know are no errors (§6.1.2, §6.1.4).
    for unknown in [
        "+cookie",
        "+ednsopt=65001:c0ffee",
        "+nsid",
        "+dnssec",
        "+subnet=192.0.2.0/24",
    ] {
        let answer = dig(&bench.stranger, &format!("{unknown} lab.test SOA"));
        assert_eq!(answer.status(), "NOERROR", "{unknown}: {}", answer.text);
        assert!(
            !answer.text.contains("c0ffee"),
            "{unknown}: {}",
            answer.text
        );
    }
}

/// Resolvers mix the case of a question and want it back (draft-vixie-dnsext-dns0x20).
pub(crate) fn case(dir: &Path) {
    let bench = Bench::new(dir);
    for (way, question) in [("+notcp", "nS.LaB.tEsT"), ("+tcp", "NS.lAB.TesT")] {
        let answer = dig(&bench.stranger, &format!("{way} {question} A"));
        assert_eq!(answer.section("QUESTION"), [format!(";{question}. IN A")]);
        assert_eq!(
            answer.section("ANSWER"),
            [format!("{question}. 60 IN A 10.77.0.1")]
        );
    }
}

/// RFC 2308: how long nothing is nothing. In a bootstrap zone it may be something any moment.
pub(crate) fn negative(dir: &Path) {
    let bench = Bench::new(dir);
    for (question, status, ttl) in [
        ("free.lab.test A", "NXDOMAIN", 1),
        ("ns.lab.test TXT", "NOERROR", 1),
        ("_etcd-server._tcp.lab.test SRV", "NXDOMAIN", 1),
        ("free.slow.test A", "NXDOMAIN", 30),
    ] {
        let answer = dig(&bench.stranger, question);
        assert_eq!(answer.status(), status);
        assert!(answer.flags().contains(&"aa"), "{}", answer.text);
        let authority = answer.section("AUTHORITY");
        let [soa] = &authority[..] else {
            panic!("one SOA: {}", answer.text)
        };
        let words: Vec<&str> = soa.split(' ').collect();
        // Resolvers take the lower of the record's TTL and its last field.
        assert_eq!(
            (words[3], words[1], words[10]),
            ("SOA", &*ttl.to_string(), &*ttl.to_string())
        );
    }
}

/// What an authoritative server is not asked for.
pub(crate) fn oddities(dir: &Path) {
    let bench = Bench::new(dir);
    let status = |question: &str| dig(&bench.stranger, question).status().to_owned();
    assert_eq!(status("www.example.com A"), "REFUSED");
    assert_eq!(status(". NS"), "REFUSED");
    assert_eq!(status("-c CH version.bind TXT"), "REFUSED");
    assert_eq!(status("-c ANY lab.test SOA"), "REFUSED");
    for opcode in ["status", "notify", "6", "15"] {
        assert_eq!(
            status(&format!("+opcode={opcode} lab.test SOA")),
            "NOTIMP",
            "{opcode}"
        );
        assert_eq!(
            status(&format!("+tcp +opcode={opcode} lab.test SOA")),
            "NOTIMP",
            "{opcode}"
        );
    }
    // An answer says that there is no recursion here, and repeats that it was desired.
    let desired = dig(&bench.stranger, "ns.lab.test A");
    assert_eq!(desired.flags(), ["qr", "aa", "rd"]);
    let not_desired = dig(&bench.stranger, "+norec ns.lab.test A");
    assert_eq!(not_desired.flags(), ["qr", "aa"]);
    assert_eq!(not_desired.data("A"), ["10.77.0.1"]);
    // RFC 8482: ANY gets something, and little.
    assert_eq!(status("+notcp ns.lab.test ANY"), "NOERROR");
    // Several questions, one after the other, on one connection.
    let both = dig(&bench.stranger, "+tcp +keepopen ns.lab.test A lab.test SOA");
    assert_eq!(
        both.text.matches("status: NOERROR").count(),
        2,
        "{}",
        both.text
    );
}
