use std::os::unix::fs::PermissionsExt as _;

use super::*;
use crate::files::LOCK_NAME;
use crate::frame::PART_BYTES_MAX;

/// Opens, and gives the records as text.
fn open(dir: &Path) -> (Log, Vec<String>) {
    let (log, records) = Log::open(dir).unwrap();
    let texts = records
        .iter()
        .map(|record| String::from_utf8(record.into_owned()).unwrap());
    let texts = texts.collect();
    (log, texts)
}

fn append_all(log: &mut Log, records: &[&str]) {
    for record in records {
        log.append(record.as_bytes());
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
    log.append(b"never synced");
    drop(log);
    let (mut log, records) = open(dir.path());
    assert_eq!(records, ["a", "", "b", "c"]);
    assert_eq!(log.lost(), None);
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
        let torn = Lost {
            offset: ends[kept] as u64,
            bytes: (cut - ends[kept]) as u64,
        };
        assert_eq!(log.lost(), (torn.bytes > 0).then_some(torn), "cut at {cut}");
        append_all(&mut log, &["after"]);
        drop(log);
        let (log, records) = open(dir.path());
        assert_eq!(records.len(), kept + 1, "cut at {cut}");
        assert_eq!(records[kept], "after");
        assert_eq!(log.lost(), None);
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
    for content in [&b""[..], b"qrtlog", b"qrtlog\x03\x00", b"something else"] {
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

/// A new log of these records, for the log as it is now.
fn rewrite(log: &Log, records: &[&str]) -> Result<Rewritten, StoreError> {
    log.rewriter()?.run(|_, emit| {
        let mut records = records.iter();
        records.try_for_each(|record| emit(record.as_bytes()))
    })
}

#[test]
fn a_rewrite_has_what_is_appended_meanwhile_and_the_log_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let (mut log, _) = open(dir.path());
    append_all(&mut log, &["old", "older"]);
    let new = rewrite(&log, &["state"]).unwrap();
    append_all(&mut log, &["meanwhile", "too"]);
    log.adopt(new).unwrap();
    let live = FILE_HEADER.len() as u64 + 8 + 5;
    assert_eq!(log.live_bytes(), live);
    append_all(&mut log, &["new"]);
    let size = fs::metadata(dir.path().join(LOG_NAME)).unwrap().len();
    assert_eq!(log.len_bytes(), size);
    drop(log);
    let (log, records) = open(dir.path());
    assert_eq!(records, ["state", "meanwhile", "too", "new"]);
    assert_eq!(log.live_bytes(), live, "a restart does not forget it");
    assert_eq!(log.lost(), None);
}

#[test]
fn a_rewrite_reads_the_records_that_there_are() {
    let dir = tempfile::tempdir().unwrap();
    let (mut log, _) = open(dir.path());
    append_all(&mut log, &["one", "two", "three"]);
    let new = log.rewriter().unwrap().run(|records, emit| {
        let mut kept = records.iter().filter(|record| record[0] == b't');
        kept.try_for_each(|record| emit(&record))
    });
    log.adopt(new.map_err(|error: StoreError| error).unwrap())
        .unwrap();
    drop(log);
    assert_eq!(open(dir.path()).1, ["two", "three"]);
}

#[test]
fn a_rewrite_that_fails_leaves_the_log_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let (mut log, _) = open(dir.path());
    append_all(&mut log, &["old"]);
    let mut new = rewrite(&log, &["state"]).unwrap();
    append_all(&mut log, &["meanwhile"]);
    new.spoil(dir.path());
    assert!(log.adopt(new).is_err());
    assert!(!dir.path().join(NEW_NAME).exists());
    append_all(&mut log, &["later"]);
    drop(log);
    assert_eq!(open(dir.path()).1, ["old", "meanwhile", "later"]);
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
fn a_failed_batch_is_gone_and_the_log_goes_on_when_it_is_reopened() {
    let dir = tempfile::tempdir().unwrap();
    let (mut log, _) = open(dir.path());
    append_all(&mut log, &["kept"]);
    // A handle that cannot be written to stands in for a disk that fails.
    log.file = File::open(dir.path().join(LOG_NAME)).unwrap();
    log.append(b"lost");
    assert!(matches!(log.sync(), Err(StoreError::Io { .. })));
    log.append(b"too early");
    assert!(matches!(log.sync(), Err(StoreError::Poisoned(_))));
    // Half of the batch has reached the file.
    let path = dir.path().join(LOG_NAME);
    let mut bytes = fs::read(&path).unwrap();
    frame::encode(b"lost", true, &mut bytes);
    fs::write(&path, &bytes).unwrap();
    log.reopen().unwrap();
    append_all(&mut log, &["again"]);
    drop(log);
    assert_eq!(open(dir.path()).1, ["kept", "again"]);
}

#[test]
fn a_log_that_is_taken_away_accepts_nothing_until_it_is_back() {
    let dir = tempfile::tempdir().unwrap();
    let (mut log, _) = open(dir.path());
    append_all(&mut log, &["kept"]);
    let (path, away) = (dir.path().join(LOG_NAME), dir.path().join("away"));
    fs::rename(&path, &away).unwrap();
    log.append(b"lost");
    assert!(matches!(log.sync(), Err(StoreError::Gone(_))));
    assert!(matches!(log.reopen(), Err(StoreError::Gone(_))));
    fs::write(&path, FILE_HEADER).unwrap();
    assert!(
        matches!(log.reopen(), Err(StoreError::Gone(_))),
        "another one"
    );
    fs::rename(&away, &path).unwrap();
    log.reopen().unwrap();
    append_all(&mut log, &["again"]);
    drop(log);
    assert_eq!(open(dir.path()).1, ["kept", "again"]);
}

/// Cut where a batch ends, it looks whole.
#[test]
fn a_cut_between_batches_is_noticed_until_something_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let (mut log, _) = open(dir.path());
    append_all(&mut log, &["kept"]);
    let kept_bytes = log.len_bytes();
    append_all(&mut log, &["acknowledged"]);
    let lost = Lost {
        offset: kept_bytes,
        bytes: log.len_bytes() - kept_bytes,
    };
    drop(log);
    let file = files::open(&dir.path().join(LOG_NAME)).unwrap();
    file.set_len(kept_bytes).unwrap();
    for _ in 0..2 {
        let (log, records) = open(dir.path());
        assert_eq!(records, ["kept"]);
        assert_eq!(log.lost(), Some(lost));
    }
    let (mut log, _) = open(dir.path());
    append_all(&mut log, &["after"]);
    drop(log);
    assert_eq!(open(dir.path()).0.lost(), None);
}

#[test]
fn a_record_may_have_any_size() {
    let dir = tempfile::tempdir().unwrap();
    let (mut log, _) = open(dir.path());
    let large = vec![7; 9 * PART_BYTES_MAX + 1];
    log.append(&large);
    log.append(b"small");
    log.sync().unwrap();
    drop(log);
    let (log, records) = Log::open(dir.path()).unwrap();
    assert!(records.iter().eq([&large[..], b"small"]));
    // What a crash leaves of a chain is dropped with all of it.
    let file = &log.file;
    file.set_len(FILE_HEADER.len() as u64 + 5 * PART_BYTES_MAX as u64)
        .unwrap();
    drop(log);
    let (_, records) = Log::open(dir.path()).unwrap();
    assert_eq!(records.iter().count(), 0);
}

/// What the version before wrote is read, and written on.
#[test]
fn a_log_of_the_first_version_opens_and_becomes_one_of_the_second() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(LOG_NAME);
    let mut bytes = FILE_HEADER_1.to_vec();
    frame::encode(b"old", true, &mut bytes);
    fs::write(&path, &bytes).unwrap();
    let (mut log, records) = open(dir.path());
    assert_eq!(records, ["old"]);
    append_all(&mut log, &["new"]);
    drop(log);
    assert!(fs::read(&path).unwrap().starts_with(&FILE_HEADER));
    assert_eq!(open(dir.path()).1, ["old", "new"]);
}

#[test]
fn only_the_owner_may_read() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("leases");
    let (mut log, _) = open(&dir);
    let new = rewrite(&log, &["state"]).unwrap();
    log.adopt(new).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&dir), 0o700);
    assert_eq!(mode(&dir.join(LOG_NAME)), 0o600);
    assert_eq!(mode(&dir.join(LOCK_NAME)), 0o600);
}
