//! `quorate schema`

use std::process::ExitCode;

pub(crate) fn run() -> ExitCode {
    println!("{:#}", quorate_scenario::schema().to_value());
    ExitCode::SUCCESS
}
