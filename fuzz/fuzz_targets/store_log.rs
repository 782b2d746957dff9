//! A log file with any content: it opens or says why not, and what opened once opens again.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use quorate_store::Log;
use quorate_store::frame::{self, FILE_HEADER};

// How much of the file is given: nothing, its header, or its header and one record.
fuzz_target!(|input: (u8, Vec<u8>)| {
    let (given, mut tail) = input;
    let mut bytes = Vec::new();
    if given & 1 == 1 {
        bytes.extend(FILE_HEADER);
    }
    if given & 2 == 2 {
        frame::encode(b"acknowledged", true, &mut bytes);
    }
    bytes.append(&mut tail);
    // In memory where there is such a place, since every open syncs.
    let shm = Path::new("/dev/shm");
    let place = if shm.is_dir() { shm } else { Path::new("/tmp") };
    let dir = tempfile::tempdir_in(place).expect("a directory");
    std::fs::write(dir.path().join("log"), &bytes).expect("a file");
    let Ok((log, records)) = Log::open(dir.path()) else {
        return;
    };
    drop(log);
    let (_log, again) = Log::open(dir.path()).expect("it was cut to what is whole");
    assert!(records.iter().eq(again.iter()));
});
