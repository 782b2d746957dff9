//! `quorate completions`

use clap::CommandFactory as _;

use crate::args::{Cli, CompletionsArgs};
use crate::error::CliError;
use crate::output::print;

pub(crate) fn run(args: &CompletionsArgs) -> Result<u8, CliError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "quorate", &mut script);
    print(String::from_utf8_lossy(&script))?;
    Ok(0)
}
