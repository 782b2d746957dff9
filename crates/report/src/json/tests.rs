use quorate_scenario::{Finding, Link, Verdict};

use super::*;
use crate::fixture::{Run, used};

/// The keys are promised: a change here needs a new [`SCHEMA`].
#[test]
fn the_keys_of_schema_1() {
    let mut run = Run::well(1, 0);
    run.story.title = "one".to_owned();
    let outcome = run.outcome(Verdict::Pass);
    let mut got = report(&run.story, &outcome, &used());
    for list in ["/latencies", "/rates/series", "/lanes/0/history"] {
        let list = got.pointer_mut(list).and_then(Value::as_array_mut);
        list.unwrap().truncate(1);
    }
    insta::assert_snapshot!("schema_1", format!("{got:#}"));
}

#[test]
fn a_failure_has_its_findings_and_no_reason_to_doubt_it() {
    let run = Run::well(3, 0);
    let finding = Finding {
        id: quorate_scenario::FindingId::PartOfSet,
        link: Link::ClusterId,
        machine: None,
        what: "what".to_owned(),
        cause: "cause".to_owned(),
        fix: "fix".to_owned(),
        may_be_late: true,
        unsure: false,
        consequences: Vec::new(),
    };
    let findings = vec![finding];
    let failed = run.outcome(Verdict::Fail {
        findings: findings.clone(),
    });
    let got = report(&run.story, &failed, &used());
    assert_eq!(
        (&got["verdict"], &got["why"]),
        (&json!("fail"), &Value::Null)
    );
    let first = json!({
        "id": "part-of-set", "unsure": false, "link": "cluster-id", "machine": null, "what": "what", "cause": "cause", "fix": "fix",
        "may_be_late": true,
    });
    assert_eq!(got["findings"], json!([first]));

    let why = "starved".to_owned();
    let unfair = run.outcome(Verdict::Inconclusive { why, findings });
    let got = report(&run.story, &unfair, &used());
    assert_eq!(got["verdict"], "inconclusive");
    assert_eq!(got["why"], "starved");
}

#[test]
fn members_that_disagree_have_no_common_cluster() {
    let mut run = Run::well(2, 0);
    let mut steps = run.boot(1);
    for (_, what) in &mut steps {
        if let What::Healthy { cluster_id, .. } = what {
            *cluster_id = quorate_etcd::ClusterId(7);
        }
    }
    run.saw(1, 3_000, steps);
    let got = report(&run.story, &run.outcome(Verdict::Pass), &used());
    assert_eq!(got["cluster"]["id"], Value::Null);
    assert_eq!(got["lanes"][1]["cluster_id"], "7");
}

/// Every kind of verdict, with and without what is not always known.
#[test]
fn what_is_written_keeps_to_the_schema() {
    let schema = schema();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let well = Run::well(3, 0);
    let nothing = Run::new(2);
    let finding = Finding {
        id: quorate_scenario::FindingId::PartOfSet,
        link: Link::Ack,
        machine: None,
        what: String::new(),
        cause: String::new(),
        fix: String::new(),
        may_be_late: true,
        unsure: false,
        consequences: Vec::new(),
    };
    let verdicts = [
        Verdict::Pass,
        Verdict::Fail {
            findings: vec![finding.clone()],
        },
        Verdict::Inconclusive {
            why: "starved".to_owned(),
            findings: vec![finding],
        },
    ];
    for run in [&well, &nothing] {
        for verdict in &verdicts {
            let got = report(&run.story, &run.outcome(verdict.clone()), &used());
            let errors: Vec<_> = validator.iter_errors(&got).map(|e| e.to_string()).collect();
            assert!(errors.is_empty(), "{errors:?} in {got:#}");
            let read: Document = serde_json::from_value(got.clone()).unwrap();
            assert_eq!(json!(read), got);
        }
    }
    let mut wrong = report(&well.story, &well.outcome(Verdict::Pass), &used());
    wrong["verdict"] = json!("perhaps");
    assert!(!validator.is_valid(&wrong));
    wrong["verdict"] = json!("pass");
    wrong["lanes"][0].as_object_mut().unwrap().remove("history");
    assert!(!validator.is_valid(&wrong));
}
