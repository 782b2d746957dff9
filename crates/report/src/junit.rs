//! The verdict as JUnit XML, for continuous integration: one test case for each link of the
//! chain, so that a failure is filed under the link that broke.
//!
//! A broken link is a *failure*; in a run that was not fair it is an *error*, as nothing is
//! known. The links behind the first broken one are still judged by what was found at them. A link
//! that a machine did not reach, and at which nothing was found, is *skipped*: it was not judged.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestSuite};
use quorate_core::Instant;
use quorate_scenario::{Finding, Link, Outcome, Story, Verdict};

use crate::human::Artifacts;
use crate::text;

/// The document.
pub fn report(story: &Story, outcome: &Outcome, artifacts: &Artifacts) -> String {
    let time = outcome.ended_at.since(Instant::ZERO);
    let title = text::one_line(&story.title);
    let mut suite = TestSuite::new(title.as_str());
    suite.set_time(time);
    let properties = [
        ("world", artifacts.world.clone()),
        ("seed", artifacts.seed.to_string()),
        ("etcd", artifacts.etcd.clone()),
        ("machines", story.machines.len().to_string()),
    ];
    for (name, value) in properties {
        suite.add_property(Property::new(name, value));
    }
    let booted = |link: Link| {
        outcome
            .progress
            .iter()
            .any(|progress| progress.reached.contains_key(&link))
    };
    let concerns = |link: &Link| !link.is_boot() || booted(*link);
    for link in Link::ALL.into_iter().filter(concerns) {
        suite.add_test_case(case(link, &title, story, outcome));
    }
    let mut report = Report::new("quorate");
    report.set_time(time);
    report.add_test_suite(suite);
    report
        .to_string()
        .expect("writing to a string does not fail")
}

fn case(link: Link, title: &str, story: &Story, outcome: &Outcome) -> TestCase {
    let findings: Vec<_> = outcome
        .verdict
        .findings()
        .iter()
        .filter(|finding| finding.link == link)
        .collect();
    let status = match (findings.first(), &outcome.verdict) {
        (None, _) => match unjudged(link, story, outcome) {
            Some(why) => {
                let mut status = TestCaseStatus::skipped();
                status.set_message(why);
                status
            }
            None => TestCaseStatus::success(),
        },
        (Some(first), Verdict::Inconclusive { why, .. }) => {
            let what = format!("inconclusive, {why}: {}", said(first));
            broken(NonSuccessKind::Error, "inconclusive", &what, &findings)
        }
        (Some(first), Verdict::Pass | Verdict::Fail { .. }) => broken(
            NonSuccessKind::Failure,
            &link.to_string(),
            &said(first),
            &findings,
        ),
    };
    let mut case = TestCase::new(link.to_string(), status);
    case.set_classname(title);
    let reached = outcome
        .progress
        .iter()
        .filter_map(|progress| progress.reached.get(&link));
    let last = reached
        .max()
        .map_or(Duration::ZERO, |at| at.since(Instant::ZERO));
    case.set_time(last);
    case
}

/// Why nothing is known of a link at which nothing was found.
fn unjudged(link: Link, story: &Story, outcome: &Outcome) -> Option<String> {
    let evidence = &outcome.evidence;
    if evidence.starved.is_some() && evidence.is_empty() {
        return Some("the world collected no evidence".to_owned());
    }
    if link.is_boot() {
        return None;
    }
    if link == Link::Writes {
        let members = story.cluster_sizes().1 > 0;
        let why = if members {
            "no value was written"
        } else {
            NOT_OF_THIS_SCENARIO
        };
        return evidence.writes.is_empty().then(|| why.to_owned());
    }
    // The quorum comes with the voter.
    let step = if link == Link::Quorum {
        Link::Voter
    } else {
        link
    };
    let mut concerned = outcome
        .progress
        .iter()
        .filter(|machine| machine.class.chain().contains(&step))
        .peekable();
    if concerned.peek().is_none() {
        return Some(NOT_OF_THIS_SCENARIO.to_owned());
    }
    let missing: Vec<&str> = concerned
        .filter(|machine| !machine.reached.contains_key(&link))
        .map(|machine| machine.name.as_str())
        .collect();
    let (first, others) = missing.split_first()?;
    let more = match others.len() {
        0 => String::new(),
        others => format!(" and {}", text::count(others, "other machine")),
    };
    Some(format!(
        "{}{more} did not come so far",
        text::one_line(first)
    ))
}

fn broken(kind: NonSuccessKind, sort: &str, message: &str, all: &[&Finding]) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    let described = all.iter().take(FINDINGS_MAX).map(|finding| {
        format!(
            "{}\n  cause: {}\n  fix:   {}\n",
            said(finding),
            text::one_line(&finding.cause),
            text::one_line(&finding.fix)
        )
    });
    let mut description: String = described.collect();
    if all.len() > FINDINGS_MAX {
        description.push_str(&format!("and {} more\n", all.len() - FINDINGS_MAX));
    }
    status
        .set_type(sort)
        .set_message(message)
        .set_description(description);
    status
}

