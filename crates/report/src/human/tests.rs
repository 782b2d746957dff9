use std::time::Duration;

use quorate_core::Instant;
use quorate_etcd::ClusterId;
use quorate_scenario::{Action, Finding, Link, Verdict, What};

use super::*;
use crate::fixture::{Run, at, used};

fn wide(width: usize) -> Style {
    Style {
        width,
        ..Style::PLAIN
    }
}

fn text_of(run: &Run, outcome: &Outcome, style: Style) -> String {
    report(&run.story, outcome, &used(), style)
}

fn finding(link: Link, machine: &str, what: &str) -> Finding {
    Finding {
        id: FindingId::Other,
        link,
        machine: Some(machine.to_owned()),
        what: what.to_owned(),
        cause: "the reason".to_owned(),
        fix: "the remedy".to_owned(),
        may_be_late: true,
        unsure: false,
        consequences: Vec::new(),
    }
}

/// The machines a second apart, without a gate: each in a cluster of those before it.
fn split() -> Run {
    let mut run = Run::new(3);
    run.story.etcd.gate = false;
    run.ended_at = at(4_500);
    for index in 0..3 {
        let ids = (0..=index).map(|member| {
            let url = run.expected.clusters[0].peers[member].1.as_str();
            quorate_etcd::member_id(&[url], &run.expected.clusters[0].token)
        });
        let id: ClusterId = quorate_etcd::cluster_id(ids);
        let mut steps = run.boot(index);
        // Only the last one finds all records; none gets the votes of three.
        steps.pop();
        if let Some((_, What::Identified { cluster_id, .. })) = steps.last_mut() {
            *cluster_id = id;
        }
        run.saw(index, 300 + 1_000 * index as u64, steps);
        run.is_well(index);
    }
    run
}

/// `n3` asks and asks; the others find no quorum.
fn without_a_lease() -> Run {
    let mut run = Run::new(3);
    run.ended_at = at(30_000);
    for index in 0..2 {
        let mut steps = run.boot(index);
        steps.truncate(6);
        run.saw(index, 300, steps);
        run.is_well(index);
    }
    let mut steps = run.boot(2);
    steps.truncate(2);
    run.saw(2, 300, steps);
    run
}

