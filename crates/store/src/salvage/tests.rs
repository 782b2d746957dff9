use super::*;
use crate::Log;

/// A log of five batches, and where each begins.
fn log(dir: &Path) -> Vec<u64> {
    let (mut log, _) = Log::open(dir).unwrap();
    let starts = (0..5).map(|n| {
        let start = log.len_bytes();
        log.append(format!("record {n}").as_bytes());
        log.append(b"its second");
        log.sync().unwrap();
        start
    });
    starts.collect()
}

#[test]
fn what_is_behind_the_damage_is_kept_and_the_loss_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let starts = log(dir.path());
    let path = dir.path().join(LOG_NAME);
    let mut bytes = fs::read(&path).unwrap();
    bytes[starts[2] as usize + 9] ^= 1;
    fs::write(&path, &bytes).unwrap();
    assert!(matches!(
        Log::open(dir.path()),
        Err(StoreError::Corrupt { .. })
    ));

    let salvaged = salvage(dir.path()).unwrap();
    assert_eq!(salvaged.records, 8);
    assert_eq!(salvaged.lost, [(starts[2], starts[3])]);
    assert_eq!(
        fs::read(salvaged.damaged.unwrap()).unwrap(),
        bytes,
        "the evidence"
    );
    let (log, records) = Log::open(dir.path()).unwrap();
    let kept: Vec<_> = records
        .iter()
        .filter(|record| record.starts_with(b"record"))
        .collect();
    assert_eq!(
        kept,
        ["record 0", "record 1", "record 3", "record 4"].map(str::as_bytes)
    );
    assert_eq!(
        log.lost().map(|lost| lost.bytes),
        Some(starts[3] - starts[2])
    );
}

#[test]
fn a_log_without_damage_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    log(dir.path());
    let before = fs::read(dir.path().join(LOG_NAME)).unwrap();
    let salvaged = salvage(dir.path()).unwrap();
    assert_eq!((salvaged.records, salvaged.damaged), (10, None));
    assert_eq!(fs::read(dir.path().join(LOG_NAME)).unwrap(), before);
}

#[test]
fn a_damaged_header_costs_no_record_and_a_foreign_file_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    log(dir.path());
    let path = dir.path().join(LOG_NAME);
    let mut bytes = fs::read(&path).unwrap();
    bytes[3] ^= 1;
    fs::write(&path, &bytes).unwrap();
    assert_eq!(salvage(dir.path()).unwrap().records, 10);
    fs::write(&path, b"something else, and long enough").unwrap();
    assert!(matches!(salvage(dir.path()), Err(StoreError::Foreign(_))));
}

#[test]
fn a_log_in_use_is_not_salvaged() {
    let dir = tempfile::tempdir().unwrap();
    let (_log, _) = Log::open(dir.path()).unwrap();
    assert!(matches!(salvage(dir.path()), Err(StoreError::Locked(_))));
}
