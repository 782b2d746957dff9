//! Obtains etcd and prints where it is: `cargo run -p quorate-obtain --example fetch -- 3.4`.

use quorate_obtain::{Progress, Request, obtain};

struct Terminal;

#[expect(clippy::print_stderr, reason = "progress for people")]
impl Progress for Terminal {
    fn step(&self, what: &str) {
        eprintln!("{what}");
    }

    fn line(&self, line: &str) {
        eprintln!("    {line}");
    }
}

#[expect(clippy::print_stdout, reason = "the result")]
#[expect(clippy::print_stderr, reason = "errors for people")]
fn main() -> std::process::ExitCode {
    match fetch(std::env::args().nth(1)) {
        Ok(line) => {
            println!("{line}");
            std::process::ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            std::process::ExitCode::FAILURE
        }
    }
}

fn fetch(version: Option<String>) -> Result<String, Box<dyn std::error::Error>> {
    let version = version.map(|text| text.parse()).transpose()?;
    let etcd = obtain(&Request::new(None, version)?, &Terminal)?;
    Ok(format!(
        "{} {} ({})",
        etcd.version,
        etcd.etcd.display(),
        etcd.origin
    ))
}
