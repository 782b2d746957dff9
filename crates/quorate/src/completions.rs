//! `quorate completions`

use std::process::ExitCode;

use clap::CommandFactory as _;

use crate::cli::{Cli, CompletionsArgs};

pub(crate) fn run(args: &CompletionsArgs) -> ExitCode {
    clap_complete::generate(
        args.shell,
        &mut Cli::command(),
        "quorate",
        &mut std::io::stdout(),
    );
    ExitCode::SUCCESS
}
