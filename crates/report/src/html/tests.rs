use quorate_scenario::{Action, Link, Observation, Verdict, What};

use super::*;
use crate::fixture::{Run, at, used};

/// The page without its style and its script.
fn body(page: &str) -> String {
    let without = |text: &str, from: &str, to: &str| {
        let (before, rest) = text.split_once(from).unwrap();
        let (_, after) = rest.split_once(to).unwrap();
        format!("{before}{from}{to}{after}")
    };
    let page = without(page, "<style>", "</style>");
    let page = without(&page, "<script>", "</script>");
    page.replace("><", ">\n<")
}

/// Three members of which the second was switched off and on again, and the third unplugged.
fn cycled() -> Run {
    let mut run = Run::well(3, 100);
    run.saw(1, 4_000, vec![(0, What::Did(Action::PowerOff))]);
    let mut again = run.boot(1);
    again.retain(|(_, what)| {
        !matches!(
            what,
            What::ReversePublished { .. } | What::SrvPublished { .. } | What::Identified { .. }
        )
    });
    run.saw(1, 20_000, again);
    run.saw(2, 5_000, vec![(0, What::Did(Action::LinkDown))]);
    run.ended_at = at(23_000);
    run
}

fn finding(link: Link, machine: &str, what: &str) -> Finding {
    Finding {
        id: quorate_scenario::FindingId::Other,
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

#[test]
fn the_page_of_a_small_run() {
    let run = cycled();
    let findings = vec![finding(Link::Voter, "n3", "is alone")];
    let outcome = run.outcome(Verdict::Fail { findings });
    insta::assert_snapshot!(
        "small",
        body(&page(
            &run.story,
            &outcome,
            &used(),
            &["report.json", "logs/"]
        ))
    );
}

#[test]
fn the_same_run_makes_the_same_bytes() {
    let (one, two) = (cycled(), cycled());
    assert_eq!(
        page(&one.story, &one.judged(), &used(), &[]),
        page(&two.story, &two.judged(), &used(), &[])
    );
}

#[test]
fn a_power_cycle_is_a_gap_in_its_row() {
    let run = cycled();
    let text = page(&run.story, &run.outcome(Verdict::Pass), &used(), &[]);
    let row = text.split("id=\"row-n2\"").nth(1).unwrap();
    let row = row.split("id=\"row-n3\"").next().unwrap();
    assert!(row.contains("class=\"off\""), "{row}");
    assert!(row.contains("power on again at 20.0 s"), "{row}");
    let complete = row.split("class=\"done\" d=\"").nth(1).unwrap();
    let complete = complete.split('"').next().unwrap();
    assert_eq!(complete.matches('z').count(), 2, "{complete}");
    let unplugged = text.split("id=\"row-n3\"").nth(1).unwrap();
    assert!(unplugged.contains("class=\"unlinked\""), "{unplugged}");
}

#[test]
fn a_clock_that_is_wrong_is_a_mark() {
    let mut run = Run::well(3, 0);
    for (index, ahead_secs) in [(0, -1_795_000_000), (1, 2)] {
        let what = What::ClockRead {
            unix_secs: 7,
            ahead_secs,
        };
        run.saw(index, 1_500, vec![(0, what)]);
    }
    let text = page(&run.story, &run.judged(), &used(), &[]);
    assert!(text.contains(" 1.50 s wrong clock n1<"));
}

#[test]
fn what_others_say_is_only_text() {
    const EVIL: &str = "</title></style><script>alert(1)</script><img src=x onerror=\"alert(2)\">";
    let mut run = Run::well(3, 0);
    run.story.title = EVIL.to_owned();
    let whats = [
        What::Note {
            text: EVIL.to_owned(),
        },
        What::Refused {
            by: EVIL.to_owned(),
            why: EVIL.to_owned(),
        },
        What::ServiceExited {
            status: "1".to_owned(),
            last_words: Some(EVIL.to_owned()),
        },
    ];
    for what in whats {
        run.observations.push(Observation {
            at: at(2_400),
            machine: Some("n1".to_owned()),
            what,
        });
    }
    let mut evil = finding(Link::Etcd, EVIL, EVIL);
    evil.cause = EVIL.to_owned();
    evil.fix = EVIL.to_owned();
    let mut artifacts = used();
    artifacts.etcd = EVIL.to_owned();
    artifacts.world = EVIL.to_owned();
    let known = finding(Link::Etcd, "n1", EVIL);
    let findings = vec![evil, known];
    let why = EVIL.to_owned();
    let outcome = run.outcome(Verdict::Inconclusive { why, findings });
    let text = page(&run.story, &outcome, &artifacts, &[]);
    assert!(text.contains("&lt;script&gt;"), "it is not there at all");
    assert_eq!(text.matches("<script>").count(), 1, "{}", body(&text));
    assert_eq!(text.matches("</style>").count(), 1);
    assert_eq!(text.matches("</title>").count(), 1);
    assert!(!text.contains("<img") && !text.contains("onerror=\"alert"));
}

#[test]
fn the_page_asks_the_network_for_nothing() {
    let run = cycled();
    let text = page(&run.story, &run.judged(), &used(), &[]);
    for word in [
        "http:", "https:", "//cdn", "src=", "@import", "url(h", "url(/", "fetch(", "<link",
    ] {
        let at = text.find(word);
        assert_eq!(
            at.map(|at| &text[at.saturating_sub(60)..at + 20]),
            None,
            "{word}"
        );
    }
    let targets = text
        .split("href=\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next());
    for target in targets {
        assert!(
            !target.contains(':') && !target.starts_with('/'),
            "{target}"
        );
    }
    assert!(text.contains("default-src 'none'"));
}

#[test]
fn every_link_within_the_page_leads_somewhere() {
    let run = cycled();
    let findings = vec![
        finding(Link::Voter, "n3", "is alone"),
        finding(Link::Voter, "nobody-knows-me", "is not there"),
    ];
    let text = page(
        &run.story,
        &run.outcome(Verdict::Fail { findings }),
        &used(),
        &[],
    );
    let targets = text
        .split("href=\"#")
        .skip(1)
        .filter_map(|rest| rest.split('"').next());
    let mut count = 0;
    for target in targets {
        assert!(text.contains(&format!("id=\"{target}\"")), "#{target}");
        count += 1;
    }
    assert!(count >= 4, "{count} links");
}

#[test]
fn many_machines_are_grouped_and_very_many_are_not_all_drawn() {
    let drawn = |count: usize| {
        let mut run = Run::new(1);
        run.story = story_of(count);
        run.expected = quorate_scenario::drive::Expected::new(&run.story, 3, 5);
        for index in 0..count {
            let mut steps = run.boot(index);
            if index == 7 {
                steps.truncate(2);
            }
            run.saw(index, 300, steps);
        }
        let text = page(&run.story, &run.outcome(Verdict::Pass), &used(), &[]);
        let groups = text.matches("class=\"group\"").count();
        let crowds = text.matches("class=\"row crowd\"").count();
        let drawn = text.matches("class=\"row machine").count();
        assert!(
            text.contains("id=\"row-n8\""),
            "the stuck one of {count} is missing"
        );
        let open = text.matches("<details class=\"group\" open").count();
        (groups, crowds, drawn, open)
    };
    assert_eq!(drawn(40), (0, 0, 40, 0));
    assert_eq!(drawn(41), (2, 0, 41, 1));
    assert_eq!(drawn(1_501), (0, 16, 30, 0));
}

fn story_of(count: usize) -> Story {
    let text = format!(
        "title = \"many\"\n[network]\nsubnet = \"10.64.0.0/16\"\n[etcd]\nmembers = {count}\n[[machines]]\nname = \"n\"\ncount = {count}\nclass = \"etcd\"\n"
    );
    Story::parse("story.toml", &text).unwrap()
}

#[test]
fn the_boot_of_metal_has_colours_of_its_own() {
    let mut run = Run::well(1, 0);
    let without = page(&run.story, &run.judged(), &used(), &[]);
    assert!(!without.contains("userspace"), "{}", body(&without));
    let boots = [Link::Firmware, Link::Userspace].map(|link| What::Booting { link });
    run.saw(0, 301, [0, 1].into_iter().zip(boots).collect());
    let page = body(&page(&run.story, &run.judged(), &used(), &[]));
    for (class, link) in [("b0", "firmware"), ("b6", "userspace")] {
        let in_legend = format!("<i class=\"{class}\">\n</i>{link}</span>");
        let in_row = format!("<path class=\"{class}\"");
        assert!(
            page.contains(&in_legend) && page.contains(&in_row),
            "{page}"
        );
    }
}

/// Three members that read a set of one, of two and of three.
fn split() -> Run {
    let mut run = Run::new(3);
    run.story.etcd.gate = false;
    run.ended_at = at(4_500);
    for index in 0..3 {
        let peers = &run.expected.clusters[0].peers[..=index];
        let ids = peers.iter().map(|(_, url)| {
            quorate_etcd::member_id(&[url.as_str()], &run.expected.clusters[0].token)
        });
        let id = quorate_etcd::cluster_id(ids);
        let records = (0..=index).map(|n| format!("n{}.lab.test:2380", n + 1));
        let records = What::SrvRead {
            records: records.collect(),
        };
        let mut steps = run.boot(index);
        // The second is well, in a cluster of its own making.
        if index != 1 {
            steps.pop();
        }
        for (_, what) in &mut steps {
            if let What::Identified { cluster_id, .. } | What::Healthy { cluster_id, .. } = what {
                *cluster_id = id;
            }
        }
        steps.push((990, records));
        run.saw(index, 300 + 1_000 * index as u64, steps);
        run.is_well(index);
    }
    run
}

/// The markup of one machine's row, with the line below it.
fn row<'a>(text: &'a str, name: &str) -> &'a str {
    let from = text.split(&format!("id=\"row-{name}\"")).nth(1).unwrap();
    let end = from.find("id=\"row-").or_else(|| from.find("</section>"));
    &from[..end.unwrap()]
}

#[test]
fn who_is_in_a_wrong_cluster_is_red_and_who_is_in_the_right_one_is_not() {
    let run = split();
    let text = page(&run.story, &run.judged(), &used(), &[]);
    for name in ["n1", "n2"] {
        let row = row(&text, name);
        assert!(row.contains("class=\"stuck\""), "{name}: {row}");
        assert!(row.contains("class=\"end bad\""), "{name}: {row}");
        assert!(row.contains("href=\"#finding-0\""), "{name}: {row}");
        assert!(text.contains(&format!("machine broken\" id=\"row-{name}\"")));
    }
    let right = row(&text, "n3");
    assert!(!right.contains("class=\"stuck\""), "{right}");
    assert!(!right.contains("bad"), "{right}");
    assert!(text.contains("machine\" id=\"row-n3\""));
}

#[test]
fn after_a_split_each_row_has_the_records_that_its_member_read() {
    let run = split();
    let text = page(&run.story, &run.judged(), &used(), &[]);
    let read = |name: &str| {
        let (_, read) = row(&text, name).split_once("<div>read SRV ").unwrap();
        read.split_once("</div>").unwrap().0.to_owned()
    };
    assert!(read("n1").contains("n1.lab.test") && !read("n1").contains("n2.lab.test"));
    assert!(read("n2").contains("n2.lab.test") && read("n2").contains("a wrong one"));
    assert!(read("n3").contains("n3.lab.test") && read("n3").contains("the right one"));
    let well = Run::well(3, 0);
    let text = page(&well.story, &well.judged(), &used(), &[]);
    assert!(!text.contains("read SRV"), "without a split it is no news");
}

#[test]
fn outages_and_faults_stand_on_the_time_axis() {
    let mut run = Run::well(3, 0);
    let fault = quorate_scenario::Fault {
        what: quorate_scenario::fault::FaultKind::Mute,
        whom: quorate_scenario::fault::Whom::Machines(vec!["n2".to_owned()]),
        from: std::time::Duration::from_millis(625),
        lasts: std::time::Duration::from_millis(625),
        amount: 0,
    };
    let whats = [
        (625, What::FaultBegan { fault }),
        (1_250, What::Did(Action::ServersStop)),
        (1_875, What::Did(Action::ServersStart)),
    ];
    for (ms, what) in whats {
        run.observations.push(Observation {
            at: at(ms),
            machine: None,
            what,
        });
    }
    let text = page(&run.story, &run.judged(), &used(), &[]);
    let timeline = text.split("id=\"timeline\"").nth(1).unwrap();
    let timeline = timeline.split("</section>").next().unwrap();
    // 2.5 s on 1000 units.
    let bars: Vec<_> = timeline
        .split("class=\"fault\" d=\"")
        .skip(1)
        .map(|rest| rest.split('v').next().unwrap())
        .collect();
    assert_eq!(bars, ["M500.0 1.2h250.0", "M250.0 1.2h250.0"]);
    assert!(timeline.contains("<span class=\"name\">mute</span>"));
    assert!(timeline.contains("servers stop"), "it is a mark, too");
}
