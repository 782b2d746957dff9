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
    insta::assert_snapshot!(format!("{got:#}"), @r#"
    {
      "artifacts": "/out/run 1",
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
      "clusters": [
        {
          "id": "cac5b42d61f4943b",
          "machines": [
            "n"
          ],
          "name": "c1",
          "size": 1
        }
      ],
      "duration": 2500000000,
      "etcd": "3.5.16 (cache, from debian)",
      "findings": [],
      "first_exec_at": 540000000,
      "formed_at": 2300000000,
      "lanes": [
        {
          "class": "etcd",
          "cluster_id": "cac5b42d61f4943b",
          "history": [
            {
              "at": 300000000,
              "frozen": false,
              "link": "power",
              "linked": true
            }
          ],
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
      "latencies": [
        {
          "link": "discover",
          "since_power_on": {
            "count": 1,
            "max": 4000000,
            "min": 4000000,
            "p50": 4000000,
            "p90": 4000000,
            "p99": 4000000,
            "p99_9": 4000000
          },
          "step": {
            "count": 1,
            "max": 4000000,
            "min": 4000000,
            "p50": 4000000,
            "p90": 4000000,
            "p99": 4000000,
            "p99_9": 4000000
          }
        }
      ],
      "leases": [
        {
          "discover_to_ack": {
            "count": 1,
            "max": 56000000,
            "min": 56000000,
            "p50": 56000000,
            "p90": 56000000,
            "p99": 56000000,
            "p99_9": 56000000
          },
          "machines": "all",
          "since_power_on": {
            "count": 1,
            "max": 60000000,
            "min": 60000000,
            "p50": 60000000,
            "p90": 60000000,
            "p99": 60000000,
            "p99_9": 60000000
          }
        }
      ],
      "marks": [
        {
          "at": 2300000000,
          "kind": "formed",
          "machine": null
        }
      ],
      "notes": [],
      "rates": {
        "bin": 20000000,
        "series": [
          {
            "bins": [
              [
                15,
                1
              ]
            ],
            "kind": "dhcp-messages",
            "peak_per_sec": 50.0,
            "total": 1
          }
        ]
      },
      "schema": 1,
      "seed": 7,
      "title": "one",
      "torn_down": 123000000,
      "verdict": "pass",
      "why": null,
      "world": "host"
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
        may_be_late: true,
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
        "link": "cluster-id", "machine": null, "what": "what", "cause": "cause", "fix": "fix",
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
        link: Link::Ack,
        machine: None,
        what: String::new(),
        cause: String::new(),
        fix: String::new(),
        may_be_late: true,
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
