//! Foreign DNS clients against `quorate serve`: `nsupdate` and `dig` of BIND.

mod bench;
mod updates;

use std::process::ExitCode;

use quorate_tests::sandboxed::{self, Case, Need};

const BIND: &[Need] = &[Need::Program("nsupdate"), Need::Program("dig")];

const CASES: [Case; 2] = [
    Case {
        name: "nsupdate_is_trusted_by_its_address",
        needs: BIND,
        run: updates::by_address,
    },
    Case {
        name: "every_prerequisite_form_decides",
        needs: BIND,
        run: updates::prerequisites,
    },
];

fn main() -> ExitCode {
    sandboxed::main(&CASES)
}
