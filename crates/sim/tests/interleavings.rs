//! Every order of publications and starts for up to four members: with the gate none splits.

use std::fmt::Write as _;

use quorate_sim::interleavings::Interleavings;

fn table(most: usize) -> String {
    let mut table = format!(
        "{:>7}  {:>4}  {:>12}  {:>8}  {:>8}\n",
        "members", "gate", "publications", "orders", "splits"
    );
    for members in 1..=most {
        for gate in [true, false] {
            let all = Interleavings::new(members, gate);
            let _ = writeln!(
                table,
                "{members:>7}  {:>4}  {:>12}  {:>8}  {:>8}",
                if gate { "on" } else { "off" },
                all.publications.len(),
                all.count(),
                all.splits(),
            );
        }
    }
    table
}

#[test]
fn with_the_gate_no_order_splits() {
    insta::assert_snapshot!(table(4), @r"
    members  gate  publications    orders    splits
          1    on             1         3         0
          1   off             1         3         0
          2    on             1        16         0
          2   off             3        75        60
          3    on             1       125         0
          3   off            15      5145      5040
          4    on             1      1296         0
          4   off           105    688905    687960
    ");
}

#[test]
fn these_orders_of_two_members_split() {
    let all = Interleavings::new(2, false);
    let mut described = String::new();
    for publication in &all.publications {
        for starts in publication
            .starts()
            .filter(|starts| publication.is_split(starts))
        {
            let _ = writeln!(described, "{}", publication.describe(&starts));
        }
    }
    let mut lines: Vec<&str> = described.lines().collect();
    lines.sort_unstable();
    lines.dedup();
    insta::assert_snapshot!(lines.join("\n"), @r"
    A n1, A n2, SRV n1, [n1 saw n1], SRV n2, [n2 saw n1 n2]
    A n1, A n2, SRV n2, [n2 saw n2], SRV n1, [n1 saw n1 n2]
    A n1, SRV n1, A n2, [n1 saw n1], SRV n2, [n2 saw n1 n2]
    A n1, SRV n1, [n1 saw n1], A n2, SRV n2, [n2 saw n1 n2]
    ");
}

/// Which orders split can be said in a sentence: those in which a member finds a cluster before
/// the last SRV record is there.
#[test]
fn an_order_splits_exactly_when_a_member_decides_too_early() {
    for members in 1..=3 {
        for gate in [true, false] {
            for publication in &Interleavings::new(members, gate).publications {
                for starts in publication.starts() {
                    assert_eq!(
                        publication.is_split(&starts),
                        publication.a_member_is_early(&starts),
                        "{}",
                        publication.describe(&starts)
                    );
                }
            }
        }
    }
}
