//! `quorate salvage`

use quorate_daemon::{Config, Salvaged};
use serde_json::json;

use crate::args::{Format, SalvageArgs};
use crate::error::CliError;
use crate::output::{print, print_json};

pub(crate) fn run(args: &SalvageArgs) -> Result<u8, CliError> {
    let config = Config::load(&args.config)?;
    let salvaged = quorate_daemon::salvage(&config)?;
    match args.format {
        Format::Json => print_json(&json!({
            "records": salvaged.records,
            "lost": salvaged.lost.iter().map(|(from, to)| json!({ "from": from, "to": to })).collect::<Vec<_>>(),
            "damaged": salvaged.damaged,
        }))?,
        Format::Human => print(format_args!("{}", human(&salvaged)))?,
    }
    Ok(0)
}

fn human(salvaged: &Salvaged) -> String {
    let Some(damaged) = &salvaged.damaged else {
        return format!("nothing is damaged: {} records\n", salvaged.records);
    };
    let mut text = String::new();
    for (from, to) in &salvaged.lost {
        text += &format!("lost: {} bytes from offset {from}\n", to - from);
    }
    text += &format!("kept: {} records\n", salvaged.records);
    text += &format!("the damaged log is {} now\n", damaged.display());
    text
}
