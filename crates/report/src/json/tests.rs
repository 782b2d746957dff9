use quorate_scenario::{Finding, Link, Verdict};

use super::*;
use crate::fixture::Run;

fn artifacts() -> Artifacts {
    Artifacts {
        dir: Some("out/run-1".into()),
        seed: 7,
        etcd: "3.5.16 (cache, from debian)".to_owned(),
    }
}

/// The keys are promised: a change here needs a new [`SCHEMA`].
#[test]
fn the_keys_of_schema_1() {
    let mut run = Run::well(1, 0);
    run.story.title = "one".to_owned();
    let outcome = run.outcome(Verdict::Pass);
    insta::assert_snapshot!(format!("{:#}", report(&run.story, &outcome, &artifacts())), @r#"
    {
      "artifacts": "out/run-1",
      "cluster": {
        "id": "cac5b42d61f4943b",
        "members": [
          {
            "cluster_id": "cac5b42d61f4943b",
            "machine": "n",
            "member_id": "ef14c5a5b2b1ff41",
            "voters": [
              "n"
            ]
          }
        ],
        "size": 1
      },
      "duration": 2500000000,
      "etcd": "3.5.16 (cache, from debian)",
      "findings": [],
      "first_exec_at": 540000000,
      "formed_at": 2300000000,
      "lanes": [
        {
          "class": "etcd",
          "cluster_id": "cac5b42d61f4943b",
          "last_words": null,
          "machine": "n",
          "member_id": "ef14c5a5b2b1ff41",
          "reached": {
            "ack": 360000000,
            "cluster-id": 1300000000,
            "discover": 304000000,
            "etcd": 540000000,
            "name": 420000000,
            "power": 300000000,
            "quorum": 2300000000,
            "seed": 480000000,
            "srv": 600000000,
            "voter": 2300000000
          },
          "starts": 1,
          "voters": 1
        }
      ],
      "schema": 1,
      "seed": 7,
      "title": "one",
      "verdict": "pass",
      "why": null
    }
    "#);
}

#[test]
fn a_failure_has_its_findings_and_no_reason_to_doubt_it() {
    let run = Run::well(3, 0);
    let finding = Finding {
        link: Link::ClusterId,
        machine: None,
        what: "what".to_owned(),
        cause: "cause".to_owned(),
        fix: "fix".to_owned(),
    };
    let findings = vec![finding];
    let failed = run.outcome(Verdict::Fail {
        findings: findings.clone(),
    });
    let told = verdict(&run.story, &failed);
    assert_eq!(
        (&told["verdict"], &told["why"]),
        (&json!("fail"), &Value::Null)
    );
    let first = json!({
        "link": "cluster-id", "machine": null, "what": "what", "cause": "cause", "fix": "fix",
    });
    assert_eq!(told["findings"], json!([first]));

    let why = "starved".to_owned();
    let told = verdict(
        &run.story,
        &run.outcome(Verdict::Inconclusive { why, findings }),
    );
    assert_eq!(told["verdict"], "inconclusive");
    assert_eq!(told["why"], "starved");
}

#[test]
fn members_that_disagree_have_no_common_cluster() {
    let mut run = Run::well(2, 0);
    let mut steps = run.boot(1);
    for (_, what) in &mut steps {
        if let quorate_scenario::What::Healthy { cluster_id, .. } = what {
            *cluster_id = quorate_etcd::ClusterId(7);
        }
    }
    run.saw(1, 3_000, steps);
    let told = verdict(&run.story, &run.outcome(Verdict::Pass));
    assert_eq!(told["cluster"]["id"], Value::Null);
    assert_eq!(told["lanes"][1]["cluster_id"], "7");
}
