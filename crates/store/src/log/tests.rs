use super::*;

/// Opens, and gives the records as text.
fn open(dir: &Path) -> (Log, Vec<String>) {
    let (log, records) = Log::open(dir).unwrap();
    let texts = records
        .into_iter()
        .map(|record| String::from_utf8(record).unwrap());
    (log, texts.collect())
}

fn append_all(log: &mut Log, records: &[&str]) {
    for record in records {
        log.append(record.as_bytes()).unwrap();
    }
    log.sync().unwrap();
}

#[test]
fn synced_records_come_back_in_order_and_unsynced_ones_do_not() {
    let dir = tempfile::tempdir().unwrap();
    let (mut log, records) = open(dir.path());
    assert!(records.is_empty());
    append_all(&mut log, &["a", "", "b"]);
    append_all(&mut log, &["c"]);
    log.append(b"never synced").unwrap();
    drop(log);
    let (mut log, records) = open(dir.path());
    assert_eq!(records, ["a", "", "b", "c"]);
    assert_eq!(log.torn(), None);
    append_all(&mut log, &["d"]);
    drop(log);
    assert_eq!(open(dir.path()).1, ["a", "", "b", "c", "d"]);
}

#[test]
fn a_file_cut_anywhere_opens_is_reported_and_can_be_written_on() {
    let whole = tempfile::tempdir().unwrap();
    let (mut log, _) = open(whole.path());
    append_all(&mut log, &["first", "second"]);
    append_all(&mut log, &["third"]);
    drop(log);
    let bytes = fs::read(whole.path().join(LOG_NAME)).unwrap();
    let ends = [8, 21, 35, 48];
    assert_eq!(bytes.len(), 48);
    for cut in 8..=bytes.len() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(LOG_NAME), &bytes[..cut]).unwrap();
        let (mut log, records) = open(dir.path());
        let kept = ends.iter().filter(|end| **end <= cut).count() - 1;
        assert_eq!(
            records,
            ["first", "second", "third"][..kept],
            "cut at {cut}"
        );
        let torn = Torn {
            offset: ends[kept] as u64,
            bytes: (cut - ends[kept]) as u64,
        };
        assert_eq!(log.torn(), (torn.bytes > 0).then_some(torn), "cut at {cut}");
        append_all(&mut log, &["after"]);
        drop(log);
        let (log, records) = open(dir.path());
        assert_eq!(records.len(), kept + 1, "cut at {cut}");
        assert_eq!(records[kept], "after");
        assert_eq!(log.torn(), None);
    }
}

#[test]
fn damage_before_the_last_batch_is_an_error_that_names_the_offset() {
    let dir = tempfile::tempdir().unwrap();
    let (mut log, _) = open(dir.path());
    append_all(&mut log, &["first"]);
    append_all(&mut log, &["second"]);
    append_all(&mut log, &["third"]);
    drop(log);
    let path = dir.path().join(LOG_NAME);
    let mut bytes = fs::read(&path).unwrap();
    bytes[8 + 13 + 10] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let error = Log::open(dir.path()).unwrap_err();
    assert!(
        matches!(error, StoreError::Corrupt { offset: 21, .. }),
        "{error:?}"
    );
    assert_eq!(fs::read(&path).unwrap(), bytes, "the evidence is untouched");
}

#[test]
fn a_foreign_file_is_refused_and_left_alone() {
    for content in [&b""[..], b"qrtlog", b"qrtlog\x02\x00", b"something else"] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(LOG_NAME);
        fs::write(&path, content).unwrap();
        let error = Log::open(dir.path()).unwrap_err();
        assert!(matches!(error, StoreError::Foreign(_)), "{error:?}");
        assert_eq!(fs::read(&path).unwrap(), content);
    }
}

#[test]
fn a_log_has_one_owner() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = open(dir.path());
    let error = Log::open(dir.path()).unwrap_err();
    assert!(matches!(error, StoreError::Locked(_)), "{error:?}");
    drop(log);
    open(dir.path());
}

#[test]
fn a_rewrite_replaces_everything_and_the_log_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let (mut log, _) = open(dir.path());
    append_all(&mut log, &["old", "older"]);
    log.append(b"pending").unwrap();
    let before = log.len_bytes();
    log.rewrite(["state"]).unwrap();
    assert!(log.len_bytes() < before);
    append_all(&mut log, &["new"]);
    let size = fs::metadata(dir.path().join(LOG_NAME)).unwrap().len();
    assert_eq!(log.len_bytes(), size);
    drop(log);
    assert_eq!(open(dir.path()).1, ["state", "new"]);
}

#[test]
fn a_crash_during_a_rewrite_leaves_the_old_log() {
    let dir = tempfile::tempdir().unwrap();
    let (mut log, _) = open(dir.path());
    append_all(&mut log, &["old"]);
    drop(log);
    fs::write(dir.path().join(NEW_NAME), b"qrtlog\x01\x00half a reco").unwrap();
    assert_eq!(open(dir.path()).1, ["old"]);
    assert!(!dir.path().join(NEW_NAME).exists());
}

#[test]
fn a_failed_write_poisons_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let (mut log, _) = open(dir.path());
    append_all(&mut log, &["kept"]);
    // A handle that cannot be written to stands in for a disk that fails.
    log.file = File::open(dir.path().join(LOG_NAME)).unwrap();
    log.append(b"lost").unwrap();
    assert!(matches!(log.sync(), Err(StoreError::Io { .. })));
    for result in [log.append(b"more"), log.sync(), log.rewrite(["more"])] {
        assert!(matches!(result, Err(StoreError::Poisoned(_))), "{result:?}");
    }
    drop(log);
    assert_eq!(open(dir.path()).1, ["kept"]);
}

#[test]
fn a_record_may_have_its_maximum_and_no_more() {
    let dir = tempfile::tempdir().unwrap();
    let (mut log, _) = open(dir.path());
    let largest = vec![7; RECORD_BYTES_MAX];
    log.append(&largest).unwrap();
    log.sync().unwrap();
    let too_large = log.append(&vec![7; RECORD_BYTES_MAX + 1]);
    assert!(matches!(too_large, Err(StoreError::TooLarge(_))));
    drop(log);
    let (_, records) = Log::open(dir.path()).unwrap();
    assert_eq!(records, [largest]);
}

#[test]
fn only_the_owner_may_read() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("leases");
    let (mut log, _) = open(&dir);
    log.rewrite(["state"]).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&dir), 0o700);
    assert_eq!(mode(&dir.join(LOG_NAME)), 0o600);
    assert_eq!(mode(&dir.join(LOCK_NAME)), 0o600);
}
