use proptest::prelude::*;

use super::*;

fn origin() -> Name {
    Name::from_ascii("lab.example.").unwrap()
}

fn round(text: &str) -> String {
    record(&parse_record(text, &origin(), 60).unwrap())
}

#[test]
fn records_read_as_written() {
    for (text, expected) in [
        ("n1 A 10.0.0.1", "n1.lab.example. 60 IN A 10.0.0.1"),
        (
            "@ 5 in aaaa 2001:db8::1",
            "lab.example. 5 IN AAAA 2001:db8::1",
        ),
        (
            "_x._tcp IN 7 SRV 1 2 3 n1",
            "_x._tcp.lab.example. 7 IN SRV 1 2 3 n1.lab.example.",
        ),
        (
            "1 PTR n1.lab.example.",
            "1.lab.example. 60 IN PTR n1.lab.example.",
        ),
        (
            "t TXT one \"two \\\"2\\\" ;x\" \\255",
            "t.lab.example. 60 IN TXT \"one\" \"two \\\"2\\\" ;x\" \"\\255\"",
        ),
        (
            "d DHCID AAIBY2/A ; comment",
            "d.lab.example. 60 IN DHCID AAIBY2/A",
        ),
        (
            "u TYPE731 \\# 3 abCD ef",
            "u.lab.example. 60 IN TYPE731 \\# 3 abcdef",
        ),
        ("g TYPE1 \\# 4 0a000001", "g.lab.example. 60 IN A 10.0.0.1"),
        ("\\* CNAME a\\.b.x.", "*.lab.example. 60 IN CNAME a\\.b.x."),
        (
            "*.w CNAME \\000\\064.",
            "*.w.lab.example. 60 IN CNAME \\000\\@.",
        ),
        ("m MX 10 .", "m.lab.example. 60 IN MX 10 ."),
        (
            "@ SOA ns h 4294967295 1 2 3 4",
            "lab.example. 60 IN SOA ns.lab.example. h.lab.example. 4294967295 1 2 3 4",
        ),
    ] {
        assert_eq!(round(text), expected);
        assert_eq!(round(expected), expected);
    }
}

#[test]
fn what_is_not_a_record_is_refused() {
    for text in [
        "",
        "n1",
        "n1 60 IN",
        "n1 A",
        "n1 A 10.0.0.256",
        "n1 A 10.0.0.1 10.0.0.2",
        "n1 BLA x",
        "n1 ANY x",
        "a..b A 10.0.0.1",
        "n1 SRV 1 2 65536 x",
        "n1 TXT \"open",
        "n1 TYPE731 \\# 2 ab",
        "n1 TYPE731 \\# 0",
        "n1 TYPE1 \\# 3 0a0000",
        "n1 CAA 0 issue x",
        "\\25 A 10.0.0.1",
        "\\256 A 10.0.0.1",
    ] {
        assert!(parse_record(text, &origin(), 60).is_err(), "{text:?}");
    }
    let long = format!("{0}.{0}.{0}.{0}.", "x".repeat(63));
    assert!(parse_name(&long, &Name::root()).is_err());
    assert!(parse_name(&"x".repeat(64), &Name::root()).is_err());
}

proptest! {
    #[test]
    fn every_name_reads_back(labels in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..20), 0..8)) {
        let expected = Name::from_labels(labels.iter().map(Vec::as_slice)).unwrap();
        let again = parse_name(&name(&expected), &origin()).unwrap();
        prop_assert!(again.eq_case(&expected), "{}", name(&expected));
    }

    #[test]
    fn every_string_reads_back(strings in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..30), 1..4)) {
        let txt = TXT::from_bytes(strings.iter().map(Vec::as_slice).collect());
        let expected = Record::from_rdata(origin(), 1, RData::TXT(txt));
        let again = parse_record(&record(&expected), &origin(), 9).unwrap();
        prop_assert_eq!(&again, &expected);
        prop_assert_eq!(again.ttl, 1);
    }

    #[test]
    fn no_text_panics(text in "\\PC*") {
        let _ = parse_record(&text, &origin(), 60);
        let _ = parse_record(&format!("x TXT {text}"), &origin(), 60);
        let _ = crate::tsig::parse_key_file(&text);
    }
}
