//! `quorate schema`

use crate::args::{SchemaArgs, SchemaFormat, SchemaOf};
use crate::error::CliError;
use crate::output::{print, print_json};

pub(crate) fn run(args: &SchemaArgs) -> Result<u8, CliError> {
    let (title, schema) = match args.of {
        SchemaOf::Scenario => (
            "Every key of a scenario",
            quorate_scenario::schema().to_value(),
        ),
        SchemaOf::Report => ("Every key of report.json", quorate_report::json::schema()),
    };
    match args.format {
        SchemaFormat::Json => print_json(&schema)?,
        SchemaFormat::Markdown => {
            let page = quorate_report::schema_page::page(&schema);
            print(format_args!("# {title}\n\n{MADE_BY}\n\n{page}"))?;
        }
    }
    Ok(0)
}

const MADE_BY: &str = "Made by `quorate schema --format markdown`; edit what it is made from.";