#[test]
fn a_pass_ends_with_the_line_that_says_so() {
    let run = Run::well(3, 100);
    let outcome = run.outcome(Verdict::Pass);
    insta::assert_snapshot!(text_of(&run, &outcome, wide(80)), @r"
       |0          |500 ms     |1.0 s       |1.5 s      |2.0 s
    n1        d=an=s==e================c========================v---- 2.00 s
    n2          pda=ns==e=================c========================v- 2.00 s
    n3             d=an=s==e================c======================== 2.00 s
    p power  d discover  a ack  n name  s seed  r srv  e etcd  c cluster-id  v voter
    - complete

    ms      power  discover  ack  name  seed  srv  etcd  cluster-id  voter
    n1        300       4.0   60   120   180  300   240        1000   2000
    n2        400       4.0   60   120   180  300   240        1000   2000
    n3        500       4.0   60   120   180  300   240        1000   2000
    median              4.0   60   120   180  300   240        1000   2000

    leases             count    p50    p90    p99    max
    power-on to lease      3  60 ms  60 ms  60 ms  60 ms
    DISCOVER to ACK        3  56 ms  56 ms  56 ms  56 ms

    first etcd exec after 540 ms, formed after 2.50 s
    seed 7, etcd 3.5.16 (cache, from debian), torn down in 123 ms
    artifacts: /out/run 1

    PASS machines form a cluster: 3 members, cluster 366158d82220db8a, formed in 2.50 s  file:///out/run%201/report.html
    ");
}

#[test]
fn a_split_begins_with_who_saw_what() {
    let run = split();
    insta::assert_snapshot!(text_of(&run, &run.judged(), wide(120)), @r"
    FAIL cluster-id n1: the cluster split into 3: b214b580e6756e99 on n1 (saw n1); 97d11626a4215663 on n2 (saw n1 n2); 366158d82220db8a on n3 (saw n1 n2 n3, the right one)
      cause: the members read different SRV sets; etcd reads the set once, at its first start, and never again
      fix:   publish the whole set at once ([etcd] gate = true), then wipe the data directories of the members with a wrong ID: a split does not heal
      id:    part-of-set

       |0         |500 ms    |1.0 s      |1.5 s     |2.0 s     |2.5 s      |3.0 s     |3.5 s     |4.0 s
    n1       d=a=ns==e==============c........................................................................ wrong cluster
    n2                              d=an=s=e===============c................................................. wrong cluster
    n3                                                     da=ns==e===============c========================== no voter
    p power  d discover  a ack  n name  s seed  r srv  e etcd  c cluster-id  v voter  - complete  . broken

    ms      power  discover  ack  name  seed  srv  etcd  cluster-id  voter
    n1        300       4.0   60   120   180  300   240        1000      -
    n2       1300       4.0   60   120   180  300   240        1000      -
    n3       2300       4.0   60   120   180  300   240        1000      -
    median              4.0   60   120   180  300   240        1000      -

    leases             count    p50    p90    p99    max
    power-on to lease      3  60 ms  60 ms  60 ms  60 ms
    DISCOVER to ACK        3  56 ms  56 ms  56 ms  56 ms

    first etcd exec after 540 ms, not formed after 4.50 s
    seed 7, etcd 3.5.16 (cache, from debian), torn down in 123 ms
    artifacts: /out/run 1

    FAIL cluster-id n1: the cluster split into 3: b214b580e6756e99 on n1 (saw n1); 97d11626a4215663 on n2 (saw n1 n2); 366158d82220db8a on n3 (saw n1 n2 n3, the right one)  file:///out/run%201/report.html
    ");
}

#[test]
fn a_machine_without_a_lease_is_drawn_waiting() {
    let run = without_a_lease();
    insta::assert_snapshot!(text_of(&run, &run.judged(), wide(80)), @r"
    FAIL ack n3: asked for an address and has no lease
      cause: the server did not answer it
      fix:   look for its MAC address in the server's log and in the capture
      id:    no-lease
      so:    etcd n1: etcd runs, and has not bootstrapped
      so:    etcd n2: etcd runs, and has not bootstrapped

       |0                         |500 ms        ~~~
    n1                 d===a==n==s................................... no srv
    n2                 d===a==n==s................................... no srv
    n3                 d............................................. no ack
    p power  d discover  a ack  n name  s seed  r srv  e etcd  c cluster-id  v voter
    - complete  . broken  ~ silence

    ms      power  discover  ack  name  seed  srv  etcd  cluster-id  voter
    n1        300       4.0   60   120   180    -   240           -      -
    n2        300       4.0   60   120   180    -   240           -      -
    n3        300       4.0    -     -     -    -     -           -      -
    median              4.0   60   120   180    -   240           -      -

    leases             count    p50    p90    p99    max
    power-on to lease      2  60 ms  60 ms  60 ms  60 ms
    DISCOVER to ACK        2  56 ms  56 ms  56 ms  56 ms

    first etcd exec after 540 ms, not formed after 30.0 s
    seed 7, etcd 3.5.16 (cache, from debian), torn down in 123 ms
    artifacts: /out/run 1

    FAIL ack n3: asked for an address and has no lease  file:///out/run%201/report.html
    ");
}

#[test]
fn on_a_terminal_there_are_blocks_and_the_same_words() {
    let run = without_a_lease();
    let outcome = run.judged();
    let unicode = Style {
        unicode: true,
        ..wide(80)
    };
    let text = text_of(&run, &outcome, unicode);
    let ascii = [('█', '='), ('─', '-'), ('▁', '_'), ('·', '.')];
    let as_ascii = ascii.into_iter().fold(text.clone(), |text, (sign, plain)| {
        text.replace(sign, &plain.to_string())
    });
    assert_ne!(text, as_ascii);
    assert_eq!(as_ascii, text_of(&run, &outcome, wide(80)));
}

#[test]
fn colour_is_only_added() {
    let colour = Style {
        colour: true,
        ..wide(80)
    };
    for (run, outcome) in [
        (split(), split().judged()),
        (Run::well(3, 0), Run::well(3, 0).outcome(Verdict::Pass)),
    ] {
        let text = text_of(&run, &outcome, colour);
        assert_ne!(text, text_of(&run, &outcome, wide(80)));
        assert_eq!(without_colour(&text), text_of(&run, &outcome, wide(80)));
    }
}

/// `text` without its SGR sequences.
fn without_colour(text: &str) -> String {
    let mut parts = text.split("\x1b[");
    let mut plain = parts.next().unwrap().to_owned();
    for part in parts {
        plain.push_str(part.split_once('m').unwrap().1);
    }
    plain
}

#[test]
fn no_line_of_a_table_is_wider_than_the_terminal() {
    let mut run = without_a_lease();
    run.story.machines[2].hollow = true;
    // Numbers of six digits.
    run.saw(1, 400_000, run.boot(1).split_off(6));
    run.ended_at = at(500_000);
    run.story.machines[0].name = "rack-17-slot-03-left-of-the-door".to_owned();
    let name = run.story.machines[0].name.clone();
    for observation in &mut run.observations {
        if observation.machine.as_deref() == Some("n1") {
            observation.machine = Some(name.clone());
        }
    }
    for width in [60, 80, 100, 120, 200] {
        let chain = chain(&run.story, &run.outcome(Verdict::Pass), wide(width));
        let widest = chain.lines().map(|line| line.chars().count()).max();
        assert!(widest.unwrap() <= width, "{width}:\n{chain}");
        assert!(chain.contains("rack-17-slot-03~"), "{chain}");
    }
}

#[test]
fn a_letter_is_the_last_link_that_holds_as_in_the_page() {
    let mut run = Run::well(2, 0);
    run.saw(1, 4_000, vec![(0, What::Did(Action::PowerOff))]);
    let mut again = run.boot(1);
    again.retain(|(_, what)| {
        !matches!(
            what,
            What::ReversePublished { .. } | What::SrvPublished { .. } | What::Identified { .. }
        )
    });
    run.saw(1, 5_000, again);
    // Its cable comes out before etcd has a leader.
    run.saw(0, 5_500, vec![(0, What::Did(Action::LinkDown))]);
    run.ended_at = at(8_000);
    let text = chain(&run.story, &run.outcome(Verdict::Pass), wide(100));
    let drawn: String = text.lines().take(5).collect::<Vec<_>>().join("\n");
    insta::assert_snapshot!(drawn, @r"
       |0                  |2 s                 |4 s                |6 s
    n1    dnse======c==========v-------------------------------c......................... lost
    n2    dnse======c==========v----------------__________dnrc=================v--------- 2.00 s
    p power  d discover  a ack  n name  s seed  r srv  e etcd  c cluster-id  v voter  - complete
    . broken  _ off
    ");
}

#[test]
fn without_a_directory_the_last_line_is_the_verdict_alone() {
    let run = without_a_lease();
    let mut artifacts = used();
    artifacts.dir = None;
    let text = report(&run.story, &run.judged(), &artifacts, wide(80));
    let verdict = "FAIL ack n3: asked for an address and has no lease";
    assert_eq!(text.lines().next(), Some(verdict));
    assert_eq!(text.lines().last(), Some(verdict));
}

#[test]
fn one_machine_has_no_median() {
    let run = Run::well(1, 0);
    let text = text_of(&run, &run.outcome(Verdict::Pass), wide(80));
    assert!(!text.contains("median"), "{text}");
    assert!(
        text.contains("PASS machines form a cluster: 1 member, cluster "),
        "{text}"
    );
}

#[test]
fn of_many_machines_the_slowest_are_shown() {
    let mut run = Run::new(41);
    for index in 0..41 {
        let mut steps = run.boot(index);
        steps[8].0 += index as u64;
        if index == 7 {
            steps.truncate(8);
        }
        run.saw(index, 300, steps);
    }
    let text = text_of(&run, &run.outcome(Verdict::Pass), wide(100));
    for name in ["n8 ", "n33 ", "n41 "] {
        assert!(text.contains(&format!("\n{name}")), "no {name}in\n{text}");
    }
    for name in ["n1 ", "n7 ", "n32 "] {
        assert!(!text.contains(&format!("\n{name}")), "{name}in\n{text}");
    }
    let summary = "the slowest 10 of 41 machines; 1 never came to the end; \
        40 came to the end of the chain in 2.00 s to 2.04 s\n";
    assert!(text.contains(summary), "{text}");
}

#[test]
fn a_story_in_which_nothing_was_switched_on_says_so() {
    let run = Run::new(2);
    let text = text_of(&run, &run.outcome(Verdict::Pass), wide(80));
    assert!(text.starts_with("no machine was switched on\n"), "{text}");
    assert!(
        text.contains("etcd was never started, not formed after 2.50 s"),
        "{text}"
    );
}

#[test]
fn an_unfair_run_says_why_and_what_was_seen() {
    let run = Run::well(3, 0);
    let findings = vec![finding(Link::Quorum, "n2", "knows no leader")];
    let why = "the switch lost 3 frames".to_owned();
    let outcome = run.outcome(Verdict::Inconclusive { why, findings });
    insta::assert_snapshot!(verdict(&run.story, &outcome, Style::PLAIN), @r"
    INCONCLUSIVE the switch lost 3 frames
      seen:  quorum n2: knows no leader
      cause: the reason
      fix:   the remedy
    ");
}

#[test]
fn findings_after_the_first_have_one_line_each_up_to_a_limit() {
    let run = Run::well(3, 0);
    let findings: Vec<_> = (0..24)
        .map(|n| finding(Link::Ack, &format!("m{n}"), "has no lease"))
        .collect();
    let outcome = run.outcome(Verdict::Fail { findings });
    let text = verdict(&run.story, &outcome, Style::PLAIN);
    assert_eq!(text.matches("also:").count(), 20);
    assert!(text.contains("  also:  ack m1: has no lease\n"), "{text}");
    assert!(
        text.ends_with("and 3 more findings: see report.json\n"),
        "{text}"
    );
}

#[test]
fn what_a_machine_said_cannot_break_the_first_three_lines() {
    let run = Run::well(3, 0);
    let mut evil = finding(Link::Etcd, "n1\nPASS", "died\n  fix:   rm -rf");
    evil.cause = "\x1b[2Jpanic\r".to_owned();
    let findings = vec![evil];
    let outcome = run.outcome(Verdict::Fail { findings });
    let text = verdict(&run.story, &outcome, Style::PLAIN);
    assert_eq!(
        text,
        "FAIL etcd n1 PASS: died   fix:   rm -rf\n  cause: [2Jpanic\n  fix:   the remedy\n"
    );
}

#[test]
fn the_median_of_an_even_number_is_between_the_two() {
    let mut run = Run::new(2);
    let mut steps = run.boot(0);
    steps[2].0 = 100;
    run.saw(0, 300, steps);
    run.saw(1, 900, run.boot(1));
    let outcome = run.outcome(Verdict::Pass);
    let rows = milestones::rows(&run.story, &outcome);
    let median = milestones::median(&rows, Link::Ack);
    assert_eq!(median, Some(Duration::from_millis(80)));
    assert_eq!(
        milestones::first_exec(&rows),
        Some(Instant::from_nanos(540_000_000))
    );
}
