//! What goes wrong beside the story.

use super::*;

pub(super) fn with_fault(fault: &str) -> String {
    format!("{MINIMAL}[[faults]]\n{fault}\n")
}

#[test]
fn faults_are_for_a_while_or_single() {
    let text = with_fault(
        "what = \"loss\"\nwhom = [\"n1\", \"n3\"]\nfrom = \"1s\"\nuntil = \"3s\"\namount = \"25%\"\n\
         [[faults]]\nwhat = \"crash\"\nwhom = \"servers\"\nlasts = \"1s\"\n\
         [[faults]]\nlose = \"DNS query A n1.lab.test\"\nmachine = \"n3\"\nnth = 2\n\
         [[faults]]\ntime = \"sync\"\ntakes = \"5ms\"\nmachine = \"servers\"",
    );
    let story = Story::parse("story.toml", &text).unwrap();
    let found: Vec<String> = story.faults.iter().map(ToString::to_string).collect();
    let want = [
        "+1.000s for 2.000s: loss 25.0%, n1 n3",
        "+0.000s for 1.000s: crash, servers",
    ];
    assert_eq!(
        found
            .iter()
            .map(|line| line.trim_start())
            .collect::<Vec<_>>(),
        want
    );
    let found: Vec<String> = story
        .decisions
        .iter()
        .map(|d| format!("{} is {:?}", d.occasion, d.is))
        .collect();
    let want = [
        "n3: DNS query A n1.lab.test, number 2 is Lost",
        "servers: sync, number 1 is Takes(5ms)",
    ];
    assert_eq!(found, want);
}

#[test]
fn a_fault_that_cannot_be_is_shown_with_its_place() {
    let problem = |fault: &str| problems(&with_fault(fault)).join("; ");
    let lasting = |more: &str| {
        problem(&format!(
            "what = \"loss\"\nlasts = \"1s\"\namount = \"5ppm\"\n{more}"
        ))
    };
    assert_eq!(
        lasting("whom = [\"n9\"]"),
        "no machine is called \"n9\" @ [\"n9\"]"
    );
    assert!(lasting("").starts_with("whom does this befall?"));
    let of = |what: &str, whom: &str, more: &str| {
        problem(&format!(
            "what = \"{what}\"\nwhom = \"{whom}\"\nlasts = \"1s\"\n{more}"
        ))
    };
    assert_eq!(
        of("power-cut", "servers", ""),
        "power-cut befalls machines only @ \"servers\""
    );
    assert_eq!(
        of("crash", "all-machines", ""),
        "crash befalls the servers only @ \"all-machines\""
    );
    assert_eq!(
        of("loss", "servers", "amount = \"200%\""),
        "200% cannot be @ \"200%\""
    );
    assert_eq!(
        of("mute", "servers", "amount = \"1%\""),
        "mute has no degrees @ \"1%\""
    );
    assert!(of("loss", "servers", "").starts_with("how much loss?"));
    assert!(problem("what = \"mute\"\nwhom = \"servers\"").starts_with("for how long?"));
    assert!(problem("from = \"1s\"").starts_with("what goes wrong here?"));
    assert!(problem("lose = \"DHCP OFFER\"").starts_with("whose is it?"));
    assert!(problem("delay = \"DHCP OFFER\"\nmachine = \"n1\"").starts_with("how long?"));
    let unknown = "lose = \"DHCP OFFER\"\nmachine = \"n9\"";
    assert_eq!(problem(unknown), "no machine is called \"n9\" @ \"n9\"");
}

#[test]
fn a_key_that_says_nothing_about_its_fault_is_named() {
    let problem = |fault: &str| problems(&with_fault(fault)).join("; ");
    let stray = |text: &str| {
        let found = problem(text);
        found.split(" @ ").next().unwrap_or_default().to_owned()
    };
    for (text, found) in [
        (
            "lose = \"DHCP ACK\"\nby = \"1s\"",
            "`by` says nothing about `lose`",
        ),
        (
            "lose = \"DHCP ACK\"\ntwice = false",
            "`twice` says nothing about `lose`",
        ),
        (
            "lie = \"truth of a sync\"\nlasts = \"1s\"",
            "`lasts` says nothing about `lie`",
        ),
        (
            "time = \"etcd has started\"\ntakes = \"1s\"\nbit = 3",
            "`bit` says nothing about `time`",
        ),
        (
            "delay = \"DHCP ACK\"\nby = \"1s\"\ntakes = \"1s\"",
            "`takes` says nothing about `delay`",
        ),
        (
            "choose = \"a leader\"\nchosen = \"n1\"\namount = \"3%\"",
            "`amount` says nothing about `choose`",
        ),
    ] {
        assert_eq!(stray(&format!("{text}\nmachine = \"n1\"")), found);
    }
    assert_eq!(
        stray("what = \"mute\"\nwhom = \"servers\"\nlasts = \"1s\"\nnth = 2"),
        "`nth` says nothing about `what`"
    );
}
