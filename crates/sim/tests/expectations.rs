//! Every expectation is seen to fail, in a story of every kind: none is forgotten where something
//! else is said, too.

#![cfg(test)]

use quorate_scenario::{FindingId, Story};
use quorate_sim::{Options, run};

/// What a story may say beside its machines: keys of `[etcd]`, of the machines, and tables.
const FEATURES: &[(&str, &str, &str, &str)] = &[
    ("nothing", "", "", ""),
    ("static", "discovery = \"static\"", "", ""),
    ("discovery service", "discovery = \"etcd\"", "", ""),
    ("two clusters", "clusters = 2", "", ""),
    ("https", "peers = \"https\"", "", ""),
    ("late", "", "every = \"100ms\"", ""),
    ("racks", "", "", "[racks]\nmachines = 2\n"),
    (
        "a step",
        "",
        "",
        "[[steps]]\nat = \"10ms\"\ndo = \"reset\"\nmachine = \"n1\"\n",
    ),
    (
        "a step after formation",
        "",
        "",
        "[[steps]]\nafter_formed = \"1s\"\ndo = \"reset\"\nmachine = \"n1\"\n",
    ),
    (
        "a fault",
        "",
        "",
        "[[faults]]\nwhat = \"delay\"\nwhom = [\"n1\"]\nfrom = \"0s\"\nlasts = \"1ms\"\namount = \"1us\"\n",
    ),
    (
        "a fault that comes late",
        "",
        "",
        "[[faults]]\nwhat = \"mute\"\nwhom = [\"n1\"]\nfrom = \"20s\"\nlasts = \"1s\"\n",
    ),
];

/// Expectations that cannot hold, what of the story makes that so, and what is found then.
const EXPECTATIONS: &[(&str, &str, FindingId)] = &[
    ("formed_within = \"20ms\"", "", FindingId::FormedLate),
    (
        "renewals = 1\nformed_within = \"5s\"",
        "",
        FindingId::NotRenewed,
    ),
    (
        "quorum_gap = \"1ms\"",
        "[[steps]]\nafter_formed = \"2s\"\ndo = \"power-off\"\nmachines = \"n\"\n\
         [[steps]]\nafter_formed = \"3s\"\ndo = \"power-on\"\nmachines = \"n\"\n",
        FindingId::QuorumGap,
    ),
];

#[test]
fn every_expectation_fails_in_every_kind_of_story() {
    for (feature, etcd, machine, tables) in FEATURES {
        for (expect, steps, id) in EXPECTATIONS {
            let text = format!(
                "title = \"t\"\n[etcd]\n{etcd}\n[[machines]]\nname = \"n\"\ncount = 6\n\
                 class = \"etcd\"\n{machine}\n{tables}{steps}[expect]\n{expect}\n"
            );
            let text = match etcd.contains("clusters") {
                true => text,
                false => text.replace("count = 6", "count = 3"),
            };
            let story = Story::parse("story.toml", &text)
                .unwrap_or_else(|error| panic!("{feature}: {error:?}\n{text}"));
            let outcome = run(&story, Options::calm((3, 5), 1)).unwrap();
            let findings = outcome.verdict.findings();
            let follow = findings.iter().flat_map(|finding| &finding.consequences);
            let found = findings
                .iter()
                .chain(follow)
                .any(|finding| finding.id == *id);
            // Whatever comes first, it does not pass.
            assert!(
                outcome.verdict.exit_code() == 1,
                "{feature} with {expect}: {:#?}",
                outcome.verdict
            );
            let is_other = *id == FindingId::FormedLate;
            assert!(found || is_other, "{feature} with {expect}: {findings:#?}");
        }
    }
}