/// `n1: has no lease`
fn said(finding: &Finding) -> String {
    let what = text::one_line(&finding.what);
    match &finding.machine {
        Some(machine) => format!("{}: {what}", text::one_line(machine)),
        None => what,
    }
}
/// Findings described in full for one link.
const FINDINGS_MAX: usize = 50;
const NOT_OF_THIS_SCENARIO: &str = "no machine of this scenario has this link";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Run, used};

    fn finding(link: Link, what: &str) -> Finding {
        Finding {
            id: quorate_scenario::FindingId::Other,
            link,
            machine: Some("n1".to_owned()),
            what: what.to_owned(),
            cause: "a <cause> & more".to_owned(),
            fix: "the fix".to_owned(),
            may_be_late: true,
            unsure: false,
            consequences: Vec::new(),
        }
    }

    /// The document parses, and has as many tests, failures and errors as it says.
    fn parsed(run: &Run, verdict: Verdict) -> (usize, usize, usize, String) {
        let xml = report(&run.story, &run.outcome(verdict), &used());
        let read = Report::deserialize_from_str(&xml).expect("JUnit XML");
        let cases = read.test_suites[0].test_cases.len();
        let links = Link::ALL.iter().filter(|link| !link.is_boot()).count();
        assert_eq!((cases, read.tests), (links, links));
        (cases, read.failures, read.errors, xml)
    }

    #[test]
    fn a_pass_has_a_case_for_each_link() {
        let (_, failures, errors, xml) = parsed(&Run::well(3, 0), Verdict::Pass);
        assert_eq!((failures, errors), (0, 0));
        assert!(xml.contains("name=\"cluster-id\""), "{xml}");
    }

    /// The links that are skipped, and why.
    fn skipped(run: &Run, outcome: &Outcome) -> Vec<(String, String)> {
        let xml = report(&run.story, outcome, &used());
        let read = Report::deserialize_from_str(&xml).expect("JUnit XML");
        let cases = read.test_suites[0].test_cases.iter();
        cases
            .filter_map(|case| {
                let TestCaseStatus::Skipped { message, .. } = &case.status else {
                    return None;
                };
                let why = message.as_ref()?.to_string();
                Some((case.name.to_string(), why))
            })
            .collect()
    }

    #[test]
    fn what_was_not_judged_is_skipped() {
        let mut run = Run::new(3);
        run.saw(0, 300, run.boot(0).into_iter().take(4).collect());
        for index in [1, 2] {
            run.saw(index, 300, run.boot(index).into_iter().take(2).collect());
        }
        let links = skipped(&run, &run.judged());
        let names: Vec<_> = links.iter().map(|(link, _)| link.as_str()).collect();
        assert_eq!(
            names,
            [
                "name",
                "srv",
                "etcd",
                "cluster-id",
                "voter",
                "quorum",
                "writes"
            ],
            "{links:?}"
        );
        assert_eq!(links[0].1, "n2 and 1 other machine did not come so far");
        assert_eq!(links[6].1, "no value was written");
    }

    #[test]
    fn without_evidence_nothing_passes() {
        let mut run = Run::well(3, 0);
        run.evidence = quorate_scenario::Evidence {
            starved: Some("late".to_owned()),
            ..Default::default()
        };
        let why = "late".to_owned();
        let findings = vec![finding(Link::Ack, "the servers did not answer")];
        let outcome = run.outcome(Verdict::Inconclusive { why, findings });
        let links = skipped(&run, &outcome);
        let all = Link::ALL.iter().filter(|link| !link.is_boot()).count();
        assert_eq!(links.len(), all - 1, "all but the one that was found");
    }

    #[test]
    fn a_broken_link_is_a_failure_and_an_unfair_one_an_error() {
        let run = Run::well(3, 0);
        let findings = vec![
            finding(Link::Ack, "<script>alert(1)</script>\u{1b}[2J"),
            finding(Link::Ack, "two"),
            finding(Link::Voter, "three"),
        ];
        let fail = Verdict::Fail {
            findings: findings.clone(),
        };
        let (_, failures, errors, xml) = parsed(&run, fail);
        assert_eq!((failures, errors), (2, 0), "{xml}");
        assert!(xml.contains("n1: two"), "{xml}");
        assert!(
            !xml.contains("<script>") && !xml.contains('\u{1b}'),
            "{xml}"
        );

        let why = "the switch lost 3 frames".to_owned();
        let (_, failures, errors, xml) = parsed(&run, Verdict::Inconclusive { why, findings });
        assert_eq!((failures, errors), (0, 2), "{xml}");
        assert!(
            xml.contains("inconclusive, the switch lost 3 frames"),
            "{xml}"
        );
    }
}
