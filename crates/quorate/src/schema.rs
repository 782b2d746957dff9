//! `quorate schema`

use std::process::ExitCode;

use crate::cli::{SchemaArgs, SchemaFormat, SchemaOf};

pub(crate) fn run(args: &SchemaArgs) -> ExitCode {
    let schema = match args.of {
        SchemaOf::Scenario => quorate_scenario::schema().to_value(),
        SchemaOf::Report => quorate_report::json::schema(),
    };
    match args.format {
        SchemaFormat::Json => println!("{schema:#}"),
        SchemaFormat::Markdown => {
            let title = match args.of {
                SchemaOf::Scenario => "Every key of a scenario",
                SchemaOf::Report => "Every key of report.json",
            };
            println!("# {title}\n");
            println!("Made by `quorate schema --format markdown`; edit what it is made from.\n");
            print!("{}", quorate_report::schema_page::page(&schema));
        }
    }
    ExitCode::SUCCESS
}
