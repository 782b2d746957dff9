//! `quorate man`

use clap::CommandFactory as _;

use crate::args::{Cli, ManArgs};
use crate::error::CliError;

pub(crate) fn run(args: &ManArgs) -> Result<u8, CliError> {
    std::fs::create_dir_all(&args.dir)
        .and_then(|()| clap_mangen::generate_to(Cli::command(), &args.dir))
        .map(|()| 0)
        .map_err(|source| CliError::Write {
            path: args.dir.clone(),
            source,
        })
}
