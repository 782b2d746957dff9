//! `quorate man`

use crate::program::{quorate, stderr};

#[test]
fn every_verb_has_a_manual_page() {
    let dir = tempfile::tempdir().unwrap();
    let man = dir.path().join("man1");
    let output = quorate(&["man", &man.display().to_string()]);
    assert!(output.status.success(), "{}", stderr(&output));
    for (page, word) in [
        ("quorate.1", "From power\\-on to quorum"),
        ("quorate-run.1", "\\-\\-world"),
        ("quorate-serve.1", "CAP_NET_RAW"),
        ("quorate-etcd-fetch.1", "provider"),
    ] {
        let text = std::fs::read_to_string(man.join(page)).expect(page);
        assert!(text.contains(word), "{page}: {text}");
    }
}
