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
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let version = std::env::args().nth(1).map(|text| text.parse());
    let request = Request::new(None, version.transpose()?)?;
    let etcd = obtain(&request, &Terminal)?;
    println!("{} {} ({})", etcd.version, etcd.etcd.display(), etcd.origin);
    Ok(())
}
