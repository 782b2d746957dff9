//! `quorate serve --check`

use std::fmt::Write as _;

use quorate_daemon::{Checked, Config, Files, FindingSeverity, Located};
use serde_json::json;

use crate::args::{Format, ServeArgs};
use crate::error::{BAD_INPUT, CliError, show};
use crate::notes::note;
use crate::output::{print, print_json};

/// Says whether these servers would do what the file says, as far as it decides that.
pub(super) fn run(config: &Config, args: &ServeArgs) -> Result<u8, CliError> {
    let files = match args.elsewhere {
        true => Files::Elsewhere,
        false => Files::Here,
    };
    let checked = quorate_daemon::check(config, files);
    let is_bad = |it: &Located| args.strict || it.severity() != FindingSeverity::Warning;
    let is_good = !checked.findings.iter().any(is_bad);
    for path in &checked.unread {
        note(format_args!("not read: {}", path.display()));
    }
    match args.format {
        Format::Json => print_json(&document(&checked, is_good))?,
        Format::Human => {
            let serves = lines(&checked);
            for finding in checked.findings {
                show(finding);
            }
            if is_good {
                print(serves)?;
            }
        }
    }
    Ok(if is_good { 0 } else { BAD_INPUT })
}

fn document(checked: &Checked, is_good: bool) -> serde_json::Value {
    let findings: Vec<_> = checked.findings.iter().map(Located::to_json).collect();
    let unread: Vec<_> = checked
        .unread
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    json!({
        "ok": is_good,
        "findings": findings,
        "not_read": unread,
        "serves": checked.serves,
    })
}

fn lines(checked: &Checked) -> String {
    let mut text = String::new();
    for served in &checked.serves {
        writeln!(text, "{:<5} {}", served.service, served.what).expect("text grows without fail");
    }
    text
}
