use std::convert::Infallible;

use serde_json::{Value, json};

use super::*;

/// What is left of these records.
fn compacted(records: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut kept = Vec::new();
    let Ok(()) = compact(|| records.iter().map(Cow::from), &mut |record| -> Result<
        (),
        Infallible,
    > {
        kept.push(record.to_vec());
        Ok(())
    });
    kept
}

fn lines(values: &[Value]) -> Vec<Vec<u8>> {
    let lines = values.iter().map(|value| value.to_string().into_bytes());
    lines.collect()
}

fn lease(host: u8, state: &str, end: u64) -> Value {
    json!({ "lease": { "state": state, "lease": {
        "addr": format!("10.77.0.{host}"),
        "client": format!("mac:02:00:00:00:00:{host:02}"),
        "mac": format!("02:00:00:00:00:{host:02}"),
        "hostname": format!("n{host}"),
        "updates": { "forward": true, "reverse": true },
        "start": 7,
        "end": end,
    }}})
}

#[test]
fn the_last_record_of_an_address_stays_in_its_place() {
    let records = lines(&[
        lease(1, "bound", 1),
        lease(2, "bound", 1),
        lease(2, "released", 1),
        lease(1, "bound", 2),
    ]);
    assert_eq!(compacted(&records), records[2..]);
}

#[test]
fn what_is_not_understood_is_kept() {
    let records = lines(&[json!({ "later": { "version": 9 } }), lease(1, "bound", 1)]);
    assert_eq!(compacted(&records), records);
}

#[test]
fn a_name_that_is_gone_leaves_no_record_and_one_that_is_not_leaves_two() {
    let binding = |host: u8| {
        json!({
            "addr": format!("10.77.0.{host}"), "hostname": format!("n{host}"), "class": null,
            "dhcid_kind": 0, "dhcid_id": [1], "forward": true, "reverse": true,
        })
    };
    let wanted =
        |n: u64, host| json!({ "outbox": { "wanted": { "change": n, "binding": binding(host) }}});
    let unwanted =
        |n: u64, host| json!({ "outbox": { "unwanted": { "change": n, "binding": binding(host) }}});
    let done = |n: u64| json!({ "outbox": { "done": { "change": n, "outcome": "applied" }}});
    let records = lines(&[
        wanted(1, 1),
        done(1),
        wanted(2, 2),
        done(2),
        unwanted(3, 1),
        done(3),
        wanted(4, 3),
    ]);
    assert_eq!(
        compacted(&records),
        [&records[2..4], &records[6..]].concat()
    );
}
